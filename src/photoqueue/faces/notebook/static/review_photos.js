// All photos of the project as tiles: sort and filter, choose some, and what can be done with them.

const SORTS = {
  rooms: ["by room", () => 0],
  score: ["lowest score first", (one, other) => one.score - other.score],
  name: ["by name", (one, other) => one.photo.title.localeCompare(other.photo.title, "en", { numeric: true })],
};
const FILTERS = {
  all: ["all", () => true],
  doubtful: ["with something to check", ({ checks }) => checks > 0],
  nothing: ["nothing found", ({ photo }) => photo.state === "completed" && !photo.items.length],
  open: ["not reviewed", ({ room }) => !room.reviewed],
  failed: ["failed", ({ photo }) => photo.state === "failed" || photo.state === "cancelled"],
  waiting: ["waiting", ({ photo }) => ["waiting", "active", "delayed"].includes(photo.state)],
  excluded: ["excluded", ({ photo }) => photo.state === "excluded"],
};

function reviewPhotos(store) {
  const t = store.t;
  const bar = h("div", { class: "pq-bar" });
  const acts = h("div", { class: "pq-bar pq-chosen" });
  const tiles = h("ul", { class: "pq-all", "aria-label": "" });
  const element = h("section", { class: "pq-photos", hidden: true, tabindex: -1 }, bar, acts, tiles);
  const drawn = new Map(); // photo → {data, element}
  let filter = null; // null: the page shows a room
  let sort = "rooms";

  // Every photo with its room, its lowest score and how much is to check in it.
  function entries() {
    return store.rooms.flatMap((room) => (store.room(room.name)?.photos ?? []).map((photo) => ({
      photo, room,
      score: Math.min(...photo.items.map((item) => item.score ?? 1), photo.items.length ? 1 : 2),
      checks: room.reviewed ? 0 : photo.items.filter((item) => lookOfItem(store, item, room.name).doubtful).length,
    })));
  }

  function drawBar(all) {
    const counts = Object.fromEntries(Object.entries(FILTERS).map(([name, [, fits]]) => [name, all.filter(fits).length]));
    drawOnce(bar, [filter, sort, counts, store.lang], () => [
      h("div", { class: "pq-filters", role: "group", "aria-label": t("Show") }, Object.entries(FILTERS).map(([name, [text]]) => (counts[name] || name === "all" || name === filter
        ? button([t(text), " ", h("small", {}, countIn(store, counts[name]))], () => show(name), { "data-key": `filter ${name}`, "aria-pressed": String(filter === name) }) : null))),
      h("label", {}, t("Sort"), " ", h("select", { "data-key": "sort", onchange: (event) => { sort = event.target.value; update(); } },
        Object.entries(SORTS).map(([name, [text]]) => h("option", { value: name, selected: name === sort }, t(text))))),
      button(t("Back to the room"), () => show(null), { "data-key": "back", "aria-keyshortcuts": "Escape" })]);
  }

  function drawActs(shown, chosen) {
    drawOnce(acts, [shown.map(({ photo }) => photo.id), chosen.map(({ photo }) => [photo.id, photo.state, photo.error]), store.rooms.map((one) => one.name), store.canEdit, store.lang], () => {
      const ids = chosen.map(({ photo }) => photo.id);
      const again = chosen.filter(({ photo }) => photo.error?.canRetry).map(({ photo }) => photo.id);
      const every = shown.length > 0 && shown.every(({ photo }) => ids.includes(photo.id));
      return [
        h("label", {}, h("input", { type: "checkbox", "data-key": "every", checked: every, disabled: !shown.length, onchange: (event) => { store.selected = event.target.checked ? shown.map(({ photo }) => photo.id) : []; } }),
          " ", t("Select all")),
        ids.length ? h("span", { class: "pq-dim" }, countedIn(store, ids.length, "1 photo selected", "{n} photos selected")) : null,
        ids.length && store.canEdit ? [
          roomChoice(store, store.rooms.map((one) => one.name), (room) => { store.act(ids.map((id) => ({ verb: "move", values: [id], named: { room } })), { about: ids[0] }); store.selected = []; }),
          button(t("Exclude"), () => { store.act(ids.map((id) => ({ verb: "exclude", values: [id] })), { about: ids[0] }); store.selected = []; }, { "data-key": "exclude", title: t("Its things do not count then.") }),
          again.length ? button(t("Retry {n}", { n: again.length }), () => store.retry(again), { "data-key": "retry" }) : null] : null];
    });
  }

  function tile({ photo, room, score, checks }, source) {
    const failed = photo.state === "failed" || photo.state === "cancelled";
    const facts = failed ? null : photo.state !== "completed" ? t(photo.state === "excluded" ? "excluded" : photo.state === "active" ? "being analysed" : "waiting")
      : photo.items.length ? `${countedIn(store, photo.items.length, "1 thing", "{n} things")}${score < 1 ? ` · ${t("lowest score {score}", { score: local(store, format.score(score)) })}` : ""}` : t("nothing found");
    const open = () => { show(null); store.go({ room: room.name, photo: photo.id }); };
    return h("li", { class: "pq-photo", "data-photo": photo.id, "data-state": photo.state },
      h("button", { type: "button", class: "pq-photo-open", "data-key": `open ${photo.id}`, "aria-label": [photo.title, room.name, failed ? t("failed") : facts].join(", "), onclick: open },
        source ? h("img", { src: source, alt: "", draggable: "false", loading: "lazy" }) : h("span", { class: "pq-dim" }, store.reason(photo.id) || t("The picture is being loaded.")),
        checks ? h("span", { class: "pq-badge" }, t("{count} to check", { count: checks })) : null),
      h("label", { class: "pq-photo-name" }, h("input", { type: "checkbox", "data-key": `select ${photo.id}`, checked: store.selected.includes(photo.id), "aria-label": t("Select {title}", { title: photo.title }),
        onchange: (event) => { store.selected = event.target.checked ? [...store.selected, photo.id] : store.selected.filter((id) => id !== photo.id); } }),
      h("span", { title: photo.title }, photo.title)),
      h("p", { class: "pq-dim" }, room.name, facts ? ` · ${facts}` : ""),
      failed ? [
        h("p", { class: "pq-bad" }, photo.error?.message || (photo.state === "cancelled" ? t("The analysis was cancelled.") : t("It failed without a message.")))] : null,
      h("div", { class: "pq-pair" }, photoActs(store, photo)),
      store.error(photo.id) ? wrongAbout(store, photo.id) : null);
  }

  function drawTiles(shown) {
    tiles.setAttribute("aria-label", t("Photos"));
    const ids = new Set(shown.map(({ photo }) => photo.id));
    for (const id of drawn.keys()) if (!ids.has(id)) drawn.delete(id);
    const focused = tiles.contains(element.getRootNode().activeElement) ? element.getRootNode().activeElement.dataset.key : null;
    const elements = shown.map((one) => {
      const source = store.picture(one.photo.id, "small");
      const data = JSON.stringify([one.photo, one.room.name, one.checks, source, store.reason(one.photo.id), store.selected.includes(one.photo.id), store.error(one.photo.id), store.canEdit, store.lang]);
      const before = drawn.get(one.photo.id);
      if (before?.data === data) return before.element;
      const made = tile(one, source);
      drawn.set(one.photo.id, { data, element: made });
      return made;
    });
    if (!shown.length) elements.push(h("li", { class: "pq-empty" }, t("No photo is like that.")));
    elements.forEach((one, place) => { if (tiles.children[place] !== one) tiles.insertBefore(one, tiles.children[place] ?? null); });
    while (tiles.children.length > elements.length) tiles.lastChild.remove();
    if (focused) tiles.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function show(name) {
    if (filter === name) return;
    const had = element.contains(element.getRootNode().activeElement);
    filter = name;
    store.go({});
    update();
    if (name && !had) element.focus({ preventScroll: true });
  }

  function update() {
    element.hidden = filter === null;
    if (filter === null) return;
    const all = entries();
    const shown = all.filter(FILTERS[filter][1]);
    if (sort !== "rooms") shown.sort(SORTS[sort][1]);
    drawBar(all);
    drawActs(shown, all.filter(({ photo }) => store.selected.includes(photo.id)));
    drawTiles(shown);
  }

  return { element, update, show, get filter() { return filter; } };
}

// A choice of another room, or of a new one, for photos: typed or clicked. `move` gets its name.
function roomChoice(store, rooms, move, key = "") {
  const t = store.t;
  const id = `pq-names-${pickers += 1}`;
  let shown = [];
  let active = 0;
  const open = button([t("Move to …"), key ? [" ", h("kbd", { "aria-hidden": "true" }, key)] : null], () => { open.hidden = true; place.append(panel); input.value = ""; list(); input.focus(); },
    { "data-key": "move", "aria-label": t("Move to a room"), "aria-haspopup": "listbox", "aria-keyshortcuts": key || null });
  const input = h("input", { class: "pq-name-input", role: "combobox", "aria-label": t("Name of the room"), placeholder: t("Name of the room"), "aria-autocomplete": "list", "aria-expanded": "true", "aria-controls": id, autocomplete: "off", maxlength: 200, oninput: () => { active = 0; list(); } });
  const names = h("ul", { id, role: "listbox", "aria-label": t("Rooms"), class: "pq-names", onmousedown: (event) => event.preventDefault() });
  const leave = h("button", { type: "button", class: "pq-icon", "aria-label": t("Cancel"), title: `${t("Cancel")} (Esc)`, onclick: close }, "×");
  const panel = h("div", { class: "pq-picker" }, h("div", { class: "pq-name-line" }, input, leave), names);
  const place = h("div", { class: "pq-move" }, open);

  function list() {
    const typed = input.value.trim();
    shown = rooms.filter((name) => plain(name).includes(plain(typed)));
    const fresh = typed && !rooms.some((name) => plain(name) === plain(typed));
    names.replaceChildren(...[...shown.map((name) => [name, name]), ...(fresh ? [[typed, t("a new room: {name}", { name: typed })]] : [])].map(([name, text], number) =>
      h("li", { id: `${id}-${number}`, role: "option", onclick: () => move(name) }, h("span", { class: "pq-name" }, text), h("kbd", { "aria-hidden": "true" }, "↵"))));
    mark(active);
  }

  function mark(number) {
    const all = [...names.children];
    active = all.length ? (number + all.length) % all.length : 0;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    if (all.length) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    all[active]?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    panel.remove();
    open.hidden = false;
    open.focus();
  }

  panel.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && event.target === input) names.children[active]?.click();
    else if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return place;
}
