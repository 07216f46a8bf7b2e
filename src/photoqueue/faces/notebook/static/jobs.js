// The table of jobs. The front end sends requests (filter, sort, turn, open, retry, cancel) and
// draws Python's answers; it does not sort or filter.

// How each kind of column is drawn and aligned; Python sends the columns.
const CELLS = {
  state: (row) => stateBadge(row.state),
  name: (row, name, act) => rowButton(row, act),
  error: (row) => (row.error ? h("div", { class: "pq-jobs-error", title: row.error }, row.error) : ""),
  attempts: (row) => `${row.attempts} of ${row.max_attempts}`,
  duration: (row, name) => format.duration(row[name]),
  time: (row, name) => format.clock(row[name]),
  text: (row, name) => clipped(row[name]),
};
const CLASSES = { name: "pq-jobs-name", error: "pq-jobs-wide", attempts: "pq-number", duration: "pq-number", time: "pq-number" };
// Omitted if the filter already implies it.
const FILTERED = ["project_id", "batch_id"];
const SEARCH_PAUSE_MS = 300;
// Reads that end within this time are not announced.
const READING_MS = 800;
const READING = "reading…";
const rowKey = (id) => `open ${id}`;

function clipped(text) {
  return text ? h("div", { class: "pq-jobs-clip", title: text }, text) : "";
}

function rowButton(row, act) {
  return h("button", {
    type: "button", class: "pq-link", "data-key": rowKey(row.job_id), "aria-haspopup": "true",
    onclick: () => act.open(row.job_id),
  }, row.name);
}

// The filter: queue, states, text. Always sent as a whole, so that two clicks cannot conflict.
function filterBar(model, ask, others) {
  const queue = h("select", { onchange: () => send() });
  const search = h("input", { type: "search", placeholder: "file, room, photo, batch, error, id", size: 28 });
  const states = h("div", { class: "pq-bar", role: "group", "aria-label": "States" });
  let chosen = new Set();
  let timer = null;
  const send = () => {
    clearTimeout(timer);
    timer = null;
    ask({ kind: "filter", queue: queue.value, states: [...chosen], text: search.value });
  };
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(send, SEARCH_PAUSE_MS); });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
    if (event.key === "Escape" && search.value) {
      event.stopPropagation();
      search.value = "";
      send();
    }
  });
  const toggle = (state) => {
    if (!chosen.delete(state)) chosen.add(state);
    draw();
    send();
  };
  const draw = () => {
    const counts = model.get("counts");
    const whole = Object.values(counts).reduce((sum, number) => sum + number, 0);
    const button = (key, pressed, onclick, ...content) => h("button", {
      type: "button", class: "pq-button", "data-key": key, "aria-pressed": String(pressed), onclick,
    }, ...content);
    replace(states,
      button("all", !chosen.size, () => { chosen.clear(); draw(); send(); }, `All ${format.number(whole)}`),
      Object.keys(LOOKS).map((state) => button(state, chosen.has(state), () => toggle(state),
        stateBadge(state), ` ${format.number(counts[state] ?? 0)}`)));
  };
  const follow = () => {
    const controls = model.get("controls");
    if (!controls.queues) return draw();
    chosen = new Set(controls.states);
    if (queue.options.length !== controls.queues.length + 1) {
      queue.replaceChildren(h("option", { value: "" }, "all queues"),
        ...controls.queues.map((name) => h("option", { value: name }, name)));
    }
    queue.value = controls.queue ?? "";
    // Not while the user is editing, nor before the typed text was sent.
    if (timer === null && document.activeElement !== search) search.value = controls.text;
    draw();
  };
  const clear = () => { search.value = ""; queue.value = ""; chosen.clear(); draw(); send(); };
  return {
    element: h("div", {},
      states,
      h("div", { class: "pq-bar" },
        h("label", {}, "Queue ", queue), h("label", {}, "Search ", search), others)),
    follow,
    draw,
    clear,
  };
}

// The table. A row is replaced only if it changed, to keep focus, scroll position and selected
// text.
function jobTable(model, act) {
  const head = h("tr");
  const body = h("tbody");
  const scroll = h("div", { class: "pq-jobs-scroll", role: "region", "aria-label": "Jobs", tabindex: "0" },
    h("table", { class: "pq-table pq-jobs-table" }, h("thead", {}, head), body));
  let drawn = [];
  const columns = () => {
    const controls = model.get("controls");
    const rows = model.get("page").rows ?? [];
    const filtered = (name) => FILTERED.includes(name) && (controls[name] || controls.batch_id);
    return model.get("columns").filter(({ name, always }) => always || (rows.some((row) => row[name]) && !filtered(name)));
  };
  const drawHead = () => {
    const { order, descending } = model.get("controls");
    replace(head, columns().map((column) => {
      if (!column.order) return h("th", { scope: "col", class: CLASSES[column.kind] }, column.title);
      const sorted = order === column.order;
      const direction = descending ? "descending" : "ascending";
      return h("th", { scope: "col", class: CLASSES[column.kind], "aria-sort": sorted ? direction : "none" },
        h("button", { type: "button", class: "pq-jobs-sort", "data-key": `sort ${column.order}`, onclick: () => act.sort(column.order) },
          column.title, h("span", { "aria-hidden": "true" }, sorted ? (descending ? " ▼" : " ▲") : "")));
    }));
  };
  const drawBody = () => {
    const shown = columns();
    const titles = shown.map((column) => column.title);
    const selected = model.get("selected");
    const rows = (model.get("page").rows ?? []).map((row) => {
      const text = JSON.stringify([row, row.job_id === selected, titles, new Date().toDateString()]);
      const same = drawn.find((one) => one.text === text);
      return same ?? {
        id: row.job_id,
        text,
        element: h("tr", { "aria-selected": row.job_id === selected ? "true" : null },
          shown.map(({ name, kind }) => h("td", { class: CLASSES[kind] }, CELLS[kind](row, name, act)))),
      };
    });
    drawn = rows;
    const { scrollTop } = scroll;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const kept = new Set(rows.map((row) => row.element));
    for (const element of [...body.children]) if (!kept.has(element)) element.remove();
    rows.forEach((row, place) => {
      if (body.children[place] !== row.element) body.insertBefore(row.element, body.children[place] ?? null);
    });
    if (focused && !body.contains(document.activeElement)) focusKey(body, focused);
    scroll.scrollTop = scrollTop;
  };
  return {
    element: scroll,
    draw: () => { drawHead(); drawBody(); },
    focus: (id) => focusKey(body, rowKey(id)) || scroll.focus({ preventScroll: true }),
    top: () => { scroll.scrollTop = 0; },
  };
}

function focusKey(parent, key) {
  const found = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
  found?.focus({ preventScroll: true });
  return Boolean(found);
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
        if (off && turn === document.activeElement) turns[place < 2 ? 2 : 1].focus({ preventScroll: true });
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

// "Retry all failed (12)", with a confirmation.
function retryAll(model, ask) {
  const start = button("Retry all failed", () => { asking = true; draw(); no.focus(); });
  const question = h("p", { class: "pq-jobs-question" });
  const yes = button("Retry", () => { asking = false; ask({ kind: "retry_all" }); draw(); start.focus(); });
  const no = button("Leave them", () => { asking = false; draw(); start.focus(); });
  const dialog = h("div", { class: "pq-notice", role: "group", "aria-label": "Retry all failed jobs", hidden: true },
    question, h("div", { class: "pq-bar" }, no, yes));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); no.click(); }
  });
  const words = h("span", { role: "status" });
  let asking = false;
  const draw = () => {
    const failed = model.get("counts").failed ?? 0;
    const busy = model.get("busy");
    if (!failed || busy) asking = false;
    start.hidden = !model.get("actions");
    start.textContent = `Retry all failed (${format.number(failed)})`;
    start.disabled = !failed || busy;
    dialog.hidden = !asking;
    question.textContent = `Retry ${model.get("page").failed || format.counted(failed, "failed job")}, each with all its attempts?`;
    yes.textContent = `Retry ${format.number(failed)}`;
    words.textContent = model.get("progress");
  };
  return { start: [start, words], dialog, draw };
}

// Why the table is empty, and what to do.
function emptiness(model, clear) {
  const element = h("div", { class: "pq-empty", hidden: true });
  const draw = () => {
    const page = model.get("page");
    const { states = [], text = "", queue, project_id: project, batch_id: batch } = model.get("controls");
    element.hidden = !page.rows || page.rows.length > 0;
    if (element.hidden) return;
    if (states.length || text.trim() || queue) {
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
      open: (id) => ask({ kind: "open", job_id: id }),
      sort: (order) => { table.top(); ask({ kind: "sort", order }); },
      turn: (to) => { table.top(); ask({ kind: "turn", to }); },
      close: () => ask({ kind: "open", job_id: "" }),
    };
    const retries = retryAll(model, ask);
    const filters = filterBar(model, ask, retries.start);
    const table = jobTable(model, act);
    const pages = pager(model, act);
    const empty = emptiness(model, filters.clear);
    const details = jobDetails(model, { ...act, ask });
    el.append(filters.element, retries.dialog, noticeOf(model), table.element, empty.element, pages.element, details.element);
    const draw = () => {
      const page = model.get("page");
      table.element.hidden = !page.rows?.length;
      table.element.setAttribute("aria-busy", String(model.get("reading")));
      pages.element.hidden = !page.rows?.length && !page.previous;
      table.draw();
      pages.draw();
      retries.draw();
      empty.draw();
    };
    const drawDetails = () => {
      const id = model.get("story").job_id ?? "";
      details.draw();
      el.classList.toggle("pq-jobs-open", Boolean(id));
      if (id && id !== opened) details.focus();
      if (!id && opened && (details.hadFocus() || document.activeElement === document.body)) table.focus(opened);
      opened = id;
    };
    const stop = follow(model, "page counts controls selected story busy progress actions reading", () => {
      filters.follow();
      draw();
      drawDetails();
    });
    return () => { stop(); details.stop(); };
  },
};
