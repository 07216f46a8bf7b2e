// One line: when the views were last read, and any problem. A restarted kernel cannot report that
// itself: the browser notices that it no longer responds.
const SILENT_AFTER_S = 15;

export default {
  render({ model, el }) {
    const mark = h("span", { class: "pq-live-mark", "aria-hidden": "true" });
    const word = h("span", { role: "status" });
    const time = h("span", { class: "pq-quiet" });
    const alert = h("div", { class: "pq-notice", role: "alert", hidden: true });
    el.classList.add("pq");
    el.append(h("div", { class: "pq-bar" }, mark, word, time), alert);

    let heard = Date.now();
    let frozen = false;
    const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
    const show = () => {
      const problem = model.get("problem");
      const silent = Date.now() - heard > SILENT_AFTER_S * 1000;
      frozen = silent;
      const updated = model.get("updated");
      set(time, updated ? `updated ${format.clock(new Date(updated * 1000).toISOString())}` : "");
      set(word, silent ? "Not live" : problem ? "Waiting for the servers" : updated ? "Live" : "Reading …");
      el.dataset.live = silent ? "silent" : problem ? "problem" : "live";
      mark.textContent = silent ? "◌" : problem ? "▲" : "●";
      set(alert, silent
        ? "The kernel does not respond: it was restarted or has ended. Nothing is lost. Run the cell again."
        : problem);
      alert.hidden = !alert.textContent;
    };
    const heardOf = () => { heard = Date.now(); show(); };
    for (const name of ["alive", "updated", "problem"]) model.on(`change:${name}`, heardOf);
    const timer = setInterval(() => { if (!frozen) show(); }, 1000);
    show();
    return () => clearInterval(timer);
  },
};
