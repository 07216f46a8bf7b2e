// The head of the Review page: project, progress, totals, what is left to check, what needs attention.

// Files that can be written: the message's kind and format, and what it is called.
const EXPORTS = [["report pdf", "Report (PDF)"], ["report html", "Report (HTML)"], ["export xlsx", "Things (Excel)"], ["export csv", "Things (CSV)"]];

function reviewHead(store, { look, looking }) {
  const { t } = store;
  const title = h("div", { class: "pq-title" });
  const progress = h("div", { class: "pq-progress" });
  const acts = h("div", { class: "pq-acts" });
  const facts = h("div", { class: "pq-figures" });
  const notices = h("div", { class: "pq-notices" });
  const element = h("header", { class: "pq-head" }, h("div", { class: "pq-head-line" }, title, progress, acts), facts, notices);

  function drawTitle({ project, projects, fixed }) {
    drawOnce(title, [project, projects, fixed, store.lang], () => {
      if (fixed || !project || !projects?.length) return h("h2", {}, project || t("Review"));
      const listed = projects.some((one) => one.id === project) ? projects : [{ id: project, photos: 0 }, ...projects];
      return selectOf(listed.map(({ id, photos }) => [id, `${id} · ${store.nPhotos(photos)}`]), project, (id) => store.send({ kind: "project", project: id }),
        { class: "pq-project", "aria-label": t("Project"), "data-key": "project" });
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
        running ? t("{n} of {of} photos analysed", { n: store.count(completed), of: store.count(total) }) : store.counted(completed, "1 photo analysed", "{n} photos analysed"),
        failed ? [", ", button(store.counted(failed, "1 failed", "{n} failed"), () => look("failed"), { class: "pq-link", "data-key": "failed" })] : null,
        running && secondsLeft !== null ? ` · ${timeLeft(secondsLeft)}` : null,
        engine ? ` · ${engine}` : null,
        inventory?.running ? ` · ${inventory.words}` : null,
        running ? h("progress", { max: total, value: done, "aria-label": t("Analysis") }) : null];
    });
  }

  function timeLeft(seconds) {
    return seconds < 60 ? t("less than a minute left") : store.counted(Math.ceil(seconds / 60), "about 1 minute left", "about {n} minutes left");
  }

  function drawActs({ project }) {
    drawOnce(acts, [project, store.canUndo, store.canRedo, store.undoWords, store.redoWords, store.canEdit, looking(), store.lang], () => {
      const turn = (key, text, keys, run, able, words) => button(text, run, { "data-key": key, disabled: !able, "aria-keyshortcuts": keys, title: words ? `${text}: ${words} (${keys})` : null });
      return [
        project && store.canEdit ? [
          turn("undo", t("Undo"), "Z", () => store.undo(), store.canUndo, store.undoWords),
          turn("redo", t("Redo"), "Shift+Z", () => store.redo(), store.canRedo, store.redoWords)] : null,
        project ? button(t("All photos"), () => look(looking() ? null : "all"), { "data-key": "photos", "aria-pressed": String(Boolean(looking())) }) : null,
        project && store.canEdit ? selectOf([["", t("Export …")], ...EXPORTS.map(([value, text]) => [value, t(text)])], "", (value, field) => {
          const [kind, format] = value.split(" ");
          store.send({ kind, format });
          field.value = "";
        }, { "aria-label": t("Export"), "data-key": "export" }) : null,
        selectOf([["en", "English"], ["fr", "Français"]], store.lang, (language) => store.send({ kind: "language", language }), { "aria-label": t("Language"), "data-key": "language" })];
    });
  }

  function drawFacts(head) {
    const { project, things, volume, volumeMin, volumeMax, lorry, weight, check, strategy, strategies } = head;
    const counted = (volume ?? null) !== null;
    facts.hidden = !project || (!counted && !things);
    drawOnce(facts, [project, things, volume, volumeMin, volumeMax, lorry, weight, check, strategy, strategies, store.rooms, store.canEdit, store.lang], () => {
      const fact = (key, value, ...under) => h("div", { class: "pq-figure", "data-fact": key }, h("b", {}, value), h("span", {}, under));
      const choose = store.canEdit && strategies
        ? selectOf(Object.entries(strategies), strategy, (name) => store.send({ kind: "strategy", strategy: name }), { "aria-label": t("How things in several photos are counted"), "data-key": "strategy", class: "pq-strategy" })
        : strategies?.[strategy] ?? "";
      const one = fact("things", store.count(things ?? 0), things === 1 ? t("thing") : t("things"), " · ", choose);
      if (!counted) return [one];
      const larger = lorry?.larger ? ` · ${t("at most: {lorry}", { lorry: lorry.larger })}` : "";
      return [one,
        fact("volume", store.total(volume), volumeMin === volumeMax ? "" : t("{low} to {high} in 8 of 10 moves", { low: store.number(volumeMin, 1), high: store.total(volumeMax) })),
        weight ? fact("weight", weight.words, lorry?.words ?? "", larger) : lorry ? fact("lorry", h("span", { class: "pq-sub" }, lorry.words), t("by volume"), larger) : null,
        check ? left(check) : null];
    });
  }

  function left({ left: number, of }) {
    const done = Math.max(0, of - number);
    const open = store.rooms.filter((room) => !room.reviewed).length;
    const words = number ? store.nToCheck(number) : open ? t("Nothing left to check") : t("All rooms reviewed ✓");
    const under = number ? t("{done} of {of} done", { done: store.count(done), of: store.count(of) })
      : open ? store.counted(open, "1 room is not reviewed yet", "{n} rooms are not reviewed yet") : t("The move is put right.");
    return h("div", { class: "pq-figure pq-grow", "data-fact": "check" }, h("b", { class: "pq-sub" }, words), h("span", {}, under),
      h("div", { class: "pq-track", role: "progressbar", "aria-label": t("Checked"), "aria-valuemin": 0, "aria-valuemax": of, "aria-valuenow": done },
        h("i", { style: `width:${of ? (100 * done) / of : 100}%` })));
  }

  // What needs attention, the most urgent first.
  function drawNotices({ banner, analysis, warnings, unplaced, others, project }) {
    const refused = store.refusals.filter(([about]) => !about || !isShown(about)).map(([about, { error }]) => [about, error]);
    drawOnce(notices, [banner, analysis?.worker, analysis?.waiting, warnings, unplaced, others, project, store.notice, store.exported, refused, store.at.item, store.canEdit, store.lang], () => {
      const notice = (key, kind, ...children) => h("div", { class: `pq-notice pq-${kind}`, "data-notice": key, role: kind === "wrong" ? "alert" : "status" }, children);
      // Among other pages, a notice above all of them says it.
      const waits = store.alone && analysis && !analysis.worker && analysis.waiting > 0;
      return [
        store.notice ? notice("notice", "wrong", store.notice) : null,
        refused.map(([about, error]) => notice("refused", "wrong", h("span", {}, error), button(t("Dismiss"), () => store.forget(about), { "data-key": `forget ${about}` }))),
        waits ? notice("worker", "calm", h("span", {}, store.counted(analysis.waiting, "No worker is running: 1 photo waits and is safe.", "No worker is running: {n} photos wait and are safe.")),
          store.canEdit ? button(t("Start a worker"), () => store.send({ kind: "start" }), { "data-key": "start" }) : h("code", {}, "photoqueue worker")) : null,
        unplaced?.length ? notice("unplaced", "unplaced", unfitting(unplaced)) : null,
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

  // The edits whose thing is not found again, each with what can become of it.
  function unfitting(unplaced) {
    const name = store.at.item ? store.item(store.at.item)?.item.name : null;
    const act = (verb, number, text, values, properties = {}) =>
      button(text, () => store.edit(verb, values, {}, { about: `unplaced ${number}` }), { "data-key": `${verb} ${number}`, ...properties });
    return [
      h("b", {}, store.counted(unplaced.length, "1 edit no longer fits what the photos show now", "{n} edits no longer fit what the photos show now")),
      h("ul", {}, unplaced.map(({ number, user, words, reason, single }) => h("li", {},
        h("span", {}, h("b", {}, `${user}: ${words}`), h("small", {}, ` ${reason}`)),
        store.canEdit ? h("span", { class: "pq-pair" },
          single ? act("place", number, name ? t("Apply to {name}", { name: format.shorten(name, 24) }) : t("Select its box first"), [number, store.at.item], { disabled: !name }) : null,
          act("keep", number, t("Keep for later"), [number], { title: t("It applies again when its thing is found again.") }),
          act("undo", number, t("Undo"), [number])) : null)))];
  }

  return {
    element,
    update() {
      for (const draw of [drawTitle, drawProgress, drawActs, drawFacts, drawNotices]) draw(store.head);
    },
  };
}
