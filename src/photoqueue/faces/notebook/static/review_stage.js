// The large photo: its boxes as buttons, the toolbar on the selected one, names, and the other views below. Boxes are
// in 0…1 of the upright picture.

// What the toolbar and the keys do to the selected item, or to the one of the selected line.
function stageCommands(store, { stage, startDrawing, zoomBy, cancel }) {
  const { t } = store;
  // Runs what acts on the selected item; without one it says so.
  const onItem = (act) => () => {
    const found = store.canEdit && store.at.item ? store.item(store.at.item) : null;
    if (found) act(found, lookOfItem(store, found.item, found.room.name));
    else if (store.canEdit) store.say(t("Select a box first."));
  };
  const edit = (verb) => onItem(({ item }) => store.edit(verb, [item.id], {}, { about: item.id }));
  const apart = edit("apart");
  return {
    rename: onItem(() => store.setMode("name")),
    remove: edit("remove"),
    accept: () => store.accept(),
    same: onItem(({ item }, { name }) => {
      if (item.box) store.setMode("same");
      else store.say(t("{name} has no box in a photo. Draw one with N.", { name }));
    }),
    apart: onItem((_, { thing, name }) => {
      if ((thing?.items.length ?? 1) > 1) apart();
      else store.say(t("{name} is not seen in another photo.", { name }));
    }),
    stays: edit("stays"),
    draw() {
      if (!store.canEdit || stage.photo()?.state !== "completed") return;
      store.setMode(store.mode === "draw" ? null : "draw");
      if (store.mode) startDrawing();
    },
    zoomIn: () => zoomBy(STAGE.step),
    zoomOut: () => zoomBy(1 / STAGE.step),
    zoomReset: () => zoomBy(0),
    cancel,
  };
}

// The boxes of a photo as buttons, each with its name; `items` is a Map: id → {button, tag, item, look}.
function stageBoxes(store, frame) {
  const layer = h("div", { class: "pq-layer" });
  const tags = h("div", { class: "pq-tags", "aria-hidden": "true" });
  const items = new Map();

  function drawBox(item, room) {
    const own = items.get(item.id) ?? { button: h("button", { class: "pq-box", "data-item": item.id }), tag: h("span", { class: "pq-tag", "data-item": item.id }) };
    const look = lookOfItem(store, item, room.name);
    const now = item.id === store.at.item;
    items.set(item.id, Object.assign(own, { item, look }));
    own.button.setAttribute("aria-label", look.words);
    own.button.setAttribute("aria-pressed", String(now));
    for (const one of [own.button, own.tag]) {
      one.style.setProperty("--pq-own", look.colour);
      for (const [name, on] of Object.entries({ doubtful: look.doubtful, now, out: look.stays || Boolean(look.out) })) one.toggleAttribute(`data-${name}`, on);
    }
    const why = look.stays ? store.t("stays here") : look.out ? store.t("not counted") : "";
    own.tag.replaceChildren(h("span", {}, format.shorten(item.name, 40)), [item.letter ? ` ${item.letter}` : "", look.doubtful ? " ?" : "", why ? ` · ${why}` : ""].join(""));
  }

  // Returns whether the box that had the focus has lost it.
  function draw(photo, room) {
    const shown = photo ? photo.items.filter((item) => item.box) : [];
    const focused = frame.contains(focusIn(frame)) && focusIn(frame).dataset.item;
    for (const id of items.keys()) if (!shown.some((item) => item.id === id)) items.delete(id);
    for (const item of shown) drawBox(item, room);
    // Tab goes from left to right; small boxes lie over large ones.
    const all = [...items.values()].sort((one, other) => one.item.box[0] + one.item.box[2] - other.item.box[0] - other.item.box[2]);
    if (all.length !== layer.children.length || all.some(({ button }, place) => layer.children[place] !== button)) layer.replaceChildren(...all.map(({ button }) => button));
    tags.replaceChildren(...all.map(({ tag }) => tag));
    all.sort((one, other) => areaOf(other.item.box) - areaOf(one.item.box))
      .forEach(({ button, item }, place) => { button.style.zIndex = item.id === store.at.item ? all.length : place; });
    return Boolean(focused) && focusIn(frame)?.dataset?.item !== focused;
  }
  return { layer, tags, items, draw };
}

// Asks for the name of the selected item, or of a box that was just drawn: the `draft`.
function stageNames(store, { stage, anchor, layout, focusBox, update }) {
  const names = { draft: null, picker: null, open, close, look };
  let of = null; // id of the item that is being named

  // Closes the panel where something else is selected now, or naming was left.
  function look() {
    if (names.picker && (store.mode !== "name" || wentElsewhere())) {
      close();
      if (store.mode === "name") store.setMode(null);
    }
    if (store.mode !== "name") names.draft = null;
  }

  // One that was drawn gets another id when it is saved.
  function wentElsewhere() {
    if (names.draft || of === store.at.item) return false;
    if (store.item(of) || !stage.selected()) return true;
    of = store.at.item;
    return false;
  }

  function open(value = "", error = "") {
    const item = names.draft ? null : stage.selected()?.item;
    of = item?.id ?? null;
    names.picker = namePicker(store, { near: anchor, value, item, error, done: named, cancel() {
      if (error) store.forget(names.draft ? stage.shown : item.id);
      leave();
    } });
    names.picker.element.classList.add("pq-at-box");
    layout();
  }

  function named({ key, name, category, volume }) {
    const values = category ? { category, volume } : {};
    const box = names.draft?.box;
    const found = box ? null : stage.selected();
    leave(() => {
      if (box) {
        store.go({ item: store.edit("add", [stage.shown, key ?? name], { box, ...values }, { about: stage.shown }) });
        return;
      }
      // the other views of the thing that were taken for the same kind, too
      const views = lookOfItem(store, found.item, found.room.name).thing?.items ?? [];
      const ids = [found.item.id, ...views.filter((id) => id !== found.item.id && store.item(id)?.item.line === found.item.line)];
      store.act(ids.map((id) => ({ verb: "rename", values: [id, key ?? name], named: values })), { about: found.item.id });
    });
  }

  function leave(act = () => store.setMode(null)) {
    names.draft = null;
    close();
    act();
    update();
    focusBox();
  }

  function close() {
    names.picker?.close();
    names.picker = null;
  }
  return names;
}

function reviewStage(store) {
  const { t } = store;
  let revealed = null; // the item that was brought into sight
  let awaited = false; // the focus goes to the selected box as soon as it is there
  let panel = null; // side by side

  const image = h("img", { class: "pq-picture", alt: "", draggable: "false" });
  const merged = h("div", { "aria-hidden": "true" });
  const rubber = h("div", { class: "pq-rubber", hidden: true, "aria-hidden": "true" });
  const handles = h("div", { class: "pq-handles", "aria-hidden": "true" }, Object.keys(HANDLES).map((name) => h("i", { class: "pq-handle", "data-handle": name })));
  const frame = h("div", { class: "pq-frame", tabindex: 0, role: "group" });
  const boxes = stageBoxes(store, frame);
  const plane = h("div", { class: "pq-plane" }, image, merged, boxes.layer, rubber, handles);
  frame.append(plane, boxes.tags);
  const view = frameView(frame, plane);
  const stage = {
    shown: null, // id of the photo in the frame
    photo: () => (stage.shown === null ? null : store.photo(stage.shown)),
    selected() {
      const found = store.at.item ? store.item(store.at.item) : null;
      return found?.photo.id === stage.shown ? found : null;
    },
  };
  const { selected } = stage;
  const gestures = frameGestures(store, { frame, view, boxes: boxes.items, selected, layout, zoomBy, drew, redraw, select: (id) => { select(id); focusBox(); }, focusBox, cancel });
  const commands = stageCommands(store, { stage, zoomBy, cancel, startDrawing() {
    frame.focus({ preventScroll: true });
    store.say(photoWords(store, stage.photo(), store.room(store.at.room), true));
  } });
  const tools = boxToolbar(store, { commands, back: focusBox });
  const words = h("div", { class: "pq-stage-words", hidden: true });
  const anchor = h("span", { hidden: true });
  const names = stageNames(store, { stage, anchor, layout, focusBox, update });
  const wrong = h("div", {});
  const foot = h("div", { class: "pq-stage-foot" });
  const around = h("div", { class: "pq-stage" }, frame, words, tools.element, anchor, wrong, foot);
  const film = h("ul", { class: "pq-film" });
  const element = h("section", { class: "pq-stage-part", "data-lm-suppress-shortcuts": "true" }, around, film);

  function select(id) {
    if (store.at.item !== id) store.go({ item: id });
  }

  // Brings the focus to the selected box, also if that is only drawn with the next update.
  function focusBox() {
    const own = boxes.items.get(store.at.item)?.button;
    awaited = Boolean(store.at.item) && !own;
    (own ?? frame).focus({ preventScroll: true });
  }

  // Leaves what is going on: a drag, drawing, naming, side by side, else the selection.
  function cancel() {
    if (!gestures.stop()) {
      if (store.mode) store.setMode(null);
      else select(null);
    }
    focusBox();
  }

  // -- layout

  // Places picture, boxes, names and toolbar.
  function layout() {
    const photo = stage.photo();
    if (!photo || !view.place((photo.width || image.naturalWidth || 4) / (photo.height || image.naturalHeight || 3))) return;
    const all = [...boxes.items.values()];
    for (const { button, item } of all) put(button, boxNow(item));
    const rank = ({ item, look }) => (item.id === store.at.item ? 0 : look.doubtful ? 1 : 2);
    all.sort((one, other) => rank(one) - rank(other) || areaOf(one.item.box) - areaOf(other.item.box));
    placeTags(all.map(({ tag, item }) => ({ tag, box: view.pixels(boxNow(item)) })), view.at);
    layoutSelected();
  }

  // The box of an item while it is being changed, else as it is.
  const boxNow = (item) => (gestures.drag?.id === item.id && gestures.drag.box) || item.box;
  const put = (target, [x0, y0, x1, y1]) => Object.assign(target.style,
    { left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%` });

  function layoutSelected() {
    const { drag } = gestures;
    const found = selected();
    const box = found?.item.box ? boxNow(found.item) : null;
    const look = found && lookOfItem(store, found.item, found.room.name);
    handles.hidden = !(box && store.canEdit && !store.mode);
    merged.replaceChildren(...(found?.item.merged ?? []).map((one) => {
      const line = h("i", { class: "pq-merged", style: `border-color:${look.colour}` });
      put(line, one);
      return line;
    }));
    if (box) {
      put(handles, box);
      const { left, right, top, bottom } = view.pixels(box);
      handles.dataset.small = String(right - left < 72 || bottom - top < 72);
      handles.style.color = look.colour;
    }
    const drawn = drag?.kind === "draw" ? drag.box : names.draft?.box;
    rubber.hidden = !drawn;
    if (drawn) put(rubber, drawn);
    tools.show(store.canEdit && !store.mode && !drag?.begun ? found : null, look);
    if (!tools.element.hidden) placeTools(box && withTag(found.item.id, box));
    if (names.picker) placePicker(names.draft?.box ?? selected()?.item.box);
  }

  // The toolbar goes beside the selected box; where it would hide some of it, below the picture.
  function placeTools(around) {
    const bar = tools.element;
    bar.classList.remove("pq-docked");
    const place = around && besideBox(around, { wide: bar.offsetWidth, high: bar.offsetHeight }, { left: 4, top: 4, right: view.at.wide - 4, bottom: view.at.high - 4 });
    const free = place?.covers === 0 && view.at.wide > STAGE.narrow;
    bar.classList.toggle("pq-docked", !free);
    if (free) Object.assign(bar.style, { left: `${place.left}px`, top: `${place.top}px` });
  }

  // A box and its name, which the toolbar leaves free as well.
  function withTag(id, box) {
    const around = view.pixels(box);
    const { tag } = boxes.items.get(id) ?? {};
    if (!tag || tag.hidden) return around;
    return { ...around, top: Math.min(around.top, tag.offsetTop), bottom: Math.max(around.bottom, tag.offsetTop + STAGE.tag) };
  }

  // It may reach below the picture, where nothing is asked.
  function placePicker(box) {
    const panel = names.picker.element;
    const size = { wide: panel.offsetWidth, high: Math.max(panel.offsetHeight, 200) };
    const place = box ? besideBox(view.pixels(box), size, { left: 4, top: 4, right: view.at.wide - 4, bottom: view.at.high + 120 }, "right left below above") : { left: 8, top: 8 };
    Object.assign(panel.style, { left: `${place.left}px`, top: `${place.top}px` });
  }

  // Zooms by a factor (0: the whole picture) around a point of the frame, else around the selected
  // box or the middle.
  function zoomBy(factor, point = null, from = point) {
    if (!view.at || !stage.photo()) return;
    const before = view.zoom;
    const box = selected()?.item.box;
    view.enlarge(factor, point, from);
    if (!point && factor > 1 && box) view.centre(box);
    layout();
    drawFoot(store, foot, stage.photo(), view.zoom, act);
    if (view.zoom !== before) store.say(t("zoom {percent} %", { percent: Math.round(100 * view.zoom) }));
  }

  // Does what a button below the picture says.
  function act(name) {
    commands[name]();
    if (name === "draw") frame.focus({ preventScroll: true });
  }

  // Brings the selected box into the part that is seen.
  function reveal() {
    const box = selected()?.item.box;
    if (!box || !view.at || view.zoom === 1 || view.shows(box)) return;
    view.centre(box);
    layout();
  }

  // -- what gestures end with

  const rounded = (box) => box.map((value) => Math.round(value * 1e4) / 1e4);

  function redraw(id, box) {
    const found = store.item(id);
    if (found && box && rounded(box).some((value, place) => Math.abs(value - found.item.box[place]) > 5e-5)) store.edit("redraw", [id, rounded(box)], {}, { about: id });
    layout();
    focusBox();
  }

  function drew(box) {
    const small = !box || (box[2] - box[0]) * view.at.across < 8 || (box[3] - box[1]) * view.at.down < 8;
    if (small) store.say(t("That box is too small: drag over the whole thing."));
    else {
      names.draft = { box: rounded(box) };
      store.setMode("name");
    }
    layout();
  }

  // -- drawing the page

  // An edit that was refused: the error beside the box, with what was typed.
  function drawWrong() {
    const [about, { error = "", parts = [] } = {}] = store.refusals.find(([id]) => id && [store.at.item, stage.shown].includes(id)) ?? [];
    const [{ verb, values, named: given = {} } = {}] = parts;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(focusIn(element)?.tagName);
    if (["rename", "add"].includes(verb) && !names.picker && !store.mode && !typing) {
      names.draft = verb === "add" ? { box: given.box } : null;
      const name = store.catalogue.find((entry) => entry.key === values[1])?.[store.lang] ?? values[1];
      store.setMode("name");
      names.open({ name, ...given }, error);
    }
    const shown = Boolean(error) && !names.picker;
    drawOnce(wrong, [about, error, shown], () => (shown ? wrongAbout(store, about, focusBox) : []));
  }

  function drawPicture(photo, room) {
    const source = photo && (store.picture(photo.id, "full") ?? store.picture(photo.id, "small"));
    if (source ? image.src !== source : image.hasAttribute("src")) source ? image.setAttribute("src", source) : image.removeAttribute("src");
    frame.setAttribute("aria-label", photo ? t("Photo {title}", { title: photo.title }) : t("Photo"));
    Object.assign(frame.dataset, { state: photo?.state ?? "", mode: store.mode ?? "", empty: String(!source && !photo?.items.length) });
    frame.hidden = !photo;
    if (boxes.draw(photo, room) || (awaited && focusIn(frame) === frame)) focusBox();
    const told = photoWords(store, photo, room, image.hasAttribute("src"));
    words.hidden = !told;
    words.dataset.failed = String(photo?.state === "failed");
    drawOnce(words, [told, photo, store.canEdit, store.lang], () => [h("span", {}, told), photoActs(store, photo)]);
  }

  function update() {
    const room = store.room(store.at.room);
    const photo = store.photo(store.at.photo);
    if ((photo?.id ?? null) !== stage.shown) {
      stage.shown = photo?.id ?? null;
      view.reset();
      gestures.forget();
      names.draft = null;
      names.close();
    }
    names.look();
    if (store.mode !== "draw") gestures.endDrawing();
    drawPicture(photo, room);
    drawFoot(store, foot, photo, view.zoom, act);
    drawFilm(store, film, room, stage.shown);
    drawSame();
    layout();
    if (revealed !== store.at.item) {
      reveal();
      if (focusIn(frame) === frame && boxes.items.has(store.at.item) && !store.mode) focusBox();
    }
    revealed = store.at.item;
    if (store.mode === "name" && !names.picker && (names.draft || selected())) names.open();
    drawWrong();
  }

  // Side by side takes the place of the photo.
  function drawSame() {
    const found = store.mode === "same" ? selected() : null;
    if (found && panel?.item === found.item.id) panel.update();
    else if (found || panel) {
      const focused = panel?.element.contains(focusIn(element));
      panel?.element.remove();
      panel = found && { item: found.item.id, ...samePanel(store, found.item) };
      if (panel) element.prepend(panel.element);
      around.hidden = Boolean(panel); // after its panel is there: the page scrolls where it gets shorter
      if (panel) panel.focus();
      else if (focused) focusBox();
    }
    film.hidden ||= Boolean(panel);
  }

  frame.addEventListener("focusin", ({ target }) => { if (target.dataset.item && !store.mode) select(target.dataset.item); });
  image.addEventListener("load", layout);
  new ResizeObserver(layout).observe(frame);
  return { element, frame, film, update, commands, focus: focusBox };
}
