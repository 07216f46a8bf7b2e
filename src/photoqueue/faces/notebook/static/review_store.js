// The state of the Review page: the data from Python with the edits in them, and where the person is.
//
// An edit shows at once and waits in the queue until Python says that it is saved.

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const PARTS = 16;
const LARGEST = 8 * 1024 ** 2; // bytes of a photo that is sent in one message
const WATCHED = ["target", "head", "rooms", "catalogue", "lang", "categories", "actions", "notice", "exported", "selected", ...Array.from({ length: PARTS }, (_, n) => `part_${n}`)];

function reviewStore(model) {
  const calls = new Set();
  const refusals = new Map(); // what an error is about → {error, parts}
  const replacing = new Map(); // ref → the photo that is replaced
  let taken = []; // undone before they were sent
  let place = null; // project and user, by which queue and place are kept
  let found = null; // the data with the edits; null when they have to be put together again
  const changed = soon(() => { for (const call of [...calls]) call(); });
  const queue = editQueue({ send: sendEdit, changed: () => { found = null; changed(); } });
  const pictures = reviewPictures({ ask: (wanted) => store.send({ kind: "pictures", ...wanted }), stateOf: (photo) => store.photo(photo)?.state, changed });

  const store = {
    ...wordsIn(() => store.lang),
    at: { room: null, photo: null, item: null, line: null },
    mode: null,
    said: { text: "", undo: false, seen: false },
    get slow() { return queue.slow; },
    get trouble() { return queue.trouble; },
    get unsaved() { return queue.unsaved; },
    get head() { return data().head; },
    get rooms() { return data().rooms; },
    get lang() { return model.get("lang") ?? "en"; },
    get catalogue() { return model.get("catalogue") ?? []; },
    get categories() { return model.get("categories") ?? {}; },
    get notice() { return model.get("notice") ?? ""; },
    get exported() { return model.get("exported") ?? ""; },
    get selected() { return model.get("selected") ?? []; },
    set selected(photos) { model.set("selected", photos); model.save_changes(); changed(); },
    get target() { return model.get("target") ?? {}; },
    get alone() { return Boolean(model.get("alone")); },
    get canEdit() { return Boolean(model.get("actions")); },

    room: (name) => data().detail.get(name) ?? null,
    photo: (id) => data().photos.get(id) ?? null,
    item: (id) => data().items.get(id) ?? null,
    line: (room, id) => store.room(room)?.lines.find((line) => line.id === id) ?? null,
    thing: (room, id) => store.room(room)?.lines.flatMap((line) => line.things).find((thing) => thing.items.includes(id)) ?? null,
    picture: pictures.picture,
    reason: pictures.reason,

    // -- where the person is

    go(change) {
      if (Object.keys(change).join() === "room" && change.room !== store.at.room) {
        const first = store.checks().find(({ room }) => room === change.room);
        if (first) return store.go(first);
      }
      const next = { ...store.at, ...change };
      if ("room" in change && change.room !== store.at.room) Object.assign(next, { photo: null, item: null, line: null, ...change });
      if (change.line !== undefined && change.item === undefined) {
        const line = change.line && store.line(next.room, change.line);
        next.item = line ? evidence(line, next.photo) : null;
      } else if (change.photo && change.item === undefined) next.item = null;
      const one = next.item && store.item(next.item);
      if (one) Object.assign(next, { photo: one.photo.id, room: one.photo.room, line: one.item.line });
      else if (change.photo && store.photo(change.photo)) next.room = store.photo(change.photo).room;
      store.at = settled(next);
      keep(`photoqueue-at ${place}`, store.at);
      return changed();
    },
    setMode(mode) {
      store.mode = mode;
      changed();
    },
    checks: () => data().rooms.flatMap(({ name, reviewed }) =>
      reviewed ? [] : (store.room(name)?.lines ?? []).filter((line) => line.check).map((line) => ({ room: name, line: line.id }))),
    // Goes to the next (1) or previous (-1) thing to check, from the last one on to the first.
    next(step = 1) {
      const order = (room, id) => data().rooms.findIndex((one) => one.name === room) * 1e4 + (store.room(room)?.lines.findIndex((line) => line.id === id) ?? -1);
      const here = order(store.at.room, store.at.line);
      const list = store.checks();
      const rest = list.filter(({ room, line }) => (order(room, line) - here) * step > 0);
      const to = step > 0 ? rest[0] ?? list[0] : rest.at(-1) ?? list.at(-1);
      if (!to) {
        store.say(store.t("Nothing is left to check."));
        return false;
      }
      store.go(to);
      store.say(checkWords(to), { seen: true });
      return true;
    },

    // -- edits

    // Shows an edit at once and saves it as soon as Python can; `about` names the item, line or photo beside which
    // an error is shown. Returns the edit's ref.
    edit: (verb, values, named = {}, options = {}) => store.act([{ verb, values, named }], options),
    // Several edits that are one action: saved, refused and undone together.
    act(parts, { about = null, of = null } = {}) {
      if (!store.canEdit || !parts.length) return null;
      const before = store.checks();
      const here = { ...store.at };
      const edit = { ref: newRef(), parts: parts.map(({ verb, values, named = {} }) => ({ verb, values, named })), about, of };
      edit.words = editWords(edit.parts);
      taken = [];
      refusals.delete(about ?? "");
      queue.add(edit);
      store.setMode(null);
      const [{ verb, values }] = parts;
      if (verb === "rename-room" && here.room === values[0]) store.go({ room: values[1] });
      const moved = advance(before, here);
      const last = before.some(({ room }) => room === here.room) && !store.checks().some(({ room }) => room === here.room) && verb !== "reviewed";
      const next = moved ? checkWords(store.at) : last ? store.t("Nothing is left to check in {room} (V).", { room: here.room }) : "";
      store.say(`${edit.words}. ${next}`.trim(), { undo: !["undo", "redo"].includes(verb) });
      return edit.ref;
    },
    // What accepting means here: the things of a line that count, or one that is held back.
    accept(line = store.line(store.at.room, store.at.line), item = store.at.item) {
      if (!line) return null;
      const thing = line.things.find((one) => one.items.includes(item));
      const held = thing && !thing.counts && !thing.stays;
      const ids = (held ? [thing] : line.things.filter((one) => one.counts)).flatMap((one) => one.items);
      return ids.length ? store.edit("accept", ids, {}, { about: item ?? line.id }) : null;
    },
    undo() {
      const last = queue.newestAction();
      if (last && !last.sent && last.number === undefined) {
        queue.drop(last);
        taken.push(last);
        store.go({});
        return store.say(`${store.t("undone: {words}", { words: last.words })}.`);
      }
      if (!store.canUndo) return store.say(store.t("There is nothing to undo."));
      return store.edit("undo", [], {}, { of: last?.ref ?? null });
    },
    redo() {
      const again = taken.pop();
      if (again) {
        queue.add({ ...again, ref: newRef() });
        return store.say(`${again.words}.`, { undo: true });
      }
      return store.canRedo ? store.edit("redo", []) : store.say(store.t("There is nothing to redo."));
    },
    get canUndo() { return Boolean(queue.newestAction() ?? data().head.undo); },
    get canRedo() { return Boolean(taken.length || data().head.redo); },
    get undoWords() { return queue.newestAction()?.words ?? data().head.undo?.words ?? ""; },
    get redoWords() { return taken.at(-1)?.words ?? data().head.redo?.words ?? ""; },
    error: (about) => refusals.get(about)?.error ?? "",
    // What was refused and why: [about, {error, parts}].
    get refusals() { return [...refusals]; },
    forget(about) { if (refusals.delete(about ?? "")) changed(); },
    // Says a text in the live region; `seen`: it is on the page already.
    say(text, { undo = false, seen = false } = {}) {
      store.said = { text: sentence(text), undo, seen };
      changed();
    },

    // -- what is no edit

    retry: (photos) => store.send({ kind: "retry", photos }),
    async replacePhoto(photo, file) {
      if (file.size > LARGEST) {
        refuse(photo, store.t("{name} has {size}; from here at most {most} can be sent. In Python: review(project).replace(photo, path).", { name: file.name, size: format.size(file.size), most: format.size(LARGEST) }));
        return;
      }
      refusals.delete(photo);
      const ref = newRef();
      replacing.set(ref, photo);
      store.say(store.t("{name} is being sent.", { name: file.name }));
      store.send({ kind: "replace", ref, photo, name: file.name }, [await file.arrayBuffer()]);
    },
    // project, language, strategy, export, start, refresh, and what is above
    async send(message, buffers = []) {
      try {
        await model.send(message, undefined, buffers);
      } catch {
        queue.trouble = store.t("The notebook's kernel cannot be reached.");
        changed();
      }
    },

    // Calls once after any number of changes; returns a function that stops it.
    on(call) {
      calls.add(call);
      return () => calls.delete(call);
    },
    stop() {
      queue.stop();
      pictures.stop();
      model.off("msg:custom", hear);
      for (const name of WATCHED) model.off(`change:${name}`, renewSoon);
      calls.clear();
    },
  };

  // -- the data with the edits in it

  function data() {
    if (found) return found;
    const head = model.get("head") ?? {};
    const detail = new Map();
    for (let n = 0; n < PARTS; n += 1) for (const room of model.get(`part_${n}`) ?? []) detail.set(room.name, room);
    const plain = { head, rooms: model.get("rooms") ?? [], detail };
    const made = queue.standing();
    found = made.length ? withEdits({ ...plain, catalogue: store.catalogue, lang: store.lang }, made) : plain;
    found.photos = new Map();
    found.items = new Map();
    for (const room of found.detail.values()) for (const photo of room.photos) {
      found.photos.set(photo.id, photo);
      for (const item of photo.items) found.items.set(item.id, { item, photo, room });
    }
    return found;
  }

  // The same place, where it is still there; else the nearest.
  function settled({ room, photo, item, line }) {
    const names = data().rooms.map((one) => one.name);
    const name = names.includes(room) ? room : data().rooms.find((one) => one.left)?.name ?? names[0] ?? null;
    const there = name ? store.room(name) : null;
    const photos = there?.photos ?? [];
    const at = photos.find((one) => one.id === photo) ?? photos.find((one) => one.items.length) ?? photos[0] ?? null;
    const one = at?.items.find((other) => other.id === item) ?? null;
    const on = one?.line ?? line;
    return { room: name, photo: at?.id ?? null, item: one?.id ?? null, line: there?.lines.some((other) => other.id === on) ? on : null };
  }

  // The item that shows what is doubtful in a line; of one without doubt, the least certain in the photo at hand, or
  // else the best.
  function evidence(line, photo) {
    const score = (id) => store.item(id)?.item.score ?? 1;
    const least = (ids) => [...ids].sort((one, other) => score(one) - score(other));
    const shown = line.things.map((thing) => ({ ...thing, items: least(thing.items.filter((id) => store.item(id))) })).filter(({ items }) => items.length);
    const doubtful = line.check ? shown.filter((thing) => thing.doubtful) : [];
    if (doubtful.length) return least(doubtful.map(({ items }) => items.at(-1)))[0];
    const here = shown.flatMap(({ items }) => items).filter((id) => store.item(id).photo.id === photo);
    return least(here)[0] ?? shown[0]?.items.at(-1) ?? null;
  }

  // After an edit that leaves nothing to check at a line, goes to the next one of the room.
  function advance(before, here) {
    const left = store.checks();
    const has = (list, { room, line }) => list.some((one) => one.room === room && one.line === line);
    const at = before.findIndex((one) => one.room === here.room && one.line === here.line);
    if (at < 0) store.go({});
    else if (has(left, here)) store.go({ room: here.room, line: here.line });
    else {
      const next = [...before.slice(at + 1), ...before.slice(0, at)].find((one) => one.room === here.room && has(left, one));
      store.go(next ?? {});
      return Boolean(next);
    }
    return false;
  }

  function checkWords({ room, line }) {
    const one = store.line(room, line);
    return one?.check ? `${store.t("To check:")} ${one.name}, ${room}. ${sentence(one.check)}` : "";
  }

  // What an action says, in the reader's language; asked before it is applied.
  function editWords(parts) {
    const [{ verb, values, named = {} }] = parts;
    const known = (name) => store.catalogue.find((one) => one.key === name)?.[store.lang] ?? name;
    const one = store.item(values[0]);
    const name = one ? `${one.item.name}${one.item.letter ? ` ${one.item.letter}` : ""}` : "";
    const photo = one?.photo.title ?? store.photo(values[0])?.title ?? "";
    const other = store.item(values[1])?.item.name;
    const [text, given] = {
      rename: ["{name} is {to}", { name, to: known(values[1]) }],
      remove: parts.length > 1 ? ["{name} removed", { name }] : ["{name} removed from {photo}", { name, photo }],
      add: ["{name} added", { name: known(values[1]) }],
      redraw: ["box of {name} redrawn", { name }],
      same: ["{name} and {other} are one thing", { name, other: other ?? "" }],
      apart: ["{name} is a thing of its own", { name }],
      stays: ["{name} stays here", { name }],
      accept: ["{name} accepted", { name: one?.item.name ?? "" }],
      count: ["{room}: {count} × {name}", { name: known(named.item), count: named.count, room: named.room }],
      exclude: parts.length > 1 ? ["{n} photos excluded", { n: parts.length }] : ["{title} excluded", { title: photo }],
      move: parts.length > 1 ? ["{n} photos moved to {room}", { n: parts.length, room: named.room }] : ["{photo} moved to {room}", { photo, room: named.room }],
      "rename-room": ["{room} is now {to}", { room: values[0], to: values[1] }],
      reviewed: ["{room} reviewed", { room: values[0] }],
      undo: ["undone: {words}", { words: madeBy(values[0]) ?? store.undoWords }],
      redo: ["done again: {words}", { words: store.redoWords }],
      place: ["applied to {name}", { name: store.item(values[1])?.item.name ?? "" }],
      keep: ["kept for later"],
    }[verb];
    return store.t(text, given);
  }

  // What an edit was about, where the page knows it by its number.
  function madeBy(number) {
    if (number === undefined) return null;
    const { head, detail } = data();
    const excluded = [...data().photos.values()].find((photo) => photo.excluded === number);
    if (excluded) return store.t("{title} excluded", excluded);
    for (const room of detail.values()) {
      const line = room.lines.find(({ correction }) => correction === number);
      if (line) return store.t("{room}: {count} × {name}", { room: room.name, ...line });
    }
    return head.unplaced?.find((one) => one.number === number)?.words ?? null;
  }

  // -- what goes to Python, and what comes from there

  function sendEdit({ ref, parts }) {
    if (!store.canEdit) return false;
    const [one, ...more] = parts;
    store.send({ kind: "edit", project: data().head.project, ref, ...(more.length ? { edits: parts } : one) });
    return true;
  }

  function refuse(about, error, parts = []) {
    refusals.set(about, { error, parts });
    changed();
  }

  function saved({ ref, number, words }) {
    if (replacing.delete(ref)) store.say(`${words}.`, { undo: true });
    const edit = queue.find(ref);
    if (!edit) return;
    queue.saved(edit, number);
    if (store.at.item === ref) store.at.item = `e${number}`;
    queue.answered();
    renew();
  }

  function refused({ ref, error, again }) {
    const edit = queue.find(ref);
    if (replacing.has(ref)) {
      refuse(replacing.get(ref), error);
      replacing.delete(ref);
    } else if (edit && again) {
      queue.trouble = error;
      queue.again(WAIT.unreachable);
      changed();
    } else if (edit) {
      queue.refuse(edit);
      refuse(edit.about ?? "", error, edit.parts);
      store.say(error);
      queue.answered();
      renew();
    }
  }

  function hear(message, buffers = []) {
    const kinds = { saved, refused, picture: pictures.take };
    kinds[message.kind]?.(message, buffers);
  }

  // Another project or user has another queue and another place.
  function enter() {
    const { project, user } = model.get("head") ?? {};
    const name = project ? `${encodeURIComponent(project)} ${encodeURIComponent(user)}` : null;
    if (name === place) return;
    place = name;
    refusals.clear();
    taken = [];
    queue.enter(name, store.canEdit);
    store.at = (name && keptValue(`photoqueue-at ${name}`)) ?? { room: null, photo: null, item: null, line: null };
  }

  function renew() {
    enter();
    queue.forget(model.get("head")?.newest ?? 0);
    found = null;
    store.at = settled(store.at);
    queue.next();
    changed();
  }

  // Several traits change together: they are read together.
  const renewSoon = soon(renew);
  model.on("msg:custom", hear);
  for (const name of WATCHED) model.on(`change:${name}`, renewSoon);
  renew();
  return store;
}
