// Shown only while jobs wait and no live worker takes them.
export default {
  render({ model, el }) {
    el.classList.add("pq", "pq-whole");
    const box = h("div", { class: "pq-notice", role: "status", hidden: true });
    el.append(box);
    follow(model, "queues starting notice actions", () => {
      const queues = model.get("queues"), starting = model.get("starting"), notice = model.get("notice");
      box.hidden = !queues.length && !starting && !notice;
      const words = starting
        ? "Starting a worker …"
        : queues.length
          ? `No worker is running for ${queues.join(" and ")}: the jobs wait and are safe. `
          : "";
      const start = !starting && queues.length && model.get("actions")
        ? button("Start a worker", () => model.send({ kind: "start" }))
        : null;
      const how = !starting && queues.length && !model.get("actions") ? "Start one with: photoqueue worker" : null;
      replace(box, words, start, how, notice ? h("pre", { class: "pq-pre" }, notice) : null);
    });
  },
};
