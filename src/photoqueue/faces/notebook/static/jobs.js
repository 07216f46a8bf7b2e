// The table of jobs. The front end sends requests (filter, sort, turn, open, retry, cancel) and
// draws Python's answers; it does not sort or filter.

// How each kind of column is drawn and aligned; Python sends the columns.
const CELLS = {
  state: (row) => stateBadge(row.state),
  name: (row, name, act) => h("div", { class: "pq-jobs-title" },
    h("button", { class: "pq-link", "data-key": rowKey(row.job_id), "aria-expanded": String(act.isOpen(row)),
      onclick: () => act.open(act.isOpen(row) ? "" : row.job_id) }, middle(row.name)),
    row.error ? h("div", { class: "pq-jobs-error", title: row.error }, row.error) : null),
  attempts: (row) => row.attempts || "–",
  duration: (row, name) => format.duration(row[name]),
  time: (row, name) => format.clock(row[name]),
  text: (row, name) => (row[name] ? middle(row[name]) : ""),
};
const NUMBERS = ["attempts", "duration", "time"];
const cellClass = ({ name, kind }) => `pq-jobs-${name} ${NUMBERS.includes(kind) ? "pq-number" : ""}`;
// Omitted if the filter already implies it.
const FILTERED = ["project_id", "batch_id"];
// Causes of failures that are listed at first.
const CAUSES = 3;
const SEARCH_PAUSE_MS = 300;
// Reads that end within this time are not announced.
const READING_MS = 800;
const READING = "reading…";
const rowKey = (id) => `open ${id}`;

// The filter: queue, states, text. Always sent as a whole, so that two clicks cannot conflict.
function filterBar(model, ask) {
  const queue = h("select", { "aria-label": "Queue", onchange: () => send() });
  const search = h("input", { type: "search", placeholder: "File, room, error or id", "aria-label": "Search" });
  const states = h("div", { class: "pq-jobs-states", role: "group", "aria-label": "States" });
  let chosen = new Set();
  let cause = "";
  let timer = null;
  const send = () => {
    clearTimeout(timer);
    timer = null;
    ask({ kind: "filter", queue: queue.value, states: [...chosen], text: search.value, cause });
  };
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(send, SEARCH_PAUSE_MS); });
  onKeys(search, { Enter: send, Escape: () => {
    if (!search.value) return false;
    search.value = "";
    return send();
  } });
  const choose = (some, why = "") => {
    chosen = new Set(some);
    cause = why;
    draw();
    send();
  };
  const toggle = (state) => choose(chosen.has(state) ? [...chosen].filter((one) => one !== state) : [...chosen, state]);
  const draw = () => {
    const counts = model.get("counts");
    const whole = Object.values(counts).reduce((sum, number) => sum + number, 0);
    const one = (key, pressed, onclick, content) => button(content, onclick, { "data-key": key, "aria-pressed": String(pressed) });
    replace(states,
      one("all", !chosen.size && !cause, () => choose([]), `All ${format.number(whole)}`),
      Object.keys(LOOKS).map((state) => one(state, chosen.has(state), () => toggle(state), [stateBadge(state), ` ${format.number(counts[state] ?? 0)}`])));
  };
  const follow = () => {
    const controls = model.get("controls");
    if (!controls.queues) return draw();
    chosen = new Set(controls.states);
    cause = controls.cause;
    drawOnce(queue, controls.queues, () => ["", ...controls.queues].map((name) => h("option", { value: name }, name || "All queues")));
    queue.value = controls.queue ?? "";
    // Not while the user is editing, nor before the typed text was sent.
    if (timer === null && focusIn(search) !== search) search.value = controls.text;
    return draw();
  };
  return {
    element: h("div", { class: "pq-bar" }, states, queue, search),
    follow,
    clear: () => { search.value = ""; queue.value = ""; choose([]); },
    showCause: (text) => choose([], text),
  };
}

// Why jobs failed: three causes, the others behind a button; a retry where it helps, after a question.
function causeList(model, ask, showCause) {
  const list = h("ul", { class: "pq-jobs-causes", "aria-label": "Why jobs failed" });
  const more = button("more", () => { whole = !whole; draw(); });
  const retryAll = button("Retry all", () => question.ask(null), { "data-key": "retry all" });
  const progress = h("span", { role: "status", class: "pq-quiet" });
  const question = retryQuestion(model, ask);
  let whole = false;
  const row = (cause) => {
    const [first, rest] = sentences(cause.message || cause.error_type || "No reason is recorded");
    const since = cause.count > 1 && format.clock(cause.first) !== format.clock(cause.last)
      ? `since ${format.clock(cause.first)}, last ${format.clock(cause.last)}` : `at ${format.clock(cause.last)}`;
    const shown = model.get("controls").cause === cause.text;
    return h("li", { class: "pq-jobs-cause" },
      h("b", {}, format.number(cause.count)),
      h("div", { title: [cause.text, rest].join("\n") }, first, " ",
        h("small", {}, [cause.error_type, since].filter(Boolean).join(" · "), cause.can_retry ? null : [" · a retry cannot help: ", remedy(model, cause.text, () => ask({ kind: "review", cause: cause.text }))])),
      button("Show", () => showCause(shown ? "" : cause.text), { "data-key": `show ${cause.text}`, "aria-pressed": String(shown), "aria-label": `Show: ${first}` }),
      cause.can_retry && model.get("actions")
        ? button(`Retry ${format.number(cause.count)}`, () => question.ask(cause),
          { "data-key": `retry ${cause.text}`, disabled: model.get("busy"), "aria-label": `Retry ${format.number(cause.count)}: ${first}` }) : null);
  };
  const draw = () => {
    const causes = model.get("causes");
    const { cause: chosen } = model.get("controls");
    const shown = causes.filter((cause, place) => whole || place < CAUSES || cause.text === chosen);
    const known = causes.reduce((sum, { count }) => sum + count, 0);
    drawOnce(list, [shown, chosen, model.get("busy"), model.get("actions"), new Date().toDateString()], () => shown.map(row));
    list.hidden = !causes.length;
    more.hidden = causes.length <= CAUSES;
    more.textContent = whole ? "Fewer causes" : `${format.number(causes.length - shown.length)} more`;
    more.setAttribute("aria-expanded", String(whole));
    retryAll.hidden = !model.get("actions") || causes.filter(({ can_retry }) => can_retry).length < 2;
    retryAll.disabled = model.get("busy");
    progress.textContent = model.get("progress") || ((model.get("counts").failed ?? 0) > known && known
      ? `Causes of the newest ${format.number(known)} failures.` : "");
    foot.hidden = more.hidden && retryAll.hidden && !progress.textContent;
    question.draw();
  };
  const foot = h("div", { class: "pq-bar" }, more, retryAll, progress);
  return { element: h("div", {}, list, question.element, foot), draw };
}

// Asks before jobs are retried: of one cause, or all that it can help.
function retryQuestion(model, ask) {
  const words = h("p");
  const yes = button("Retry", () => { leave(); ask({ kind: "retry_all", cause: asked.text }); });
  const no = button("Leave them", () => leave());
  const element = h("div", { class: "pq-notice", role: "group", "aria-label": "Retry failed jobs", hidden: true },
    words, h("div", { class: "pq-bar" }, no, yes));
  let asked = null;
  let from = null;
  const leave = () => { element.hidden = true; from?.focus(); };
  onKeys(element, { Escape: leave });
  return {
    element,
    ask: (cause) => {
      const causes = cause ? [cause] : model.get("causes").filter(({ can_retry }) => can_retry);
      const count = causes.reduce((sum, one) => sum + one.count, 0);
      asked = { text: cause?.text ?? "" };
      from = focusIn(element);
      words.textContent = `Retry ${format.counted(count, "failed job")} ${model.get("page").failed ?? ""}, each with all its attempts?`;
      yes.textContent = `Retry ${format.number(count)}`;
      element.hidden = false;
      no.focus();
    },
    draw: () => { if (model.get("busy") || !model.get("causes").length) element.hidden = true; },
  };
}

// The table. A row is replaced only if it changed, to keep focus, scroll position and selected
// text.
function jobTable(model, act, details) {
  const head = h("tr");
  const body = h("tbody");
  const inside = h("td", { class: "pq-jobs-inside" });
  const story = h("tr", {}, inside);
  const outside = h("div", {});
  const scroll = h("div", { class: "pq-jobs-scroll", role: "region", "aria-label": "Jobs", tabindex: "0" },
    h("table", { class: "pq-table pq-jobs-table" }, h("thead", {}, head), body));
  const columns = () => {
    const controls = model.get("controls");
    const rows = model.get("page").rows ?? [];
    const filtered = (name) => FILTERED.includes(name) && (controls[name] || controls.batch_id);
    return model.get("columns").filter(({ name, order, always }) =>
      always || (order && order === controls.order) || (rows.some((row) => row[name]) && !filtered(name)));
  };
  const drawHead = () => {
    const { order, descending } = model.get("controls");
    replace(head, columns().map((column) => {
      if (!column.order) return h("th", { scope: "col", class: cellClass(column) }, column.title);
      const sorted = order === column.order;
      const direction = descending ? "descending" : "ascending";
      return h("th", { scope: "col", class: cellClass(column), "aria-sort": sorted ? direction : "none" },
        h("button", { class: "pq-jobs-sort", "data-key": `sort ${column.order}`, onclick: () => act.sort(column.order) },
          column.title, h("span", { "aria-hidden": "true" }, sorted ? (descending ? " ↓" : " ↑") : "")));
    }));
  };
  const drawBody = () => {
    const shown = columns();
    const [selected, opened] = [model.get("selected"), model.get("story").job_id];
    const rows = (model.get("page").rows ?? []).flatMap((row) => {
      const data = [row, row.job_id === selected, shown.map(({ title }) => title), new Date().toDateString()];
      const entry = [row.job_id, data, () => h("tr", { "data-open": row.job_id === selected }, shown.map((column) => h("td", { class: cellClass(column) }, CELLS[column.kind](row, column.name, act))))];
      return row.job_id === opened ? [entry, ["story", "", () => story]] : [entry];
    });
    const { scrollTop } = scroll;
    const place = rows.some(([key]) => key === "story") ? inside : outside;
    inside.colSpan = shown.length;
    keepFocus(body, () => {
      if (details.parentNode !== place) place.append(details);
      drawList(body, rows);
    });
    scroll.scrollTop = scrollTop;
  };
  return {
    element: scroll,
    outside,
    draw: () => { drawHead(); drawBody(); },
    focus: (id) => focusKey(body, rowKey(id)) || scroll.focus({ preventScroll: true }),
    top: () => { scroll.scrollTop = 0; },
  };
}

// "rows 51–100 of 10,000", as far as known.
function rowsShown({ rows = [], position, total }) {
  if (!rows.length) return "no jobs";
  if (total === null) return `${rows.length} jobs`;
  if (position === null || position === undefined) return `${rows.length} of ${format.number(total)} jobs`;
  return `rows ${format.number(position + 1)}–${format.number(position + rows.length)} of ${format.number(Math.max(total, position + rows.length))}`;
}

function pager(model, act) {
  const words = h("span", { role: "status", class: "pq-quiet" });
  const turns = ["First", "Previous", "Next", "Last"].map((title) =>
    button(title, () => act.turn(title.toLowerCase()), { "aria-label": `${title} page` }));
  let late = null;
  return {
    element: h("nav", { class: "pq-bar", "aria-label": "Pages of jobs" }, turns, words),
    draw: () => {
      const page = model.get("page");
      turns.forEach((turn, place) => {
        const off = !(place < 2 ? page.previous : page.next);
        // Keep the focus when the keyboard user reaches the last page.
        if (off && turn === focusIn(turn)) turns[place < 2 ? 2 : 1].focus({ preventScroll: true });
        turn.disabled = off;
      });
      if (model.get("reading")) {
        late ??= setTimeout(() => { words.textContent = READING; }, READING_MS);
        return;
      }
      clearTimeout(late);
      late = null;
      const said = page.rows ? rowsShown(page) : READING;
      // Until the jobs are counted, the text stays: a screen reader announces each change.
      const counted = page.total !== null || !words.textContent || words.textContent === READING;
      if (counted && words.textContent !== said) words.textContent = said;
    },
  };
}

// Why the table is empty, and what to do.
function emptiness(model, clear) {
  const element = h("div", { class: "pq-empty", hidden: true });
  const draw = () => {
    const page = model.get("page");
    const { states = [], text = "", cause, queue, project_id: project, batch_id: batch } = model.get("controls");
    element.hidden = !page.rows || page.rows.length > 0;
    if (element.hidden) return;
    if (states.length || text.trim() || queue || cause) {
      replace(element, h("p", {}, "No job matches this filter."), button("Clear the filter", clear));
    } else if (batch || project) {
      const where = batch ? `batch “${batch}”` : `project “${project}”`;
      replace(element, h("p", {}, `No jobs in ${where}. Check its id, or submit photos to it.`));
    } else replace(element, h("p", {}, "No jobs yet. Submit photos, and they appear here."));
  };
  return { element, draw };
}

export default {
  render({ model, el }) {
    el.classList.add("pq", "pq-view", "pq-jobs");
    // JupyterLab would take Enter and letters on our buttons as its own shortcuts.
    el.dataset.lmSuppressShortcuts = "true";
    const ask = (message) => model.send(message);
    let opened = model.get("selected");
    const act = {
      ask,
      isOpen: ({ job_id: id }) => id === model.get("selected"),
      open: (id) => ask({ kind: "open", job_id: id }),
      close: () => act.open(""),
      sort: (order) => { table.top(); ask({ kind: "sort", order }); },
      turn: (to) => { table.top(); ask({ kind: "turn", to }); },
    };
    const filters = filterBar(model, ask);
    const causes = causeList(model, ask, filters.showCause);
    const details = jobDetails(model, act);
    const table = jobTable(model, act, details.element);
    const pages = pager(model, act);
    const empty = emptiness(model, filters.clear);
    el.append(filters.element, causes.element, noticeOf(model), table.element, empty.element, pages.element, table.outside);
    const draw = () => {
      const page = model.get("page");
      table.element.hidden = !page.rows?.length;
      table.element.setAttribute("aria-busy", String(model.get("reading")));
      pages.element.hidden = !page.rows?.length && !page.previous;
      details.draw();
      table.draw();
      pages.draw();
      causes.draw();
      empty.draw();
      const id = model.get("story").job_id ?? "";
      if (id && id !== opened) details.focus();
      if (!id && opened && (details.hadFocus() || document.activeElement === document.body)) table.focus(opened);
      opened = id;
    };
    const stop = follow(model, "page counts causes controls selected story busy progress actions reading", () => {
      filters.follow();
      draw();
    });
    const rest = keepFresh(model);
    return () => { stop(); rest(); details.stop(); };
  },
};
