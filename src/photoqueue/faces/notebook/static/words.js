// A line of text whose changes a screen reader announces; `urgent` interrupts it.
export default {
  render({ model, el }) {
    el.classList.add("pq");
    const quiet = h("div", { role: "status", class: "pq-words" });
    const urgent = h("div", { role: "alert", class: "pq-notice", hidden: true });
    el.append(quiet, urgent);
    follow(model, "text urgent", () => {
      const text = model.get("text");
      quiet.textContent = model.get("urgent") ? "" : text;
      urgent.textContent = model.get("urgent") ? text : "";
      urgent.hidden = !urgent.textContent;
    });
  },
};
