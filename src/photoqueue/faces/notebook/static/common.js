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

// Draws now and whenever one of the model's traits changes; several changes at once draw once.
// Returns a function that stops it.
function follow(model, traits, show) {
  let planned = false;
  const later = () => {
    if (planned) return;
    planned = true;
    queueMicrotask(() => { planned = false; show(); });
  };
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
  return h("button", { type: "button", class: "pq-button", "data-key": text, ...properties, onclick }, text);
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
