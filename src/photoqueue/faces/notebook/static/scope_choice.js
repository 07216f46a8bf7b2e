// Selects the jobs that the views show: a list of the newest batches, and a field for an id.
export default {
  render({ model, el }) {
    el.classList.add("pq");
    const select = h("select", { "aria-label": "Showing" });
    const field = h("input", { type: "text", placeholder: "batch or project id", "aria-label": "Batch or project id", size: 22 });
    const open = () => { if (field.value.trim()) model.send({ kind: "show", id: field.value }); };
    onKeys(field, { Enter: open });
    select.addEventListener("change", () => model.send({ kind: "show", ...JSON.parse(select.value) }));
    el.append(h("div", { class: "pq-bar pq-scope" }, h("span", { class: "pq-quiet" }, "Showing"), select, field, button("Open", open)), noticeOf(model));

    follow(model, "batches batch project", () => {
      const batches = model.get("batches");
      const batch = model.get("batch"), project = model.get("project");
      const option = (value, text) => h("option", { value: JSON.stringify(value) }, text);
      const projects = [...new Set(batches.map((one) => one.project).filter(Boolean))];
      if (project && !projects.includes(project)) projects.unshift(project);
      const listed = batches.map((one) => option({ batch: one.batch },
        [one.project ? format.shorten(one.project, 40) : "no project", format.clock(one.created), format.counted(one.photos, "photo"), one.batch].join(" · ")));
      if (batch && !batches.some((one) => one.batch === batch)) listed.unshift(option({ batch }, batch));
      if (select.matches(":focus") && select.dataset.sent === JSON.stringify([batches, batch, project])) return;
      select.dataset.sent = JSON.stringify([batches, batch, project]);
      select.replaceChildren(
        option({}, "Everything"),
        h("optgroup", { label: "Projects" }, projects.map((one) => option({ project: one }, `project ${one.slice(0, 60)}`))),
        h("optgroup", { label: "Batches" }, listed));
      select.value = JSON.stringify(batch ? { batch } : project ? { project } : {});
      field.value = "";
    });
  },
};
