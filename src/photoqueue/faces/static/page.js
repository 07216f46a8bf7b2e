// Shared by the workbench and the board. Text enters the page as text nodes only, never as HTML:
// file names and error messages are untrusted.

// Makes an element: h("button", {class: "pq-button", onclick: f}, "Retry"). A null or false
// property is omitted; true becomes an empty attribute.
function h(tag, properties = {}, ...children) {
  const element = tag === "svg" || h.svg.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value; // as an attribute, the board's policy refuses it
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
h.svg = new Set(["g", "rect", "line", "path", "circle", "text", "title"]);

// What has the focus in the tree that an element is in: marimo shows each widget
// in a tree of its own.
function focusIn(element) {
  return element.getRootNode().activeElement ?? null;
}

// Replaces the children of an element and restores the focus to the element with the same data-key,
// so that a table that changes does not lose the user's place.
function replace(parent, ...children) {
  const active = focusIn(parent);
  const focused = parent.contains(active) ? active.dataset.key : null;
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
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
