// The Review page: the rooms, the photo with its boxes, the things, and the keys.

// Milliseconds between two questions whether anything changed, where nothing else asks.
const ALONE = 2000;
// Keys that work while all photos are shown.
const PHOTO_KEYS = ["Escape", "?", "z", "Z"];

export default {
  render({ model, el }) {
    const store = reviewStore(model);
    const { t } = store;
    const photos = reviewPhotos(store);
    const stage = reviewStage(store);
    const list = reviewList(store, { commands: stage.commands, photos, showEvidence: focusBox });
    const head = reviewHead(store, { look: photos.show, looking: () => photos.filter });
    const focused = () => focusIn(el);
    list.hasFocus = () => list.element.contains(focused()) || list.ask.contains(focused());
    const keys = keyParts({ store, focused, home: el, all: () => reviewKeys({ store, stage, list, photos, focusBox, showAll: () => keys.show() }) });
    const said = h("span", { role: "status", "aria-live": "polite" });
    const undo = button("", () => { store.undo(); list.focusLine(); }, { "data-key": "undo-said", hidden: true });
    const waits = h("span", { class: "pq-unsaved", role: "status", hidden: true });
    const messages = h("div", { class: "pq-said" }, said, undo, waits);
    const welcome = h("div", { class: "pq-welcome", hidden: true });
    const desk = h("div", { class: "pq-desk" }, list.rooms, stage.element, list.element);
    el.classList.add("pq", "pq-view", "pq-review");
    el.dataset.lmSuppressShortcuts = "true"; // keys are for this page, not for the cell
    el.tabIndex = -1;
    stage.film.before(list.ask);
    el.append(h("div", { class: "pq-page" }, head.element, welcome, photos.element, desk, messages, keys.foot), keys.element);
    // Keys act only while the focus is on the page, and none of them reaches the notebook.
    keepKeys(el);
    el.addEventListener("keydown", (event) => keys.press(event, photos.filter && PHOTO_KEYS));

    // The box may be in a photo that is not drawn yet.
    function focusBox() {
      update();
      stage.focus();
    }

    function drawMessages() {
      const { text, seen, undo: canUndo } = store.said;
      if (said.textContent !== text) said.textContent = text;
      said.className = seen ? "pq-hidden" : "";
      undo.textContent = `${t("Undo")} (Z)`;
      undo.hidden = !canUndo || !store.canUndo;
      const late = store.unsaved && (store.slow || store.trouble || store.unsaved > 1);
      const why = store.trouble || (store.slow ? t("The kernel is busy with a cell: they are saved when it ends.") : "");
      const told = late ? `${store.counted(store.unsaved, "1 edit not saved yet.", "{n} edits not saved yet.")} ${why}`.trim() : "";
      if (waits.textContent !== told) waits.textContent = told;
      waits.hidden = !told;
      messages.toggleAttribute("data-said", Boolean((text && !seen) || told));
    }

    // What there is instead of rooms: nothing yet.
    function drawWelcome() {
      const { project, projects, analysis, newest } = store.head;
      const nothing = !store.rooms.length;
      welcome.hidden = !nothing;
      desk.hidden = nothing || photos.filter !== null;
      keys.foot.hidden = desk.hidden;
      if (!nothing) return;
      drawOnce(welcome, [project, projects, analysis, newest === undefined, store.canEdit, store.lang], () => {
        if (newest === undefined) return h("p", { class: "pq-dim" }, t("Reading …"));
        if (!project && projects?.length) return [h("h3", {}, t("Choose a project")), h("ul", { class: "pq-choices" }, projects.slice(0, 12).map(projectChoice))];
        return [h("h3", {}, project ? t("There are no photos in {project} yet.", { project }) : t("No project yet.")),
          h("p", {}, store.canEdit ? t("Choose a folder of photos, one folder a room, name the project and submit it; or try a sample home. Its rooms and things come here.") : t("Once photos are submitted for a project, its rooms and things come here."))];
      });
    }

    function projectChoice({ id, photos: number, rooms }) {
      const words = [h("b", {}, id), h("small", {}, store.nPhotos(number)), h("small", {}, store.counted(rooms, "1 room", "{n} rooms"))];
      return h("li", {}, button(words, () => store.send({ kind: "project", project: id }), { "data-key": `choose ${id}` }));
    }

    function update() {
      const before = focused();
      const where = el.contains(before) ? [photos.element, stage.element, list.element, list.rooms, list.ask].find((part) => part.contains(before)) ?? el : null;
      head.update();
      photos.update();
      drawWelcome();
      if (!desk.hidden) {
        stage.update();
        list.update();
      }
      drawMessages();
      keys.drawFoot();
      // What had the focus may be gone: it stays where one works.
      const now = focused();
      if (!where || (now && (now === before || now !== el) && el.contains(now) && now.getClientRects().length)) return;
      if (desk.hidden) photos.element.focus({ preventScroll: true });
      else if (where === stage.element) stage.frame.focus({ preventScroll: true });
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
