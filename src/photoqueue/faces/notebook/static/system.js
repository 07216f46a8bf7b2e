// The system view: queues, workers, servers, engine.

const STATES = ["waiting", "active", "delayed", "completed", "failed", "cancelled"];

// Clocks may differ slightly: no wait is negative.
const lasted = (seconds) => format.duration(seconds === null ? null : 1000 * Math.max(seconds, 0));

function mark(icon, text, kind) {
  return h("span", { class: `pq-sys-${kind}` }, h("span", { "aria-hidden": "true" }, `${icon} `), text);
}

function grid(caption, columns, rows) {
  return h("div", { class: "pq-scroll" }, tableOf(columns, rows, { caption }));
}

const WORKER_STATES = {
  running: ["▶", "takes jobs", "good"],
  starting: ["○", "is starting", "quiet"],
  draining: ["◔", "finishes its jobs", "quiet"],
  lost: ["✕", "lost: its lease ran out", "bad"],
};

export default {
  render({ model, el }) {
    const send = (kind, values = {}) => model.send({ kind, ...values });
    const notice = noticeOf(model, "pre");
    const warning = h("div", {});
    const work = h("div", { role: "status", "aria-live": "polite", class: "pq-sys-work" });
    const body = h("div", {});
    el.classList.add("pq", "pq-view", "pq-sys");
    el.append(notice, warning, work, body);

    function start() {
      return button("Start a worker", () => send("start-worker"), { "data-key": "start" });
    }

    function drawWarning(page) {
      const waiting = page.queues.filter((queue) => queue.unattended);
      // Together with other views, there is a notice above all of them.
      if (!waiting.length || !model.get("alone")) { replace(warning); return; }
      const told = waiting.map((queue) => `${format.counted(queue.unattended, "job")} of ${queue.name}`).join(" and ");
      const one = waiting.length === 1 && waiting[0].unattended === 1;
      replace(warning, h("div", { class: "pq-notice pq-bar", role: "status" },
        h("span", {}, h("span", { "aria-hidden": "true" }, "⚠ "),
          `${told} ${one ? "waits" : "wait"}, and no live worker takes ${one ? "it" : "them"}.`),
        model.get("actions") ? start() : h("span", { class: "pq-quiet" }, "Start one: photoqueue worker")));
    }

    function queueRow(page, queue) {
      const paused = queue.paused
        ? button("Resume", () => send("resume", { queue: queue.name }), { "data-key": `pause/${queue.name}`, "aria-label": `Resume ${queue.name}` })
        : button("Pause", () => send("pause", { queue: queue.name }), { "data-key": `pause/${queue.name}`, "aria-label": `Pause ${queue.name}` });
      return h("tr", {},
        h("th", { scope: "row" }, queue.name),
        h("td", {}, h("div", { class: "pq-sys-now" },
          queue.paused ? mark("‖", "paused", "warn") : mark("▶", "open", "good"), model.get("actions") ? paused : null),
          queue.refused_messages ? h("div", {}, mark("⚠",
            `${format.counted(queue.refused_messages, "message")} refused that photoqueue did not write`, "bad")) : null),
        STATES.map((state) => h("td", { class: "pq-number" }, format.number(queue[state]))),
        h("td", { class: "pq-number" }, lasted(queue.oldest_waiting_s)),
        h("td", { class: "pq-number" }, format.number(queue.workers)));
    }

    function drawQueues(page) {
      const columns = [["Queue"], ["State"], ...STATES.map((state) => [state, true]), ["oldest wait", true],
        ["live workers", true]];
      return grid("Queues", columns, page.queues.map((queue) => queueRow(page, queue)));
    }

    function workerRow(page, worker) {
      const [icon, words, kind] = WORKER_STATES[worker.state] ?? ["○", worker.state, "quiet"];
      return h("tr", {},
        h("th", { scope: "row" }, worker.host, h("span", { class: "pq-quiet" }, ` pid ${worker.pid}`),
          worker.own ? h("div", { class: "pq-quiet" }, "started here") : null),
        h("td", {}, h("div", { class: "pq-sys-now" },
          mark(icon, worker.state === "starting" && !worker.live ? "does not start" : words, kind),
          model.get("actions") && worker.own ? button("Stop", () => send("stop-worker", { pid: worker.pid }),
            { "data-key": `stop/${worker.pid}`, "aria-label": `Stop worker ${worker.pid}` }) : null)),
        h("td", {}, `${lasted(worker.seen_s)} ago`),
        h("td", {}, worker.queues.join(", ")),
        h("td", { class: "pq-number" }, format.number(worker.concurrency)),
        h("td", {}, worker.engine ?? "–"),
        h("td", {}, `${lasted(worker.started_s)} ago`));
    }

    function drawWorkers(page) {
      const live = page.workers.filter((worker) => worker.live).length;
      const columns = [["Worker"], ["State"], ["Last seen"], ["Queues"], ["Jobs at a time", true], ["Engine"], ["Started"]];
      return [
        page.workers.length
          ? grid(`Workers: ${format.number(live)} live`, columns, page.workers.map((worker) => workerRow(page, worker)))
          : h("div", { class: "pq-empty" }, "No worker is running."),
        model.get("actions") && !warning.hasChildNodes() ? h("div", { class: "pq-bar" }, start()) : null];
    }

    function serverRow(server) {
      const now = server.reachable ? mark("✓", "answers", "good")
        : server.error ? mark("✕", "cannot be used", "bad") : mark("○", server.note, "quiet");
      return h("tr", {}, h("th", { scope: "row" }, server.name), h("td", {}, now),
        h("td", {}, server.version || "–"),
        h("td", { class: "pq-sys-place" }, server.place, server.error ? h("div", { class: "pq-sys-error" }, server.error) : null));
    }

    function drawPlaces(page) {
      const engine = page.engine;
      const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, value)];
      return [
        grid("Servers", [["Server"], ["State"], ["Version"], ["Address"]], page.servers.map(serverRow)),
        h("dl", { class: "pq-facts pq-sys-facts" },
          fact("Engine", engine.error ? mark("✕", engine.error, "bad") : [engine.engine, engine.model ? ` with ${engine.model}` : "",
            engine.reason ? h("div", { class: "pq-quiet" }, `because ${engine.reason}`) : null,
            engine.advice ? h("div", { class: "pq-quiet" }, `A better one: ${engine.advice}`) : null]),
          fact("Photos", page.photoStore),
          fact("Home", page.home))];
    }

    function draw() {
      const page = model.get("page");
      if (work.textContent !== model.get("work")) work.textContent = model.get("work");
      if (!page?.servers) { replace(body, h("div", { class: "pq-empty" }, "Reading …")); return; }
      drawWarning(page);
      replace(body, page.queues.length ? drawQueues(page) : null, drawWorkers(page), drawPlaces(page));
    }

    const stops = [follow(model, "page work actions alone", draw), keepFresh(model)];
    return () => stops.forEach((stop) => stop());
  },
};
