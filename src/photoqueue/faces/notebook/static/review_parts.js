// What is around the boxes of the large photo: the toolbar of the selected one, what is said over the
// picture, and the other views of the room.

const VERBS = [["accept", "Accept", "A"], ["rename", "Rename", "R"], ["same", "Same as", "S"], ["apart", "Apart", "P"], ["stays", "Stays here", "X"], ["remove", "Remove", "D"]];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// What the keys do, as buttons; Esc and Shift+Tab go `back` to the box.
function boxToolbar(store, { commands, back }) {
  const { t } = store;
  const element = h("div", { class: "pq-tools", role: "toolbar", hidden: true });
  const walk = (step) => ({ target, altKey, shiftKey }) => (altKey || shiftKey ? false : stepFrom([...element.children], target, step).focus());
  onKeys(element, { Escape: back, Tab: ({ shiftKey }) => (shiftKey ? back() : false), ArrowLeft: walk(-1), ArrowRight: walk(1) });
  const tool = ([name, text, key]) => h("button", {
    class: `pq-tool${name === "accept" ? " pq-primary" : ""}`, "aria-keyshortcuts": key, "data-key": name, onclick: () => { commands[name](); if (!store.mode) back(); },
  }, h("span", {}, t(text)), h("kbd", { "aria-hidden": "true" }, key));
  return { element, show(found, look) {
    element.hidden = !found;
    if (!found) return;
    const useless = { accept: !look.doubtful && !look.out, same: !found.item.box || found.room.photos.length < 2, apart: (look.thing?.items.length ?? 1) < 2, stays: look.stays };
    const verbs = VERBS.filter(([name]) => !useless[name]);
    element.setAttribute("aria-label", t("{name}: what to do", { name: look.name }));
    drawOnce(element, [verbs, store.lang], () => verbs.map(tool));
  } };
}

// The row below the picture: what it is, drawing, zoom.
function drawFoot(store, foot, photo, zoom, act) {
  const { t } = store;
  const ready = photo?.state === "completed";
  const title = photo?.title ?? "";
  const count = ready ? ` · ${store.nThings(photo.items.length)}` : "";
  const [draws, drawing, percent] = [ready && store.canEdit, String(store.mode === "draw"), Math.round(100 * zoom)];
  const tool = (name, text, properties, ...children) => h("button", { class: "pq-tool", "data-key": name, title: t(text), onclick: () => act(name), ...properties }, children);
  drawOnce(foot, [title, count, draws, drawing, percent, store.lang], () => [
    h("span", { class: "pq-stage-title" }, h("b", {}, title), count),
    draws ? tool("draw", "Draw a box", { "aria-pressed": drawing, "aria-keyshortcuts": "N" }, t("Draw a box"), h("kbd", { "aria-hidden": "true" }, "N")) : null,
    photo ? h("span", { class: "pq-zoom" },
      tool("zoomOut", "Zoom out", { "aria-label": t("Zoom out"), disabled: percent <= 100 }, "−"),
      tool("zoomReset", "Whole picture", { "aria-label": `${t("Whole picture")}, ${t("zoom {percent} %", { percent })}` }, `${percent} %`),
      tool("zoomIn", "Zoom in", { "aria-label": t("Zoom in"), disabled: percent >= 100 * STAGE.most }, "+")) : null]);
}

// Why a photo has no boxes, or why they do not count; empty where they speak for themselves.
function photoWords(store, photo, room, loaded) {
  const { t } = store;
  if (!room) return t("Choose a room.");
  if (!photo) return t("No photo shows this room.");
  const told = { excluded: "Excluded: its things do not count.", included: "Its things come back as soon as this is saved.", cancelled: "The analysis was cancelled.", active: "Being analysed.", delayed: "Waiting to be tried again." };
  if (photo.state === "failed") return t("Could not be analysed: {message}", { message: photo.error?.message ?? "" });
  if (photo.state !== "completed") return t(told[photo.state] ?? "Waiting to be analysed.");
  if (store.mode === "draw") return t("Drag over the thing; or place a box with the arrow keys, size it with Shift, and press Enter.");
  if (!loaded) return store.reason(photo.id) || t("The picture is being loaded.");
  if (photo.duplicateOf) return t("A copy of {title}: its things count once.", { title: store.photo(photo.duplicateOf)?.title ?? photo.duplicateOf });
  return photo.items.length ? "" : t("Nothing was found. Draw a box around what there is (N).");
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
    const { id, title, state, items } = photo;
    const done = state === "completed";
    const checks = done ? checksIn(store, photo, room.name) : 0;
    const facts = checks ? store.nToCheck(checks) : done ? store.nThings(items.length) : store.t(told[state] ?? "waiting");
    return { id, title, state, checks, facts, source: store.picture(id, "small"), now: id === shown };
  });
  film.hidden = views.length < 2;
  film.setAttribute("aria-label", store.t("Photos of {room}", { room: room?.name ?? "" }));
  drawOnce(film, views, () => views.map(({ id, title, state, source, now, facts, checks }) => h("li", {},
    h("button", { "data-key": `film-${id}`, "data-state": state, "aria-current": now ? "true" : null, onclick: () => store.go({ photo: id, item: null }) },
      source ? h("img", { src: source, alt: "", draggable: "false" }) : null,
      h("span", { class: "pq-film-words" }, h("b", {}, title), " ", h("span", { class: checks ? "pq-film-check" : null }, facts))))));
  showWithin(film, film.querySelector("[aria-current]"));
}

// An error beside what it is about, until it is dismissed or the next edit of that.
function wrongAbout(store, about, then = () => {}) {
  return h("p", { class: "pq-wrong pq-refused", role: "alert" }, h("span", {}, store.error(about)),
    button("×", () => { store.forget(about); then(); }, { class: "pq-link", "data-key": `forget ${about}`, "aria-label": store.t("Dismiss") }));
}
