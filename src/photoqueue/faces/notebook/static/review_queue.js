// The edits that are not saved yet, in order; one is sent at a time, until Python says that it is saved.
//
// The queue is also in the browser's storage, by project and user: a reload or a new kernel sends it again, and Python
// stores an edit with the same `ref` once.

const SLOW = 1_500; // milliseconds without an answer, then the page says that it waits
// Milliseconds until an edit is sent again that was not answered, or whose servers could not be reached; each
// further wait is twice as long, up to the longest.
const WAIT = { silent: 30_000, unreachable: 2_000, longest: 120_000 };

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

const keptValue = (name) => JSON.parse(kept.getItem(name) ?? "null");

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

const isUnsaved = (edit) => edit.number === undefined;
const isAbout = (edit, id) => edit.about === id || edit.parts.some(({ values }) => values.includes(id));

// An edit is {ref, parts, about, of, words}; `of` is the ref of the one that it undoes, and a saved one has a `number`.
// `send` sends one; `changed` is called when what holds has changed.
function editQueue({ send, changed }) {
  let place = null; // "project user" of the queue
  let timer = null;
  let slowly = null;
  let waits = 0;
  const nameIn = (edit) => `photoqueue-edit ${place} ${edit.ref}`;

  const queue = {
    edits: [], // not saved, or saved and not in the data yet
    trouble: "", // why they cannot be saved at the moment
    slow: false, // whether Python has not answered for a while
    get unsaved() { return queue.edits.filter(isUnsaved).length; },
    find: (ref) => queue.edits.find((one) => one.ref === ref),
    // The actions that hold: an undo takes away the one that it is of.
    standing() {
      const undone = new Set(queue.edits.map((edit) => edit.of).filter(Boolean));
      return queue.edits.filter((edit) => !undone.has(edit.ref));
    },
    newestAction: () => queue.standing().findLast(({ parts: [{ verb }] }) => !["undo", "redo"].includes(verb)) ?? null,
    add(edit) {
      queue.edits.push(edit);
      save(edit);
      changed();
      queue.next();
    },
    drop(edit) {
      queue.edits = queue.edits.filter((one) => one !== edit);
      kept.removeItem(nameIn(edit));
      changed();
    },
    // Drops an edit that was refused, and what rests on it.
    refuse(edit) {
      for (const one of queue.edits.filter((other) => other === edit || other.of === edit.ref || isAbout(other, edit.ref))) queue.drop(one);
    },
    // An edit is saved under a number; a thing that it added has its final id, and what else was said of it follows.
    saved(edit, number = 0) {
      edit.number = number;
      kept.removeItem(nameIn(edit));
      if (edit.parts[0].verb !== "add") return;
      const swap = (value) => (value === edit.ref ? `e${number}` : value);
      for (const other of queue.edits.filter((one) => isAbout(one, edit.ref))) {
        other.about = swap(other.about);
        for (const part of other.parts) part.values = part.values.map(swap);
        save(other);
      }
    },
    // Leaves out what the data have by now.
    forget(number) {
      queue.edits = queue.edits.filter((edit) => !(edit.number <= number));
    },
    // Another project or user has another queue: what waits there is sent now.
    enter(name, mayEdit) {
      clearTimeout(timer);
      place = name;
      queue.edits = name && mayEdit ? keptNames(`photoqueue-edit ${name} `).map(keptValue) : [];
    },
    // Sends the first edit that is not saved, unless it is on its way.
    next() {
      const edit = queue.edits.find(isUnsaved);
      if (!edit || edit.sent || !send(edit)) return;
      edit.sent = true;
      queue.again(WAIT.silent);
      slowly ??= setTimeout(() => { queue.slow = true; changed(); }, SLOW);
    },
    again(wait) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const edit = queue.edits.find(isUnsaved);
        if (edit) edit.sent = false;
        queue.next();
      }, Math.min(WAIT.longest, wait * 2 ** waits));
      waits += 1;
    },
    answered() {
      [waits, queue.trouble, queue.slow] = [0, "", false];
      queue.stop();
      slowly = null;
    },
    stop() {
      clearTimeout(timer);
      clearTimeout(slowly);
    },
  };

  function save({ ref, parts, about, of, words }) {
    keep(nameIn({ ref }), { ref, parts, about, of, words });
  }
  return queue;
}
