// The details of one job, below its row: what each attempt did, the error, and all that is recorded.

const CUT = 2000;
const OUTCOME_MARKS = { completed: "✓", error: "✕", timeout: "✕", worker_lost: "✕", released: "↩", cancelled: "⊘" };

function jobDetails(model, act) {
  const heading = h("h3");
  const lanes = h("div");
  const error = h("div");
  const actions = h("div", { class: "pq-bar" });
  const rest = h("div");
  const element = h("section", { class: "pq-jobs-details", "aria-label": "Job details", tabindex: "-1", hidden: true }, heading, lanes, error, actions, rest);
  onKeys(element, { Escape: act.close });
  const open = new Set();  // folds and long texts that the user has opened
  let last = null;
  let read = 0;
  let clockwork = null;
  let focused = false;
  const drawLanes = (story) => {
    const now = story.now_ms === undefined ? undefined : story.now_ms + (Date.now() - read);
    lanes.replaceChildren(timeline(story, now));
  };
  const draw = () => {
    const story = model.get("story");
    focused = element.contains(focusIn(element));
    const text = JSON.stringify(story) + model.get("actions");
    if (text === last) return;
    if (story.job_id !== element.dataset.job) open.clear();
    last = text;
    read = Date.now();
    clearInterval(clockwork);
    element.hidden = !story.job_id;
    element.dataset.job = story.job_id ?? "";
    if (!story.job_id) return;
    heading.replaceChildren(stateBadge(story.state), ` ${story.name}`);
    drawLanes(story);
    if (story.now_ms !== undefined) clockwork = setInterval(() => drawLanes(story), 1000);
    const scrolled = [...element.querySelectorAll("pre")].map((pre) => [pre.dataset.name, pre.scrollTop]);
    replace(error, errorParts(story, open, () => { last = null; draw(); }));
    replace(actions, actionButtons(model, act, story));
    replace(rest, fold("All fields", jobFacts(story), open), fold("Attempts", attemptTable(story), open),
      fold("AI calls", callTable(story), open), fold("Payload", json("payload", story.payload), open),
      fold("Result", json("result", story.result), open));
    for (const [name, top] of scrolled) {
      const pre = element.querySelector(`pre[data-name="${CSS.escape(name)}"]`);
      if (pre) pre.scrollTop = top;
    }
  };
  return {
    element,
    draw,
    focus: () => { element.focus({ preventScroll: true }); element.scrollIntoView({ block: "nearest" }); },
    hadFocus: () => focused,
    stop: () => clearInterval(clockwork),
  };
}

// What helps where a retry does not, with the way to the photo where the board has one.
function remedy(model, key, lead) {
  const what = "replace or exclude the photo";
  return model.get("reviewable") ? button(what, lead, { class: "pq-link", "data-key": `review ${key}` }) : what;
}

function actionButtons(model, act, story) {
  const may = model.get("actions");
  const ask = (kind) => act.ask({ kind, job_id: story.job_id });
  const useless = story.state === "failed" && !story.can_retry;
  return [
    may && story.can_retry ? button("Retry", () => ask("retry")) : null,
    may && story.can_cancel ? button("Cancel", () => ask("cancel")) : null,
    story.error_traceback ? button("Copy traceback", (event) => copy(story.error_traceback, event.currentTarget)) : null,
    button("Copy id", (event) => copy(story.job_id, event.currentTarget)),
    useless ? h("span", { class: "pq-quiet" }, "A retry cannot help", story.photo_id ? [": ", remedy(model, "", () => ask("review"))] : ".") : null,
    h("span", { class: "pq-jobs-gap" }),
    button("Close", act.close, { "aria-label": "Close details" }),
  ];
}

function jobFacts(story) {
  const waits = story.state === "waiting" && !story.ready_at ? [{ title: "Waits", value: `for the end of batch ${story.after_batch}` }] : [];
  const drawn = { attempts: () => `${story.attempts} of ${story.max_attempts}`, duration: format.duration, time: format.clock };
  return h("dl", { class: "pq-facts pq-jobs-facts" }, [...story.facts, ...waits].map(({ title, kind, value }) =>
    h("div", {}, h("dt", {}, title), h("dd", {}, drawn[kind]?.(value) ?? String(value)))));
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
  const lane = (number, track, words, more = {}) => h("div", { class: "pq-jobs-lane", ...more },
    h("span", { class: "pq-jobs-number" }, number), track, h("span", { class: "pq-jobs-outcome" }, words));
  return h("figure", { class: "pq-jobs-timeline" },
    h("div", { role: "img", "aria-label": `Timeline of ${format.duration(end)}. ${described.join("; ")}.` },
      lanes.map(({ attempt, parts }) => lane(`${attempt.attempt}`,
        h("span", { class: "pq-jobs-track" }, parts.map((part) =>
          h("span", { class: `pq-jobs-part pq-jobs-${part.kind}`, style: place(part.from, part.to), title: `${part.kind} ${format.duration(part.to - part.from)}` }))),
        outcomeWords(story, attempt), { title: attempt.error || null, "data-outcome": attempt.outcome || null })),
      lane("", h("span", { class: "pq-jobs-track pq-jobs-axis" }, ticks(end).map((at) =>
        h("span", { class: "pq-jobs-tick", style: `left:${100 * at / end}%` }, at ? format.roundDuration(at) : "0"))),
      [...kinds].map((kind) => h("span", { class: "pq-jobs-legend" }, h("span", { class: `pq-jobs-part pq-jobs-${kind}` }), `${kind} `)))));
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

// What an attempt did, such as "EngineServerError after 4.0 s, next try 5.0 s later".
function outcomeWords(story, attempt) {
  if (!attempt.outcome) {
    if (attempt.started_ms !== null) return "runs";
    return story.state === "delayed" ? "is due after the back-off" : "waits";
  }
  const known = { worker_lost: "its worker was lost", released: "given back", cancelled: "cancelled", completed: "completed" };
  const said = known[attempt.outcome] ?? (attempt.error_type || attempt.outcome);
  const delay = attempt.retry_delay_ms;
  const lastOne = story.state === "failed" && attempt.attempt === story.attempts;
  const then = delay !== null && delay !== undefined ? `, next try ${format.duration(delay)} later` : lastOne ? ", given up" : "";
  return `${said} after ${format.duration(attempt.duration_ms)}${then}`;
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
    attempt.outcome ? `${OUTCOME_MARKS[attempt.outcome]} ${attempt.outcome.replace("_", " ")}` : "…",
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
  return tableOf(columns, drawn, { caption: title, captionClass: "pq-hidden" });
}

function errorParts(story, open, redraw) {
  const error = [story.error_type, story.error_message].filter(Boolean).join(": ");
  if (!error || story.state === "cancelled") return null;
  // A traceback ends with the error.
  return story.error_traceback ? longText("traceback", story.error_traceback, open, redraw) : longText("error", error, open, redraw);
}

// A plain text in a box that scrolls; a long one is cut at first.
function longText(name, text, open, redraw) {
  const cut = text.length > CUT && !open.has(name);
  const size = format.counted(text.length, "character");
  return [
    pre(name, cut ? `${text.slice(0, CUT)}…` : text),
    cut ? button(`Show all (${size})`, () => { open.add(name); redraw(); }, { "data-key": `all ${name}`, "aria-label": `Show all of the ${name} (${size})` }) : null,
  ];
}

function pre(name, text) {
  return h("pre", { class: "pq-pre", tabindex: "0", "data-name": name, "data-key": name, "aria-label": name }, text);
}

function json(name, value) {
  return value === null || value === undefined ? null : pre(name, JSON.stringify(value, null, 2));
}

function fold(title, content, open) {
  if (!content) return null;
  const element = h("details", { open: open.has(title) }, h("summary", { "data-key": title }, title), h("div", { class: "pq-scroll" }, content));
  element.addEventListener("toggle", () => { if (element.open) open.add(title); else open.delete(title); });
  return element;
}
