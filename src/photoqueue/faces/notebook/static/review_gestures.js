// What a pointer or an arrow key does over the large photo: it selects, moves, resizes, draws, turns and zooms.
//
// `hands` is what it does that to: the frame with its view and boxes, and what is called at the end.

function frameGestures(store, hands) {
  const { frame, view, boxes, selected, layout, zoomBy } = hands;
  const pointers = new Map();
  let drag = null; // what is being changed: {kind, box, id, begun, …}
  let pressed = null; // where a pointer went down, and on whose name
  let lastClick = null;
  let turning = false; // the space bar is held
  let dragged = false; // the click that follows a drag selects nothing

  // The items whose boxes are under a point, the smallest first; small boxes reach a little further.
  function under(point) {
    return [...boxes.values()].filter(({ item }) => {
      const { left, right, top, bottom } = view.pixels(item.box);
      const more = (size) => Math.max(0, (STAGE.target - size) / 2);
      const [x, y] = [more(right - left), more(bottom - top)];
      return point.x >= left - x && point.x <= right + x && point.y >= top - y && point.y <= bottom + y;
    }).sort((one, other) => areaOf(one.item.box) - areaOf(other.item.box)).map(({ item }) => item.id);
  }

  const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

  function down(event) {
    dragged = false;
    finishKeys();
    if (event.button || !view.at) return;
    const point = view.pointOf(event);
    pressed = { point, tag: event.target.closest(".pq-tag")?.dataset.item };
    pointers.set(event.pointerId, point);
    if (pointers.size > 2) return;
    drag = pointers.size === 2 ? { kind: "pinch", begun: true } : begin(event, point); // a pinch, whatever the first finger began
    if (drag) frame.setPointerCapture(event.pointerId); // however fast it leaves the picture
    if (drag?.kind === "pinch") layout();
  }

  // What a pointer begins at a point: null where it can only click.
  function begin({ pointerId: pointer, target }, point) {
    const base = { pointer, from: point };
    const { handle } = target.dataset;
    const item = store.canEdit && !store.mode ? selected()?.item : null;
    if (store.mode === "draw" && !turning) return { ...base, kind: "draw", start: view.inPicture(point) };
    if (item?.box && !turning && (handle || under(point).includes(item.id))) return { ...base, kind: handle ? "size" : "move", id: item.id, start: item.box, edges: HANDLES[handle] };
    return view.zoom > 1 ? { ...base, kind: "turn", start: { ...view } } : null;
  }

  function move(event) {
    const point = view.pointOf(event);
    const before = [...pointers.values()];
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, point);
    if (drag?.kind === "pinch") {
      if (pointers.size === 2) pinch(before, [...pointers.values()]);
    } else if (drag?.pointer === event.pointerId) pull(event, point);
    else if (!drag && event.pointerType === "mouse") hover(under(point)[0]);
  }

  function pinch(before, now) {
    const apart = ([one, other]) => Math.max(1, distance(one, other));
    const middle = ([one, other]) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    zoomBy(apart(now) / apart(before), middle(now), middle(before));
  }

  function pull({ pointerType }, point) {
    drag.begun ||= distance(point, drag.from) >= STAGE.moved * (pointerType === "touch" ? 2 : 1);
    if (!drag.begun) return;
    const [dx, dy] = [(point.x - drag.from.x) / view.at.across, (point.y - drag.from.y) / view.at.down];
    if (drag.kind === "turn") [view.x, view.y] = [drag.start.x - dx, drag.start.y - dy];
    else if (drag.kind === "move") drag.box = shiftBox(drag.start, dx, dy);
    else if (drag.kind === "size") drag.box = resizeBox(drag.start, drag.edges, dx, dy);
    else {
      const [[x0, y0], [x1, y1]] = [drag.start, view.inPicture(point)];
      drag.box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
    }
    layout();
  }

  function up(event) {
    pointers.delete(event.pointerId);
    if (!drag || (drag.kind === "pinch" ? pointers.size : drag.pointer !== event.pointerId)) return;
    const { kind, begun, box, id } = drag;
    drag = null;
    if (!begun) return;
    dragged = true;
    if (event.type === "pointercancel" || kind === "turn" || kind === "pinch") layout();
    else if (kind === "draw") hands.drew(box);
    else hands.redraw(id, box);
  }

  function clicked(event) {
    if (dragged || store.mode) return;
    const box = event.target.closest(".pq-box")?.dataset.item;
    if (event.detail === 0 && box) { // by Enter, or by what reads the page aloud
      hands.select(box);
      return;
    }
    const point = view.pointOf(event);
    if (pressed && distance(point, pressed.point) > 6) return;
    const ids = pressed?.tag ? [pressed.tag] : under(point);
    const again = lastClick && distance(point, lastClick) < 6 && lastClick.id === store.at.item;
    const id = (again ? stepFrom(ids, lastClick.id, 1) : ids[0]) ?? null;
    lastClick = { ...point, id };
    hands.select(id);
  }

  function hover(id = null) {
    for (const [own, { button, tag }] of boxes) for (const one of [button, tag]) one.toggleAttribute("data-hover", own === id);
  }

  // -- keys: those that change a box; all others are left to the page

  function arrow(event) {
    const [x, y] = ARROWS[event.key].map((steps) => steps / 100);
    const changed = (box) => (event.shiftKey ? resizeBox(box, [0, 0, 1, 1], x, y) : shiftBox(box, x, y));
    const item = selected()?.item;
    if (store.mode === "draw") drag = { kind: "draw", box: drag?.box ? changed(drag.box) : STAGE.first };
    else if (item?.box && store.canEdit && !store.mode && (event.shiftKey || event.altKey) && drag?.kind !== "move") drag = { kind: "key", id: item.id, box: changed(drag?.box ?? item.box) };
    else return false;
    return layout();
  }

  function finishDrawing() {
    if (store.mode !== "draw") return false;
    const box = drag?.box ?? STAGE.first;
    drag = null;
    return hands.drew(box);
  }

  // What arrow keys did is one edit, made when Shift or Alt is let go.
  function finishKeys() {
    if (drag?.kind !== "key") return;
    const { id, box } = drag;
    drag = null;
    hands.redraw(id, box);
  }

  function turn(held) {
    turning = held;
    frame.toggleAttribute("data-pan", held);
  }

  onKeys(frame, {
    ...Object.fromEntries(Object.keys(ARROWS).map((key) => [key, arrow])),
    Enter: finishDrawing,
    " ": () => (view.zoom > 1 ? turn(true) : false),
    Escape: () => (drag || store.mode === "draw" ? hands.cancel() : false),
    Tab: ({ shiftKey, target }) => (!shiftKey && target === frame && boxes.has(store.at.item) ? hands.focusBox() : false),
  });
  const listeners = {
    pointerdown: down, pointermove: move, pointerup: up, pointercancel: up, click: clicked,
    pointerleave: () => { if (!drag) hover(); },
    mousedown: (event) => event.preventDefault(), // the click places the focus
    touchstart: (event) => { if (event.touches.length > 1) event.preventDefault(); },
    wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      zoomBy(Math.exp(-within(event.deltaY, -100, 100) / 200), view.pointOf(event));
    },
    keyup({ key }) {
      if (key === " ") turn(false);
      if (key === "Shift" || key === "Alt") finishKeys();
    },
    focusout: () => { turn(false); finishKeys(); },
  };
  for (const [name, run] of Object.entries(listeners)) frame.addEventListener(name, run, { passive: false });

  return {
    get drag() { return drag; },
    // Leaves what is going on; whether there was anything.
    stop() {
      if (!drag) return false;
      dragged = Boolean(drag.begun);
      drag = null;
      layout();
      return true;
    },
    // Another photo is shown, or drawing was left.
    forget() { [drag, lastClick] = [null, null]; },
    endDrawing() { if (drag?.kind === "draw") drag = null; },
  };
}
