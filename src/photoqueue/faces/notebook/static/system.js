// The system view: queues, workers, servers, engine.

const STATES = ["waiting", "active", "delayed", "completed", "failed", "cancelled"];

// Clocks may differ slightly: no wait is negative.
const lasted = (seconds) => format.duration(seconds === null ? null : 1000 * Math.max(seconds, 0));

function mark(icon, text, kind) {
  return h("span", { class: `pq-sys-${kind}` }, h("span", { "aria-hidden": "true" }, `${icon} `), text);
}

function grid(caption, columns, rows, kind = "") {
  return h("div", { class: "pq-scroll" }, tableOf(columns, rows, { caption, kind }));
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
    const warning = h("div", { role: "status" });
    const work = h("div", { role: "status", "aria-live": "polite", class: "pq-sys-work" });
    const body = h("div", {});
    el.classList.add("pq", "pq-view", "pq-sys");
    el.append(notice, warning, work, body);

    // A worker can be started where this page has a kernel, not through a server elsewhere.
    const starts = () => model.get("actions") && !model.get("remote");
    const START = "Start one: photoqueue worker";

    function start(properties = {}) {
      return button("Start a worker", () => send("start-worker"), { "data-key": "start", ...properties });
    }

    // What needs attention, the worst first, each with what can be done about it.
    function troubles(page) {
      const may = model.get("actions");
      const waiting = page.queues.filter((queue) => queue.unattended);
      const told = waiting.map((queue) => `${format.counted(queue.unattended, "job")} of ${queue.name}`).join(" and ");
      const one = waiting.length === 1 && waiting[0].unattended === 1;
      const lost = page.workers.filter((worker) => worker.state === "lost");
      return [
        ...page.servers.filter((server) => server.error).map((server) => ["bad", `${server.name} cannot be used. ${server.error}`]),
        page.engine.error ? ["bad", `The engine cannot be used. ${page.engine.error}`] : null,
        // Together with other views, there is a notice above all of them.
        waiting.length && model.get("alone") ? ["bad", `${told} ${one ? "waits" : "wait"}, and no live worker takes ${one ? "it" : "them"}.`,
          starts() ? start({ class: "pq-button pq-primary" }) : h("span", { class: "pq-quiet" }, START)] : null,
        ...page.queues.filter((queue) => queue.paused).map((queue) => ["warn", `${queue.name} is paused: its jobs wait.`,
          may ? pause(queue, "trouble/") : null]),
        ...page.queues.filter((queue) => queue.refused_messages).map((queue) =>
          ["warn", `${format.counted(queue.refused_messages, "message")} refused that photoqueue did not write, in ${queue.name}.`]),
        lost.length ? ["warn", `${format.counted(lost.length, "worker")} lost: ${lost.map((worker) => `${worker.host} pid ${worker.pid}`).join(", ")}. Other workers take over the jobs.`] : null,
        page.engine.advice ? ["quiet", `A better engine: ${page.engine.advice}`] : null,
      ].filter(Boolean);
    }

    function drawTroubles(page) {
      drawOnce(warning, [troubles(page).map(([kind, text]) => [kind, text]), model.get("actions")], () => {
        const found = troubles(page);
        if (!found.length && !model.get("alone")) return null;
        if (!found.length) return h("p", { class: "pq-sys-fine" }, h("span", { class: "pq-ok", "aria-hidden": "true" }, "✓ "), "Nothing needs attention.");
        return h("ul", { class: "pq-sys-troubles", "aria-label": "What needs attention" }, found.map(([kind, text, ...more]) =>
          h("li", { class: `pq-sys-${kind}` },
            h("span", { "aria-hidden": "true" }, kind === "quiet" ? "i" : "⚠"), h("span", {}, text), ...more)));
      });
    }

    function pause(queue, where = "") {
      const verb = queue.paused ? "Resume" : "Pause";
      return button(verb, () => send(verb.toLowerCase(), { queue: queue.name }), { "data-key": `${where}pause/${queue.name}`, "aria-label": `${verb} ${queue.name}` });
    }

    function queueRow(page, queue) {
      return h("tr", {},
        h("th", { scope: "row" }, queue.name, queue.paused ? h("small", {}, " paused") : null),
        STATES.map((state) => h("td", { class: `pq-number pq-sys-${state}` }, queue[state] ? format.number(queue[state]) : h("span", { class: "pq-quiet" }, "0"))),
        h("td", { class: "pq-number" }, lasted(queue.oldest_waiting_s)),
        h("td", { class: "pq-number" }, format.number(queue.workers)),
        model.get("actions") ? h("td", { class: "pq-number" }, pause(queue)) : null);
    }

    function drawQueues(page) {
      const columns = [["Queue"], ...STATES.map((state) => [state, true]), ["oldest waits", true], ["live workers", true]];
      if (model.get("actions")) columns.push([h("span", { class: "pq-hidden" }, "Actions")]);
      return grid("Queues", columns, page.queues.map((queue) => queueRow(page, queue)), "pq-sys-queues");
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
          : h("div", { class: "pq-empty" }, `No worker is running.${starts() ? "" : ` ${START}`}`),
        starts() && !warning.querySelector(".pq-primary") ? h("div", { class: "pq-bar" }, start()) : null];
    }

    function serverRow(server) {
      const now = server.reachable ? mark("✓", "answers", "good")
        : server.error ? mark("✕", "cannot be used", "bad") : mark("○", server.note, "quiet");
      return h("tr", {}, h("th", { scope: "row" }, server.name), h("td", {}, now),
        h("td", {}, server.version || "–"),
        h("td", { class: "pq-sys-place" }, server.place));
    }

    function drawPlaces(page) {
      const engine = page.engine;
      const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, value)];
      return [
        grid("Servers", [["Server"], ["State"], ["Version"], ["Address"]], page.servers.map(serverRow)),
        h("dl", { class: "pq-facts pq-sys-facts" },
          fact("Engine", engine.error ? mark("✕", "cannot be used", "bad") : [engine.engine, engine.model ? ` with ${engine.model}` : "",
            engine.reason ? h("small", {}, ` because ${engine.reason}`) : null]),
          fact("Photos", page.photoStore),
          fact("Home", page.home))];
    }

    function draw() {
      const page = model.get("page");
      if (work.textContent !== model.get("work")) work.textContent = model.get("work");
      if (!page?.servers) { replace(body, h("div", { class: "pq-empty" }, "Reading …")); return; }
      drawTroubles(page);
      replace(body, page.queues.length ? drawQueues(page) : null, drawWorkers(page), page.servers.length ? drawPlaces(page) : null);
    }

    const stops = [follow(model, "page work actions alone", draw), keepFresh(model)];
    return () => stops.forEach((stop) => stop());
  },
};
