// What all widgets share, beside what they share with other pages.

// A state as icon and word; the colour only repeats what they say.
function stateBadge(state) {
  const look = LOOKS[state];
  return h("span", { class: "pq-state" },
    h("span", { class: "pq-state-icon", style: `color:${look.colour}`, "aria-hidden": "true" }, look.icon),
    ` ${state}`);
}

// A button with a text; `key` keeps its focus over a redraw.
function button(text, onclick, properties = {}) {
  return h("button", { type: "button", class: "pq-button", "data-key": text, ...properties, onclick }, text);
}
