// The rooms with what is left in them, and the things of the room: what shows each, what is to check, how many
// there are and how large one is.

const CROP = { width: 48, height: 36 };
const CALM_CROP = { width: 44, height: 33 };

function reviewList(store, { commands, photos, showEvidence }) {
  const { t } = store;
  const rooms = h("ul", { class: "pq-rooms", "aria-label": "" });
  const head = h("div", { class: "pq-room-head" });
  const lines = h("ul", { class: "pq-lines", "aria-label": "" });
  const foot = h("div", { class: "pq-list-foot" });
  const ask = h("div", { class: "pq-ask" }); // the question at hand, under the photo of a narrow page
  const scroller = h("div", { class: "pq-list-body" }, lines, foot);
  const element = h("section", { class: "pq-list" }, head, scroller);
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
      store.rooms.map((room) => h("li", {}, h("button", {
        "data-key": `room ${room.name}`, "aria-current": room.name === store.at.room ? "true" : null, title: [room.name, kindOf(room)].filter(Boolean).join(": "),
        onclick: () => { photos.show(null); store.go({ room: room.name }); },
      }, h("span", { class: "pq-room-name" }, room.name), h("span", { class: "pq-room-facts" }, roomFacts(room))))),
      store.canEdit && store.head.project ? h("li", {}, button(t("Add a room"), () => openAdd(""), { class: "pq-dim", "data-key": "add-room" })) : null]);
    showWithin(rooms, rooms.querySelector("[aria-current]"));
  }

  function roomFacts({ things, left, reviewed: by, failed }) {
    const bad = failed ? h("small", { class: "pq-bad" }, t("{n} failed", { n: failed })) : null;
    if (by) return [bad, h("small", { class: "pq-ok" }, t("✓ reviewed"))];
    if (left) return [bad, h("small", { class: "pq-warn" }, t("{n} left", { n: left }))];
    return bad ?? h("small", {}, things ? store.nThings(things) : "–");
  }

  // -- the head of the room

  function drawHead() {
    if (renaming && head.querySelector("input") && lastHead === store.at.room) return; // what is typed stays
    if (lastHead !== store.at.room) renaming = false;
    lastHead = store.at.room;
    const room = summary();
    const error = room ? store.error(`room ${room.name}`) : "";
    drawOnce(head, [room, waiting(here()), renaming, error, store.canEdit, store.lang], () => {
      if (!room) return [];
      const kind = kindOf(room) ? h("small", {}, ` ${kindOf(room)}`) : null;
      const facts = [store.nThings(room.things), store.volume(room.volume), store.nPhotos(room.photos)];
      return [
        h("div", { class: "pq-room-line" },
          renaming ? renameField(room) : h("h3", { tabindex: -1 }, room.name, kind),
          !store.canEdit || renaming ? null : button(t("Rename"), () => { renaming = true; update(); head.querySelector("input")?.select(); }, { class: "pq-link", "data-key": "rename-room" }),
          room.reviewed ? h("span", { class: "pq-ok pq-reviewed" }, t("✓ reviewed by {user}", { user: room.reviewed }))
            : store.canEdit ? button([t("Room reviewed"), " ", h("kbd", {}, "V")], reviewed, { "data-key": "reviewed", class: `pq-button${room.left || waiting(here()) ? "" : " pq-primary"}`, "aria-keyshortcuts": "V" }) : null),
        h("p", {}, facts.join(" · ")),
        error ? h("p", { class: "pq-wrong", role: "alert" }, error) : null];
    });
  }

  function renameField(room) {
    const refused = store.refusals.find(([about]) => about === `room ${room.name}`)?.[1].parts[0]?.values[1];
    const others = store.rooms.map((one) => one.name).filter((name) => name !== room.name);
    const hint = h("small", { role: "status" });
    const field = h("input", { type: "text", maxlength: 200, value: refused ?? room.name, "aria-label": t("Name of the room"), "data-key": "room-name",
      oninput: () => { hint.textContent = others.includes(field.value.trim()) ? t("Both rooms become one.") : ""; } });
    const close = (name = room.name) => {
      renaming = false;
      if (!name || name === room.name) update();
      else store.edit("rename-room", [room.name, name], {}, { about: `room ${room.name}` });
      head.querySelector("[data-key='rename-room']")?.focus();
    };
    const save = () => close(field.value.trim());
    onKeys(field, { Escape: () => close(), Enter: save });
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
    const all = room?.lines ?? [];
    // One line can be reached by Tab; the arrow keys move from there.
    const reached = store.line(store.at.room, store.at.line) ?? all[0];
    const entries = all.map((line) => lineEntry(room, line, line === reached));
    drawList(lines, entries.length ? entries : [["", emptyWords(room), () => h("li", { class: "pq-empty" }, emptyWords(room))]]);
  }

  const waiting = (room) => (room?.photos ?? []).filter(isWaiting).length;

  function emptyWords(room) {
    if (!room) return "";
    const number = waiting(room);
    if (number) return store.counted(number, "1 photo waits to be analysed: its things come here.", "{n} photos wait to be analysed: their things come here.");
    if (!room.photos.length) return t("No photo shows this room.");
    return store.canEdit ? t("Nothing was found here. Draw a box in the photo (N), or add a thing that no photo shows.") : t("Nothing was found here.");
  }

  // A line for drawList: its key, all that it shows, and how it is made.
  function lineEntry(room, line, reached) {
    const now = store.at.line === line.id;
    const editor = edited?.room === room.name && edited.id === line.id;
    const items = line.things.flatMap((thing) => thing.items);
    const crops = items.map(store.item).filter(Boolean).map(({ item, photo }) => [item.box, store.picture(photo.id, "small"), store.picture(photo.id, "full", { ask: false })]);
    const errors = [line.id, ...items].filter((about) => store.error(about));
    const data = [line, now && store.at, reached, editor, crops, errors.map(store.error), store.canEdit, store.lang, summary()?.reviewed];
    return [`${room.name}\n${line.id}`, data, () => makeLine(room, line, { now, reached, editor, errors })];
  }

  function makeLine(room, line, { now, reached, editor, errors }) {
    const settled = line.things.length > 0 && line.things.every((thing) => thing.settled || thing.stays);
    const done = !line.check && (settled || line.correction !== null || Boolean(summary()?.reviewed));
    const name = h("button", { class: "pq-line-name", "data-key": `line ${line.id}`, "data-line": line.id, "aria-current": now ? "true" : null, tabindex: reached ? 0 : -1,
      "aria-label": [line.name, line.check ? t("to check: {why}", { why: line.check }) : done ? t("checked") : "", `${line.count} × ${store.volume(line.volumeOne)}`].filter(Boolean).join(", "),
      onclick: ({ detail }) => {
        photos.show(null);
        store.go({ room: room.name, line: line.id });
        if (detail === 0) showEvidence(); // by key: from the line to its box
      } }, h("b", {}, line.name), done ? h("span", { class: "pq-ok", "aria-hidden": "true" }, " ✓") : null);
    const notes = notesOf(line);
    return h("li", { class: `pq-line${now ? " pq-now" : ""}`, "data-line": line.id, "data-check": line.check ? "true" : null, style: `--pq-own: ${colourOf(line)}` },
      h("i", { "aria-hidden": "true" }), name, numberOf(room, line, now, editor),
      cropsOf(line, line.check || now ? CROP : CALM_CROP),
      notes ? h("p", { class: "pq-notes" }, notes) : null,
      line.check || now ? whyOf(room, line) : null,
      errors.map((one) => wrongAbout(store, one)),
      editor ? editorOf(room, line) : null);
  }

  // How many there are, and how large one is.
  function numberOf(room, line, now, editor) {
    const one = `${store.count(line.count)} × ${store.volume(line.volumeOne)}`;
    const [low, high] = [line.volumeOneMin, line.volumeOneMax];
    return h("span", { class: "pq-line-number" },
      store.canEdit ? h("button", { class: "pq-count", "data-key": `count ${line.id}`, "aria-expanded": String(editor), tabindex: now ? 0 : -1, title: t("Set by hand how many there are"), onclick: () => openEditor(room, line) }, one) : one,
      low < high ? h("small", {}, t("{low} to {high} each", { low: store.number(low, 2), high: store.number(high, 2) })) : null);
  }

  function notesOf({ correction, by, seenCount, count, stays, things }) {
    const seen = things.some((thing) => thing.items.length);
    return [
      correction !== null ? t("set by {user}", { user: by ?? "" }) : "",
      correction !== null && seenCount && seenCount !== count ? t("photos show {n}", { n: seenCount }) : "",
      stays ? store.counted(stays, "1 stays here", "{n} stay here") : "",
      seen || !count ? "" : t("no photo shows it")].filter(Boolean).join(" · ");
  }

  // What shows each thing: its letter and the crops of its boxes.
  function cropsOf(line, size) {
    const groups = line.things.map((thing) => {
      const found = thing.items.map(store.item).filter(Boolean);
      if (!found.length) return null;
      return h("span", { class: "pq-shown", "data-out": !thing.counts, title: thing.stays ? t("stays here") : thing.why || null },
        thing.letter ? h("span", { class: "pq-letter" }, thing.letter) : null,
        found.map(({ item, photo }) => h("button", { class: "pq-crop-button", tabindex: -1, "data-key": `crop ${item.id}`, "aria-pressed": String(store.at.item === item.id),
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
    if (!thing?.items.length) return store.edit("count", [], { ...countOf(line), room: store.at.room, count: 0 }, { about: line.id });
    return store.act(thing.items.map((id) => ({ verb: "remove", values: [id] })), { about: thing.items[0] });
  }

  // What names the kind of a line in an edit of its count.
  const countOf = ({ key, name, category }) => ({ item: key ?? name, category: key ? null : category });

  // Why a line is to check, with what can be done about it.
  function whyOf(room, line) {
    const thing = inQuestion(line);
    const held = thing && !thing.counts && !thing.stays;
    const others = line.things.length > 1;
    const act = (key, text, keys, run) => button([text, " ", h("kbd", { "aria-hidden": "true" }, keys)], about(room, line, thing, run), { "data-key": `${key} ${line.id}`, "aria-keyshortcuts": keys, "aria-label": `${text}: ${line.name}` });
    const why = (held && thing.why) || line.check;
    const words = held || !line.check ? [thing?.letter, why].filter(Boolean).join(": ") : why;
    const acts = store.canEdit && thing ? [
      line.check ? act("accept", held ? t("It is there") : t("Accept"), "A", () => store.accept(line, held ? thing.items[0] : store.at.item)) : null,
      others ? act("same", t("Same as"), "S", commands.same) : null,
      act("remove", t("Remove"), "D", () => removeThing(line, thing))] : [];
    if (!line.check && !acts.length) return null;
    return h("div", { class: `pq-why${line.check ? "" : " pq-sure"}` },
      h("span", {}, words), h("div", { class: "pq-pair" }, acts));
  }

  // -- how many there are, and how large one is

  function openEditor(room, line) {
    edited = edited?.id === line.id && edited.room === room.name ? null : { room: room.name, id: line.id, count: String(line.count), volume: "", apart: "" };
    if (store.at.line !== line.id) store.go({ room: room.name, line: line.id });
    update();
    focusKey(lines, `edit-count ${line.id}`);
    focusIn(lines)?.select?.();
  }

  function editorOf(room, line) {
    const fields = {};
    const field = (name, text, properties) => h("label", {}, h("span", {}, text), fields[name] = h("input", {
      inputmode: "decimal", autocomplete: "off", "data-key": `edit-${name} ${line.id}`, value: edited[name], oninput: (event) => { edited[name] = event.target.value; }, ...properties }));
    const wrong = h("p", { class: "pq-wrong", role: "alert", hidden: true });
    const tell = (text, name) => { wrong.textContent = text; wrong.hidden = false; fields[name].focus(); };
    const leave = (...edit) => {
      edited = null;
      store.edit(...edit, { about: line.id });
      focusLine();
    };
    const give = (named) => leave("count", [], { ...countOf(line), room: room.name, ...named });
    const save = () => {
      const [count, volume] = [typedNumber(edited.count), typedNumber(edited.volume)];
      if (!Number.isInteger(count) || count < 0) return tell(t("How many there are is a whole number, 0 or more."), "count");
      if (edited.volume.trim() && !(volume > 0)) return tell(t("The volume of one is in m³, more than 0."), "volume");
      return give({ count, volume: edited.volume.trim() ? volume : null, dismountable: edited.apart === "" ? null : edited.apart === "yes" });
    };
    const close = () => { edited = null; store.forget(line.id); update(); focusKey(lines, `count ${line.id}`); };
    const apart = [["", t("as it is: {now}", { now: line.dismountable ? t("yes") : t("no") })], ["yes", t("yes")], ["no", t("no")]];
    const element = h("div", { class: "pq-editor", role: "group", "aria-label": t("How many: {name}", { name: line.name }) },
      field("count", t("How many")), field("volume", t("m³ of one"), { placeholder: store.number(line.volumeOne, 2) }),
      h("label", {}, h("span", {}, t("Taken apart")), selectOf(apart, edited.apart, (value) => { edited.apart = value; }, { "data-key": `apart ${line.id}` })),
      h("div", { class: "pq-pair" },
        button(t("Save"), save, { "data-key": `save ${line.id}`, class: "pq-button pq-primary" }),
        line.count ? button(t("Take off the list"), () => give({ count: 0 }), { "data-key": `off ${line.id}` }) : null,
        line.correction ? button(t("As photos show"), () => leave("undo", [line.correction], {}), { "data-key": `photos ${line.id}` }) : null,
        button(t("Cancel"), close, { "data-key": `cancel ${line.id}` })), wrong);
    onKeys(element, { Escape: close, Enter: ({ target }) => (target.tagName === "INPUT" ? save() : false) });
    return element;
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

  // Asks for a thing of a room; "" is a new room, of which the name is asked, too.
  function openAdd(room, value = "", error = "") {
    photos.show(null);
    closeAdd();
    adding = room;
    update();
    const field = room === "" ? h("input", { type: "text", maxlength: 200, "aria-label": t("Name of the room"), placeholder: t("Name of the room"), "data-key": "new-room" }) : null;
    const near = h("div", { class: "pq-adding" }, field ? [h("label", {}, t("Room"), field), h("small", {}, t("and a first thing in it:"))] : null);
    onKeys(near, { Escape: () => closeAdd(true), Enter: () => picker.element.querySelector("input").focus() });
    foot.replaceChildren(near);
    picker = namePicker(store, { near, value, error, cancel: () => { store.forget(`add ${room}`); closeAdd(true); }, done: (thing) => {
      const name = room || field.value.trim();
      if (name) return addThing(name, thing);
      field.focus();
      return t("Give the room a name first.");
    } });
    field?.focus();
    scroller.scrollTop = scroller.scrollHeight;
  }

  // Adds one of a thing to a room.
  function addThing(room, { key, name, volume, category }) {
    const find = () => store.room(room)?.lines.find((line) => (key ? line.key === key : !line.key && line.name === name));
    const named = { room, item: key ?? name, count: (find()?.count ?? 0) + 1, volume: volume ?? null, category: category ?? null, new_room: !store.room(room) };
    [adding, picker] = [null, null];
    store.edit("count", [], named, { about: `add ${room}` });
    const id = find()?.id ?? null;
    store.go({ room, line: id });
    update();
    focusKey(lines, `count ${id}`);
  }

  function closeAdd(back = false) {
    picker?.close();
    [adding, picker] = [null, null];
    drawnWith.delete(foot);
    if (!back) return;
    update();
    focusKey(foot, "add");
  }

  // What else can be done in the room, and about its photo.
  function drawFoot() {
    const photo = store.photo(store.at.photo);
    if (picker || (foot.dataset.photo === photo?.id && foot.querySelector("[role='combobox']"))) return; // what is typed stays
    foot.dataset.photo = photo?.id ?? "";
    const others = store.rooms.map((one) => one.name).filter((name) => name !== store.at.room);
    drawOnce(foot, [store.at.room, photo?.id, photo?.title, photo?.state, others, store.error(photo?.id), store.canEdit, store.lang], () => {
      if (!store.canEdit || !here()) return [];
      const move = (room) => {
        store.edit("move", [photo.id], { room }, { about: photo.id });
        drawnWith.delete(foot);
        update();
        focusLine();
      };
      return [
        button(t("Add a thing that no photo shows"), () => openAdd(store.at.room), { class: "pq-link", "data-key": "add" }),
        photo && photo.state !== "excluded" ? h("p", { class: "pq-photo-acts" }, h("span", {}, t("Photo {title}:", { title: format.shorten(photo.title, 32) })), roomChoice(store, others, move, "M"),
          button(t("Exclude"), () => store.edit("exclude", [photo.id], {}, { about: photo.id }), { class: "pq-link", "data-key": "exclude", title: t("Its things do not count then.") })) : null];
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

  // Goes to the next (1) or previous (-1) line of the room, from the last one on to the first.
  function walk(step) {
    const line = stepFrom(here()?.lines.map(({ id }) => id) ?? [], store.at.line, step);
    if (!line) return;
    store.go({ room: store.at.room, line });
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
    drawFoot();
    drawAsk();
    if (lineShown !== store.at.line) { lineShown = store.at.line; reveal(); }
  }

  return {
    rooms, element, ask, update, focusLine, reviewed, walk,
    movePhoto: () => foot.querySelector("[data-key='move']")?.click(),
    removeThing: () => { const line = store.line(store.at.room, store.at.line); if (line) removeThing(line); },
  };
}
