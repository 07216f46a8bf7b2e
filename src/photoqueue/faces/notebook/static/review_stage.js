// The large photo: its boxes as buttons, the toolbar on the selected one, drawing, zoom, the other
// views below. Boxes are in 0…1 of the upright picture.

function reviewStage(store) {
  const say = (text, values) => phrase(store, text, values);
  let shown = null; // id of the photo in the frame
  let view = { zoom: 1, x: 0.5, y: 0.5 }; // and the middle of the part that is seen
  let geometry = null; // of the frame and the picture in it, in pixels
  let drag = null; // what a pointer or a key is changing: {kind, box, …}
  let draft = null; // a drawn box without a name yet
  let picker = null;
  let panel = null; // side by side
  let pressed = null; // where a pointer went down, and on whose name
  let lastClick = null;
  let revealed = null; // the item that was brought into sight
  let panning = false; // Space is held
  let awaited = false; // the focus goes to the selected box as soon as it is there
  let dragged = false; // the click that follows a drag selects nothing
  const pointers = new Map();
  const boxes = new Map(); // item → {button, tag, item, look}

  const commands = {
    rename: onItem(() => store.setMode("name")),
    remove: onItem(({ item }) => store.edit("remove", [item.id], {}, { about: item.id })),
    accept: () => store.accept(),
    same: onItem(({ item }, { name }) => {
      if (item.box) store.setMode("same");
      else store.say(say("{name} has no box in a photo. Draw one with N.", { name }));
    }),
    apart: onItem(({ item }, { thing, name }) => {
      if ((thing?.items.length ?? 1) > 1) store.edit("apart", [item.id], {}, { about: item.id });
      else store.say(say("{name} is not seen in another photo.", { name }));
    }),
    stays: onItem(({ item }) => store.edit("stays", [item.id], {}, { about: item.id })),
    draw() {
      if (!store.canEdit || photoShown()?.state !== "completed") return;
      store.setMode(store.mode === "draw" ? null : "draw");
      if (!store.mode) return;
      frame.focus({ preventScroll: true });
      store.say(photoWords(store, photoShown(), store.room(store.at.room), true));
    },
    zoomIn: () => zoomBy(STAGE.step),
    zoomOut: () => zoomBy(1 / STAGE.step),
    zoomReset: () => zoomBy(0),
    walk(step) {
      const ids = order().map(({ item }) => item.id);
      if (!ids.length) return;
      const at = ids.indexOf(store.at.item);
      select(ids[at < 0 ? (step > 0 ? 0 : ids.length - 1) : (at + step + ids.length) % ids.length]);
      focusBox();
    },
    // Leaves what is going on: a drag, drawing, naming, side by side, else the selection.
    cancel() {
      if (drag) {
        dragged = Boolean(drag.begun);
        drag = null;
        layout();
      }
      else if (store.mode) store.setMode(null);
      else if (store.at.item) store.go({ item: null });
      focusBox();
    },
  };

  const image = h("img", { class: "pq-picture", alt: "", draggable: "false" });
  const merged = h("div", { "aria-hidden": "true" });
  const layer = h("div", { class: "pq-layer" });
  const rubber = h("div", { class: "pq-rubber", hidden: true, "aria-hidden": "true" });
  const handles = h("div", { class: "pq-handles", "aria-hidden": "true" },
    Object.keys(HANDLES).map((name) => h("i", { class: "pq-handle", "data-handle": name })));
  const plane = h("div", { class: "pq-plane" }, image, merged, layer, rubber, handles);
  const tags = h("div", { class: "pq-tags", "aria-hidden": "true" });
  const words = h("div", { class: "pq-stage-words", hidden: true });
  const frame = h("div", { class: "pq-frame", tabindex: 0, role: "group" }, plane, tags);
  const tools = boxToolbar(store, { commands, back: focusBox });
  const anchor = h("span", { hidden: true });
  const wrong = h("p", { class: "pq-wrong", hidden: true });
  const foot = h("div", { class: "pq-stage-foot" });
  const stage = h("div", { class: "pq-stage" }, frame, words, tools.element, anchor, wrong, foot);
  const film = h("ul", { class: "pq-film" });
  const element = h("section", { class: "pq-stage-part", "data-lm-suppress-shortcuts": "true" }, stage, film);

  // -- what is selected

  const photoShown = () => (shown === null ? null : store.photo(shown));
  function selected() {
    const found = store.at.item ? store.item(store.at.item) : null;
    return found && found.photo.id === shown ? found : null;
  }
  const order = () => [...boxes.values()].sort((one, other) => one.item.box[0] + one.item.box[2] - other.item.box[0] - other.item.box[2]);
  const select = (id) => { if (store.at.item !== id) store.go({ item: id }); };
  // Brings the focus to the selected box, also if that is only drawn with the next update.
  function focusBox() {
    const own = boxes.get(store.at.item)?.button;
    awaited = Boolean(store.at.item) && !own;
    (own ?? frame).focus({ preventScroll: true });
  }

  // Does what a button below the picture says.
  function act(name) {
    commands[name]();
    if (name === "draw") frame.focus({ preventScroll: true });
  }

  // Runs what acts on the selected item; without one it says so.
  function onItem(act) {
    return () => {
      const found = store.canEdit && store.at.item ? store.item(store.at.item) : null;
      if (found) act(found, lookOfItem(store, found.item, found.room.name));
      else if (store.canEdit) store.say(say("Select a box first."));
    };
  }

  // -- layout

  // Measures the frame and places picture, boxes, names and toolbar.
  function layout() {
    const photo = photoShown();
    if (!photo || !frame.clientWidth) return;
    const ratio = (photo.width || image.naturalWidth || 4) / (photo.height || image.naturalHeight || 3);
    frame.style.setProperty("--pq-ratio", ratio);
    const [wide, high] = [frame.clientWidth, frame.clientHeight];
    const fit = Math.min(wide, high * ratio);
    const [across, down] = [fit * view.zoom, (fit / ratio) * view.zoom];
    const start = (room, size, middle) => (size <= room ? (room - size) / 2 : within(room / 2 - middle * size, room - size, 0));
    const [left, top] = [start(wide, across, view.x), start(high, down, view.y)];
    view.x = (wide / 2 - left) / across;
    view.y = (high / 2 - top) / down;
    geometry = { wide, high, left, top, across, down };
    Object.assign(plane.style, { width: `${across}px`, height: `${down}px`, left: `${left}px`, top: `${top}px` });
    frame.dataset.zoomed = String(view.zoom > 1);
    for (const { button, item } of boxes.values()) put(button, boxNow(item));
    layoutTags();
    layoutSelected();
  }

  // The box of an item while it is being changed, else as it is.
  const boxNow = (item) => (drag?.id === item.id && drag.box ? drag.box : item.box);
  const put = (target, [x0, y0, x1, y1]) => Object.assign(target.style,
    { left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%` });
  const pixels = ([x0, y0, x1, y1]) => ({
    left: geometry.left + x0 * geometry.across, top: geometry.top + y0 * geometry.down,
    right: geometry.left + x1 * geometry.across, bottom: geometry.top + y1 * geometry.down });

  function layoutTags() {
    const rank = ({ item, look }) => (item.id === store.at.item ? 0 : look.doubtful ? 1 : 2);
    const sorted = [...boxes.values()].sort((one, other) => rank(one) - rank(other) || areaOf(one.item.box) - areaOf(other.item.box));
    placeTags(sorted.map(({ tag, item }) => ({ tag, box: pixels(boxNow(item)) })), geometry);
  }

  function layoutSelected() {
    const found = selected();
    const box = found?.item.box ? boxNow(found.item) : null;
    handles.hidden = !(box && store.canEdit && !store.mode);
    merged.replaceChildren(...(found?.item.merged ?? []).map((one) => {
      const line = h("i", { class: "pq-merged", style: `border-color:${colourOf(store.line(found.room.name, found.item.line))}` });
      put(line, one);
      return line;
    }));
    if (box) {
      put(handles, box);
      const { left, right, top, bottom } = pixels(box);
      handles.dataset.small = String(right - left < 72 || bottom - top < 72);
      handles.style.color = colourOf(store.line(found.room.name, found.item.line));
    }
    const drawn = drag?.kind === "draw" ? drag.box : draft?.box;
    rubber.hidden = !drawn;
    if (drawn) put(rubber, drawn);
    const look = found && lookOfItem(store, found.item, found.room.name);
    tools.show(found && store.canEdit && !store.mode && !drag?.begun ? found : null, look);
    if (!tools.element.hidden) {
      const { element: bar } = tools;
      bar.classList.remove("pq-docked");
      const size = { wide: bar.offsetWidth, high: bar.offsetHeight };
      const area = { left: 4, top: 4, right: geometry.wide - 4, bottom: geometry.high - 4 };
      const place = box && besideBox(withTag(found.item.id, box), size, area);
      const free = place?.covers === 0 && geometry.wide > STAGE.narrow;
      bar.classList.toggle("pq-docked", !free);
      if (free) Object.assign(bar.style, { left: `${place.left}px`, top: `${place.top}px` });
    }
    placePicker();
  }

  // A box and its name, which the toolbar leaves free as well.
  function withTag(id, box) {
    const around = pixels(box);
    const { tag } = boxes.get(id) ?? {};
    if (!tag || tag.hidden) return around;
    return { left: around.left, right: around.right, top: Math.min(around.top, tag.offsetTop), bottom: Math.max(around.bottom, tag.offsetTop + STAGE.tag) };
  }

  function placePicker() {
    if (!picker) return;
    const box = draft?.box ?? selected()?.item.box;
    const size = { wide: picker.element.offsetWidth, high: Math.max(picker.element.offsetHeight, 200) };
    // It may reach below the picture, where nothing is asked.
    const area = { left: 4, top: 4, right: geometry.wide - 4, bottom: geometry.high + 120 };
    const place = box ? besideBox(pixels(box), size, area, "right left below above") : { left: 8, top: 8 };
    Object.assign(picker.element.style, { left: `${place.left}px`, top: `${place.top}px` });
  }

  // Zooms by a factor (0: the whole picture) around a point of the frame, else around the selected
  // box or the middle.
  function zoomBy(factor, point = null, from = point) {
    if (!geometry || !photoShown()) return;
    const before = view.zoom;
    const zoom = factor ? within(before * factor, 1, STAGE.most) : 1;
    view.zoom = zoom < 1.02 ? 1 : zoom;
    const { left, top, across, down, wide, high } = geometry;
    if (point) { // what was under `from` comes to the point
      const [x, y] = [(from.x - left) / across, (from.y - top) / down];
      const scale = view.zoom / before;
      view.x = x + (wide / 2 - point.x) / (across * scale);
      view.y = y + (high / 2 - point.y) / (down * scale);
    } else if (factor > 1 && selected()?.item.box) {
      const [x0, y0, x1, y1] = selected().item.box;
      [view.x, view.y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    }
    layout();
    drawFoot(store, foot, photoShown(), view.zoom, act);
    if (view.zoom !== before) store.say(say("zoom {percent} %", { percent: Math.round(100 * view.zoom) }));
  }

  // Brings the selected box into the part that is seen.
  function reveal() {
    const box = selected()?.item.box;
    if (!box || !geometry || view.zoom === 1) return;
    const { left, right, top, bottom } = pixels(box);
    if (left < 0 || top < 0 || right > geometry.wide || bottom > geometry.high) {
      [view.x, view.y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      layout();
    }
  }

  // -- pointers

  const pointOf = (event) => {
    const { left, top } = frame.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const inPicture = ({ x, y }) => [within((x - geometry.left) / geometry.across, 0, 1), within((y - geometry.top) / geometry.down, 0, 1)];

  // The items whose boxes are under a point, the smallest first; small boxes reach a little further.
  function under(point) {
    return [...boxes.values()].filter(({ item }) => {
      const { left, right, top, bottom } = pixels(item.box);
      const more = (size) => Math.max(0, (STAGE.target - size) / 2);
      const [x, y] = [more(right - left), more(bottom - top)];
      return point.x >= left - x && point.x <= right + x && point.y >= top - y && point.y <= bottom + y;
    }).sort((one, other) => areaOf(one.item.box) - areaOf(other.item.box)).map(({ item }) => item.id);
  }

  function down(event) {
    dragged = false;
    keyed();
    if (event.button || !geometry) return;
    const point = pointOf(event);
    pressed = { point, tag: event.target.closest(".pq-tag")?.dataset.item };
    pointers.set(event.pointerId, point);
    if (pointers.size === 2) { // a pinch, whatever the first finger began
      drag = { kind: "pinch", begun: true };
      frame.setPointerCapture(event.pointerId);
      layout();
      return;
    }
    if (pointers.size > 2) return;
    const found = selected();
    const own = found?.item.box && store.canEdit && !store.mode && (event.target.dataset.handle || under(point).includes(found.item.id)) ? found.item : null;
    const base = { pointer: event.pointerId, from: point, point };
    if (store.mode === "draw" && !panning) drag = { ...base, kind: "draw", start: inPicture(point) };
    else if (own && !panning) drag = { ...base, kind: event.target.dataset.handle ? "size" : "move", id: own.id, start: own.box, edges: HANDLES[event.target.dataset.handle] };
    else if (view.zoom > 1) drag = { ...base, kind: "pan", start: { ...view } };
    if (drag) frame.setPointerCapture(event.pointerId); // however fast it leaves the picture
  }

  function move(event) {
    const point = pointOf(event);
    if (pointers.has(event.pointerId)) {
      const before = [...pointers.values()];
      pointers.set(event.pointerId, point);
      if (drag?.kind === "pinch" && pointers.size === 2) { pinch(before, [...pointers.values()]); return; }
    }
    if (!drag || drag.pointer !== event.pointerId) {
      if (!drag && event.pointerType === "mouse") hover(under(point)[0]);
      return;
    }
    const far = Math.hypot(point.x - drag.from.x, point.y - drag.from.y);
    if (!drag.begun) {
      if (far < STAGE.moved * (event.pointerType === "touch" ? 2 : 1)) return;
      drag.begun = true;
    }
    const [dx, dy] = [(point.x - drag.from.x) / geometry.across, (point.y - drag.from.y) / geometry.down];
    if (drag.kind === "pan") [view.x, view.y] = [drag.start.x - dx, drag.start.y - dy];
    else if (drag.kind === "move") drag.box = shiftBox(drag.start, dx, dy);
    else if (drag.kind === "size") drag.box = resizeBox(drag.start, drag.edges, dx, dy);
    else if (drag.kind === "draw") {
      const [[x0, y0], [x1, y1]] = [drag.start, inPicture(point)];
      drag.box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
    }
    layout();
  }

  function pinch(before, now) {
    const apart = ([one, other]) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    const middle = ([one, other]) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    zoomBy(apart(now) / apart(before), middle(now), middle(before));
  }

  function up(event) {
    pointers.delete(event.pointerId);
    if (!drag || (drag.kind !== "pinch" && drag.pointer !== event.pointerId)) return;
    const done = drag;
    if (done.kind === "pinch" && pointers.size) return;
    drag = null;
    if (!done.begun) return;
    dragged = true;
    if (event.type === "pointercancel" || done.kind === "pan" || done.kind === "pinch") layout();
    else if (done.kind === "draw") drew(done.box);
    else redraw(done.id, done.box);
  }

  function redraw(id, box) {
    const found = store.item(id);
    const rounded = box?.map((value) => Math.round(value * 1e4) / 1e4);
    if (found && rounded && rounded.some((value, place) => Math.abs(value - found.item.box[place]) > 5e-5)) {
      store.edit("redraw", [id, rounded], {}, { about: id });
    }
    layout();
    focusBox();
  }

  function drew(box) {
    const small = !box || (box[2] - box[0]) * geometry.across < 8 || (box[3] - box[1]) * geometry.down < 8;
    if (small) store.say(say("That box is too small: drag over the whole thing."));
    else {
      draft = { box: box.map((value) => Math.round(value * 1e4) / 1e4) };
      store.setMode("name");
    }
    layout();
  }

  function clicked(event) {
    if (dragged || store.mode) return;
    const box = event.target.closest(".pq-box")?.dataset.item;
    if (event.detail === 0 && box) { // by Enter, or by what reads the page aloud
      select(box);
      focusBox();
      return;
    }
    const point = pointOf(event);
    if (pressed && Math.hypot(point.x - pressed.point.x, point.y - pressed.point.y) > 6) return;
    const ids = pressed?.tag ? [pressed.tag] : under(point);
    const again = lastClick && Math.hypot(point.x - lastClick.x, point.y - lastClick.y) < 6 && lastClick.id === store.at.item;
    const id = again && ids.length ? ids[(ids.indexOf(lastClick.id) + 1) % ids.length] : ids[0] ?? null;
    lastClick = { ...point, id };
    store.go({ item: id });
    focusBox();
  }

  function hover(id = null) {
    for (const [own, { button, tag }] of boxes) {
      button.toggleAttribute("data-hover", own === id);
      tag.toggleAttribute("data-hover", own === id);
    }
  }

  frame.addEventListener("pointerdown", down);
  frame.addEventListener("pointermove", move);
  frame.addEventListener("pointerup", up);
  frame.addEventListener("pointercancel", up);
  frame.addEventListener("pointerleave", () => { if (!drag) hover(); });
  frame.addEventListener("mousedown", (event) => event.preventDefault()); // the click places the focus
  frame.addEventListener("touchstart", (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });
  frame.addEventListener("click", clicked);
  frame.addEventListener("focusin", (event) => { if (event.target.dataset.item && !store.mode) select(event.target.dataset.item); });
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
    event.preventDefault();
    zoomBy(Math.exp(-within(event.deltaY, -100, 100) / 200), pointOf(event));
  }, { passive: false });

  // -- keys: those that change a box; all others are left to the page

  frame.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const drawing = store.mode === "draw";
    const item = selected()?.item;
    if (drawing && (arrow || event.key === "Enter")) {
      const box = drag?.box ?? [0.35, 0.35, 0.65, 0.65];
      if (arrow) {
        drag = { kind: "draw", box: !drag?.box ? box : event.shiftKey ? resizeBox(box, [0, 0, 1, 1], ...stepOf(arrow)) : shiftBox(box, ...stepOf(arrow)) };
        layout();
      } else { drag = null; drew(box); }
    } else if (arrow && item?.box && store.canEdit && !store.mode && (event.shiftKey || event.altKey) && drag?.kind !== "move") {
      const box = drag?.box ?? item.box;
      drag = { kind: "key", id: item.id, box: event.shiftKey ? resizeBox(box, [0, 0, 1, 1], ...stepOf(arrow)) : shiftBox(box, ...stepOf(arrow)) };
      layout();
    } else if (event.key === " " && view.zoom > 1) {
      panning = true;
      frame.dataset.pan = "true";
    } else if (event.key === "Escape" && (drag || drawing)) commands.cancel();
    else if (event.key === "Tab" && !event.shiftKey && event.target === frame && boxes.has(store.at.item)) focusBox();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const stepOf = ([x, y]) => [x / 100, y / 100];
  // What arrow keys did is one edit, made when Shift or Alt is let go.
  function keyed() {
    if (drag?.kind !== "key") return;
    const { id, box } = drag;
    drag = null;
    redraw(id, box);
  }
  frame.addEventListener("keyup", (event) => {
    if (event.key === " ") { panning = false; delete frame.dataset.pan; }
    if (event.key === "Shift" || event.key === "Alt") keyed();
  });
  frame.addEventListener("focusout", () => { panning = false; keyed(); });

  // -- names

  function named({ key, name, category, volume }) {
    const values = category ? { category, volume } : {};
    const found = draft ? null : selected();
    const box = draft?.box;
    draft = null;
    closePicker();
    if (box) store.go({ item: store.edit("add", [shown, key ?? name], { box, ...values }, { about: shown }) });
    else {
      // the other views of the thing that were taken for the same kind, too
      const views = lookOfItem(store, found.item, found.room.name).thing?.items ?? [];
      const ids = [found.item.id, ...views.filter((id) => id !== found.item.id && store.item(id)?.item.line === found.item.line)];
      store.act(ids.map((id) => ({ verb: "rename", values: [id, key ?? name], named: values })), { about: found.item.id });
    }
    update();
    focusBox();
  }

  function openPicker(value = "", error = "") {
    const item = draft ? null : selected()?.item;
    picker = namePicker(store, { near: anchor, value, item, error, done: named, cancel: () => {
      picker = null;
      if (error) store.forget(draft ? shown : item.id);
      leaveNaming();
    } });
    picker.of = item?.id ?? null;
    picker.element.classList.add("pq-at-box");
    layout();
  }

  // Whether another item than the one that is being named is selected now. One that was drawn gets another id when it
  // is saved.
  function wentElsewhere() {
    if (draft || picker.of === store.at.item) return false;
    if (store.item(picker.of) || !selected()) return true;
    picker.of = store.at.item;
    return false;
  }

  function leaveNaming() {
    draft = null;
    store.setMode(null);
    update();
    focusBox();
  }

  function closePicker() {
    picker?.close();
    picker = null;
  }

  // An edit that was refused: the error beside the box, with what was typed.
  function drawWrong() {
    const [about, { error = "", parts = [] } = {}] = store.refusals.find(([id]) => id && [store.at.item, shown].includes(id)) ?? [];
    const [{ verb, values, named: given = {} } = {}] = parts;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(focusIn(element)?.tagName);
    if (["rename", "add"].includes(verb) && !picker && !store.mode && !typing) {
      draft = verb === "add" ? { box: given.box } : null;
      const name = store.catalogue.find((entry) => entry.key === values[1])?.[store.lang] ?? values[1];
      store.setMode("name");
      openPicker({ name, ...given }, error);
    }
    wrong.hidden = !error || Boolean(picker);
    drawOnce(wrong, [about, error], () => [error, " ", h("button", { type: "button", class: "pq-icon", "aria-label": say("Cancel"), "data-key": "forget", onclick: () => { store.forget(about); focusBox(); } }, "×")]);
  }

  // -- drawing the page

  function drawBoxes(photo, room) {
    const items = photo ? photo.items.filter((item) => item.box) : [];
    const wanted = new Set(items.map((item) => item.id));
    const focused = frame.contains(focusIn(frame)) && focusIn(frame).dataset.item;
    for (const [id, { button, tag }] of boxes) {
      if (wanted.has(id)) continue;
      button.remove();
      tag.remove();
      boxes.delete(id);
    }
    for (const item of items) {
      const own = boxes.get(item.id) ?? { button: h("button", { type: "button", class: "pq-box", "data-item": item.id }), tag: h("span", { class: "pq-tag", "data-item": item.id }) };
      const look = lookOfItem(store, item, room.name);
      boxes.set(item.id, Object.assign(own, { item, look }));
      const now = item.id === store.at.item;
      own.button.setAttribute("aria-label", look.words);
      own.button.setAttribute("aria-pressed", String(now));
      for (const one of [own.button, own.tag]) {
        one.style.setProperty("--pq-own", look.colour);
        one.toggleAttribute("data-doubtful", look.doubtful);
        one.toggleAttribute("data-now", now);
        one.toggleAttribute("data-out", look.stays || Boolean(look.out));
      }
      const after = [item.letter ? ` ${item.letter}` : "", look.doubtful ? " ?" : "", look.stays ? ` · ${say("stays here")}` : look.out ? ` · ${say("not counted")}` : ""].join("");
      own.tag.replaceChildren(h("span", {}, format.shorten(item.name, 40)), after);
    }
    // Tab goes from left to right; small boxes lie over large ones.
    const sorted = order();
    if (sorted.some(({ button }, place) => layer.children[place] !== button)) layer.replaceChildren(...sorted.map(({ button }) => button));
    [...boxes.values()].sort((one, other) => areaOf(other.item.box) - areaOf(one.item.box))
      .forEach(({ button, item }, place) => { button.style.zIndex = item.id === store.at.item ? boxes.size : place; });
    tags.replaceChildren(...sorted.map(({ tag }) => tag));
    if (focused ? focusIn(frame)?.dataset?.item !== focused : awaited && focusIn(frame) === frame) focusBox();
  }

  function update() {
    const room = store.room(store.at.room);
    const photo = store.at.photo === null || store.at.photo === undefined ? null : store.photo(store.at.photo);
    if ((photo?.id ?? null) !== shown) {
      shown = photo?.id ?? null;
      view = { zoom: 1, x: 0.5, y: 0.5 };
      [drag, draft, lastClick] = [null, null, null];
      closePicker();
    }
    if (picker && (store.mode !== "name" || wentElsewhere())) {
      closePicker();
      if (store.mode === "name") store.setMode(null);
    }
    if (store.mode !== "name") draft = null;
    if (store.mode !== "draw" && drag?.kind === "draw") drag = null;
    const source = photo && (store.picture(photo.id, "full") ?? store.picture(photo.id, "small"));
    if (source ? image.src !== source : image.hasAttribute("src")) source ? image.setAttribute("src", source) : image.removeAttribute("src");
    frame.setAttribute("aria-label", photo ? say("Photo {title}", { title: photo.title }) : say("Photo"));
    frame.dataset.state = photo?.state ?? "";
    frame.dataset.mode = store.mode ?? "";
    frame.dataset.empty = String(!source && !photo?.items.length);
    frame.hidden = !photo;
    drawBoxes(photo, room);
    const told = photoWords(store, photo, room, image.hasAttribute("src"));
    words.hidden = !told;
    words.dataset.failed = String(photo?.state === "failed");
    drawOnce(words, [told, photo, store.canEdit, store.lang], () => [h("span", {}, told), photoActs(store, photo)]);
    drawFoot(store, foot, photo, view.zoom, act);
    drawFilm(store, film, room, shown);
    showWithin(film, film.querySelector("[aria-current]"));
    drawSame();
    layout();
    if (revealed !== store.at.item) {
      reveal();
      if (focusIn(frame) === frame && boxes.has(store.at.item) && !store.mode) focusBox();
    }
    revealed = store.at.item;
    if (store.mode === "name" && !picker && (draft || selected())) openPicker();
    drawWrong();
  }

  // Side by side takes the place of the photo.
  function drawSame() {
    const found = store.mode === "same" ? selected() : null;
    if (found && panel?.item !== found.item.id) {
      panel?.element.remove();
      panel = { item: found.item.id, ...samePanel(store, found.item) };
      element.prepend(panel.element);
      panel.focus();
    } else if (found) panel.update();
    else if (panel) {
      const had = panel.element.contains(focusIn(element));
      panel.element.remove();
      panel = null;
      stage.hidden = false;
      if (had) focusBox();
    }
    stage.hidden = Boolean(panel);
    film.hidden = film.hidden || Boolean(panel);
  }

  image.addEventListener("load", layout);
  new ResizeObserver(layout).observe(frame);
  return { element, update, commands };
}
