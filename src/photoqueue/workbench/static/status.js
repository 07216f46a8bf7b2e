// One line: whether the view is live, when it was last read, and what is wrong if anything is.
export default {
  render({ model, el }) {
    const words = h("span", { role: "status" });
    const alert = h("div", { class: "pq-notice", role: "alert", hidden: true });
    el.classList.add("pq");
    el.append(h("div", { class: "pq-bar" }, words), alert);
    const show = () => {
      words.textContent = model.get("words");
      alert.textContent = model.get("problem");
      alert.hidden = !model.get("problem");
    };
    model.on("change:words change:problem", show);
    show();
  },
};
