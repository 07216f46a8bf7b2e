// What is around the boxes of the large photo: the toolbar of the selected one, what is said over the
// picture, and the other views of the room.

const VERBS = [["accept", "Accept", "A"], ["rename", "Rename", "R"], ["same", "Same as", "S"], ["apart", "Apart", "P"], ["stays", "Stays here", "X"], ["remove", "Remove", "D"]];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function thingsCounted(store, count) {
  return count === 1 ? phrase(store, "1 thing") : phrase(store, "{count} things", { count });
}

// What the keys do, as buttons; Esc and Shift+Tab go `back` to the box.
function boxToolbar(store, { commands, back }) {
  const say = (text, values) => phrase(store, text, values);
  const buttons = Object.fromEntries(VERBS.map(([name, text, key]) => [name, h("button", {
    type: "button", class: "pq-tool", "aria-keyshortcuts": key, "data-verb": name,
    onclick: () => { commands[name](); if (!store.mode) back(); },
  }, h("span", {}, text), h("kbd", { "aria-hidden": "true" }, key))]));
  const element = h("div", { class: "pq-tools", role: "toolbar", hidden: true }, Object.values(buttons));
  element.addEventListener("keydown", (event) => {
    const able = Object.values(buttons).filter((one) => !one.hidden);
    const step = event.altKey || event.shiftKey ? 0 : ARROWS[event.key]?.[0] ?? 0;
    if (event.key === "Escape" || (event.key === "Tab" && event.shiftKey)) back();
    else if (step) able[(able.indexOf(event.target) + step + able.length) % able.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { element, show(found, look) {
    element.hidden = !found;
    if (!found) return;
    element.setAttribute("aria-label", say("{name}: what to do", { name: look.name }));
    for (const [name, text] of VERBS) buttons[name].firstChild.textContent = say(text);
    buttons.accept.hidden = !look.doubtful && !look.out;
    buttons.accept.classList.toggle("pq-primary", !buttons.accept.hidden);
    buttons.same.hidden = !found.item.box || found.room.photos.length < 2;
    buttons.apart.hidden = (look.thing?.items.length ?? 1) < 2;
    buttons.stays.hidden = look.stays;
  } };
}

// The row below the picture: what it is, drawing, zoom.
function drawFoot(store, foot, photo, zoom, act) {
  const say = (text, values) => phrase(store, text, values);
  const ready = photo?.state === "completed";
  const title = photo?.title ?? "";
  const count = ready ? ` · ${thingsCounted(store, photo.items.length)}` : "";
  const [draws, drawing, percent] = [ready && store.canEdit, String(store.mode === "draw"), Math.round(100 * zoom)];
  const tool = (name, text, properties, ...children) => h("button", { type: "button", class: "pq-tool", "data-key": name, title: say(text), onclick: () => act(name), ...properties }, children);
  drawOnce(foot, [title, count, draws, drawing, percent, store.lang], () => [
    h("span", { class: "pq-stage-title" }, h("b", {}, title), count),
    draws ? tool("draw", "Draw a box", { "aria-pressed": drawing, "aria-keyshortcuts": "N" }, say("Draw a box"), h("kbd", { "aria-hidden": "true" }, "N")) : null,
    photo ? h("span", { class: "pq-zoom" },
      tool("zoomOut", "Zoom out", { "aria-label": say("Zoom out"), disabled: percent <= 100 }, "−"),
      tool("zoomReset", "Whole picture", { "aria-label": `${say("Whole picture")}, ${say("zoom {percent} %", { percent })}` }, `${percent} %`),
      tool("zoomIn", "Zoom in", { "aria-label": say("Zoom in"), disabled: percent >= 100 * STAGE.most }, "+")) : null]);
}

// Why a photo has no boxes, or why they do not count; empty where they speak for themselves.
function photoWords(store, photo, room, loaded) {
  const say = (text, values) => phrase(store, text, values);
  if (!room) return say("Choose a room.");
  if (!photo) return say("No photo shows this room.");
  const told = { excluded: "Excluded: its things do not count.", included: "Its things come back as soon as this is saved.", cancelled: "The analysis was cancelled.", active: "Being analysed.", delayed: "Waiting to be tried again." };
  if (photo.state === "failed") return say("Could not be analysed: {message}", { message: photo.error?.message ?? "" });
  if (photo.state !== "completed") return say(told[photo.state] ?? "Waiting to be analysed.");
  if (store.mode === "draw") return say("Drag over the thing; or place a box with the arrow keys, size it with Shift, and press Enter.");
  if (!loaded) return store.reason(photo.id) || say("The picture is being loaded.");
  if (photo.duplicateOf) return say("A copy of {title}: its things count once.", { title: store.photo(photo.duplicateOf)?.title ?? photo.duplicateOf });
  return photo.items.length ? "" : say("Nothing was found. Draw a box around what there is (N).");
}

// What can be done about a failed photo, a retry only where it can help; and about one that was excluded.
function photoActs(store, photo) {
  if (!photo || !store.canEdit) return [];
  const { id, state, error, excluded } = photo;
  const act = (key, text, run) => button(store.t(text), run, { "data-key": `${key} ${id}` });
  const replacement = () => {
    const input = h("input", { type: "file", accept: "image/*", onchange: () => { if (input.files[0]) store.replacePhoto(id, input.files[0]); } });
    input.click();
  };
  if (state === "excluded") return [excluded ? act("include", "Include again", () => store.edit("undo", [excluded], {}, { about: id })) : null];
  if (state !== "failed" && state !== "cancelled") return [];
  return [error?.canRetry ? act("retry", "Retry", () => store.retry([id])) : null, act("replace", "Replace", replacement),
    act("exclude", "Exclude", () => store.edit("exclude", [id], {}, { about: id }))];
}

// The other views of the room, with what is left to check in each.
function drawFilm(store, film, room, shown) {
  const told = { failed: "failed", cancelled: "failed", excluded: "excluded" };
  const views = (room?.photos ?? []).map((photo) => {
    const done = photo.state === "completed";
    const checks = done ? photo.items.filter((item) => lookOfItem(store, item, room.name).doubtful).length : 0;
    return {
      id: photo.id, title: photo.title, state: photo.state, source: store.picture(photo.id, "small"), now: photo.id === shown,
      checks, facts: checks ? phrase(store, "{count} to check", { count: checks }) : done ? thingsCounted(store, photo.items.length) : phrase(store, told[photo.state] ?? "waiting"),
    };
  });
  film.hidden = views.length < 2;
  film.setAttribute("aria-label", phrase(store, "Photos of {room}", { room: room?.name ?? "" }));
  drawOnce(film, views, () => views.map(({ id, title, state, source, now, facts, checks }) => h("li", {}, h("button", {
    type: "button", "data-key": `film-${id}`, "data-state": state, "aria-current": now ? "true" : null, onclick: () => store.go({ photo: id, item: null }),
  }, source ? h("img", { src: source, alt: "", draggable: "false" }) : null,
  h("span", { class: "pq-film-words" }, h("b", {}, title), " ", h("span", { class: checks ? "pq-film-check" : null }, facts))))));
}
