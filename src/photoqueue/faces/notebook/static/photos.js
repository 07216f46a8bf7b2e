// The photos of a project or batch: filters, a page of tiles, and one enlarged photo.

export default {
  render({ model, el }) {
    const SLOTS = 24;
    const addresses = new Map(); // slot → address of its thumbnail
    const tiles = new Map(); // slot → its element, until its data changes
    let current = null; // the photo that had the keyboard focus last; Tab leads to the first one before
    let entering = false; // whether a page was turned in the enlarged view

    const cards = () => model.get("order").map((slot) => model.get(`card_${slot}`)).filter((card) => card?.photo_id);
    const slotOf = (photo) => model.get("order").find((slot) => model.get(`card_${slot}`).photo_id === photo);
    const cardOf = (photo) => cards().find((card) => card.photo_id === photo)
      ?? (model.get("opened_card").photo_id === photo ? model.get("opened_card") : null);
    const set = (name, value) => { model.set(name, value); model.save_changes(); };

    const act = {
      open(photo) { current = photo; model.send({ kind: "open", photo }); large.show(photo); },
      retry(photo) { model.send({ kind: "retry", photo }); },
      select(photo) {
        const chosen = model.get("selected");
        set("selected", chosen.includes(photo) ? chosen.filter((one) => one !== photo) : [...chosen, photo]);
      },
      move(to) {
        const beside = neighbours(large.photo)[to];
        if (beside === true) { entering = true; model.send({ kind: "turn", to, open: true }); }
        else if (beside) act.open(beside);
      },
      closed(photo) { model.send({ kind: "close" }); current = photo; entering = false; rove(true); },
    };

    // The photos before and after one: an id, true for one on another page, null for none.
    function neighbours(photo) {
      const ids = cards().map((card) => card.photo_id);
      const at = ids.indexOf(photo);
      const place = model.get("place");
      return {
        previous: ids[at - 1] ?? (at === 0 && place.previous ? true : null),
        next: at < 0 ? null : ids[at + 1] ?? (place.next ? true : null),
      };
    }

    const large = largeView(model, { cardOf, neighbours, act, thumbnailOf: (photo) => addresses.get(slotOf(photo)) ?? null });
    const controls = boxControls(model, cards);
    const room = h("select", { onchange: () => set("room", room.value === "*" ? null : room.value) });
    const state = h("select", { onchange: () => set("state", state.value) });
    let typing = null;
    const find = h("input", {
      type: "search", placeholder: "name, room or thing",
      oninput: () => { clearTimeout(typing); typing = setTimeout(() => set("text", find.value), 300); },
    });
    const clear = button("Clear filters", () => {
      clearTimeout(typing);
      model.set("room", null);
      model.set("state", "");
      set("text", "");
      find.focus();
    });
    const list = h("ul", { class: "pq-tiles", "aria-label": "Photos" });
    const hint = h("p", { class: "pq-quiet pq-hint" }, "Arrow keys move, Enter opens, Space selects.");
    const empty = h("p", { class: "pq-empty", hidden: true });
    const where = h("span", { class: "pq-quiet", role: "status" });
    const chosen = h("span", { role: "status" });
    const turn = (to) => () => model.send({ kind: "turn", to });
    const back = button("Previous page", turn("previous"));
    const forth = button("Next page", turn("next"));
    const all = button("Select page", () => {
      set("selected", [...new Set([...model.get("selected"), ...cards().map((card) => card.photo_id)])]);
    });
    const none = button("Clear selection", () => { set("selected", []); all.focus(); });

    el.classList.add("pq", "pq-photos");
    // JupyterLab would take the arrow keys and Enter for its cells.
    el.dataset.lmSuppressShortcuts = "true";
    el.append(
      h("div", { class: "pq-bar" }, h("label", {}, "Room ", room), h("label", {}, "State ", state), h("label", {}, "Find ", find), clear),
      h("div", { class: "pq-bar" }, controls.element),
      noticeOf(model), list, empty,
      h("div", { class: "pq-bar pq-photos-foot" },
        h("div", { class: "pq-bar" }, back, where, forth),
        h("div", { class: "pq-bar" }, chosen, all, none), hint),
      large.dialog);

    function rove(focus) {
      const buttons = [...list.querySelectorAll(".pq-tile-open")];
      const at = Math.max(0, buttons.findIndex((one) => one.closest("li").dataset.photo === current));
      // The page is one Tab stop, followed by the controls of the current tile.
      list.querySelectorAll("[tabindex]").forEach((one) => { one.tabIndex = -1; });
      const there = buttons[at]?.closest("li");
      there?.querySelectorAll("[tabindex]").forEach((one) => { one.tabIndex = 0; });
      if (focus) buttons[at]?.focus();
    }

    list.addEventListener("focusin", (event) => {
      const photo = event.target.closest("li")?.dataset.photo;
      if (photo && photo !== current) { current = photo; rove(false); }
    });
    list.addEventListener("keydown", (event) => {
      const items = [...list.children];
      const at = items.indexOf(event.target.closest("li"));
      if (at < 0) return;
      if (event.key === " " && event.target.matches(".pq-tile-open")) {
        event.preventDefault();
        act.select(items[at].dataset.photo);
        return;
      }
      const columns = items.filter((one) => one.offsetTop === items[0].offsetTop).length;
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: items.length - 1 - at };
      const step = steps[event.key];
      if (step === undefined || event.target.matches("input[type=text]")) return;
      event.preventDefault();
      const to = items[at + step];
      if (to) { current = to.dataset.photo; rove(true); }
    });
    list.addEventListener("keyup", (event) => {
      // Firefox clicks a button when the space bar is released.
      if (event.key === " " && event.target.matches(".pq-tile-open")) event.preventDefault();
    });

    function makeTile(slot) {
      const card = model.get(`card_${slot}`);
      return tile(card, addresses.get(slot) ?? null, {
        selected: model.get("selected").includes(card.photo_id),
        canAct: model.get("actions"), minScore: model.get("min_score"), act,
      });
    }

    function overlays() {
      for (const [slot, element] of tiles) {
        const layer = element.querySelector(".pq-boxes");
        if (!layer || !element.isConnected) continue;
        layer.hidden = !model.get("boxes");
        drawBoxes(layer, wanted(model.get(`card_${slot}`), model.get("min_score")), model.get("categories"), "small");
      }
    }

    function options(select, entries, value) {
      const words = JSON.stringify([entries, value]);
      if (select.dataset.words === words) return; // an open list must not close
      select.dataset.words = words;
      select.replaceChildren(...entries.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
    }

    function draw() {
      const order = model.get("order").filter((slot) => model.get(`card_${slot}`)?.photo_id);
      for (const slot of tiles.keys()) if (!order.includes(slot)) tiles.delete(slot);
      for (const slot of order) if (!tiles.has(slot)) tiles.set(slot, makeTile(slot));
      const elements = order.map((slot) => tiles.get(slot));
      if (elements.length !== list.children.length || elements.some((one, at) => one !== list.children[at])) replace(list, elements);
      rove(false);
      overlays();
      words();
    }

    function words() {
      const { total = 0, meant = 0, complete = true, rooms = [], states = {} } = model.get("counted");
      const place = model.get("place");
      const filtered = model.get("room") !== null || model.get("state") !== "" || model.get("text") !== "";
      options(room, [["*", "all rooms"], ...rooms.map(([name, number]) => [name, `${name || "no room"} (${format.number(number)})`])], model.get("room") ?? "*");
      options(state, [["", "all states"], ...Object.entries(states).map(([name, number]) => [name, `${name} (${format.number(number)})`])], model.get("state"));
      if (document.activeElement !== find) find.value = model.get("text");
      clear.hidden = !filtered;
      const pages = Math.max(1, Math.ceil(meant / SLOTS));
      const photos = `${complete ? "" : "more than "}${format.counted(meant, "photo")}`;
      where.textContent = `Page ${format.number(place.page)}${complete ? ` of ${format.number(Math.max(pages, place.page))}` : ""} · ${photos}${filtered ? ` of ${format.number(total)}` : ""}`;
      back.disabled = !place.previous;
      forth.disabled = !place.next;
      const number = model.get("selected").length;
      chosen.textContent = `${format.number(number)} selected`;
      none.disabled = number === 0;
      all.disabled = cards().length === 0;
      empty.textContent = model.get("empty");
      empty.hidden = !model.get("empty");
      hint.hidden = cards().length === 0;
      controls.update();
    }

    function takeThumbnail(slot) {
      if (addresses.has(slot)) URL.revokeObjectURL(addresses.get(slot));
      addresses.delete(slot);
      const bytes = model.get(`thumb_${slot}`);
      if (bytes?.byteLength) addresses.set(slot, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
      tiles.delete(slot);
    }

    // A new page changes many traits at once: they are drawn together.
    let planned = false;
    const plan = () => {
      if (planned) return;
      planned = true;
      queueMicrotask(() => { planned = false; draw(); if (large.photo) large.update(); });
    };
    for (let slot = 0; slot < SLOTS; slot += 1) {
      model.on(`change:card_${slot}`, () => { tiles.delete(slot); plan(); });
      model.on(`change:thumb_${slot}`, () => { takeThumbnail(slot); plan(); });
      takeThumbnail(slot);
    }
    for (const name of ["order", "place", "counted", "empty", "room", "state", "text", "picture", "picture_of", "opened_card", "boxes"]) {
      model.on(`change:${name}`, plan);
    }
    for (const name of ["selected", "min_score", "actions"]) model.on(`change:${name}`, () => { tiles.clear(); plan(); });
    model.on("change:opened", () => {
      if (entering && model.get("opened")) { entering = false; current = model.get("opened"); large.show(current); }
    });
    const resized = new ResizeObserver(overlays);
    resized.observe(list);
    draw();
    return () => {
      resized.disconnect();
      addresses.forEach((address) => URL.revokeObjectURL(address));
    };
  },
};
