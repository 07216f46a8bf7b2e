// Boxes: what is said of them, where they are, what goes beside them. A box is [x0, y0, x1, y1] in
// 0…1 of the upright picture; places on the page are {left, top, right, bottom} in pixels.

const STAGE = { narrow: 520, most: 8, step: 1.4, tag: 18, smallest: 0.01, moved: 4, target: 24, first: [0.35, 0.35, 0.65, 0.65] };
// Handles of the selected box: which edges (x0, y0, x1, y1) each one moves.
const HANDLES = { nw: [1, 1, 0, 0], n: [0, 1, 0, 0], ne: [0, 1, 1, 0], e: [0, 0, 1, 0], se: [0, 0, 1, 1], s: [0, 0, 0, 1], sw: [1, 0, 0, 1], w: [1, 0, 0, 0] };
const measure = document.createElement("canvas").getContext("2d");

const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
const areaOf = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
const colourOf = (line) => `var(--pq-c${(line?.colour ?? 0) % 12})`;

const isWaiting = (photo) => ["waiting", "active", "delayed"].includes(photo.state);
const hasFailed = (photo) => ["failed", "cancelled"].includes(photo.state);

// What the page says of an item: its name with the letter of its thing, and whether it is to check.
function lookOfItem(store, item, room) {
  const line = store.line(room, item.line);
  const thing = line?.things.find((one) => one.items.includes(item.id));
  const name = item.letter ? `${item.name} ${item.letter}` : item.name;
  const doubtful = Boolean(line?.check && (!thing || thing.doubtful));
  const stays = Boolean(thing?.stays);
  const out = !stays && thing && !thing.counts ? thing.why : "";
  let words = name;
  if ((item.score ?? null) !== null) words = store.t("{name}, score {score}", { name: words, score: format.score(item.score) });
  if (out) words = store.t("{name}, not counted: {why}", { name: words, why: out });
  if (stays) words = store.t("{name}, stays here", { name: words });
  if (doubtful) words = store.t("{name}, to check", { name: words });
  return { line, thing, name, doubtful, stays, out, words, colour: colourOf(line) };
}

// How many items of a photo are to check.
const checksIn = (store, photo, room) => photo.items.filter((item) => lookOfItem(store, item, room).doubtful).length;

// The picture of an item alone, from the full picture where the page has it.
function cropOf(store, item, { width, height }) {
  const crop = h("span", { class: "pq-crop", style: `width:${width}px;height:${height}px` });
  const photo = store.item(item.id)?.photo;
  const source = photo && (store.picture(photo.id, "full", { ask: false }) ?? store.picture(photo.id, "small"));
  if (!source) return crop;
  const [x0, y0, x1, y1] = item.box ?? [0, 0, 1, 1];
  // the box and some of what is around it, in the shape of the crop
  const shape = (width / height) * ((photo.height || 3) / (photo.width || 4));
  const wide = within(Math.max((x1 - x0) * 1.16, (y1 - y0) * 1.16 * shape), 0.02, Math.min(1, shape));
  const high = wide / shape;
  const place = (middle, size) => (size >= 1 ? 0 : within(middle - size / 2, 0, 1 - size) / (1 - size));
  crop.style.backgroundImage = `url("${source}")`;
  crop.style.backgroundSize = `${100 / wide}% ${100 / high}%`;
  crop.style.backgroundPosition = `${100 * place((x0 + x1) / 2, wide)}% ${100 * place((y0 + y1) / 2, high)}%`;
  return crop;
}

// Where a panel goes beside a box: inside the area, below, above, right or left of it, over as
// little of the box as can be. `covers` is the part of the box that it hides.
function besideBox(box, { wide, high }, area, order = "below above right left") {
  const gap = 8;
  const places = {
    below: [box.left, box.bottom + gap], above: [box.left, box.top - gap - high],
    right: [box.right + gap, box.top], left: [box.left - gap - wide, box.top],
  };
  let best = null;
  for (const name of order.split(" ")) {
    const left = within(places[name][0], area.left, area.right - wide);
    const top = within(places[name][1], area.top, area.bottom - high);
    const covers = sharedArea(box, { left, top, right: left + wide, bottom: top + high });
    if (!best || covers < best.covers) best = { left, top, covers };
  }
  return best;
}

function sharedArea(one, other) {
  const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return Math.max(0, wide) * Math.max(0, high);
}

// Puts each name at its box, inside the frame and clear of the names before it: {tag, box} in pixels
// of the frame. What has no such place is `crowded`: shown while one points at its box.
function placeTags(entries, { wide: across, high: down }) {
  const taken = [];
  measure.font = "600 12px system-ui, sans-serif";
  for (const { tag, box } of entries) {
    tag.hidden = box.right < 4 || box.bottom < 4 || box.left > across - 4 || box.top > down - 4;
    if (tag.hidden) continue;
    const [wide, high] = [Math.min(across * 0.6, Math.ceil(measure.measureText(tag.textContent).width) + 14), STAGE.tag];
    const rows = [box.top - high, box.top, box.bottom, box.bottom - high];
    const columns = [box.left, box.right - wide, (box.left + box.right - wide) / 2];
    let best = null;
    rows.forEach((y, row) => columns.forEach((x, column) => {
      const left = within(x, 0, across - wide);
      const top = within(y, 0, down - high);
      const place = { left, top, right: left + wide, bottom: top + high };
      const covered = taken.reduce((sum, other) => sum + sharedArea(other, place), 0);
      const cost = covered * 100 + row * 3 + column;
      if (!best || cost < best.cost) best = { ...place, covered, cost };
    }));
    const crowded = best.covered > wide * high * 0.15;
    if (!crowded) taken.push(best);
    tag.dataset.crowded = String(crowded);
    Object.assign(tag.style, { left: `${Math.round(best.left)}px`, top: `${Math.round(best.top)}px`, maxWidth: `${wide}px` });
  }
}

function shiftBox(box, dx, dy) {
  const [x, y] = [within(dx, -box[0], 1 - box[2]), within(dy, -box[1], 1 - box[3])];
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

// Moves the edges of a box that are 1 in [x0, y0, x1, y1].
function resizeBox(box, [x0, y0, x1, y1], dx, dy) {
  const least = STAGE.smallest;
  return [
    x0 ? within(box[0] + dx, 0, box[2] - least) : box[0], y0 ? within(box[1] + dy, 0, box[3] - least) : box[1],
    x1 ? within(box[2] + dx, box[0] + least, 1) : box[2], y1 ? within(box[3] + dy, box[1] + least, 1) : box[3]];
}
