// The state of the Review page: the data from Python, the edits that are not saved yet, and where the person is.
//
// An edit shows at once and waits in a queue until Python says that it is saved. The queue is also in the
// browser's storage, by project and user: a reload or a new kernel sends it again, and Python stores an edit with
// the same `ref` once. One edit is sent at a time.

// Storage that works where a page may not use the browser's: then it lasts as long as the page.
const kept = (() => {
  try {
    localStorage.setItem("photoqueue", "1");
    return localStorage;
  } catch {
    const values = new Map();
    return {
      get length() { return values.size; },
      key: (n) => [...values.keys()][n],
      getItem: (name) => values.get(name) ?? null,
      setItem: (name, value) => values.set(name, value),
      removeItem: (name) => values.delete(name),
    };
  }
})();

// Where storage is full, a reload forgets what is not saved yet; the page itself goes on.
function keep(name, value) {
  try {
    kept.setItem(name, JSON.stringify(value));
  } catch (error) {
    console.warn("photoqueue: the browser's storage cannot be written:", error.message);
  }
}

// Names in storage that begin with a text, in order.
function keptNames(start) {
  return Array.from({ length: kept.length }, (_, n) => kept.key(n)).filter((name) => name.startsWith(start)).sort();
}

let newest = 0;
// Refs sort by time.
function newRef() {
  newest = Math.max(newest + 1, Date.now());
  return `${newest.toString(36)}-${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
}

const PARTS = 16;
const FULL_KEPT = 16; // large pictures kept in the browser
// Milliseconds until an edit is sent again that was not answered, or whose servers could not be reached; each
// further wait is twice as long, up to the longest.
const WAIT = { silent: 30_000, unreachable: 2_000, longest: 120_000 };

function reviewStore(model) {
  const calls = new Set();
  const refusals = new Map(); // what an error is about → {error, verb, values, named}
  const pictures = new Map(); // "small photo" → {url, reason, state}
  let wantedPictures = [];
  let edits = []; // not saved, or saved and not in the data yet; in order
  let taken = []; // undone before they were sent
  let place = null; // "project user" of the queue
  let found = null; // the data with the edits; null when they have to be put together again
  let timer = null;
  let waits = 0;
  let planned = false;

  const store = {
    at: { room: null, photo: null, item: null, line: null },
    mode: null,
    payload: null,
    said: { text: "", undo: false },
    trouble: "", // why edits cannot be saved at the moment
    get head() { return data().head; },
    get rooms() { return data().rooms; },
    get lang() { return model.get("lang") ?? "en"; },
    get catalogue() { return model.get("catalogue") ?? []; },
    get categories() { return model.get("categories") ?? []; },
    get notice() { return model.get("notice") ?? ""; },
    get canEdit() { return Boolean(model.get("actions")); },
    get unsaved() { return edits.filter((edit) => edit.number === undefined).length; },
    get newestEdit() { return standing().at(-1) ?? null; },
    get refusals() { return refusals; },
    t: (text, values) => translated(store.lang, text, values),

    room: (name) => data().detail.get(name) ?? null,
    photo: (id) => data().photos.get(id) ?? null,
    item: (id) => data().items.get(id) ?? null,
    line: (room, id) => store.room(room)?.lines.find((line) => line.id === id) ?? null,
    thing: (room, id) => store.room(room)?.lines.flatMap((line) => line.things).find((thing) => thing.items.includes(id)) ?? null,

    // -- where the person is

    go(change) {
      const next = { ...store.at, ...change };
      if ("room" in change && change.room !== store.at.room) Object.assign(next, { photo: null, item: null, line: null, ...change });
      if (change.line !== undefined && change.item === undefined) {
        const line = change.line && store.line(next.room, change.line);
        next.item = line ? evidence(line) : null;
      } else if (change.photo && change.item === undefined) next.item = null;
      const one = next.item && store.item(next.item);
      if (one) Object.assign(next, { photo: one.photo.id, room: one.photo.room, line: one.item.line });
      else if (change.photo && store.photo(change.photo)) next.room = store.photo(change.photo).room;
      store.at = settled(next);
      keep(`photoqueue-at ${place}`, store.at);
      changed();
    },
    setMode(mode, payload = null) {
      Object.assign(store, { mode, payload });
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
      store.say(checkWords(to));
      return true;
    },

    // -- edits

    // Shows an edit at once and saves it as soon as Python can; `about` names the item, line or photo beside which
    // an error is shown. Returns the edit's ref.
    edit(verb, values, named = {}, { about = null, of = null } = {}) {
      if (!store.canEdit) return null;
      const before = store.checks();
      const here = { ...store.at };
      const edit = { ref: newRef(), verb, values, named, about, of };
      taken = [];
      refusals.delete(about ?? "");
      add(edit);
      store.setMode(null);
      if (verb === "rename-room" && here.room === values[0]) store.go({ room: values[1] });
      const words = editWords(edit);
      const moved = advance(before, here);
      store.say(moved ? `${words} ${checkWords(store.at)}` : words, { undo: verb !== "undo" });
      return edit.ref;
    },
    // What accepting means here: the things of a line that count, or one that is held back.
    accept(line = store.line(store.at.room, store.at.line), item = store.at.item) {
      if (!line) return null;
      const thing = line.things.find((one) => one.items.includes(item));
      const held = thing && !thing.counts && !thing.stays;
      const meant = held ? [thing] : line.things.filter((one) => one.counts);
      const ids = meant.flatMap((one) => one.items);
      return ids.length ? store.edit("accept", ids, {}, { about: item ?? line.id }) : null;
    },
    undo() {
      const last = store.newestEdit;
      if (!last) {
        const undo = data().head.undo;
        if (!undo) return store.say(store.t("There is nothing to undo."));
        // A second one before the first is saved: the one before, whichever number it has.
        const again = edits.some((edit) => edit.verb === "undo");
        return store.edit("undo", again ? [] : [undo.number]);
      }
      if (last.sent || last.number) return store.edit("undo", last.number ? [last.number] : [], {}, { of: last.ref });
      drop(last);
      taken.push(last);
      store.say(`${store.t("Undone:")} ${editWords(last)}`);
      return changed();
    },
    redo() {
      const again = taken.pop();
      if (!again) return data().head.redo ? store.edit("redo", []) : store.say(store.t("There is nothing to redo."));
      add({ ...again, ref: newRef() });
      store.say(editWords(again), { undo: true });
      return again.ref;
    },
    get canUndo() { return Boolean(store.newestEdit ?? data().head.undo); },
    get canRedo() { return Boolean(taken.length || data().head.redo); },
    get undoWords() { return store.newestEdit ? editWords(store.newestEdit) : data().head.undo?.words ?? ""; },
    get redoWords() { return taken.length ? editWords(taken.at(-1)) : data().head.redo?.words ?? ""; },
    error: (about) => refusals.get(about)?.error ?? "",
    dismiss(about) { if (refusals.delete(about)) changed(); },
    say(text, { undo = false } = {}) {
      store.said = { text, undo };
      changed();
    },
    // A message that is no edit: retry, project, strategy, export, start, refresh, language, replace.
    send(message, buffers = []) { deliver(message, buffers); },

    // -- pictures

    // The address of a photo's picture, or null; asks for it once.
    picture(photo, size) {
      const name = `${size} ${photo}`;
      const state = store.photo(photo)?.state;
      const known = pictures.get(name);
      if (known?.url) {
        if (size === "full") { pictures.delete(name); pictures.set(name, known); }
        return known.url;
      }
      if (!known || (known.answered && known.state !== state)) {
        pictures.set(name, { url: null, reason: "", state, answered: false });
        wantedPictures.push({ photo, size });
        if (wantedPictures.length === 1) queueMicrotask(askForPictures);
      }
      return null;
    },
    // Why a photo has no picture; empty while it is on its way.
    reason: (photo) => pictures.get(`full ${photo}`)?.reason || pictures.get(`small ${photo}`)?.reason || "",

    // Calls once after any number of changes; returns a function that stops it.
    on(call) {
      calls.add(call);
      return () => calls.delete(call);
    },
    stop() {
      clearTimeout(timer);
      model.off("msg:custom", hear);
      for (const name of watched) model.off(`change:${name}`, renewSoon);
      for (const { url } of pictures.values()) if (url) URL.revokeObjectURL(url);
      calls.clear();
    },
  };

  function changed() {
    if (planned) return;
    planned = true;
    queueMicrotask(() => {
      planned = false;
      for (const call of [...calls]) call();
    });
  }

  // -- the data with the edits in it

  function data() {
    if (found) return found;
    const head = model.get("head") ?? {};
    const detail = new Map();
    for (let n = 0; n < PARTS; n += 1) for (const room of model.get(`part_${n}`) ?? []) detail.set(room.name, room);
    const plain = { head, rooms: model.get("rooms") ?? [], detail };
    const made = standing();
    found = made.length ? withEdits({ ...plain, catalogue: store.catalogue, lang: store.lang }, made) : plain;
    found.photos = new Map();
    found.items = new Map();
    for (const room of found.detail.values()) for (const photo of room.photos) {
      found.photos.set(photo.id, photo);
      for (const item of photo.items) found.items.set(item.id, { item, photo, room });
    }
    return found;
  }

  // The edits that hold: an undo takes away the one that it is of.
  function standing() {
    const undone = new Set(edits.map((edit) => edit.of).filter(Boolean));
    return edits.filter((edit) => !["undo", "redo"].includes(edit.verb) && !undone.has(edit.ref));
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

  // The item that shows what is doubtful in a line, or else the line.
  function evidence(line) {
    const score = (id) => store.item(id)?.item.score ?? 1;
    const best = (thing) => [...thing.items].sort((one, other) => score(other) - score(one))[0] ?? null;
    const things = line.things.filter((thing) => thing.items.some((id) => store.item(id)));
    const doubtful = line.check ? things.filter((thing) => !thing.settled && !thing.stays) : [];
    const [first] = (doubtful.length ? doubtful : things).sort((one, other) => (doubtful.length ? score(best(one)) - score(best(other)) : 0));
    return first ? best(first) : null;
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
    return one?.check ? `${store.t("To check:")} ${one.name}, ${room}. ${one.check}` : "";
  }

  function nameOf(id) {
    const one = store.item(id)?.item;
    return one ? `${one.name}${one.letter ? ` ${one.letter}` : ""}` : "";
  }

  // What an edit says, in the reader's language.
  function editWords({ verb, values, named }) {
    const thing = store.catalogue.find((one) => one.key === values[1])?.[store.lang] ?? values[1];
    const count = named.count;
    const item = store.catalogue.find((one) => one.key === named.item)?.[store.lang] ?? named.item;
    const photo = store.photo(values[0])?.title ?? "";
    return {
      rename: () => store.t("Renamed to {thing}.", { thing }),
      remove: () => store.t("Removed."),
      add: () => store.t("{thing} added.", { thing }),
      redraw: () => store.t("{thing} redrawn.", { thing: nameOf(values[0]) }),
      same: () => store.t("{n} boxes are one thing.", { n: values.length }),
      apart: () => store.t("{thing} is a thing of its own.", { thing: nameOf(values[0]) }),
      stays: () => store.t("{thing} stays here.", { thing: nameOf(values[0]) }),
      accept: () => store.t("{thing} accepted.", { thing: store.item(values[0])?.item.name ?? "" }),
      count: () => store.t("{thing}: {count} in {room}.", { thing: item, count, room: named.room }),
      exclude: () => store.t("{photo} excluded.", { photo }),
      move: () => store.t("{photo} moved to {room}.", { photo, room: named.room }),
      "rename-room": () => store.t("{room} is now {to}.", { room: values[0], to: values[1] }),
      reviewed: () => store.t("{room} reviewed.", { room: values[0] }),
      undo: () => store.t("Undone."),
      redo: () => store.t("Done again."),
      place: () => store.t("Applied to the selected thing."),
      keep: () => store.t("Kept for later."),
    }[verb]?.() ?? verb;
  }

  // -- the queue

  const nameIn = (edit) => `photoqueue-edit ${place} ${edit.ref}`;

  function save(edit) {
    const { ref, verb, values, named, about, of } = edit;
    keep(nameIn(edit), { ref, verb, values, named, about, of });
  }

  function add(edit) {
    edits.push(edit);
    save(edit);
    found = null;
    sendNext();
    changed();
  }

  function drop(edit) {
    edits = edits.filter((one) => one !== edit);
    kept.removeItem(nameIn(edit));
    found = null;
  }

  // Sends the first edit that is not saved, unless it is on its way.
  function sendNext() {
    const edit = edits.find((one) => one.number === undefined);
    if (!edit || edit.sent || !store.canEdit) return;
    edit.sent = true;
    const { ref, verb, values, named } = edit;
    deliver({ kind: "edit", project: data().head.project, ref, verb, values, named });
    again(WAIT.silent);
  }

  function again(wait) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const edit = edits.find((one) => one.number === undefined);
      if (edit) edit.sent = false;
      sendNext();
    }, Math.min(WAIT.longest, wait * 2 ** waits));
    waits += 1;
  }

  async function deliver(message, buffers = []) {
    try {
      await model.send(message, undefined, buffers);
    } catch {
      store.trouble = store.t("The notebook's kernel cannot be reached.");
      changed();
    }
  }

  // A thing that was added has its final id once its edit is saved: what else was said of it follows.
  function renamed(edit) {
    const id = `e${edit.number}`;
    const swap = (value) => (value === edit.ref ? id : value);
    for (const other of edits) {
      if (!other.values.includes(edit.ref) && other.about !== edit.ref) continue;
      Object.assign(other, { values: other.values.map(swap), about: swap(other.about) });
      save(other);
    }
    if (store.at.item === edit.ref) store.at.item = id;
  }

  function saved({ ref, number }) {
    const edit = edits.find((one) => one.ref === ref);
    if (!edit) return;
    [waits, store.trouble] = [0, ""];
    edit.number = number;
    kept.removeItem(nameIn(edit));
    for (const undo of edits) {
      if (undo.of !== ref || undo.number !== undefined) continue;
      undo.values = [number];
      save(undo);
    }
    if (edit.verb === "add") renamed(edit);
    renew();
    clearTimeout(timer);
    sendNext();
  }

  function refused({ ref, error, again: later }) {
    const edit = edits.find((one) => one.ref === ref);
    if (!edit) return;
    if (later) {
      store.trouble = error;
      again(WAIT.unreachable);
      return;
    }
    [waits, store.trouble] = [0, ""];
    drop(edit);
    // What rests on it goes with it.
    for (const other of edits.filter((one) => one.of === ref || one.values.includes(ref))) drop(other);
    refusals.set(edit.about ?? "", { error, verb: edit.verb, values: edit.values, named: edit.named });
    store.say(error);
    renew();
    clearTimeout(timer);
    sendNext();
  }

  // -- pictures

  function askForPictures() {
    for (const size of ["full", "small"]) {
      const photos = wantedPictures.filter((one) => one.size === size).map((one) => one.photo);
      if (photos.length) deliver({ kind: "pictures", photos, size });
    }
    wantedPictures = [];
  }

  function takePicture({ photo, size, reason }, [bytes]) {
    const name = `${size} ${photo}`;
    const old = pictures.get(name);
    if (old?.url) URL.revokeObjectURL(old.url);
    pictures.delete(name);
    const url = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) : null;
    pictures.set(name, { url, reason: url ? "" : reason ?? "", state: store.photo(photo)?.state, answered: true });
    const large = [...pictures.keys()].filter((one) => one.startsWith("full "));
    for (const least of large.slice(0, Math.max(0, large.length - FULL_KEPT))) {
      if (pictures.get(least).url) URL.revokeObjectURL(pictures.get(least).url);
      pictures.delete(least);
    }
  }

  // -- what comes from Python

  function hear(message, buffers = []) {
    if (message.kind === "saved") saved(message);
    else if (message.kind === "refused") refused(message);
    else if (message.kind === "picture") takePicture(message, buffers);
    else return;
    changed();
  }

  // Another project or user has another queue: what waits there is sent now.
  function enter() {
    const { project, user } = model.get("head") ?? {};
    const name = project ? `${encodeURIComponent(project)} ${encodeURIComponent(user)}` : null;
    if (name === place) return;
    clearTimeout(timer);
    place = name;
    refusals.clear();
    taken = [];
    edits = name && store.canEdit ? keptNames(`photoqueue-edit ${name} `).map((one) => JSON.parse(kept.getItem(one))) : [];
    found = null;
    const before = name && kept.getItem(`photoqueue-at ${name}`);
    store.at = before ? JSON.parse(before) : { room: null, photo: null, item: null, line: null };
  }

  function renew() {
    enter();
    const { newest: number = 0 } = model.get("head") ?? {};
    edits = edits.filter((edit) => !(edit.number <= number));
    found = null;
    store.at = settled(store.at);
    sendNext();
    changed();
  }

  const watched = ["head", "rooms", "catalogue", "lang", "categories", "actions", "notice", ...Array.from({ length: PARTS }, (_, n) => `part_${n}`)];
  // Several traits change together: they are read together.
  let renewing = false;
  function renewSoon() {
    if (renewing) return;
    renewing = true;
    queueMicrotask(() => { renewing = false; renew(); });
  }
  model.on("msg:custom", hear);
  for (const name of watched) model.on(`change:${name}`, renewSoon);
  renew();
  return store;
}
