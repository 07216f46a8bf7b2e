// The overview charts: one card each, with a picture, its alternative text, and a table of the same
// figures behind a button.
const PERIODS = { hour: "last hour", day: "last day", week: "last week", all: "all" };

// Whether the page around an element is dark: according to Jupyter, else its background, else the
// system's preference.
function isDark(element) {
  const said = document.body.dataset.jpThemeLight;
  if (said !== undefined) return said === "false";
  for (let node = element; node; node = node.parentElement) {
    const parts = getComputedStyle(node).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (parts.length >= 3 && (parts.length < 4 || parts[3] > 0.5)) {
      return 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2] < 128;
    }
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function choice(model, trait, label, options) {
  const select = selectOf(options, "", (value) => { model.set(trait, value); model.save_changes(); }, { id: `pq-${trait}-${Math.random().toString(36).slice(2)}` });
  follow(model, trait, () => { select.value = model.get(trait); });
  return [h("label", { for: select.id }, label), select];
}

function dataTable(chart) {
  if (!chart.rows.length) return h("p", { class: "pq-empty" }, "No figures yet.");
  const rows = chart.rows.map((row) => h("tr", {}, row.map((cell, place) =>
    (place ? h("td", { class: "pq-number" }, cell) : h("th", { scope: "row" }, cell)))));
  return tableOf(chart.columns.map((name, place) => [name, place > 0]), rows,
    { caption: `Figures of ${chart.heading}`, captionClass: "pq-charts-caption" });
}

// One card; only changed parts are replaced, to keep focus and scroll position.
function card(model, name) {
  const heading = h("h3", {});
  const kind = h("small", {});
  const image = h("img", { class: "pq-charts-image" });
  const table = h("div", { class: "pq-charts-table", hidden: true, tabindex: "0", role: "region" });
  const toggle = button("Data", () => {
    table.hidden = !table.hidden;
    toggle.setAttribute("aria-expanded", String(!table.hidden));
  }, { "data-key": `data-${name}`, "aria-expanded": "false" });
  const section = h("section", { class: "pq-charts-card", hidden: true },
    h("div", { class: "pq-charts-head" }, h("div", {}, kind, heading), toggle), image, table);
  let address = null;
  const stop = follow(model, name, () => {
    const chart = model.get(name);
    section.hidden = !chart.heading;
    if (!chart.heading) return;
    section.setAttribute("aria-label", chart.heading);
    table.setAttribute("aria-label", `Figures of ${chart.heading}`);
    toggle.setAttribute("aria-label", `Data: ${chart.heading}`);
    kind.textContent = chart.heading;
    heading.textContent = chart.finding;
    image.hidden = toggle.hidden = chart.empty;
    table.hidden ||= toggle.hidden;
    image.alt = chart.alt;
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([chart.png], { type: "image/png" }));
    image.src = address;
    replace(table, dataTable(chart));
  });
  return { section, close: () => { stop(); if (address) URL.revokeObjectURL(address); } };
}

export default {
  render({ model, el }) {
    el.classList.add("pq", "pq-view");
    const waiting = h("p", { class: "pq-empty", role: "status" }, "Reading the figures…");
    const queues = [["", "all queues"], ...model.get("queues").map((name) => [name, name])];
    const cards = model.get("names").map((name) => card(model, name));
    el.append(
      h("div", { class: "pq-bar", role: "group", "aria-label": "Charts" },
        choice(model, "period", "Period", Object.entries(PERIODS)), choice(model, "queue", "Queue", queues)),
      noticeOf(model), waiting, h("div", { class: "pq-charts-grid" }, cards.map((one) => one.section)));

    const names = model.get("names");
    const stop = follow(model, names.join(" "), () => { waiting.hidden = names.some((name) => model.get(name).heading); });

    const theme = () => {
      const dark = isDark(el);
      if (dark !== model.get("dark")) { model.set("dark", dark); model.save_changes(); }
    };
    const watch = new MutationObserver(theme);
    watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    const preferred = matchMedia("(prefers-color-scheme: dark)");
    preferred.addEventListener("change", theme);
    requestAnimationFrame(theme);  // the element is in the page only then
    const rest = keepFresh(model);
    return () => {
      rest();
      watch.disconnect();
      preferred.removeEventListener("change", theme);
      stop();
      for (const one of cards) one.close();
    };
  },
};
