// The Review page: the rooms, the photo with its boxes, the things, and the keys.

// What each key does: [keys, words, run]. Words are those of the overview and of the foot.
function reviewKeys({ store, stage, list, photos, overview, focusBox }) {
  const { commands } = stage;
  const photo = (step) => {
    const all = store.room(store.at.room)?.photos ?? [];
    const to = all[(all.findIndex((one) => one.id === store.at.photo) + step + all.length) % all.length];
    if (to && to.id !== store.at.photo) store.go({ photo: to.id });
  };
  const room = (step) => {
    const names = store.rooms.map((one) => one.name);
    if (names.length) store.go({ room: names[(names.indexOf(store.at.room) + step + names.length) % names.length] });
  };
  const line = () => { if (store.at.line) { store.go({ line: store.at.line, ...(store.at.item ? { item: store.at.item } : {}) }); focusBox(); } };
  const edits = (run) => () => { if (store.canEdit) run(); };
  return [
    [["j"], "next to check", () => store.next(1), true],
    [["k"], "previous to check", () => store.next(-1), true],
    [["a"], "accept", edits(() => commands.accept()), true],
    [["r"], "rename", edits(commands.rename), true],
    [["d", "Delete"], "remove", edits(() => (list.hasFocus() ? list.removeThing() : commands.remove())), true],
    [["n"], "draw a box", edits(commands.draw), true],
    [["s"], "same as", edits(commands.same), true],
    [["p"], "apart", edits(commands.apart), true],
    [["x"], "stays here", edits(commands.stays), true],
    [["m"], "move the photo to a room", edits(list.movePhoto)],
    [["ArrowDown"], "next thing", () => list.walk(1)],
    [["ArrowUp"], "previous thing", () => list.walk(-1)],
    [["ArrowLeft"], "previous photo", () => photo(-1)],
    [["ArrowRight"], "next photo", () => photo(1)],
    [["["], "previous room", () => room(-1)],
    [["]"], "next room", () => room(1)],
    [["v"], "room reviewed", edits(() => list.reviewed()), true],
    [["z"], "undo", edits(() => store.undo()), true],
    [["Z"], "redo", edits(() => store.redo())],
    [["+", "="], "zoom in", commands.zoomIn],
    [["-"], "zoom out", commands.zoomOut],
    [["0"], "whole picture", commands.zoomReset],
    [["Enter"], "from a thing to its box", line],
    [["Backspace"], "from a box to the list", () => list.focusLine()],
    [["Escape"], "back", () => {
      if (photos.filter) photos.show(null);
      else if (store.mode) commands.cancel();
      else list.focusLine();
    }],
    [["?"], "all keys", () => overview.toggle()],
  ];
}
const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", Backspace: "⌫", Enter: "↵", Z: "Shift+Z", Delete: "Del" };
const keyName = (key) => KEY_NAMES[key] ?? key.toUpperCase();
const LOOKING = new Set(["j", "k", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "[", "]", "+", "-", "0", "Enter", "Backspace", "Escape", "?"]);

// Milliseconds between two questions whether anything changed, where nothing else asks.
const ALONE = 2000;

export default {
  render({ model, el }) {
    const store = reviewStore(model);
    const t = store.t;
    const photos = reviewPhotos(store);
    const stage = reviewStage(store);
    const list = reviewList(store, { commands: stage.commands, photos });
    const head = reviewHead(store, { look: photos.show, looking: () => photos.filter });
    const said = h("span", { role: "status", "aria-live": "polite" });
    const undo = button("", () => { store.undo(); list.focusLine(); }, { "data-key": "undo-said", hidden: true });
    const waits = h("span", { class: "pq-unsaved", role: "status", hidden: true });
    const messages = h("div", { class: "pq-said" }, said, undo, waits);
    const welcome = h("div", { class: "pq-welcome", hidden: true });
    const desk = h("div", { class: "pq-desk" }, list.rooms, stage.element, list.element);
    const footer = h("footer", { class: "pq-keys" });
    const page = h("div", { class: "pq-page" }, head.element, welcome, photos.element, desk, messages, footer);
    const overview = keyOverview();
    el.classList.add("pq", "pq-view", "pq-review");
    el.dataset.lmSuppressShortcuts = "true"; // keys are for this page, not for the cell
    el.tabIndex = -1;
    stage.element.querySelector(".pq-film").before(list.ask);
    el.append(page, overview.element);

    const active = () => el.getRootNode().activeElement;
    // The box may be in a photo that is not drawn yet.
    const focusBox = () => { update(); (stage.element.querySelector(".pq-box[aria-pressed='true']") ?? stage.element.querySelector(".pq-frame"))?.focus({ preventScroll: true }); };
    list.hasFocus = () => list.element.contains(active()) || list.ask.contains(active());
    list.evidence = focusBox;
    const keys = reviewKeys({ store, stage, list, photos, overview, focusBox });
    const wanted = () => keys.filter(([[key]]) => store.canEdit || LOOKING.has(key));

    function keyOverview() {
      const body = h("dl", {});
      const close = h("button", { type: "button", class: "pq-button" });
      const element = h("dialog", { class: "pq-overview", onclose: () => (before ?? el).focus({ preventScroll: true }) }, h("h3", {}), body, close);
      let before = null;
      close.onclick = () => element.close();
      element.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "?") { element.close(); event.preventDefault(); }
      });
      return { element, toggle() {
        before = active();
        element.querySelector("h3").textContent = t("All keys");
        close.textContent = t("Close");
        element.setAttribute("aria-label", t("All keys"));
        const more = [[["Tab"], "to the next box"], [["Shift+←"], "makes the selected box larger or smaller"], [["Alt+←"], "moves the selected box"], [["Ctrl+wheel"], "zoom"]];
        body.replaceChildren(...[...wanted(), ...more].map(([names, words]) => h("div", {}, h("dt", {}, names.map((key) => h("kbd", {}, key.length > 1 && !KEY_NAMES[key] ? key : keyName(key)))), h("dd", {}, t(words)))));
        element.showModal();
      } };
    }

    // Keys act only while the focus is on the page, and none of them reaches the notebook.
    function onkey(event) {
      event.stopPropagation();
      if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.composedPath()[0];
      if (/^(TEXTAREA|SELECT)$/.test(target.tagName) || (target.tagName === "INPUT" && target.type !== "checkbox") || target.isContentEditable) return;
      // Enter and the space bar press the button that has the focus.
      if (event.key === " " || (event.key === "Enter" && (target.tagName === "BUTTON" || target.type === "checkbox") && !target.classList.contains("pq-box"))) return;
      const plain = event.key.length === 1 && !(event.key === "Z" && event.shiftKey) ? event.key.toLowerCase() : event.key;
      const found = wanted().find(([names]) => names.includes(plain));
      if (!found || (photos.filter && !["Escape", "?", "z", "Z"].includes(plain))) return;
      event.preventDefault();
      found[2]();
    }
    el.addEventListener("keydown", onkey);
    for (const kind of ["keypress", "keyup"]) el.addEventListener(kind, (event) => event.stopPropagation());

    function drawMessages() {
      if (said.textContent !== store.said.text) said.textContent = store.said.text;
      undo.textContent = `${t("Undo")} (Z)`;
      undo.hidden = !store.said.undo || !store.canUndo;
      const late = store.slow ? ` ${t("The kernel is busy with a cell: they are saved when it ends.")}` : "";
      const text = store.unsaved && (store.slow || store.trouble || store.unsaved > 1) ? `${countedIn(store, store.unsaved, "1 edit not saved yet.", "{n} edits not saved yet.")} ${store.trouble || late}`.trim() : "";
      said.className = store.said.seen ? "pq-hidden" : "";
      messages.toggleAttribute("data-said", Boolean((store.said.text && !store.said.seen) || text));
      if (waits.textContent !== text) waits.textContent = text;
      waits.hidden = !text;
    }

    // What there is instead of rooms: nothing yet.
    function drawWelcome() {
      const { project, projects, analysis } = store.head;
      const nothing = !store.rooms.length;
      welcome.hidden = !nothing;
      desk.hidden = nothing || photos.filter !== null;
      footer.hidden = desk.hidden;
      if (!nothing) return;
      drawOnce(welcome, [project, projects, analysis, store.head.newest === undefined, store.canEdit, store.lang], () => {
        if (store.head.newest === undefined) return h("p", { class: "pq-dim" }, t("Reading …"));
        if (!project && projects?.length) return [h("h3", {}, t("Choose a project")), h("ul", { class: "pq-choices" }, projects.slice(0, 12).map((one) =>
          h("li", {}, button([h("b", {}, one.id), h("small", {}, countedIn(store, one.photos, "1 photo", "{n} photos")), h("small", {}, countedIn(store, one.rooms, "1 room", "{n} rooms"))], () => store.send({ kind: "project", project: one.id }), { "data-key": `choose ${one.id}` }))))];
        const none = project ? t("There are no photos in {project} yet.", { project }) : t("No project yet.");
        return [h("h3", {}, none), h("p", {}, store.canEdit ? t("Choose a folder of photos, one folder a room, name the project and submit it; or try a sample home. Its rooms and things come here.") : t("Once photos are submitted for a project, its rooms and things come here."))];
      });
    }

    function drawKeys() {
      drawOnce(footer, [store.canEdit, store.lang], () => [
        ...(store.canEdit ? keys.filter((one) => one[3]) : keys.filter(([[key]]) => ["j", "k"].includes(key)))
          .map(([[key], words]) => h("span", {}, h("kbd", {}, keyName(key)), " ", t(words))),
        h("button", { type: "button", class: "pq-link", "data-key": "keys", onclick: overview.toggle }, h("kbd", {}, "?"), " ", t("all keys"))]);
    }

    function update() {
      const before = active();
      const where = el.contains(before) ? [photos.element, stage.element, list.element, list.rooms, list.ask].find((part) => part.contains(before)) ?? el : null;
      head.update();
      photos.update();
      drawWelcome();
      if (!desk.hidden) {
        stage.update();
        list.update();
      }
      drawMessages();
      drawKeys();
      // What had the focus may be gone: it stays where one works.
      const now = active();
      if (!where || (now && (now === before || now !== el) && el.contains(now) && now.getClientRects().length)) return;
      if (desk.hidden) photos.element.focus({ preventScroll: true });
      else if (where === stage.element) stage.element.querySelector(".pq-frame").focus({ preventScroll: true });
      else list.focusLine();
    }

    // An edit of another person is announced with the name, but not those from before the page was opened.
    let heard = null; // [project, number of the newest one]
    function hearOthers() {
      const { project, newest, others } = store.head;
      if (newest === undefined) return;
      const [other] = others ?? [];
      if (heard?.[0] === project && other && other.number > heard[1]) store.say(`${other.user}: ${other.words}`);
      heard = [project, other?.number ?? 0];
    }
    // Another page leads to a photo, as soon as its project is read.
    let looked = store.target.number ?? 0;
    function lookThere() {
      const { photo, number = 0 } = store.target;
      if (number === looked || !store.photo(photo)) return;
      looked = number;
      photos.show(null);
      store.go({ photo });
      focusBox();
    }
    const stop = store.on(() => { hearOthers(); lookThere(); update(); });
    const timer = setInterval(() => {
      if (store.alone && !document.hidden && !store.unsaved) store.send({ kind: "refresh" });
    }, ALONE);
    if (store.head.newest === undefined) store.send({ kind: "refresh" });
    hearOthers();
    update();
    return () => {
      clearInterval(timer);
      stop();
      store.stop();
    };
  },
};
