// Boxes over a picture: lines as SVG in relative coordinates, names as text next to them.

const LETTER = { small: 10, large: 12 };
const LINE = { small: 1.5, large: 2 };
const measure = document.createElement("canvas").getContext("2d");

function scored(item) {
  return (item.score ?? null) === null ? item.name : `${item.name} ${format.score(item.score)}`;
}

// The things of a photo that are shown; things without a score always are.
function wanted(card, minScore) {
  return (card.items ?? []).filter((item) => (item.score ?? 1) >= minScore);
}

// Alternative text of a photo.
function described(card, minScore) {
  if (card.state !== "completed") return `${card.title}: ${card.state}`;
  const items = wanted(card, minScore);
  const names = items.slice(0, 8).map(scored).join(", ") + (items.length > 8 ? " …" : "");
  return `${card.title}: ${format.counted(items.length, "thing")}${names ? `: ${names}` : ""}`;
}

function lookOf(categories, item) {
  return categories[item.category] ?? categories[""];
}

// The line style of a box, for lists.
function swatch(look) {
  const line = { x1: 1, y1: 5, x2: 27, y2: 5 };
  return h("svg", { class: "pq-swatch", width: 28, height: 10, "aria-hidden": "true" },
    h("line", { ...line, stroke: look.ink, "stroke-width": 5 }),
    h("line", { ...line, stroke: look.colour, "stroke-width": 3, "stroke-dasharray": look.dash }));
}

// Draws the boxes of `items` into `layer`, an element that covers the picture exactly. Large boxes
// are drawn first, so that boxes of small things lie on top.
function drawBoxes(layer, items, categories, size) {
  const boxed = items.map((item, number) => ({ item, number })).filter(({ item }) => item.box);
  const area = ({ item: { box } }) => (box[2] - box[0]) * (box[3] - box[1]);
  boxed.sort((one, other) => area(other) - area(one));
  const lines = boxed.map(({ item, number }) => {
    const look = lookOf(categories, item);
    const at = ([x0, y0, x1, y1]) => ({ x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0), fill: "none", "vector-effect": "non-scaling-stroke" });
    const place = at(item.box);
    return h("g", { "data-thing": number },
      // boxes that were taken for the same thing: thin lines
      (item.merged ?? []).map((box) => h("rect", { ...at(box), stroke: look.colour, "stroke-width": LINE[size] / 2 })),
      // a contrasting outline keeps the line visible on any background
      h("rect", { ...place, stroke: look.ink, "stroke-width": 2 * LINE[size], "stroke-opacity": 0.7 }),
      h("rect", { ...place, stroke: look.colour, "stroke-width": LINE[size], "stroke-dasharray": look.dash || null }));
  });
  const labels = placeLabels(layer, boxed, size).map(({ item, number, left, top, text }) => {
    const look = lookOf(categories, item);
    return h("span", {
      class: "pq-box-label", "data-thing": number,
      style: `left:${left}px;top:${top}px;background:${look.colour};color:${look.ink};border-color:${look.ink}`,
    }, text);
  });
  const overlay = h("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none" }, lines);
  layer.dataset.size = size;
  layer.replaceChildren(overlay, ...labels);
}

// Places each name at its box, inside the picture and clear of other names. On a small picture a
// name without such a place is left out; the list of things has it.
function placeLabels(layer, boxed, size) {
  const [across, down] = [layer.clientWidth, layer.clientHeight];
  if (!across || !down) return [];
  const letter = LETTER[size];
  const pad = size === "small" ? 3 : 4;
  const high = Math.round(letter * 1.25) + 2;
  measure.font = `600 ${letter}px system-ui, sans-serif`;
  const taken = [];
  const found = [];
  // Small things first: they have the fewest possible places.
  for (const { item, number } of [...boxed].reverse()) {
    const text = size === "small" ? item.name : scored(item);
    const wide = Math.ceil(measure.measureText(text).width) + 2 * pad + 2;
    const [x0, y0, x1, y1] = [item.box[0] * across, item.box[1] * down, item.box[2] * across, item.box[3] * down];
    if (size === "small" && (wide > across || (x1 - x0) * (y1 - y0) < wide * high)) continue;
    const rows = size === "small" ? [y0, y1 - high] : [y0 - high, y0, y1 - high, y1];
    if (size !== "small") for (let y = y0 + high; y < y1 - high; y += high) rows.push(y);
    let best = null;
    rows.forEach((y, row) => [x0, x1 - wide, (x0 + x1 - wide) / 2].forEach((x, column) => {
      const left = Math.max(0, Math.min(x, across - wide));
      const top = Math.max(0, Math.min(y, down - high));
      const covered = taken.reduce((sum, other) => sum + common(other, { left, top, wide, high }), 0);
      const cost = covered * 100 + row * 3 + column;
      if (!best || cost < best.cost) best = { cost, covered, left, top, wide, high };
    }));
    if (size === "small" && best.covered > 0) continue;
    taken.push(best);
    found.push({ item, number, text, left: Math.round(best.left), top: Math.round(best.top) });
  }
  return found;
}

// The shared area of two places in square pixels, with a margin of one pixel.
function common(one, other) {
  const wide = Math.min(one.left + one.wide, other.left + other.wide) - Math.max(one.left, other.left) + 1;
  const high = Math.min(one.top + one.high, other.top + other.high) - Math.max(one.top, other.top) + 1;
  return Math.max(0, wide) * Math.max(0, high);
}

// Highlights one thing and dims the others; null shows all alike.
function highlight(layer, number) {
  for (const element of layer.querySelectorAll("[data-thing]")) {
    const other = number !== null && element.dataset.thing !== String(number);
    element.classList.toggle("pq-dimmed", other);
    element.classList.toggle("pq-raised", number !== null && !other);
  }
}

// The controls of the boxes, and how many things they show: "12 of 15 things".
function boxControls(model, cards) {
  const toggle = button("Boxes", () => {
    model.set("boxes", !model.get("boxes"));
    model.save_changes();
  }, { "data-key": null });
  const shown = h("output", { class: "pq-score" });
  const slider = h("input", {
    type: "range", min: 0, max: 1, step: 0.05,
    // During the drag only the page is updated; Python gets the final value.
    oninput: () => { model.set("min_score", Number(slider.value)); },
    onchange: () => model.save_changes(),
  });
  const counted = h("span", { class: "pq-quiet", role: "status" });
  const update = () => {
    const minScore = model.get("min_score");
    toggle.setAttribute("aria-pressed", String(model.get("boxes")));
    if (Number(slider.value) !== minScore) slider.value = minScore;
    shown.textContent = format.score(minScore);
    const all = cards().reduce((sum, card) => sum + (card.items ?? []).length, 0);
    const left = cards().reduce((sum, card) => sum + wanted(card, minScore).length, 0);
    const words = `${format.number(left)} of ${format.counted(all, "thing")}`;
    if (counted.textContent !== words) counted.textContent = words;
  };
  const element = h("div", { class: "pq-box-controls" },
    toggle, h("label", {}, "Score at least ", slider, " "), shown, counted);
  return { element, update };
}
