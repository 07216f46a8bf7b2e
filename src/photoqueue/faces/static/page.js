// Shared by the workbench and the board. Text enters the page as text nodes only, never as HTML:
// file names and error messages are untrusted.

// Makes an element: h("button", {class: "pq-button", onclick: f}, "Retry"). A null or false
// property is omitted; true becomes an empty attribute. Buttons do not submit forms.
function h(tag, properties = {}, ...children) {
  const element = tag === "svg" || h.svg.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  if (tag === "button") element.type = "button";
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value; // as an attribute, the board's policy refuses it
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}
h.svg = new Set(["g", "rect", "line", "path", "circle", "text", "title"]);

// The elements and texts in lists within lists; what is null is left out.
const present = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined);

// What has the focus in the tree that an element is in: marimo shows each widget
// in a tree of its own.
function focusIn(element) {
  return element.getRootNode().activeElement ?? null;
}

// Replaces the children of an element and restores the focus to the element with the same data-key,
// so that a table that changes does not lose the user's place.
function replace(parent, ...children) {
  keepFocus(parent, () => parent.replaceChildren(...present(children)));
}

// Changes what is in an element; the focus goes back to what has the same data-key.
function keepFocus(parent, change) {
  const before = parent.contains(focusIn(parent)) ? focusIn(parent).dataset.key : null;
  change();
  if (before && focusIn(parent)?.dataset.key !== before) focusKey(parent, before);
}

// Brings the focus to what has a data-key; whether there is one.
function focusKey(parent, key) {
  const found = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
  found?.focus({ preventScroll: true });
  return Boolean(found);
}

// Copies a text and confirms it in the button, also if the clipboard is not accessible.
async function copy(text, from) {
  const before = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
  } catch {
    from.textContent = "Select the text and press Ctrl+C";
  }
  setTimeout(() => { from.textContent = before; }, 1500);
}
