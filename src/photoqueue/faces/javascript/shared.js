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

// Milliseconds in the unit that reads best: 0.4 ms, 12 ms, 3.1 s, 2 min 5 s, 3 h 20 min.
function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// An ISO time in the reader's own zone: 14:03:07 today, 2026-11-25 14:03 before.
function clock(iso) {
  if (!iso) return "–";
  const moment = new Date(iso);
  const two = (number) => String(number).padStart(2, "0");
  const time = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
  if (moment.toDateString() === new Date().toDateString()) return `${time}:${two(moment.getSeconds())}`;
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${time}`;
}

function count(number) {
  return number.toLocaleString("en");
}

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
