// The board: the pages "Jobs" and "System" of the workbench, with the API of this server in place of a
// kernel. COLUMNS and FACTS, the fields of a job, are served before it.

import jobsPage from "/board/jobs.js";
import systemPage from "/board/system.js";

const STATES = ["waiting", "active", "delayed", "completed", "failed", "cancelled"];
const UNFINISHED = STATES.slice(0, 3);
const PAGE_SIZE = 50;
const LOOK_MS = 1500;
const $ = (id) => document.getElementById(id);

let token = sessionStorage.getItem("photoqueue-token") || "";
let failures = 0;
let seen = null; // the mark of what is shown

// -- the API ----------------------------------------------------------------------------------

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  // An error with a status was told by the server.
  if (!answer.ok) throw Object.assign(new Error(body.detail || `The server answered ${answer.status}.`), { status: answer.status });
  return named(body);
}

// Answers by the names that the pages use: job_id for jobId. Job data and results stay as they are.
const WHOLE = ["payload", "result"];
function named(value) {
  if (Array.isArray(value)) return value.map(named);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) =>
    [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), WHOLE.includes(name) ? inner : named(inner)]));
}

const query = (values) => new URLSearchParams(Object.entries(values).flatMap(([name, value]) =>
  [value].flat().filter((one) => one !== null && one !== "").map((one) => [name, one])));

// -- the pages --------------------------------------------------------------------------------

// What a page takes for the model of a kernel: traits, and somebody who answers its messages.
function modelOf(traits, send) {
  const listeners = [];
  return {
    get: (name) => traits[name],
    on: (event, call) => listeners.push([event, call]),
    off: () => {}, // the pages stay
    send,
    show(values) {
      const changed = Object.keys(values).filter((name) => JSON.stringify(values[name]) !== JSON.stringify(traits[name]));
      Object.assign(traits, values);
      for (const [event, call] of listeners) if (changed.some((name) => event === `change:${name}`)) call();
    },
  };
}

const asked = { queue: null, states: [], text: "", order: "submitted", descending: true, place: {} };
let answered = { ...asked }; // the last that the server could answer
let cursors = {};
const PLACES = {
  first: () => ({}),
  previous: () => ({ before: cursors.previous }),
  next: () => ({ after: cursors.next }),
  last: () => ({ before: "end" }),
};

const jobs = modelOf({
  page: {}, counts: {}, causes: [], controls: {}, columns: COLUMNS, story: {}, selected: "", reading: false, busy: false,
  reviewable: false, progress: "", notice: "", actions: true, alone: false,
}, async (message) => {
  const { kind, job_id: id } = message;
  jobs.show({ notice: "", progress: "" });
  if (kind === "retry" || kind === "cancel") {
    const { name, room } = jobs.get("story");
    const called = room ? `${name} of ${room}` : name; // photos of several rooms are often called alike
    await act(jobs, `/api/jobs/${encodeURIComponent(id)}/${kind}`, { progress: `${called} is ${kind === "retry" ? "retried" : "cancelled"}.` });
    return;
  }
  if (kind === "open") jobs.show({ selected: id, story: {} });
  else {
    if (kind === "filter") Object.assign(asked, { queue: message.queue || null, states: message.states, text: message.text.trim() });
    // Names and states start ascending; times and numbers descending.
    if (kind === "sort") Object.assign(asked, { order: message.order, descending: asked.order === message.order ? !asked.descending : !["name", "room", "state"].includes(message.order) });
    asked.place = PLACES[message.to]?.() ?? {};
    jobs.show({ reading: true, controls: controls() });
  }
  await refresh(true);
});

// What was asked for last, shown at once: what is chosen next adds to it.
function controls(queues = jobs.get("controls").queues) {
  return { queues, cause: "", ...asked };
}

const system = modelOf({ page: null, work: "", notice: "", actions: true, alone: true, remote: true }, async ({ kind, queue }) => {
  if (kind === "refresh") return; // with all else
  system.show({ notice: "" });
  await act(system, `/api/queues/${encodeURIComponent(queue)}/${kind}`, {});
});

async function act(model, path, done) {
  try {
    await ask(path, { method: "POST" });
    model.show(done);
  } catch (error) {
    if (error.status && error.status !== 401) model.show({ notice: error.message });
    else tell(error);
  }
  await refresh(true);
}

const errorOf = ({ error_type: type, error_message: message }) => [type, message === type ? null : message].filter(Boolean).join(": ");
const rowOf = (job) => ({ ...job, name: job.file_name || job.photo_id || job.job_key, error: errorOf(job) });

function storyOf(job) {
  return {
    ...rowOf(job),
    can_cancel: UNFINISHED.includes(job.state),
    facts: FACTS.map((fact) => ({ ...fact, value: job[fact.name] }))
      .filter(({ name, value }) => value !== null && value !== "" && (name !== "priority" || value)),
    attempt_list: job.attempt_list.map((attempt) => ({ ...attempt, error: errorOf(attempt) })),
    now_ms: UNFINISHED.includes(job.state) ? job.now_ms : undefined, // of a job that has ended nothing changes
  };
}

async function readStory(id) {
  if (!id) return {};
  try {
    return storyOf(await ask(`/api/jobs/${encodeURIComponent(id)}`));
  } catch (error) {
    if (error.status !== 404) throw error;
    jobs.show({ selected: "", story: {}, notice: error.message }); // it was pruned
    return {};
  }
}

function pageOf({ jobs: rows, next, previous }, total) {
  const position = !previous ? 0 : !next ? Math.max(total - rows.length, 0) : null;
  return { rows: rows.map(rowOf), next: Boolean(next), previous: Boolean(previous), total, position };
}

// -- polling ----------------------------------------------------------------------------------

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
  const now = { ...asked };
  try {
    const { mark } = await ask("/api/changes");
    if (mark !== seen || anyway || failures) await read(now);
    seen = mark;
    if (failures) notice("");
    failures = 0;
  } catch (error) {
    if (error.status === 422 && now.place !== answered.place) {
      // There are too many jobs for that, or the page is gone; asked again it would take as long.
      if (asked.place === now.place) Object.assign(asked, answered);
      jobs.show({ notice: error.message, reading: false });
      again = true;
      return;
    }
    failures += 1;
    tell(error);
  }
}

async function read(now) {
  const { queue, states, text, order, descending, place } = now;
  const id = jobs.get("selected");
  const [{ queues }, page, { workers }, found, story] = await Promise.all([
    ask("/api/queue/test"),
    ask(`/api/jobs?${query({ queue, state: states, search: text, order, descending, limit: PAGE_SIZE, ...place })}`),
    ask("/api/workers"),
    text ? ask(`/api/jobs/counts?${query({ queue, search: text })}`) : null,
    readStory(id),
  ]);
  $("login").hidden = true;
  $("board").hidden = false;
  answered = now;
  cursors = page;
  const chosen = queues.filter((one) => !queue || one.name === queue);
  const sums = Object.fromEntries(STATES.map((state) => [state, chosen.reduce((sum, one) => sum + one[state], 0)]));
  const counts = found?.counts ?? sums;
  const total = (states.length ? states : STATES).reduce((sum, state) => sum + counts[state], 0);
  jobs.show({
    page: pageOf(page, total),
    counts,
    controls: controls(queues.map(({ name }) => name)),
    reading: false,
    ...(jobs.get("selected") === id ? { story } : {}),
  });
  system.show({ page: {
    queues: queues.map((one) => ({ ...one, unattended: one.workers ? 0 : one.waiting + one.delayed })),
    workers,
    servers: [],
    engine: {},
  } });
}

function notice(text) {
  $("notice").hidden = !text;
  if ($("notice").textContent !== text) $("notice").textContent = text;
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
    notice(error.status ? error.message : "The server does not answer. Is `photoqueue serve` still running?");
  }
}

async function keepLooking() {
  // A hidden page does not poll; unavailable servers are polled less often.
  if (!document.hidden && $("login").hidden) await refresh();
  setTimeout(keepLooking, LOOK_MS * Math.min(1 + failures, 10));
}

// -- start-up ---------------------------------------------------------------------------------

$("theme").value = localStorage.getItem("photoqueue-theme") || "auto"; // the sheet applies it
$("theme").addEventListener("change", (event) => localStorage.setItem("photoqueue-theme", event.target.value));
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  sessionStorage.setItem("photoqueue-token", token);
  $("token").value = "";
  notice("");
  refresh(true);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || ["INPUT", "SELECT"].includes(event.target.tagName)) return;
  event.preventDefault();
  document.querySelector("[type=search]").focus();
});
jobsPage.render({ model: jobs, el: $("jobs") });
systemPage.render({ model: system, el: $("system") });
keepLooking();
