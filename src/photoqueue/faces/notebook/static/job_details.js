// The details of one job, below the table.

const CUT = 2000;
const OUTCOME_MARKS = { completed: "✓", error: "✕", timeout: "✕", worker_lost: "✕", released: "↩", cancelled: "⊘" };

function jobDetails(model, act) {
  const heading = h("h3", { tabindex: "-1" });
  const facts = h("dl", { class: "pq-facts pq-jobs-facts" });
  const actions = h("div", { class: "pq-bar" });
  const axis = h("div");
  const rest = h("div");
  const element = h("section", { class: "pq-jobs-details", "aria-label": "Job details", hidden: true },
    h("div", { class: "pq-bar" }, heading, h("span", { class: "pq-jobs-gap" }),
      button("Close", act.close, { "aria-label": "Close details" })),
    actions, facts, axis, rest);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); act.close(); }
  });
  const open = new Set();  // folds and long texts that the user has opened
  let last = null;
  let read = 0;
  let clockwork = null;
  let focused = false;
  const drawAxis = (story) => {
    const now = story.now_ms === undefined ? undefined : story.now_ms + (Date.now() - read);
    axis.replaceChildren(timeline(story, now));
  };
  const draw = () => {
    const story = model.get("story");
    focused = element.contains(document.activeElement);
    const text = JSON.stringify(story) + model.get("actions");
    if (text === last) return;
    const other = story.job_id !== heading.dataset.job;
    last = text;
    read = Date.now();
    clearInterval(clockwork);
    element.hidden = !story.job_id;
    if (other) open.clear();
    heading.dataset.job = story.job_id ?? "";
    if (!story.job_id) return;
    heading.replaceChildren(stateBadge(story.state), ` ${story.name}`);
    replace(actions, actionButtons(model, act, story));
    replace(facts, jobFacts(story));
    drawAxis(story);
    if (story.now_ms !== undefined) clockwork = setInterval(() => drawAxis(story), 1000);
    const scrolled = other ? [] : [...rest.querySelectorAll("pre")].map((pre) => [pre.dataset.name, pre.scrollTop]);
    replace(rest, attemptTable(story), errorParts(story, open, () => { last = null; draw(); }),
      callTable(story), fold("Payload", story.payload, open), fold("Result", story.result, open));
    for (const [name, top] of scrolled) {
      const pre = rest.querySelector(`pre[data-name="${CSS.escape(name)}"]`);
      if (pre) pre.scrollTop = top;
    }
  };
  return {
    element,
    draw,
    focus: () => { heading.focus(); element.scrollIntoView({ block: "nearest" }); },
    hadFocus: () => focused,
    stop: () => clearInterval(clockwork),
  };
}

function actionButtons(model, act, story) {
  const may = model.get("actions");
  const ask = (kind) => act.ask({ kind, job_id: story.job_id });
  return [
    may && story.can_retry ? button("Retry", () => ask("retry")) : null,
    may && story.can_cancel ? button("Cancel", () => ask("cancel")) : null,
    button("Copy id", (event) => copy(story.job_id, event.currentTarget)),
  ];
}

function jobFacts(story) {
  const waits = story.state === "waiting" && !story.ready_at ? [{ title: "Waits", value: `for the end of batch ${story.after_batch}` }] : [];
  const drawn = { attempts: () => `${story.attempts} of ${story.max_attempts}`, duration: format.duration, time: format.clock };
  return [...story.facts, ...waits].map(({ title, kind, value }) =>
    h("div", {}, h("dt", {}, title), h("dd", {}, drawn[kind]?.(value) ?? String(value))));
}

// One lane per attempt: waited, ran, backed off, on one time axis that begins at submission.
function timeline(story, now) {
  const lanes = story.attempt_list.map((attempt) => ({ attempt, parts: attemptParts(attempt, now) }));
  const end = Math.max(1, ...lanes.flatMap(({ parts }) => parts.map((part) => part.to)));
  const place = (from, to) => `left:${(100 * from / end).toFixed(3)}%;width:${(100 * (to - from) / end).toFixed(3)}%`;
  const kinds = new Set(lanes.flatMap(({ parts }) => parts.map((part) => part.kind)));
  if (!kinds.size) return h("p", { class: "pq-quiet" }, story.attempts ? "No attempt is recorded." : "This job has no attempts.");
  const described = lanes.map(({ attempt, parts }) =>
    `attempt ${attempt.attempt}: ${parts.map((part) => `${part.kind} ${format.duration(part.to - part.from)}`).join(", ")}, ${outcomeWords(story, attempt)}`);
  return h("figure", { class: "pq-jobs-timeline" },
    h("figcaption", {}, "Attempts since the submission",
      ["wait", "run", "back-off"].filter((kind) => kinds.has(kind)).map((kind) =>
        h("span", { class: "pq-jobs-legend" }, h("span", { class: `pq-jobs-part pq-jobs-${kind}` }), kind))),
    h("div", { role: "img", "aria-label": `Timeline of ${format.duration(end)}. ${described.join("; ")}.` },
      lanes.map(({ attempt, parts }) => h("div", { class: "pq-jobs-lane" },
        h("span", { class: "pq-jobs-number" }, `${attempt.attempt}`),
        h("span", { class: "pq-jobs-track" }, parts.map((part) =>
          h("span", { class: `pq-jobs-part pq-jobs-${part.kind}`, style: place(part.from, part.to), title: `${part.kind} ${format.duration(part.to - part.from)}` }))),
        h("span", { class: "pq-jobs-outcome" }, outcomeMark(story, attempt)))),
      h("div", { class: "pq-jobs-lane" }, h("span", { class: "pq-jobs-number" }),
        h("span", { class: "pq-jobs-track pq-jobs-axis" }, ticks(end).map((at) =>
          h("span", { class: "pq-jobs-tick", style: `left:${100 * at / end}%` }, at ? format.roundDuration(at) : "0"))),
        h("span", { class: "pq-jobs-outcome" }))));
}

function attemptParts(attempt, now) {
  const parts = [];
  const add = (kind, from, to) => {
    if (from === null || to === null || from === undefined || to === undefined || to < from) return;
    parts.push({ kind, from: Math.max(from, 0), to: Math.max(to, 0) });
  };
  const started = attempt.started_ms;
  const ended = attempt.ended_ms;
  if (started === null && ended === null) add("wait", attempt.ready_ms, now);
  else add("wait", attempt.ready_ms ?? started, started);
  add("run", started, ended ?? now);
  if (attempt.retry_delay_ms !== null && ended !== null) add("back-off", ended, ended + attempt.retry_delay_ms);
  return parts;
}

function outcomeWords(story, attempt) {
  if (attempt.outcome) return attempt.outcome.replace("_", " ");
  return attempt.started_ms === null ? (story.state === "delayed" ? "is due after the back-off" : "waits") : "runs";
}

function outcomeMark(story, attempt) {
  return `${OUTCOME_MARKS[attempt.outcome] ?? "…"} ${outcomeWords(story, attempt)}`;
}

// Four or five round positions on the axis.
function ticks(end) {
  const units = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5, 6048e5];
  const step = units.find((unit) => end / unit <= 5) ?? end / 4;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, number) => number * step).filter((at) => at <= end * 0.96);
}

function attemptTable(story) {
  if (!story.attempt_list.length) return null;
  const columns = ["Attempt", "Outcome", "Waited", "Ran", "Back-off", "Started", "Host", "Error"];
  return dataTable("Attempts", columns, story.attempt_list.map((attempt) => [
    attempt.attempt,
    outcomeMark(story, attempt),
    format.duration(attempt.wait_ms),
    format.duration(attempt.duration_ms),
    format.duration(attempt.retry_delay_ms),
    attempt.started_ms === null ? "–" : `after ${format.duration(attempt.started_ms)}`,
    attempt.host ?? "–",
    attempt.error || "–",
  ]));
}

function callTable(story) {
  if (!story.ai_calls.length) return null;
  const columns = ["Attempt", "Call", "Engine", "Model", "Latency", "Tokens in", "Tokens out", "Cost", "Outcome"];
  return dataTable("AI calls", columns, story.ai_calls.map((call) => [
    call.attempt, call.call, call.engine, call.model, format.duration(call.latency_ms), format.number(call.tokens_in), format.number(call.tokens_out),
    call.cost_usd === null ? "not known" : format.money(call.cost_usd),
    call.success ? "✓ answered" : `✕ ${call.error ?? "failed"}`,
  ]));
}

function dataTable(title, columns, rows) {
  const drawn = rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, String(cell)))));
  return tableOf(columns, drawn, { caption: title, kind: "pq-jobs-data" });
}

function errorParts(story, open, redraw) {
  return [
    story.error_message || story.error_type
      ? [h("h4", {}, `Error: ${story.error_type ?? "unknown"}`), longText("error", story.error_message ?? "", open, redraw)]
      : null,
    story.error_traceback
      ? [h("div", { class: "pq-bar" }, h("h4", {}, "Traceback of the worker"),
          button("Copy traceback", (event) => copy(story.error_traceback, event.currentTarget))),
        longText("traceback", story.error_traceback, open, redraw)]
      : null,
  ];
}

// A plain text in a box that scrolls; a long one is cut at first.
function longText(name, text, open, redraw) {
  const cut = text.length > CUT && !open.has(name);
  const size = format.counted(text.length, "character");
  return [
    h("pre", { class: "pq-pre", tabindex: "0", "data-name": name, "data-key": name, "aria-label": name }, cut ? `${text.slice(0, CUT)}…` : text),
    cut ? button(`Show all (${size})`, () => { open.add(name); redraw(); }, { "data-key": `all ${name}`, "aria-label": `Show all of the ${name} (${size})` }) : null,
  ];
}

function fold(title, value, open) {
  if (value === null || value === undefined) return null;
  const element = h("details", { open: open.has(title) }, h("summary", { "data-key": title }, title),
    h("pre", { class: "pq-pre", tabindex: "0", "data-name": title }, JSON.stringify(value, null, 2)));
  element.addEventListener("toggle", () => { if (element.open) open.add(title); else open.delete(title); });
  return element;
}
