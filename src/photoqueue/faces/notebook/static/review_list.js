// The rooms with what is left in them, and the things of the room: what shows each, what is to check, how many
// there are and how large one is.

const CROP = { width: 48, height: 36 };
const CALM_CROP = { width: 44, height: 33 };

function reviewList(store, { commands, photos }) {
  const t = store.t;
  const rooms = h("ul", { class: "pq-rooms", "aria-label": "" });
  const head = h("div", { class: "pq-room-head" });
  const lines = h("ul", { class: "pq-lines", "aria-label": "" });
  const foot = h("div", { class: "pq-list-foot" });
  const ask = h("div", { class: "pq-ask" }); // the question at hand, under the photo of a narrow page
  const scroller = h("div", { class: "pq-list-body" }, lines, foot);
  const element = h("section", { class: "pq-list" }, head, scroller);
  const drawn = new Map(); // line → {data, element}
  let edited = null; // the line whose count is being edited: {room, id, count, volume, apart}
  let adding = null; // the room to which a thing is added; "" names a new one
  let picker = null;
  let renaming = false;
  let lastHead = null; // the room whose head is shown

  // The kind of a room, where its name does not say it.
  const kindOf = ({ name, kind }) => (kind && kind.toLowerCase() !== name.toLowerCase() ? kind : "");
  const here = () => store.room(store.at.room);
  const summary = () => store.rooms.find((one) => one.name === store.at.room) ?? null;

  // -- rooms

  function drawRooms() {
    rooms.setAttribute("aria-label", t("Rooms"));
    drawOnce(rooms, [store.rooms, store.at.room, store.canEdit, adding === "", store.lang], () => [
      store.rooms.map((room) => {
        const state = room.reviewed ? h("small", { class: "pq-ok" }, t("✓ reviewed"))
          : room.left ? h("small", { class: "pq-warn" }, t("{n} left", { n: room.left }))
            : h("small", {}, room.things ? countedIn(store, room.things, "1 thing", "{n} things") : "–");
        const failed = room.failed ? h("small", { class: "pq-bad" }, t("{n} failed", { n: room.failed })) : null;
        const plain = failed && !room.left && !room.reviewed;
        return h("li", {}, h("button", { type: "button", "data-key": `room ${room.name}`, "aria-current": room.name === store.at.room ? "true" : null,
          title: [room.name, kindOf(room)].filter(Boolean).join(": "),
          onclick: () => { photos.show(null); store.go({ room: room.name }); } },
        h("span", { class: "pq-room-name" }, room.name), h("span", { class: "pq-room-facts" }, failed, plain ? null : state)));
      }),
      store.canEdit && store.head.project ? h("li", {}, h("button", { type: "button", class: "pq-dim", "data-key": "add-room", onclick: () => openAdd("") }, t("Add a room"))) : null]);
    showWithin(rooms, rooms.querySelector("[aria-current]"));
  }

  // -- the head of the room

  function drawHead() {
    if (renaming && head.querySelector("input") && lastHead === store.at.room) return; // what is typed stays
    if (lastHead !== store.at.room) renaming = false;
    lastHead = store.at.room;
    const room = summary();
    const error = room ? store.error(`room ${room.name}`) : "";
    drawOnce(head, [room, waits(here()).length, renaming, error, store.canEdit, store.lang], () => {
      if (!room) return [];
      const kind = kindOf(room) ? h("small", {}, ` ${kindOf(room)}`) : null;
      const facts = [countedIn(store, room.things, "1 thing", "{n} things"), volumeIn(store, room.volume), countedIn(store, room.photos, "1 photo", "{n} photos")];
      return [
        h("div", { class: "pq-room-line" },
          renaming ? renameField(room) : h("h3", { tabindex: -1 }, room.name, kind),
          !store.canEdit || renaming ? null : button(t("Rename"), () => { renaming = true; update(); head.querySelector("input")?.select(); }, { "data-key": "rename-room", class: "pq-link" }),
          room.reviewed ? h("span", { class: "pq-ok pq-reviewed" }, t("✓ reviewed by {user}", { user: room.reviewed }))
            : store.canEdit ? button([t("Room reviewed"), " ", h("kbd", {}, "V")], reviewed, { "data-key": "reviewed", class: `pq-button${room.left || waits(here()).length ? "" : " pq-primary"}`, "aria-keyshortcuts": "V" }) : null),
        h("p", {}, facts.join(" · ")),
        error ? h("p", { class: "pq-wrong", role: "alert" }, error) : null];
    });
  }

  function renameField(room) {
    const field = h("input", { type: "text", maxlength: 200, value: store.refusals.find(([about]) => about === `room ${room.name}`)?.[1].parts[0]?.values[1] ?? room.name, "aria-label": t("Name of the room"), "data-key": "room-name", onkeydown: (event) => {
      if (event.key === "Escape") { renaming = false; update(); head.querySelector("[data-key='rename-room']")?.focus(); }
      else if (event.key === "Enter") save();
      else return;
      event.preventDefault();
    } });
    const save = () => {
      const name = field.value.trim();
      renaming = false;
      if (!name || name === room.name) update();
      else store.edit("rename-room", [room.name, name], {}, { about: `room ${room.name}` });
      head.querySelector("[data-key='rename-room']")?.focus();
    };
    const names = store.rooms.map((one) => one.name).filter((name) => name !== room.name);
    const hint = h("small", { role: "status" });
    field.addEventListener("input", () => { hint.textContent = names.includes(field.value.trim()) ? t("Both rooms become one.") : ""; });
    return h("span", { class: "pq-rename" }, field, button(t("Save"), save, { "data-key": "room-save" }), hint);
  }

  // Says that the room is right, and goes to the next one with something left.
  function reviewed() {
    const name = store.at.room;
    if (!store.canEdit || !name || summary()?.reviewed) return;
    const order = store.rooms.map((one) => one.name);
    store.edit("reviewed", [name], {}, { about: `room ${name}` });
    const open = store.rooms.filter((one) => !one.reviewed).map((one) => one.name);
    const next = [...order.slice(order.indexOf(name) + 1), ...order].find((one) => open.includes(one));
    if (!next) return store.say(t("{room} reviewed. All rooms are reviewed.", { room: name }), { undo: true });
    const said = t("{room} reviewed", { room: name });
    store.go({ room: next });
    return store.say(`${said}. ${t("Next: {room}.", { room: next })}`, { undo: true });
  }

  // -- the things

  function drawLines() {
    const room = here();
    lines.setAttribute("aria-label", room ? t("Things in {room}", { room: room.name }) : t("Things"));
    const wanted = (room?.lines ?? []).map((line) => lineElement(room, line));
    const ids = new Set(wanted.map(({ id }) => id));
    for (const id of drawn.keys()) if (!ids.has(id)) drawn.delete(id);
    const elements = wanted.map((one) => one.element);
    if (!room || !room.lines.length) elements.push(h("li", { class: "pq-empty" }, emptyWords(room)));
    // Only what moved is touched: a focused element that is put in anew loses the focus.
    elements.forEach((one, place) => { if (lines.children[place] !== one) lines.insertBefore(one, lines.children[place] ?? null); });
    while (lines.children.length > elements.length) lines.lastChild.remove();
  }

  const waits = (room) => (room?.photos ?? []).filter((photo) => ["waiting", "active", "delayed"].includes(photo.state));

  function emptyWords(room) {
    if (!room) return "";
    const waiting = waits(room).length;
    if (waiting) return countedIn(store, waiting, "1 photo waits to be analysed: its things come here.", "{n} photos wait to be analysed: their things come here.");
    if (!room.photos.length) return t("No photo shows this room.");
    return store.canEdit ? t("Nothing was found here. Draw a box in the photo (N), or add a thing that no photo shows.") : t("Nothing was found here.");
  }

  function lineElement(room, line) {
    const id = `${room.name}\n${line.id}`;
    const now = store.at.line === line.id;
    const editor = edited?.room === room.name && edited.id === line.id;
    const crops = line.things.flatMap((thing) => thing.items).map((item) => [item, store.item(item)?.item.box,
      store.picture(store.item(item)?.photo.id, "small") ?? "", store.picture(store.item(item)?.photo.id, "full", { ask: false }) ?? ""]);
    const errors = [line.id, ...line.things.flatMap((thing) => thing.items)].filter((about) => store.error(about));
    const data = JSON.stringify([line, now, now && store.at.item, editor, crops, errors.map(store.error), store.canEdit, store.lang, summary()?.reviewed]);
    const before = drawn.get(id);
    if (before?.data === data) return { id, element: before.element };
    const fresh = makeLine(room, line, now, editor, errors);
    const one = before?.element ?? h("li");
    const focused = one.contains(active()) ? active().dataset.key : null;
    for (const { name } of [...one.attributes]) one.removeAttribute(name);
    for (const { name, value } of fresh.attributes) one.setAttribute(name, value);
    one.replaceChildren(...fresh.childNodes);
    if (focused) one.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    drawn.set(id, { data, element: one });
    return { id, element: one };
  }

  const active = () => element.getRootNode().activeElement;

  function makeLine(room, line, now, editor, errors) {
    const settled = line.things.length > 0 && line.things.every((thing) => thing.settled || thing.stays);
    const done = !line.check && (settled || line.correction !== null || Boolean(summary()?.reviewed));
    const goto = () => { photos.show(null); store.go({ room: room.name, line: line.id }); };
    const name = h("button", { type: "button", class: "pq-line-name", "data-key": `line ${line.id}`, "data-line": line.id, "aria-current": now ? "true" : null, tabindex: -1,
      "aria-label": [line.name, line.check ? t("to check: {why}", { why: line.check }) : done ? t("checked") : "", `${line.count} × ${volumeIn(store, line.volumeOne)}`].filter(Boolean).join(", "),
      onclick: (event) => {
        goto();
        if (event.detail === 0) focusEvidence(); // by key: from the line to its box
      } }, h("b", {}, line.name), done ? h("span", { class: "pq-ok", "aria-hidden": "true" }, " ✓") : null);
    const one = `${countIn(store, line.count)} × ${volumeIn(store, line.volumeOne)}`;
    const range = line.volumeOneMin < line.volumeOneMax ? t("{low} to {high} each", { low: local(store, format.number(line.volumeOneMin, 2)), high: local(store, format.number(line.volumeOneMax, 2)) }) : null;
    const number = h("span", { class: "pq-line-number" },
      store.canEdit ? h("button", { type: "button", class: "pq-count", "data-key": `count ${line.id}`, "aria-expanded": String(editor), tabindex: now ? 0 : -1, title: t("Set by hand how many there are"), onclick: () => openEditor(room, line) }, one) : one,
      range ? h("small", {}, range) : null);
    const notes = [
      line.correction !== null ? [t("set by {user}", { user: line.by ?? "" }), line.seenCount && line.seenCount !== line.count ? t("photos show {n}", { n: line.seenCount }) : ""] : [],
      line.stays ? countedIn(store, line.stays, "1 stays here", "{n} stay here") : "",
      line.things.some((thing) => thing.items.length) || !line.count ? "" : t("no photo shows it")].flat().filter(Boolean);
    return h("li", { class: `pq-line${now ? " pq-now" : ""}`, "data-line": line.id, "data-check": line.check ? "true" : null, style: `--pq-own: ${colourOf(line)}` },
      h("i", { "aria-hidden": "true" }), name, number,
      cropsOf(line, line.check || now ? CROP : CALM_CROP),
      notes.length ? h("p", { class: "pq-notes" }, notes.join(" · ")) : null,
      line.check || now ? whyOf(room, line) : null,
      errors.map((one) => wrongAbout(store, one)),
      editor ? editorOf(room, line) : null);
  }

  // What shows each thing: its letter and the crops of its boxes.
  function cropsOf(line, size) {
    const groups = line.things.map((thing) => {
      const found = thing.items.map((id) => store.item(id)).filter(Boolean);
      if (!found.length) return null;
      const out = !thing.counts;
      return h("span", { class: "pq-shown", "data-out": out || null, title: thing.stays ? t("stays here") : thing.why || null },
        thing.letter ? h("span", { class: "pq-letter" }, thing.letter) : null,
        found.map(({ item, photo }) => h("button", {
          type: "button", class: "pq-crop-button", tabindex: -1, "data-key": `crop ${item.id}`, "aria-pressed": String(store.at.item === item.id),
          "aria-label": [line.name, thing.letter, photo.title].filter(Boolean).join(", "),
          onclick: () => { photos.show(null); store.go({ item: item.id }); },
        }, cropOf(store, item, size))));
    });
    return groups.some(Boolean) ? h("div", { class: "pq-crops" }, groups) : null;
  }

  // The thing of a line that is in question: the selected one, else the first that is doubtful.
  function inQuestion(line) {
    const chosen = line.things.find((thing) => thing.items.includes(store.at.item));
    const open = line.things.filter((thing) => thing.doubtful && thing.items.length);
    return chosen && (!line.check || open.includes(chosen)) ? chosen : open[0] ?? chosen ?? line.things.find((thing) => thing.items.length) ?? null;
  }

  // Runs a command about a line's thing, after going there.
  function about(room, line, thing, run) {
    return () => {
      if (!thing?.items.includes(store.at.item)) store.go({ room: room.name, item: thing?.items[0] ?? null, line: line.id });
      run();
      focusLine();
    };
  }

  function removeThing(line, thing = inQuestion(line)) {
    if (!thing?.items.length) return store.edit("count", [], { room: store.at.room, item: line.key ?? line.name, category: line.key ? null : line.category, count: 0 }, { about: line.id });
    return store.act(thing.items.map((id) => ({ verb: "remove", values: [id] })), { about: thing.items[0] });
  }

  // Why a line is to check, with what can be done about it.
  function whyOf(room, line) {
    const thing = inQuestion(line);
    const held = thing && !thing.counts && !thing.stays;
    const others = line.things.length > 1;
    const act = (key, text, keys, run) => button([text, " ", h("kbd", { "aria-hidden": "true" }, keys)], about(room, line, thing, run), { "data-key": `${key} ${line.id}`, "aria-keyshortcuts": keys, "aria-label": `${text}: ${line.name}` });
    const why = held ? thing.why || line.check : line.check;
    const words = thing?.letter && (held || !line.check) ? [thing.letter, why].filter(Boolean).join(": ") : why;
    const acts = store.canEdit && thing ? [
      line.check ? act("accept", held ? t("It is there") : t("Accept"), "A", () => store.accept(line, held ? thing.items[0] : store.at.item)) : null,
      others ? act("same", t("Same as"), "S", commands.same) : null,
      act("remove", t("Remove"), "D", () => removeThing(line, thing))] : [];
    if (!line.check && !acts.length) return null;
    return h("div", { class: `pq-why${line.check ? "" : " pq-sure"}` },
      h("span", {}, words), h("div", { class: "pq-pair" }, acts));
  }

  // -- how many there are, and how large one is

  function openEditor(room, line, values = {}) {
    edited = edited?.id === line.id && edited.room === room.name && !values.count ? null : { room: room.name, id: line.id, count: String(line.count), volume: "", apart: "", ...values };
    if (store.at.line !== line.id) store.go({ room: room.name, line: line.id });
    update();
    lines.querySelector("[data-key^='edit-count']")?.select();
  }

  function editorOf(room, line) {
    const field = (key, text, name, properties) => h("label", {}, h("span", {}, text), h("input", { inputmode: "decimal", autocomplete: "off", "data-key": `${key} ${line.id}`, value: edited[name], oninput: (event) => { edited[name] = event.target.value; }, ...properties }));
    const wrong = h("p", { class: "pq-wrong", role: "alert", hidden: true });
    const tell = (text, key) => { wrong.textContent = text; wrong.hidden = false; lines.querySelector(`[data-key^="${key}"]`)?.focus(); };
    const give = (named) => {
      edited = null;
      store.edit("count", [], { room: room.name, item: line.key ?? line.name, category: line.key ? null : line.category, ...named }, { about: line.id });
      focusLine();
    };
    const save = () => {
      const [count, volume] = [edited.count, edited.volume].map((text) => Number(String(text).trim().replace(",", ".") || NaN));
      if (!Number.isInteger(count) || count < 0) return tell(t("How many there are is a whole number, 0 or more."), "edit-count");
      if (edited.volume.trim() && !(volume > 0)) return tell(t("The volume of one is in m³, more than 0."), "edit-volume");
      return give({ count, volume: edited.volume.trim() ? volume : null, dismountable: edited.apart === "" ? null : edited.apart === "yes" });
    };
    const close = () => { edited = null; store.forget(line.id); update(); lines.querySelector(`[data-key="${CSS.escape(`count ${line.id}`)}"]`)?.focus(); };
    return h("div", { class: "pq-editor", role: "group", "aria-label": t("How many: {name}", { name: line.name }), onkeydown: (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") save();
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    } },
    field("edit-count", t("How many"), "count"), field("edit-volume", t("m³ of one"), "volume", { placeholder: local(store, format.number(line.volumeOne, 2)) }),
    h("label", {}, h("span", {}, t("Taken apart")), h("select", { "data-key": `apart ${line.id}`, onchange: (event) => { edited.apart = event.target.value; } },
      [["", t("as it is: {now}", { now: line.dismountable ? t("yes") : t("no") })], ["yes", t("yes")], ["no", t("no")]].map(([value, text]) => h("option", { value, selected: edited.apart === value }, text)))),
    h("div", { class: "pq-pair" },
      button(t("Save"), save, { "data-key": `save ${line.id}`, class: "pq-button pq-primary" }),
      line.count ? button(t("Take off the list"), () => give({ count: 0 }), { "data-key": `off ${line.id}` }) : null,
      line.correction ? button(t("As photos show"), () => { edited = null; store.edit("undo", [line.correction], {}, { about: line.id }); focusLine(); }, { "data-key": `photos ${line.id}` }) : null,
      button(t("Cancel"), close, { "data-key": `cancel ${line.id}` })), wrong);
  }

  // A count that was refused: its fields again, with what was typed.
  function reopen() {
    for (const [about, { parts: [part] = [] }] of store.refusals) {
      if (edited || adding !== null) return;
      if (part?.verb !== "count" || part.named.room !== store.at.room) continue;
      const line = store.line(store.at.room, about);
      const { count, volume, dismountable, item, category } = part.named;
      if (line) edited = { room: store.at.room, id: about, count: String(count), volume: String(volume ?? ""), apart: (dismountable ?? null) === null ? "" : dismountable ? "yes" : "no" };
      else if (about === `add ${store.at.room}`) openAdd(store.at.room, { name: item, category, volume }, store.error(about));
    }
  }

  // -- a thing that no photo shows, and a room

  function openAdd(room, value = "", error = "") {
    photos.show(null);
    closeAdd();
    adding = room;
    update();
    const field = room === "" ? h("input", { type: "text", maxlength: 200, "aria-label": t("Name of the room"), placeholder: t("Name of the room"), "data-key": "new-room" }) : null;
    const near = h("div", { class: "pq-adding", onkeydown: (event) => {
      if (event.key === "Escape") closeAdd(true);
      else if (event.key === "Enter") picker.element.querySelector("input").focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    } }, field ? [h("label", {}, t("Room"), field), h("small", {}, t("and a first thing in it:"))] : null);
    foot.replaceChildren(near);
    picker = namePicker(store, { near, value, item: null, error, cancel: () => { store.forget(`add ${room}`); closeAdd(true); }, done: (thing) => {
      const name = room || field.value.trim();
      if (!name) { field.focus(); return t("Give the room a name first."); }
      const item = thing.key ?? thing.name;
      const before = store.room(name)?.lines.find((line) => (thing.key ? line.key === thing.key : line.name === thing.name));
      adding = null;
      picker = null;
      store.edit("count", [], { room: name, item, count: (before?.count ?? 0) + 1, volume: thing.volume ?? null, category: thing.category ?? null, new_room: !store.room(name) }, { about: `add ${name}` });
      const line = store.room(name)?.lines.find((one) => one.key === thing.key && (thing.key || one.name === thing.name));
      store.go({ room: name, line: line?.id ?? null });
      update();
      lines.querySelector(`[data-key="${CSS.escape(`count ${line?.id}`)}"]`)?.focus();
      return "";
    } });
    field?.focus();
    scroller.scrollTop = scroller.scrollHeight;
  }

  function closeAdd(back = false) {
    picker?.close();
    picker = null;
    adding = null;
    drawnWith.delete(foot);
    if (!back) return;
    update();
    foot.querySelector("[data-key='add']")?.focus();
  }

  function drawFoot() {
    const photo = store.photo(store.at.photo);
    if (picker || (foot.dataset.photo === photo?.id && foot.querySelector("[role='combobox']"))) return; // what is typed stays
    foot.dataset.photo = photo?.id ?? "";
    const others = store.rooms.map((one) => one.name).filter((name) => name !== store.at.room);
    drawOnce(foot, [store.at.room, photo?.id, photo?.title, photo?.state, others, store.error(photo?.id), store.canEdit, store.lang], () => {
      if (!store.canEdit || !here()) return [];
      return [
        button(t("Add a thing that no photo shows"), () => openAdd(store.at.room), { "data-key": "add", class: "pq-link" }),
        photo && photo.state !== "excluded" ? h("p", { class: "pq-photo-acts" }, h("span", {}, t("Photo {title}:", { title: format.shorten(photo.title, 32) })),
          roomChoice(store, others, (room) => {
            store.edit("move", [photo.id], { room }, { about: photo.id });
            drawnWith.delete(foot);
            update();
            focusLine();
          }, "M"),
          button(t("Exclude"), () => store.edit("exclude", [photo.id], {}, { about: photo.id }), { "data-key": "exclude", class: "pq-link", title: t("Its things do not count then.") })) : null];
    });
  }

  // -- the question at hand, under the photo of a narrow page

  function drawAsk() {
    const line = store.line(store.at.room, store.at.line);
    drawOnce(ask, [store.at, line, store.canEdit, store.lang], () => (line?.check ? [
      h("b", {}, line.name), whyOf(here(), line)] : []));
    ask.hidden = !line?.check;
  }

  // -- focus

  function focusLine() {
    (lines.querySelector(".pq-now .pq-line-name") ?? head.querySelector("[data-key='reviewed']") ?? head.querySelector("h3"))?.focus({ preventScroll: true });
    reveal();
  }

  function reveal() {
    showWithin(scroller, lines.querySelector(".pq-now"));
  }

  let focusEvidence = () => {};
  // Goes to the next (1) or previous (-1) line of the room, from the last one on to the first.
  function walk(step) {
    const all = here()?.lines.map((line) => line.id) ?? [];
    if (!all.length) return;
    const at = all.indexOf(store.at.line);
    store.go({ room: store.at.room, line: all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length] });
    update();
    focusLine();
  }

  let lineShown = null;
  function update() {
    if (adding !== null && adding !== "" && adding !== store.at.room) closeAdd();
    reopen();
    drawRooms();
    drawHead();
    drawLines();
    // One line can be reached by Tab; the arrow keys move from there.
    const names = [...lines.querySelectorAll(".pq-line-name")];
    const first = names.find((name) => name.dataset.line === store.at.line) ?? names[0];
    for (const name of names) name.tabIndex = name === first ? 0 : -1;
    drawFoot();
    drawAsk();
    if (lineShown !== store.at.line) { lineShown = store.at.line; reveal(); }
  }

  return { rooms, element, ask, update, focusLine, reviewed, walk, movePhoto: () => foot.querySelector("[data-key='move']")?.click(), removeThing: () => { const line = store.line(store.at.room, store.at.line); if (line) removeThing(line); },
    set evidence(call) { focusEvidence = call; } };
}

// An error beside what it is about, until it is dismissed or the next edit of that.
function wrongAbout(store, about) {
  return h("p", { class: "pq-wrong", role: "alert" }, h("span", {}, store.error(about)),
    h("button", { type: "button", class: "pq-link", "data-key": `forget ${about}`, "aria-label": store.t("Dismiss"), onclick: () => store.forget(about) }, "×"));
}
