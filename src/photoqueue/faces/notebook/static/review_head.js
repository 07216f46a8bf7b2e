// The head of the Review page: project, progress, totals, what is left to check, what needs attention.

// Numbers as the reader writes them: 1,234.5 or 1 234,5.
function local(store, text) {
  return store.lang === "fr" ? text.replace(/(\d)([.,])(?=\d)/g, (_, digit, mark) => digit + (mark === "." ? "," : "\u202f")) : text;
}
const totalIn = (store, value) => local(store, `${format.number(value, 1)} m³`);
const volumeIn = (store, value) => local(store, format.volume(value));
const countIn = (store, value) => local(store, format.number(value));
// "1 thing" and "3 things": the text for one, and the text for others with {n}.
const countedIn = (store, n, one, more) => (n === 1 ? store.t(one) : store.t(more, { n: countIn(store, n) }));

// Files that can be written: the message's kind and format, and what it is called.
const EXPORTS = [["report pdf", "Report (PDF)"], ["report html", "Report (HTML)"], ["export xlsx", "Things (Excel)"], ["export csv", "Things (CSV)"]];

function reviewHead(store, { look, looking }) {
  const t = store.t;
  const title = h("div", { class: "pq-title" });
  const progress = h("div", { class: "pq-progress" });
  const acts = h("div", { class: "pq-acts" });
  const facts = h("div", { class: "pq-figures" });
  const notices = h("div", { class: "pq-notices" });
  const element = h("header", { class: "pq-head" }, h("div", { class: "pq-head-line" }, title, progress, acts), facts, notices);

  function drawTitle({ project, projects, fixed }) {
    drawOnce(title, [project, projects, fixed, store.lang], () => {
      if (fixed || !project || !projects?.length) return h("h2", {}, project || t("Review"));
      const told = (one) => `${one.id} · ${countedIn(store, one.photos, "1 photo", "{n} photos")}`;
      const listed = projects.some((one) => one.id === project) ? projects : [{ id: project, photos: 0 }, ...projects];
      return h("select", { class: "pq-project", "aria-label": t("Project"), "data-key": "project", onchange: (event) => store.send({ kind: "project", project: event.target.value }) },
        listed.map((one) => h("option", { value: one.id, selected: one.id === project }, told(one))));
    });
  }

  function drawProgress({ analysis, engine, inventory }) {
    const { total = 0, completed = 0, failed = 0, waiting = 0, active = 0, secondsLeft = null } = analysis ?? {};
    drawOnce(progress, [analysis, engine, inventory, store.lang], () => {
      if (!total) return [];
      const running = waiting + active > 0;
      const done = completed + failed;
      return [
        h("span", { class: "pq-dot", "data-state": running ? "active" : failed ? "failed" : "completed", "aria-hidden": "true" }),
        running ? t("{n} of {of} photos analysed", { n: countIn(store, completed), of: countIn(store, total) }) : countedIn(store, done === failed ? 0 : completed, "1 photo analysed", "{n} photos analysed"),
        failed ? [", ", h("button", { type: "button", class: "pq-link", "data-key": "failed", onclick: () => look("failed") }, countedIn(store, failed, "1 failed", "{n} failed"))] : null,
        running && secondsLeft !== null ? ` · ${timeLeft(secondsLeft)}` : null,
        engine ? ` · ${engine}` : null,
        inventory?.running ? ` · ${inventory.words}` : null,
        running ? h("progress", { max: total, value: done, "aria-label": t("Analysis") }) : null];
    });
  }

  function timeLeft(seconds) {
    return seconds < 60 ? t("less than a minute left") : countedIn(store, Math.ceil(seconds / 60), "about 1 minute left", "about {n} minutes left");
  }

  function drawActs(head) {
    const { project } = head;
    drawOnce(acts, [project, store.canUndo, store.canRedo, store.undoWords, store.redoWords, store.canEdit, looking(), store.lang], () => {
      const act = (key, text, run, properties = {}) => button(text, run, { "data-key": key, ...properties });
      return [
        project && store.canEdit ? [
          act("undo", t("Undo"), () => store.undo(), { disabled: !store.canUndo, "aria-keyshortcuts": "Z", title: store.undoWords ? `${t("Undo")}: ${store.undoWords} (Z)` : null }),
          act("redo", t("Redo"), () => store.redo(), { disabled: !store.canRedo, "aria-keyshortcuts": "Shift+Z", title: store.redoWords ? `${t("Redo")}: ${store.redoWords} (Shift+Z)` : null })] : null,
        project ? act("photos", t("All photos"), () => look(looking() ? null : "all"), { "aria-pressed": String(Boolean(looking())) }) : null,
        project && store.canEdit ? h("select", { "aria-label": t("Export"), "data-key": "export",
          onchange: (event) => { const [kind, format] = event.target.value.split(" "); store.send({ kind, format }); event.target.value = ""; } },
        h("option", { value: "" }, t("Export …")), EXPORTS.map(([value, text]) => h("option", { value }, t(text)))) : null,
        h("select", { "aria-label": t("Language"), "data-key": "language", onchange: (event) => store.send({ kind: "language", language: event.target.value }) },
          [["en", "English"], ["fr", "Français"]].map(([value, name]) => h("option", { value, selected: value === store.lang }, name)))];
    });
  }

  function drawFacts(head) {
    const { project, things, volume, volumeMin, volumeMax, lorry, weight, check, strategy, strategies } = head;
    facts.hidden = !project || ((volume ?? null) === null && !things);
    drawOnce(facts, [project, things, volume, volumeMin, volumeMax, lorry, weight, check, strategy, strategies, store.rooms, store.canEdit, store.lang], () => {
      const fact = (key, value, ...under) => h("div", { class: "pq-figure", "data-fact": key }, h("b", {}, value), h("span", {}, under));
      const choose = store.canEdit && strategies ? h("select", { "aria-label": t("How things in several photos are counted"), "data-key": "strategy", class: "pq-strategy",
        onchange: (event) => store.send({ kind: "strategy", strategy: event.target.value }) },
      Object.entries(strategies).map(([name, text]) => h("option", { value: name, selected: name === strategy }, text))) : strategies?.[strategy] ?? "";
      const one = fact("things", countIn(store, things ?? 0), things === 1 ? t("thing") : t("things"), " · ", choose);
      if ((volume ?? null) === null) return [one];
      const [low, high] = [local(store, format.number(volumeMin, 1)), totalIn(store, volumeMax)];
      return [one,
        fact("volume", totalIn(store, volume), volumeMin === volumeMax ? "" : t("{low} to {high} in 8 of 10 moves", { low, high })),
        weight ? fact("weight", weight.words, lorry?.words ?? "", larger(lorry)) : lorry ? fact("lorry", h("span", { class: "pq-sub" }, lorry.words), t("by volume"), larger(lorry)) : null,
        check ? left(check) : null];
    });
  }

  const larger = (lorry) => (lorry?.larger ? ` · ${t("at most: {lorry}", { lorry: lorry.larger })}` : "");

  function left({ left: number, of }) {
    const done = Math.max(0, of - number);
    const rooms = store.rooms;
    const open = rooms.filter((room) => !room.reviewed).length;
    const words = number ? countedIn(store, number, "1 to check", "{n} to check") : open ? t("Nothing left to check") : t("All rooms reviewed ✓");
    const under = number ? t("{done} of {of} done", { done: countIn(store, done), of: countIn(store, of) })
      : open ? countedIn(store, open, "1 room is not reviewed yet", "{n} rooms are not reviewed yet") : t("The move is put right.");
    return h("div", { class: "pq-figure pq-grow", "data-fact": "check" }, h("b", { class: "pq-sub" }, words), h("span", {}, under),
      h("div", { class: "pq-track", role: "progressbar", "aria-label": t("Checked"), "aria-valuemin": 0, "aria-valuemax": of, "aria-valuenow": done },
        h("i", { style: `width:${of ? (100 * done) / of : 100}%` })));
  }

  // What needs attention, the most urgent first.
  function drawNotices(head) {
    const { banner, analysis, warnings, unplaced, others, project } = head;
    const notices_ = store.refusals.filter(([about]) => !about || !isShown(about)).map(([about, { error }]) => [about, error]);
    drawOnce(notices, [banner, analysis?.worker, analysis?.waiting, warnings, unplaced, others, project, store.notice, store.exported, notices_, store.at.item, store.canEdit, store.lang], () => {
      const notice = (key, kind, ...children) => h("div", { class: `pq-notice pq-${kind}`, "data-notice": key, role: kind === "wrong" ? "alert" : "status" }, children);
      // Among other pages, a notice above all of them says it.
      const waits = store.alone && analysis && !analysis.worker && analysis.waiting > 0;
      return [
        store.notice ? notice("notice", "wrong", store.notice) : null,
        notices_.map(([about, error]) => notice("refused", "wrong", h("span", {}, error), button(t("Dismiss"), () => store.forget(about), { "data-key": `forget ${about}` }))),
        waits ? notice("worker", "calm", h("span", {}, countedIn(store, analysis.waiting, "No worker is running: 1 photo waits and is safe.", "No worker is running: {n} photos wait and are safe.")),
          store.canEdit ? button(t("Start a worker"), () => store.send({ kind: "start" }), { "data-key": "start" }) : h("code", {}, "photoqueue worker")) : null,
        unplaced?.length ? unfitting(unplaced) : null,
        banner ? notice("banner", "calm", banner) : null,
        (warnings ?? []).map((text) => notice("warning", "calm", text)),
        store.exported ? notice("exported", "calm", `${t("Written:")} ${store.exported}`) : null,
        others?.length ? h("details", { class: "pq-others" }, h("summary", { "data-key": "others" }, `${others[0].user}: ${others[0].words}`),
          h("ul", {}, others.slice(1).map(({ user, words }) => h("li", {}, `${user}: ${words}`)))) : null];
    });
  }

  // Whether the place beside which an error belongs is on the page.
  function isShown(about) {
    const { item, photo, room } = store.at;
    return [item, photo, `room ${room}`, `add ${room}`].includes(about) || Boolean(store.line(room, about)) || store.thing(room, about) !== null;
  }

  function unfitting(unplaced) {
    const name = store.at.item ? store.item(store.at.item)?.item.name : null;
    return h("div", { class: "pq-notice pq-unplaced", "data-notice": "unplaced", role: "status" },
      h("b", {}, countedIn(store, unplaced.length, "1 edit no longer fits what the photos show now", "{n} edits no longer fit what the photos show now")),
      h("ul", {}, unplaced.map(({ number, user, words, reason, single }) => h("li", {},
        h("span", {}, h("b", {}, `${user}: ${words}`), h("small", {}, ` ${reason}`)),
        store.canEdit ? h("span", { class: "pq-pair" },
          single ? button(name ? t("Apply to {name}", { name: format.shorten(name, 24) }) : t("Select its box first"), () => store.edit("place", [number, store.at.item], {}, { about: `unplaced ${number}` }), { "data-key": `place ${number}`, disabled: !name }) : null,
          button(t("Keep for later"), () => store.edit("keep", [number], {}, { about: `unplaced ${number}` }), { "data-key": `keep ${number}`, title: t("It applies again when its thing is found again.") }),
          button(t("Undo"), () => store.edit("undo", [number], {}, { about: `unplaced ${number}` }), { "data-key": `undo ${number}` })) : null))));
  }

  return {
    element,
    update() {
      const { head } = store;
      drawTitle(head);
      drawProgress(head);
      drawActs(head);
      drawFacts(head);
      drawNotices(head);
    },
  };
}
