// The keys of the Review page: what each does, the line of them below the page, and the overview of all.

const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", Backspace: "⌫", Enter: "↵", Z: "Shift+Z", Delete: "Del" };
const keyName = (key) => KEY_NAMES[key] ?? (key.length > 1 ? key : key.toUpperCase());
// Keys of the browser and of boxes, which the overview names as well.
const MORE_KEYS = [[["Tab"], "to the next box"], [["Shift+←"], "makes the selected box larger or smaller"], [["Alt+←"], "moves the selected box"], [["Ctrl+wheel"], "zoom"]];

// [keys, words, run, {foot, looks}]: whether the foot of the page names it, and whether it changes nothing.
function reviewKeys({ store, stage, list, photos, focusBox, showAll }) {
  const { commands } = stage;
  const photo = (step) => {
    const to = stepFrom((store.room(store.at.room)?.photos ?? []).map(({ id }) => id), store.at.photo, step);
    if (to && to !== store.at.photo) store.go({ photo: to });
  };
  const room = (step) => {
    const to = stepFrom(store.rooms.map(({ name }) => name), store.at.room, step);
    if (to) store.go({ room: to });
  };
  const toBox = () => {
    const { line, item } = store.at;
    if (line) { store.go({ line, ...(item ? { item } : {}) }); focusBox(); }
  };
  const back = () => {
    if (photos.filter) photos.show(null);
    else if (store.mode) commands.cancel();
    else list.focusLine();
  };
  const look = { looks: true };
  const foot = { foot: true };
  const both = { looks: true, foot: true };
  return [
    [["j"], "next to check", () => store.next(1), both],
    [["k"], "previous to check", () => store.next(-1), both],
    [["a"], "accept", commands.accept, foot],
    [["r"], "rename", commands.rename, foot],
    [["d", "Delete"], "remove", () => (list.hasFocus() ? list.removeThing() : commands.remove()), foot],
    [["n"], "draw a box", commands.draw, foot],
    [["s"], "same as", commands.same, foot],
    [["p"], "apart", commands.apart, foot],
    [["x"], "stays here", commands.stays, foot],
    [["m"], "move the photo to a room", list.movePhoto, {}],
    [["ArrowDown"], "next thing", () => list.walk(1), look],
    [["ArrowUp"], "previous thing", () => list.walk(-1), look],
    [["ArrowLeft"], "previous photo", () => photo(-1), look],
    [["ArrowRight"], "next photo", () => photo(1), look],
    [["["], "previous room", () => room(-1), look],
    [["]"], "next room", () => room(1), look],
    [["v"], "room reviewed", list.reviewed, foot],
    [["z"], "undo", store.undo, foot],
    [["Z"], "redo", store.redo, {}],
    [["+", "="], "zoom in", commands.zoomIn, look],
    [["-"], "zoom out", commands.zoomOut, look],
    [["0"], "whole picture", commands.zoomReset, look],
    [["Enter"], "from a thing to its box", toBox, look],
    [["Backspace"], "from a box to the list", list.focusLine, look],
    [["Escape"], "back", back, look],
    [["?"], "all keys", showAll, look],
  ].filter(([, , , { looks }]) => looks || store.canEdit);
}

// Returns the overview and the foot of the page, with the keys that `all` gives, and what runs them.
function keyParts({ store, all, focused, home }) {
  const { t } = store;
  const foot = h("footer", { class: "pq-keys" });
  let before = null;
  const element = h("dialog", { class: "pq-overview", onclose: () => (before ?? home).focus({ preventScroll: true }) });
  keepKeys(element);
  onKeys(element, { "?": () => element.close() });

  function show() {
    before = focused();
    element.setAttribute("aria-label", t("All keys"));
    element.replaceChildren(h("h3", {}, t("All keys")),
      h("dl", {}, [...all(), ...MORE_KEYS].map(([keys, words]) => h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, keyName(key)))), h("dd", {}, t(words))))),
      button(t("Close"), () => element.close()));
    element.showModal();
  }

  function drawFoot() {
    drawOnce(foot, [store.canEdit, store.lang], () => [
      all().filter(([, , , kind]) => kind.foot).map(([[key], words]) => h("span", {}, h("kbd", {}, keyName(key)), " ", t(words))),
      button([h("kbd", {}, "?"), " ", t("all keys")], show, { class: "pq-link", "data-key": "keys" })]);
  }

  // Runs what a key is for, unless something is typed; Enter and the space bar press the button that has the focus.
  function press(event, allowed) {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    const box = target.type === "checkbox";
    if (/^(TEXTAREA|SELECT)$/.test(target.tagName) || (target.tagName === "INPUT" && !box) || target.isContentEditable) return;
    if (event.key === " " || (event.key === "Enter" && (target.tagName === "BUTTON" || box) && !target.classList.contains("pq-box"))) return;
    const key = event.key.length === 1 && !(event.key === "Z" && event.shiftKey) ? event.key.toLowerCase() : event.key;
    const found = all().find(([keys]) => keys.includes(key));
    if (!found || (allowed && !allowed.includes(key))) return;
    event.preventDefault();
    found[2]();
  }
  return { element, foot, show, drawFoot, press };
}
