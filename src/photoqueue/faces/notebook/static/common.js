// What all widgets share, in addition to the scripts that other pages share too.

// Keys pressed on our pages are not for the notebook around them, where D D deletes a cell. JupyterLab
// listens before the page does, and looks at the focused element itself before those around it.
document.addEventListener("focusin", ({ target }) => {
  if (target.closest?.(".pq, .pq-board")) target.dataset.lmSuppressShortcuts = "true";
}, true);

// A state as icon and word; the colour only repeats them.
function stateBadge(state) {
  return h("span", { class: "pq-state", "data-state": state },
    h("span", { class: "pq-state-icon", "aria-hidden": "true" }, LOOKS[state].icon), ` ${state}`);
}

// Calls a function once after any number of calls: several changes at once draw once.
function soon(call) {
  let planned = false;
  return () => {
    if (planned) return;
    planned = true;
    queueMicrotask(() => { planned = false; call(); });
  };
}

// Draws now and whenever one of the model's traits changes. Returns a function that stops it.
function follow(model, traits, show) {
  const later = soon(show);
  // One by one: not every front end takes several names at once.
  const changes = traits.split(" ").map((name) => `change:${name}`);
  for (const change of changes) model.on(change, later);
  show();
  return () => { for (const change of changes) model.off(change, later); };
}

// Asks for fresh data at once and again and again, where nothing else has the page refreshed.
// Returns a function that stops it.
function keepFresh(model, seconds = 2) {
  const ask = () => { if (model.get("alone") && !document.hidden) model.send({ kind: "refresh" }); };
  const timer = setInterval(ask, 1000 * seconds);
  ask();
  return () => clearInterval(timer);
}

// A box for the trait "notice": what went wrong with the user's last action.
function noticeOf(model, tag = "div") {
  const box = h(tag, { class: "pq-notice", role: "alert", hidden: true });
  follow(model, "notice", () => {
    box.textContent = model.get("notice");
    box.hidden = !model.get("notice");
  });
  return box;
}

// Shows an element in the box that scrolls it. The page around the box stays where it is, as it does
// not with scrollIntoView.
function showWithin(box, element) {
  if (!element) return;
  const outer = box.getBoundingClientRect(), inner = element.getBoundingClientRect();
  if (inner.left < outer.left || inner.right > outer.right) box.scrollLeft += inner.left - outer.left;
  if (inner.top < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - outer.top;
}

// A table with column names; [name, true] is a column of numbers.
function tableOf(columns, rows, { caption = null, captionClass = null, kind = "" } = {}) {
  const head = columns.map((column) => [column].flat()).map(([name, number]) =>
    h("th", { scope: "col", class: number ? "pq-number" : null }, name));
  return h("table", { class: `pq-table ${kind}` }, caption && h("caption", { class: captionClass }, caption),
    h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}

// A button with a text; `key` keeps its focus when it is redrawn.
function button(text, onclick, properties = {}) {
  return h("button", { class: "pq-button", "data-key": text, ...properties, onclick }, text);
}

// A choice among [value, text]; `choose` gets the value.
function selectOf(options, chosen, choose, properties = {}) {
  return h("select", { ...properties, onchange: ({ target }) => choose(target.value, target) },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

// What keys do within an element: {Escape: run}. One for which a run does not return false goes no further.
function onKeys(element, runs) {
  element.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || !runs[event.key] || runs[event.key](event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  });
}

// Lets no key that is pressed within an element reach what is around it.
function keepKeys(element) {
  for (const kind of ["keydown", "keypress", "keyup"]) element.addEventListener(kind, (event) => event.stopPropagation());
}

// The entry that is some steps after one; from the last on to the first. Where that one is not in the list, the
// first for a step ahead and the last for one back.
function stepFrom(list, one, step) {
  const at = list.indexOf(one);
  return list.at(at < 0 ? Math.min(0, step) : (at + step) % list.length);
}

// Draws the children of an element again only if what they show has changed, so that focus, selection and scrolling
// stay; a button that is replaced while it is pressed would lose the click.
const drawnWith = new WeakMap();
function drawOnce(element, data, make) {
  const text = JSON.stringify(data);
  if (drawnWith.get(element) === text) return;
  drawnWith.set(element, text);
  replace(element, make());
}

// Draws entries [key, data, make] into a list. One whose data are as before stays as it is, and only what moved is
// touched: a focused element that is put in anew loses the focus.
const listed = new WeakMap();
function drawList(list, entries) {
  const before = listed.get(list) ?? new Map();
  const now = new Map(entries.map(([key, data, make]) => {
    const text = JSON.stringify(data);
    return [key, before.get(key)?.text === text ? before.get(key) : { text, element: make() }];
  }));
  listed.set(list, now);
  const elements = [...now.values()].map(({ element }) => element);
  keepFocus(list, () => {
    for (const one of [...list.children]) if (!elements.includes(one)) one.remove();
    elements.forEach((one, place) => { if (list.children[place] !== one) list.insertBefore(one, list.children[place] ?? null); });
  });
}

// A text on one line that is shortened in its middle where space ends. Readers of the screen, and
// whoever copies it, get all of it.
function middle(text, properties = {}) {
  if (text.length <= 12) return h("span", properties, text);
  const tail = text.slice(-Math.min(10, text.length >> 1));
  return h("span", { title: text, ...properties, class: `pq-middle ${properties.class ?? ""}` }, h("span", { class: "pq-hidden" }, text),
    h("span", { "aria-hidden": "true" }, text.slice(0, text.length - tail.length)), h("span", { "aria-hidden": "true" }, tail));
}

// The first sentence of a text, and the rest.
function sentences(text) {
  const first = text.match(/^.+?[.!?](?=\s+[A-Z“])/s)?.[0] ?? text;
  return [first, text.slice(first.length).trim()];
}
