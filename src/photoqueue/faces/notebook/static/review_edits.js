// What edits that are not saved yet change, so that the page shows them at once. This is a preview: the data
// that Python sends after an edit is saved replace it.

// A room to change: a copy, made when it is changed first.
function owned(home, name) {
  if (!home.own.has(name) && home.detail.has(name)) {
    home.own.add(name);
    const room = structuredClone(home.detail.get(name));
    for (const line of room.lines) line.before = tally(line);
    home.detail.set(name, room);
  }
  return home.detail.get(name);
}

// The copy of the room that has a photo which `fits`, with the photo.
function photoWhere(home, fits) {
  for (const { name, photos } of home.detail.values()) {
    if (!photos.some(fits)) continue;
    const room = owned(home, name);
    return { room, photo: room.photos.find(fits) };
  }
  return null;
}

const photoIn = (home, id) => photoWhere(home, (photo) => photo.id === id);

function roomWith(home, id) {
  const found = photoWhere(home, (photo) => photo.items.some((item) => item.id === id));
  if (!found) return null;
  const line = found.room.lines.find((one) => one.things.some((thing) => thing.items.includes(id))) ?? null;
  return { ...found, item: found.photo.items.find((item) => item.id === id), line, thing: line?.things.find((thing) => thing.items.includes(id)) ?? null };
}

// The kind that a key or a name in English or French means; any other name is a kind of its own.
function kindNamed(home, name, { category, volume } = {}) {
  const same = (text) => text?.toLowerCase() === name.toLowerCase();
  const known = home.catalogue.find((one) => one.key === name || same(one.en) || same(one.fr));
  const one = known ? { key: known.key, name: known[home.lang], category: known.category } : { key: null, name, category: category ?? "misc" };
  return { ...one, id: one.key ?? `${one.category}/${one.name}`, volume: volume ?? known?.volume ?? 0 };
}

function lineFor(home, room, kind) {
  const found = room.lines.find((line) => line.id === kind.id);
  if (found) return found;
  const line = {
    id: kind.id, name: kind.name, key: kind.key, category: kind.category, dismountable: false,
    colour: room.lines.reduce((most, one) => Math.max(most, one.colour), -1) + 1,
    count: 0, volume: 0, volumeOne: kind.volume, volumeOneMin: kind.volume, volumeOneMax: kind.volume,
    check: "", seenCount: null, correction: null, stays: 0, held: 0, by: home.head.user, things: [],
  };
  room.lines.push(line);
  return line;
}

function setCount(line, count) {
  Object.assign(line, { count, volume: line.volume + (count - line.count) * line.volumeOne });
}

// How many things of a line count, stay here, and are held back.
function tally(line) {
  const number = (fits) => line.things.filter(fits).length;
  return { counts: number((thing) => thing.counts), stays: number((thing) => thing.stays), held: number((thing) => !thing.counts && !thing.stays) };
}

// Takes an item out of its thing, and the thing out of its line if nothing else shows it.
function take({ line, thing, item }) {
  if (!thing) return;
  thing.items = thing.items.filter((id) => id !== item.id);
  if (!thing.items.length) line.things = line.things.filter((one) => one !== thing);
}

function put(line, ids, thing = { counts: true, why: "", stays: false, settled: true }) {
  line.things.push({ ...thing, letter: "", items: ids });
}

// Says that a person decided: the thing counts, and is certain.
function settle({ thing }) {
  if (!thing.stays) Object.assign(thing, { counts: true, why: "" });
  Object.assign(thing, { settled: true, doubtful: false });
}

// The line of another room for the kind of one.
function lineLike(home, room, line) {
  return lineFor(home, room, { ...line, volume: line.volumeOne });
}

// Moves a photo; what it shows is then a thing of the other room.
function carry(home, from, photo, to) {
  for (const item of photo.items) {
    const found = roomWith(home, item.id);
    if (!found.thing) continue;
    take(found);
    put(lineLike(home, to, found.line), [item.id], found.thing);
  }
  from.photos = from.photos.filter((one) => one !== photo);
  to.photos.push({ ...photo, room: to.name });
}

function roomNamed(home, name) {
  if (!home.detail.has(name)) {
    home.detail.set(name, { name, lines: [], photos: [] });
    home.own.add(name);
    home.rooms.push({ name, kind: "", photos: 0, failed: 0, things: 0, volume: 0, left: 0, reviewed: null });
  }
  return owned(home, name);
}

const PREVIEWS = {
  rename(home, [id, name], named) {
    const found = roomWith(home, id);
    if (!found) return;
    const kind = kindNamed(home, name, { category: found.item.category, ...named });
    take(found);
    const line = lineFor(home, found.room, kind);
    Object.assign(found.item, { name: kind.name, key: kind.key, category: kind.category, line: line.id, score: null, alternatives: [], by: home.head.user });
    put(line, [id]);
  },
  remove(home, [id]) {
    const found = roomWith(home, id);
    if (!found) return;
    take(found);
    found.photo.items = found.photo.items.filter((item) => item !== found.item);
  },
  add(home, [photoId, name], { box = null, ...named }, edit) {
    const found = photoIn(home, photoId);
    if (!found) return;
    const kind = kindNamed(home, name, named);
    const line = lineFor(home, found.room, kind);
    found.photo.items.push({ id: idOfAdded(edit), name: kind.name, key: kind.key, category: kind.category, score: null, box, merged: [], line: line.id, letter: "", alternatives: [], by: home.head.user, did: null });
    put(line, [idOfAdded(edit)]);
  },
  redraw(home, [id, box]) {
    const found = roomWith(home, id);
    if (found) Object.assign(found.item, { box, by: home.head.user });
  },
  same(home, ids) {
    const [first, ...others] = ids.map((id) => roomWith(home, id)).filter((found) => found?.thing);
    if (!first) return;
    for (const other of others) {
      if (other.thing === first.thing) continue;
      for (const id of [...other.thing.items]) {
        const one = roomWith(home, id);
        take(one);
        first.thing.items.push(id);
      }
    }
    settle(first);
  },
  apart(home, [id]) {
    const found = roomWith(home, id);
    if (!found?.thing) return;
    if (found.thing.items.length > 1) {
      take(found);
      put(found.line, [id]);
    } else settle(found);
  },
  stays(home, [id]) {
    const found = roomWith(home, id);
    if (found?.thing) Object.assign(found.thing, { counts: false, stays: true, settled: true, doubtful: false, why: "" });
  },
  accept(home, ids) {
    for (const found of ids.map((id) => roomWith(home, id))) if (found?.thing) settle(found);
  },
  count(home, _values, { room: name, item, count, volume, category, dismountable }) {
    const room = roomNamed(home, name);
    const named = room.lines.find((line) => (line.key ?? line.name) === item && (line.key || !category || line.category === category));
    const line = named ?? lineFor(home, room, kindNamed(home, item, { category, volume }));
    if (line.correction === null) Object.assign(line, { seenCount: line.count, correction: 0 });
    Object.assign(line, { by: home.head.user, check: "" });
    setCount(line, count);
    if ((volume ?? null) !== null) Object.assign(line, { volumeOne: volume, volumeOneMin: volume, volumeOneMax: volume, volume: count * volume });
    if ((dismountable ?? null) !== null) line.dismountable = dismountable;
  },
  exclude(home, [id]) {
    const found = photoIn(home, id);
    if (!found) return;
    for (const item of found.photo.items) take(roomWith(home, item.id));
    Object.assign(found.photo, { state: "excluded", items: [] });
  },
  move(home, [id], { room }) {
    const found = photoIn(home, id);
    if (found && found.room.name !== room) carry(home, found.room, found.photo, roomNamed(home, room));
  },
  "rename-room"(home, [name, to]) {
    const room = owned(home, name);
    if (!room) return;
    const place = home.rooms.findIndex((one) => one.name === name);
    if (home.detail.has(to)) {
      const into = owned(home, to);
      for (const line of room.lines) {
        const other = lineLike(home, into, line);
        for (const thing of line.things) put(other, thing.items, thing);
        if (line.correction !== null) setCount(other, other.count + line.count);
      }
      into.photos.push(...room.photos.map((photo) => ({ ...photo, room: to })));
      home.rooms.splice(place, 1);
    } else {
      home.rooms[place].name = to;
      room.name = to;
      for (const photo of room.photos) photo.room = to;
      home.detail.set(to, room);
      home.own.add(to);
    }
    home.detail.delete(name);
  },
  reviewed(home, [name]) {
    const room = home.rooms.find((one) => one.name === name);
    if (!room) return;
    room.reviewed = home.head.user;
    for (const line of owned(home, name)?.lines ?? []) line.check = "";
  },
  place: (home, [number]) => without(home, number),
  keep: (home, [number]) => without(home, number),
  undo(home, [number]) {
    const photo = photoWhere(home, (one) => number && one.excluded === number)?.photo;
    if (photo) Object.assign(photo, { state: "included", excluded: null });
    for (const room of home.detail.values()) {
      const at = room.lines.findIndex((line) => number && line.correction === number);
      if (at < 0) continue;
      const line = owned(home, room.name).lines[at];
      setCount(line, line.seenCount ?? 0);
      line.correction = null;
    }
    without(home, number);
  },
};

function without(home, number) {
  home.head.unplaced = home.head.unplaced.filter((one) => one.number !== number);
}

// The id that a thing drawn by a person gets; before its edit is saved, that is the edit's own.
function idOfAdded(edit) {
  return edit.number ? `e${edit.number}` : edit.ref;
}

// Brings the lines of a room in line with their things. A count that a person set stays; then only what photos show
// changes.
function tidy(room) {
  for (const line of room.lines) {
    const [now, before] = [tally(line), line.before ?? { counts: 0, stays: 0, held: 0 }];
    const more = now.counts - before.counts;
    if (line.correction === null) setCount(line, line.count + more);
    else if (more) line.seenCount = (line.seenCount ?? 0) + more;
    line.stays += now.stays - before.stays;
    line.held += now.held - before.held;
    delete line.before;
  }
  room.lines = room.lines.filter((line) => line.things.length || line.count || line.correction !== null);
  for (const line of room.lines) {
    if (line.correction === null && !line.things.some((thing) => thing.doubtful)) line.check = "";
    giveLetters(room, line);
  }
}

function giveLetters(room, line) {
  const letters = line.things.map((thing) => thing.letter);
  const free = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].filter((letter) => !letters.includes(letter));
  for (const thing of line.things) {
    thing.letter = line.things.length === 1 ? "" : thing.letter || free.shift() || "";
    for (const item of room.photos.flatMap((photo) => photo.items)) {
      if (thing.items.includes(item.id)) Object.assign(item, { letter: thing.letter, line: line.id });
    }
  }
}

function sums(room) {
  const sum = (value) => (room?.lines ?? []).reduce((total, line) => total + value(line), 0);
  return {
    things: sum((line) => line.count), volume: sum((line) => line.volume), left: sum((line) => (line.check ? 1 : 0)),
    volumeMin: sum((line) => line.count * line.volumeOneMin), volumeMax: sum((line) => line.count * line.volumeOneMax),
  };
}

// Returns {head, rooms, detail} with the edits in it; what is given stays as it is.
function withEdits({ head, rooms, detail, catalogue, lang }, edits) {
  const home = { ...structuredClone({ head, rooms }), detail: new Map(detail), own: new Set(), catalogue, lang };
  for (const edit of edits) for (const { verb, values, named } of edit.parts) PREVIEWS[verb]?.(home, values, named, edit);
  const own = [...home.own].map((name) => [detail.get(name), home.detail.get(name)]);
  for (const [, now] of own) if (now) tidy(now);
  const change = (name) => own.reduce((sum, [before, now]) => sum + sums(now)[name] - sums(before)[name], 0);
  for (const room of home.rooms) {
    if (!home.own.has(room.name)) continue;
    const now = home.detail.get(room.name);
    const { things, volume, left } = sums(now);
    Object.assign(room, { things, volume, photos: now.photos.length, left: room.reviewed ? 0 : left });
  }
  home.head.things += change("things");
  for (const name of ["volume", "volumeMin", "volumeMax"]) if (home.head[name] !== null) home.head[name] += change(name);
  if (home.head.check) home.head.check.left = Math.max(0, home.head.check.left + change("left"));
  return home;
}
