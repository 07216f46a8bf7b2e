// The board. It uses only the API of its own server. The scripts shared with the workbench (h,
// replace, copy, format) are served before it.

const STATES = ["waiting", "active", "delayed", "completed", "failed", "cancelled"];
const PAGE_SIZE = 50;
const LOOK_MS = 1500;
const $ = (id) => document.getElementById(id);

const shown = { state: "", queue: "", search: "", place: {}, mark: null, job: null };
let token = sessionStorage.getItem("photoqueue-token") || "";
let failures = 0;

// -- the API ----------------------------------------------------------------------------------

class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, body.detail || `The server answered ${answer.status}.`);
  return body;
}

// -- making the page --------------------------------------------------------------------------

function button(text, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, text);
}

// A column with `some` is omitted where no row has a value.
function table(caption, all, rows) {
  const columns = all.filter(({ some }) => !some || rows.some(some));
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((row) => h("tr", {}, columns.map((column) =>
    h("td", { class: column.class || (column.number ? "number" : null) }, column.cell(row)))));
  return h("table", { "aria-label": caption }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}

// A long name is shortened; the details show all of it.
function short(name) {
  return name ? h("span", { title: name }, format.shorten(name)) : "–";
}

// A job that a user cancelled has no error to show.
const errorOf = (job) => (job.errorType && job.state !== "cancelled" ? `${job.errorType}: ${job.errorMessage}` : "");
const badge = (state) => h("span", { class: `state ${state}` }, state);

function notice(text) {
  $("notice").hidden = !text;
  if ($("notice").textContent !== text) $("notice").textContent = text;
}

// -- actions ----------------------------------------------------------------------------------

async function act(path, done) {
  try {
    await ask(path, { method: "POST" });
    notice("");
    $("live").textContent = done;
  } catch (error) {
    tell(error);
  }
  await refresh(true);
}

const jobPath = (id, action = "") => `/api/jobs/${encodeURIComponent(id)}${action}`;
const canCancel = (state) => ["waiting", "active", "delayed"].includes(state);

function actionsOf(job, where) {
  const name = calledOf(job);
  return [
    job.canRetry ? button("Retry", () => act(jobPath(job.jobId, "/retry"), `${name} is retried.`),
      { "aria-label": `Retry ${name}`, "data-key": `${where}-act-${job.jobId}` }) : null,
    canCancel(job.state) ? button("Cancel", () => act(jobPath(job.jobId, "/cancel"), `${name} is cancelled.`),
      { "aria-label": `Cancel ${name}`, "data-key": `${where}-act-${job.jobId}` }) : null,
  ];
}

// Whether a part would be drawn as it already is. Then it is left alone, to keep the user's text
// selection and scroll position.
const drawn = {};
function same(part, ...data) {
  const text = JSON.stringify(data);
  if (drawn[part] === text) return true;
  drawn[part] = text;
  return false;
}

const nameOf = (job) => job.fileName || job.photoId || job.jobKey;
// Photos of several rooms are often called alike.
const calledOf = (job) => (job.room ? `${nameOf(job)} of ${job.room}` : nameOf(job));

// -- the parts --------------------------------------------------------------------------------

function drawQueues(queues) {
  const chosen = queues.filter((q) => !shown.queue || q.name === shown.queue);
  const sums = Object.fromEntries(["total", ...STATES].map((state) => [state, chosen.reduce((sum, q) => sum + q[state], 0)]));
  if (same("queues", queues)) return sums;
  const choice = $("queue");
  for (const { name } of queues.slice(choice.options.length - 1)) choice.append(h("option", {}, name));
  replace($("queues"), table("Queues", [
    { title: "Queue", class: "whole", cell: (q) => q.name },
    ...STATES.map((state) => ({ title: state, number: true, cell: (q) => format.number(q[state]) })),
    { title: "total", number: true, cell: (q) => format.number(q.total) },
    { title: "oldest waits", number: true, cell: (q) => format.duration(q.oldestWaitingS && q.oldestWaitingS * 1000) },
    { title: "workers", number: true, cell: (q) => format.number(q.workers) },
    { title: "", class: "actions", cell: (q) => [
      button(q.paused ? "Resume" : "Pause",
        () => act(`/api/queues/${q.name}/${q.paused ? "resume" : "pause"}`, `${q.name} is ${q.paused ? "resumed" : "paused"}.`),
        { "aria-label": `${q.paused ? "Resume" : "Pause"} ${q.name}`, "data-key": `pause-${q.name}` }),
      q.paused ? h("strong", {}, " paused") : null,
    ] },
  ], queues));
  return sums;
}

function drawStates(counts) {
  const choices = [["", "all", counts.total], ...STATES.map((state) => [state, state, counts[state]])];
  replace($("states"), choices.map(([state, title, number]) =>
    button(`${title} ${format.number(number)}`, () => choose({ state }),
      { "aria-pressed": String(shown.state === state), "data-key": `state-${state}` })));
}

function drawJobs(page) {
  if (same("jobs", page, shown.search, shown.state, shown.queue)) return;
  const none = shown.search || shown.state || shown.queue
    ? "No job matches." : "No jobs yet. Submit a photo, and it appears here.";
  replace($("list"), page.jobs.length ? table("Jobs", [
    { title: "Photo", class: "name", cell: (job) => button(format.shorten(nameOf(job), 48), () => open(job.jobId),
      { class: "link", title: nameOf(job), "aria-label": nameOf(job), "data-key": `open-${job.jobId}` }) },
    { title: "State", cell: (job) => badge(job.state) },
    { title: "Room", some: (job) => job.room, cell: (job) => short(job.room) },
    { title: "Project", some: (job) => job.projectId, cell: (job) => short(job.projectId) },
    { title: "Attempts", number: true, cell: (job) => (job.attempts ? format.number(job.attempts) : "–") },
    { title: "Ran", number: true, cell: (job) => format.duration(job.jobDurationMs) },
    { title: "Submitted", number: true, cell: (job) => format.clock(job.createdAt) },
    { title: "Error", class: "error", some: errorOf, cell: errorOf },
    { title: "", class: "actions", cell: (job) => actionsOf(job, "list") },
  ], page.jobs) : h("p", { class: "empty" }, none));
  const go = (place) => () => choose({ place });
  replace($("pages"), [
    button("First page", go({}), { disabled: !page.previous, "data-key": "first" }),
    button("Previous page", go({ before: page.previous }), { disabled: !page.previous, "data-key": "previous" }),
    button("Next page", go({ after: page.next }), { disabled: !page.next, "data-key": "next" }),
  ]);
  const said = shown.search ? `Jobs with “${shown.search}”` : "";
  if ($("found").textContent !== said) $("found").textContent = said;
}

function drawWorkers(workers) {
  if (same("workers", workers.map((worker) => ({ ...worker, seenS: 0 })))) return;
  replace($("workers"), workers.length ? table("Workers", [
    { title: "Host", cell: (w) => w.host },
    { title: "Process", number: true, cell: (w) => String(w.pid) },
    { title: "State", cell: (w) => w.state },
    { title: "Queues", cell: (w) => w.queues.join(", ") },
    { title: "Engine", cell: (w) => w.engine || "–" },
    { title: "Running", number: true, cell: (w) => `${w.active} of ${w.concurrency * w.queues.length}` },
    { title: "Since", number: true, cell: (w) => format.clock(w.startedAt) },
  ], workers) : h("p", { class: "empty" }, "No worker is running. Start one with: photoqueue worker"));
}

// -- one job ----------------------------------------------------------------------------------

async function open(jobId) {
  shown.job = jobId;
  delete drawn.details;
  if (await drawDetails()) $("details").showModal();
}

async function drawDetails() {
  let job;
  try {
    job = await ask(jobPath(shown.job));
  } catch (error) {
    tell(error);
    return false;
  }
  if (same("details", job.finishedAt ? { ...job, nowMs: 0 } : job)) return true;
  const field = (name, value) => (value === null || value === undefined || value === "" ? null : [h("dt", {}, name), h("dd", {}, value)]);
  replace($("details"), [
    h("h2", { id: "details-title" }, calledOf(job)),
    h("div", { class: "bar" }, badge(job.state), actionsOf(job, "details"),
      button("Close", () => $("details").close(), { autofocus: true, "data-key": "close" })),
    h("dl", {},
      field("File", job.fileName), field("Room", job.room), field("Photo", job.photoId), field("Job", job.jobId), field("Key", job.jobKey), field("Queue", job.queue),
      field("Project", job.projectId), field("Batch", job.batchId), field("User", job.userId),
      field("Submitted", format.clock(job.createdAt)), field("Finished", job.finishedAt && format.clock(job.finishedAt)),
      field("Attempts", `${job.attempts} of ${job.maxAttempts}`), field("Error", errorOf(job))),
    h("h3", {}, "Attempts"), attempts(job),
    job.aiCalls.length ? [h("h3", {}, "Calls of the engine"), calls(job.aiCalls)] : null,
    job.errorTraceback ? text("Traceback", job.errorTraceback) : null,
    text("Job data", JSON.stringify(job.payload, null, 2)),
    job.result ? text("Result", JSON.stringify(job.result, null, 2)) : null,
  ]);
  return true;
}

function attempts(job) {
  const end = Math.max(1, ...job.attemptList.map((a) => a.endedMs ?? job.nowMs));
  return h("div", { class: "scroll" }, table("Attempts", [
    { title: "No.", number: true, cell: (a) => String(a.attempt) },
    { title: "Outcome", cell: (a) => a.outcome || (a.startedMs === null ? "waits" : "runs") },
    { title: "When", cell: (a) => bar(a, end, job.nowMs) },
    { title: "Waited", number: true, cell: (a) => format.duration(a.waitMs) },
    { title: "Ran", number: true, cell: (a) => format.duration(a.durationMs) },
    { title: "Host", cell: (a) => a.host || "–" },
    { title: "Error", class: "error", cell: (a) => (a.errorType ? `${a.errorType}: ${a.errorMessage}` : "") },
  ], job.attemptList));
}

// Wait and run of all attempts on one time axis; the table shows the same as text.
function bar(attempt, end, now) {
  const part = (from, to, kind) => (from === null || from === undefined || to < from ? null
    : h("rect", { x: (1000 * from) / end, width: Math.max((1000 * (to - from)) / end, 3), y: 0, height: 14, class: kind }));
  const started = attempt.startedMs;
  return h("svg", { class: "timeline", viewBox: "0 0 1000 14", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("rect", { x: 0, y: 5, width: 1000, height: 4, class: "ground" }),
    part(attempt.readyMs, started ?? now, "wait"),
    started === null ? null : part(started, attempt.endedMs ?? now, attempt.outcome || "running"));
}

function calls(list) {
  return h("div", { class: "scroll" }, table("Calls of the engine", [
    { title: "Attempt", number: true, cell: (c) => String(c.attempt) },
    { title: "Engine", cell: (c) => `${c.engine}, ${c.model}` },
    { title: "Took", number: true, cell: (c) => format.duration(c.latencyMs) },
    { title: "Tokens in / out", number: true, cell: (c) => `${c.tokensIn ?? "–"} / ${c.tokensOut ?? "–"}` },
    { title: "Cost", number: true, cell: (c) => format.money(c.costUsd) },
    { title: "Error", class: "error", cell: (c) => c.error || "" },
  ], list));
}

function text(title, content) {
  return [
    h("h3", {}, title),
    h("pre", { tabindex: 0, "aria-label": title, "data-key": `text-${title}` }, content),
    button(`Copy ${title.toLowerCase()}`, (event) => copy(content, event.currentTarget), { "data-key": `copy-${title}` }),
  ];
}

// -- polling ----------------------------------------------------------------------------------

function choose(changes) {
  Object.assign(shown, { place: {} }, changes);
  return refresh(true);
}

let looking = null;
let again = false;

// One read at a time; a read requested meanwhile starts when it has ended.
async function refresh(anyway = false) {
  if (looking) {
    again ||= anyway;
    return looking;
  }
  looking = look(anyway).finally(() => { looking = null; });
  await looking;
  if (again) {
    again = false;
    await refresh(true);
  }
  return undefined;
}

async function look(anyway) {
  try {
    const { mark } = await ask("/api/changes");
    if (mark !== shown.mark || anyway || failures) {
      const query = new URLSearchParams({ limit: PAGE_SIZE, ...shown.place });
      for (const name of ["state", "queue", "search"]) if (shown[name]) query.set(name, shown[name]);
      const narrow = new URLSearchParams({ search: shown.search });
      if (shown.queue) narrow.set("queue", shown.queue);
      const [{ queues }, page, { workers }, found] = await Promise.all([
        ask("/api/queue/test"), ask(`/api/jobs?${query}`), ask("/api/workers"),
        shown.search ? ask(`/api/jobs/counts?${narrow}`) : null,
      ]);
      $("login").hidden = true;
      $("board").hidden = false;
      const all = drawQueues(queues);
      drawStates(found ? { ...found.counts, total: STATES.reduce((sum, s) => sum + found.counts[s], 0) } : all);
      drawJobs(page);
      drawWorkers(workers);
      if ($("details").open) await drawDetails();
      shown.mark = mark;
    }
    if (failures) notice("");
    failures = 0;
  } catch (error) {
    failures += 1;
    tell(error);
  }
}

function tell(error) {
  if (error.status === 401) {
    const wrong = token !== "";
    token = "";
    sessionStorage.removeItem("photoqueue-token");
    $("board").hidden = true;
    if ($("login").hidden || wrong) {
      $("login").hidden = false;
      notice(wrong ? "The server does not accept this token." : "");
      $("token").focus();
    }
  } else {
    notice(error instanceof Refusal ? error.message : "The server does not answer. Is `photoqueue serve` still running?");
  }
}

async function keepLooking() {
  // A hidden page does not poll; unavailable servers are polled less often.
  if (!document.hidden && $("login").hidden) await refresh();
  setTimeout(keepLooking, LOOK_MS * Math.min(1 + failures, 10));
}

// -- start-up ---------------------------------------------------------------------------------

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
}

applyTheme(localStorage.getItem("photoqueue-theme") || "auto");
$("theme").addEventListener("change", (event) => {
  localStorage.setItem("photoqueue-theme", event.target.value);
  applyTheme(event.target.value);
});
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  sessionStorage.setItem("photoqueue-token", token);
  $("token").value = "";
  notice("");
  refresh(true);
});
$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  choose({ search: $("search").value.trim(), queue: $("queue").value });
});
$("queue").addEventListener("change", () => choose({ queue: $("queue").value }));
$("search").addEventListener("search", () => choose({ search: $("search").value.trim() }));
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
  if (event.key === "/" && !typing && !$("details").open) {
    event.preventDefault();
    $("search").focus();
  }
});
$("details").addEventListener("close", () => {
  const id = shown.job;
  shown.job = null;
  // The browser restores the focus by itself, unless the row was replaced meanwhile.
  if (document.activeElement !== document.body) return;
  document.querySelector(`[data-key="open-${CSS.escape(id)}"]`)?.focus();
});
keepLooking();
