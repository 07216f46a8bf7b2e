// All photos of the project as tiles: sort and filter, choose some, and what can be done with them.

const SORTS = {
  rooms: ["by room", () => 0],
  score: ["lowest score first", (one, other) => one.score - other.score],
  name: ["by name", (one, other) => one.photo.title.localeCompare(other.photo.title, "en", { numeric: true })],
};
const FILTERS = {
  all: ["all", () => true],
  doubtful: ["with something to check", ({ checks }) => checks > 0],
  nothing: ["nothing found", ({ photo }) => photo.state === "completed" && !photo.items.length],
  open: ["not reviewed", ({ room }) => !room.reviewed],
  failed: ["failed", ({ photo }) => hasFailed(photo)],
  waiting: ["waiting", ({ photo }) => isWaiting(photo)],
  excluded: ["excluded", ({ photo }) => photo.state === "excluded"],
};

function reviewPhotos(store) {
  const { t } = store;
  const bar = h("div", { class: "pq-bar" });
  const acts = h("div", { class: "pq-bar pq-chosen" });
  const tiles = h("ul", { class: "pq-all", "aria-label": "" });
  const element = h("section", { class: "pq-photos", hidden: true, tabindex: -1 }, bar, acts, tiles);
  let filter = null; // null: the page shows a room
  let sort = "rooms";

  // Every photo with its room, its lowest score and how much is to check in it.
  function entries() {
    return store.rooms.flatMap((room) => (store.room(room.name)?.photos ?? []).map((photo) => ({
      photo, room,
      score: Math.min(...photo.items.map((item) => item.score ?? 1), photo.items.length ? 1 : 2),
      checks: room.reviewed ? 0 : checksIn(store, photo, room.name),
    })));
  }

  function drawBar(all) {
    const counts = Object.fromEntries(Object.entries(FILTERS).map(([name, [, fits]]) => [name, all.filter(fits).length]));
    const shown = Object.keys(FILTERS).filter((name) => counts[name] || name === "all" || name === filter);
    drawOnce(bar, [filter, sort, counts, store.lang], () => [
      h("div", { class: "pq-filters", role: "group", "aria-label": t("Show") }, shown.map((name) =>
        button([t(FILTERS[name][0]), " ", h("small", {}, store.count(counts[name]))], () => show(name), { "data-key": `filter ${name}`, "aria-pressed": String(filter === name) }))),
      h("label", {}, t("Sort"), " ", selectOf(Object.entries(SORTS).map(([name, [text]]) => [name, t(text)]), sort, (name) => { sort = name; update(); }, { "data-key": "sort" })),
      button(t("Back to the room"), () => show(null), { "data-key": "back", "aria-keyshortcuts": "Escape" })]);
  }

  function drawActs(shown, chosen) {
    const rooms = store.rooms.map((one) => one.name);
    drawOnce(acts, [shown.map(({ photo }) => photo.id), chosen.map(({ photo }) => [photo.id, photo.state, photo.error]), rooms, store.canEdit, store.lang], () => {
      const ids = chosen.map(({ photo }) => photo.id);
      const again = chosen.filter(({ photo }) => photo.error?.canRetry).map(({ photo }) => photo.id);
      const every = shown.length > 0 && shown.every(({ photo }) => ids.includes(photo.id));
      const all = (verb, named) => {
        store.act(ids.map((id) => ({ verb, values: [id], named })), { about: ids[0] });
        store.selected = [];
      };
      return [
        h("label", {}, h("input", { type: "checkbox", "data-key": "every", checked: every, disabled: !shown.length, onchange: (event) => { store.selected = event.target.checked ? shown.map(({ photo }) => photo.id) : []; } }),
          " ", t("Select all")),
        ids.length ? h("span", { class: "pq-dim" }, store.counted(ids.length, "1 photo selected", "{n} photos selected")) : null,
        ids.length && store.canEdit ? [
          roomChoice(store, rooms, (room) => all("move", { room })),
          button(t("Exclude"), () => all("exclude"), { "data-key": "exclude", title: t("Its things do not count then.") }),
          again.length ? button(t("Retry {n}", { n: again.length }), () => store.retry(again), { "data-key": "retry" }) : null] : null];
    });
  }

  // What is to say of a photo that has not failed.
  function factsOf({ photo, score }) {
    if (photo.state !== "completed") return t(photo.state === "excluded" ? "excluded" : photo.state === "active" ? "being analysed" : "waiting");
    if (!photo.items.length) return t("nothing found");
    return [store.nThings(photo.items.length), score < 1 ? t("lowest score {score}", { score: store.score(score) }) : ""].filter(Boolean).join(" · ");
  }

  function tile({ photo, room, score, checks }, source) {
    const failed = hasFailed(photo);
    const facts = failed ? null : factsOf({ photo, score });
    const open = () => { show(null); store.go({ room: room.name, photo: photo.id }); };
    return h("li", { class: "pq-photo", "data-photo": photo.id, "data-state": photo.state },
      h("button", { class: "pq-photo-open", "data-key": `open ${photo.id}`, "aria-label": [photo.title, room.name, failed ? t("failed") : facts].join(", "), onclick: open },
        source ? h("img", { src: source, alt: "", draggable: "false", loading: "lazy" }) : h("span", { class: "pq-dim" }, store.reason(photo.id) || t("The picture is being loaded.")),
        checks ? h("span", { class: "pq-badge" }, store.nToCheck(checks)) : null),
      h("label", { class: "pq-photo-name" }, h("input", { type: "checkbox", "data-key": `select ${photo.id}`, checked: store.selected.includes(photo.id), "aria-label": t("Select {title}", { title: photo.title }),
        onchange: (event) => { store.selected = event.target.checked ? [...store.selected, photo.id] : store.selected.filter((id) => id !== photo.id); } }),
      h("span", { title: photo.title }, photo.title)),
      h("p", { class: "pq-dim" }, room.name, facts ? ` · ${facts}` : ""),
      failed ? h("p", { class: "pq-bad" }, photo.error?.message || (photo.state === "cancelled" ? t("The analysis was cancelled.") : t("It failed without a message."))) : null,
      h("div", { class: "pq-pair" }, photoActs(store, photo)),
      store.error(photo.id) ? wrongAbout(store, photo.id) : null);
  }

  function drawTiles(shown) {
    tiles.setAttribute("aria-label", t("Photos"));
    const entries = shown.map((one) => {
      const { photo, room, checks } = one;
      const source = store.picture(photo.id, "small");
      const data = [photo, room.name, checks, source, store.reason(photo.id), store.selected.includes(photo.id), store.error(photo.id), store.canEdit, store.lang];
      return [photo.id, data, () => tile(one, source)];
    });
    drawList(tiles, entries.length ? entries : [["", store.lang, () => h("li", { class: "pq-empty" }, t("No photo is like that."))]]);
  }

  function show(name) {
    if (filter === name) return;
    const had = element.contains(focusIn(element));
    filter = name;
    store.go({});
    update();
    if (name && !had) element.focus({ preventScroll: true });
  }

  function update() {
    element.hidden = filter === null;
    if (filter === null) return;
    const all = entries();
    const shown = all.filter(FILTERS[filter][1]);
    if (sort !== "rooms") shown.sort(SORTS[sort][1]);
    drawBar(all);
    drawActs(shown, all.filter(({ photo }) => store.selected.includes(photo.id)));
    drawTiles(shown);
  }

  return { element, update, show, get filter() { return filter; } };
}
