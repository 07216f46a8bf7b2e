// What the workbench and the board share. Text reaches the page as text nodes only, never as
// HTML: file names and error messages come from outside.

// Makes an element: h("button", {class: "pq-button", onclick: f}, "Retry"). A property that is
// null or false is left out; true is written as an empty attribute.
function h(tag, properties = {}, ...children) {
  const element = tag === "svg" || h.svg.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
h.svg = new Set(["g", "rect", "line", "path", "circle", "text", "title"]);

// Replaces the children of an element and gives the focus back to the element of the same
// data-key, so that a table that changes under the reader's hands does not lose their place.
function replace(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// Copies a text; says so in the button, also where the page may not use the clipboard.
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
