// The form that submits photos, and the line that is left of it afterwards. What is typed is kept in
// the browser until it was submitted: a kernel that was restarted knows nothing of it.

const TYPED = ["source", "folder", "project", "room", "room_type", "engine", "add_up"];
const BLANK = { source: "Folder", folder: "", room: "", room_type: "", engine: "", add_up: true };
//: Milliseconds after which a kernel that has not answered is called busy.
const PATIENCE = 3000;

function keptText(model, text) {
  const name = `photoqueue-form-${model.get("kept_as")}`;
  try {
    if (text === undefined) return sessionStorage.getItem(name);
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch { /* a front end without storage: nothing is kept */ }
  return null;
}

export default {
  initialize({ model }) {
    senders.set(model.get("token"), new Sender(model));
    const kept = JSON.parse(keptText(model) ?? "{}");
    if (!Object.keys(BLANK).every((name) => model.get(name) === BLANK[name])) return;
    for (const name of TYPED) if (name in kept) model.set(name, kept[name]);
    if (Object.keys(kept).length) model.save_changes();
  },

  // In another language, all of it is made anew: what was typed is in the model.
  render({ model, el }) {
    let stop = () => {};
    const again = follow(model, "lang", () => {
      stop();
      el.replaceChildren();
      stop = submitForm(model, el);
    });
    return () => { again(); stop(); };
  },
};

function submitForm(model, el) {
  const words = wordsIn(() => model.get("lang"));
  const { t } = words;
  const id = model.get("token");
  const values = () => Object.fromEntries(TYPED.map((name) => [name, name === "add_up" ? inputs[name].checked : inputs[name].value]));
  let asked = 0; // when the kernel was asked to submit; 0 if it has answered
  const stops = [];
  const followed = (traits, run) => stops.push(follow(model, traits, run));

  // A field with its name above it, and what is wrong with it, or what it means, below.
  const inputs = {}, errors = {}, hints = {};
  const field = (name, label, input) => {
    inputs[name] = input;
    errors[name] = h("span", { class: "pq-field-error", role: "alert", id: `${id}-${name}-error` });
    hints[name] = h("span", { class: "pq-field-hint", id: `${id}-${name}-hint` });
    input.id = `${id}-${name}`;
    input.setAttribute("aria-describedby", `${id}-${name}-error ${id}-${name}-hint`);
    input.addEventListener("input", () => keptText(model, JSON.stringify(values())));
    input.addEventListener("change", () => {
      model.set(name, name === "add_up" ? input.checked : input.value);
      model.save_changes();
      draw();
    });
    const named = h("label", { for: input.id }, label);
    const top = input.type === "checkbox" ? h("div", { class: "pq-field-check" }, input, named) : [named, input];
    return h("div", { class: "pq-field", "data-field": name }, top, errors[name], hints[name]);
  };
  const text = (properties) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
  const list = (name, from) => {
    const options = h("datalist", { id: `${id}-${name}` });
    followed(from, () => options.replaceChildren(...model.get(from).map((value) => h("option", { value }))));
    return options;
  };
  const engines = h("select", {});
  followed("engines", () => { engines.replaceChildren(...model.get("engines").map(([name, value]) => h("option", { value }, name))); engines.value = model.get("engine"); });
  const [upload, stopUpload] = uploadPart(model, words);
  const fields = h("div", { class: "pq-fields" },
    field("source", t("Source"), h("select", {}, model.get("sources").map((name) => h("option", { value: name }, t(name))))),
    field("folder", t("Folder"), text({ placeholder: "photos/move-42" })),
    h("div", { class: "pq-field", "data-field": "upload" }, upload),
    field("project", t("Project"), text({ placeholder: "move-42", list: `${id}-projects` })),
    field("room", t("Room"), text({ placeholder: t("the sub-folder's name") })),
    field("room_type", t("Room type"), text({ placeholder: t("guessed"), list: `${id}-room_types` })),
    field("engine", t("Engine"), engines),
    field("add_up", t("Add the project up afterwards"), h("input", { type: "checkbox" })));
  const keep = button(t("Submit to it too"), () => { model.send({ kind: "keep" }); submit.focus(); });
  const other = button(t("Another project"), () => { inputs.project.value = ""; inputs.project.dispatchEvent(new Event("change")); inputs.project.focus(); });
  const question = h("div", { class: "pq-notice pq-question", role: "alert" }, h("span", {}), keep, other);
  inputs.project.closest(".pq-field").after(question);

  const first = h("p", { class: "pq-first" },
    h("strong", {}, t("Start with the photos of a home.")), " ",
    t("Give the folder that holds them, with a sub-folder for each room, or upload them. Or look around in the"), " ",
    button(t("sample home"), () => { inputs.source.value = "Sample home"; inputs.source.dispatchEvent(new Event("change")); submit.focus(); }, { class: "pq-link" }), ".");
  const found = h("span", { role: "status", class: "pq-quiet" });
  // Not disabled: a button that is disabled loses the focus, and the notebook gets the next key.
  const submit = button(t("Submit"), send, { class: "pq-button pq-primary" });
  const fold = button(t("Close"), () => { model.set("folded", true); model.save_changes(); draw(); add.focus(); });
  const form = h("div", { class: "pq-view" }, first, fields, h("div", { class: "pq-bar" }, submit, fold, found));

  const said = h("span", { role: "status" });
  const add = button(t("Add photos"), () => { model.set("folded", false); model.save_changes(); draw(); inputs.source.focus(); });
  const line = h("div", { class: "pq-bar" }, said, add);
  const problem = h("div", { class: "pq-notice", role: "alert" });

  // What is in the way of a submission: the element that settles it.
  const obstacle = () => {
    if (model.get("question")) return keep;
    const wrong = TYPED.find((name) => errors[name].textContent);
    if (wrong) return inputs[wrong === "source" && model.get("source") === "Folder" ? "folder" : wrong];
    return null;
  };
  function send() {
    if (model.get("busy") || asked) return;
    const at = obstacle();
    if (at) { at.focus(); return; }
    model.send({ kind: "submit", fields: values() });
    asked = Date.now();
    draw();
  }

  const set = (node, told) => { if (node.textContent !== told) node.textContent = told; };
  function draw() {
    const open = !model.get("folded"), source = model.get("source");
    const within = el.contains(focusIn(el));
    const given = model.get("errors"), meant = { ...model.get("hints") };
    if (!inputs.project.value.trim()) meant.add_up = t("Without a project nothing is added up.");
    else if (!inputs.add_up.checked) meant.add_up = "";
    for (const name of TYPED) {
      // What is wrong with the source is beside what chose it.
      const wrong = (name === "source" && source === "Folder") ? "" : given[name === "folder" ? "source" : name] ?? "";
      set(errors[name], wrong);
      errors[name].hidden = !wrong;
      set(hints[name], meant[name] ?? "");
      if (wrong) inputs[name].setAttribute("aria-invalid", "true");
      else inputs[name].removeAttribute("aria-invalid");
    }
    fields.querySelector('[data-field="folder"]').hidden = source !== "Folder";
    fields.querySelector('[data-field="upload"]').hidden = source !== "Upload";
    question.hidden = !model.get("question");
    set(question.firstChild, model.get("question"));
    first.hidden = !model.get("first");
    const late = asked && Date.now() - asked > PATIENCE;
    set(found, late ? t("Waiting for the kernel: it is busy, or has ended. What you typed stays here.")
      : model.get("busy") || (asked ? t("Submitting …") : model.get("found")));
    submit.setAttribute("aria-disabled", String(Boolean(asked || model.get("busy"))));
    set(problem, given[""] ?? "");
    problem.hidden = !problem.textContent;
    set(said, model.get("said"));
    said.hidden = !said.textContent;
    const closed = form.hidden;
    form.hidden = !open;
    line.hidden = open;
    el.dataset.open = String(open);
    fold.hidden = Boolean(model.get("busy"));
    if (!open && closed === false && within) add.focus();
  }
  const listen = (name, run) => {
    model.on(`change:${name}`, run);
    stops.push(() => model.off(`change:${name}`, run));
  };
  const answered = () => { asked = 0; draw(); };
  for (const name of ["busy", "errors", "question"]) listen(name, answered);
  listen("submissions", () => { keptText(model, null); answered(); });
  for (const name of TYPED) {
    followed(name, () => {
      if (name === "add_up") inputs[name].checked = model.get(name);
      else if (inputs[name].value !== model.get(name)) inputs[name].value = model.get(name);
    });
  }
  followed("folded source hints ready found question first errors said busy", draw);
  const clock = setInterval(() => { if (asked) draw(); }, 1000);

  el.classList.add("pq", "pq-submit");
  el.append(line, form, problem, list("projects", "projects"), list("room_types", "room_types"));
  draw();
  return () => { clearInterval(clock); stopUpload(); for (const stop of stops) stop(); };
}
