// Names by typing: the engine's alternatives first, both languages, and things that the catalogue
// lacks, with a category and a volume.

const NAMES_SHOWN = 8;
let pickers = 0; // for ids of elements

// Without accents and capitals: "etagere" finds "étagère".
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

// What an item can be: the alternatives, the kinds of the room, the catalogue; each once.
function namesToChoose(store, item) {
  const french = store.lang === "fr";
  const found = new Map();
  const put = (choice) => {
    const id = choice.key ?? plain(choice.name);
    if (!found.has(id)) found.set(id, { ...choice, order: found.size });
  };
  const byKey = new Map(store.catalogue.map((entry) => [entry.key, entry]));
  const named = (key, name, more) => {
    const entry = byKey.get(key);
    put({ key, name: entry ? (french ? entry.fr : entry.en) : name, others: entry ? [french ? entry.en : entry.fr, ...entry.synonyms] : [], ...more });
  };
  for (const { key, name, share } of item?.alternatives ?? []) named(key, name, { share, near: true });
  for (const line of store.room(store.at.room)?.lines ?? []) {
    if (line.key) named(line.key, line.name, { near: true });
    else put({ key: null, name: line.name, others: [], category: line.category, volume: line.volumeOne, near: true });
  }
  for (const entry of store.catalogue) named(entry.key);
  const own = item ? item.key ?? plain(item.name) : null;
  return [...found.values()].filter((choice) => (choice.key ?? plain(choice.name)) !== own);
}

// The names that fit what was typed, best first: the whole name, then alternatives of the engine,
// then names and words that begin so, then the rest. Nothing typed: what is near at hand.
function fittingNames(choices, typed) {
  const text = plain(typed);
  if (!text) return choices.filter((choice) => choice.near).slice(0, NAMES_SHOWN);
  const rank = (choice) => Math.min(...[choice.name, ...choice.others].map((name, place) => {
    const whole = plain(name);
    const at = whole.indexOf(text);
    if (at < 0) return 9;
    if (place > 1) return at === 0 ? 2.5 : 5; // a synonym, after names that begin so
    if (whole === text) return 0;
    if (choice.share) return 1;
    return at === 0 ? 2 : /[^\p{L}\p{N}]/u.test(whole[at - 1]) ? 3 : 4;
  }));
  return choices.map((choice) => ({ choice, rank: rank(choice) })).filter((one) => one.rank < 9)
    .sort((one, other) => one.rank - other.rank || one.choice.order - other.choice.order)
    .slice(0, NAMES_SHOWN).map((one) => one.choice);
}

// A volume as typed, with a comma or a point; null for what is none.
function typedVolume(text) {
  const value = Number(String(text).trim().replace(",", ".") || NaN);
  return Number.isFinite(value) && value > 0 ? value : null;
}

// A small panel right after the element `near`. `value` is what was typed before: a text, or
// {name, category, volume}, which shows the fields of an unknown thing. `done` gets {key} or {name,
// category, volume}; a text that it returns is an error, shown here, and what was typed stays.
function namePicker(store, { near, value = "", item = null, error = "", done, cancel = () => {} }) {
  const say = (text, values) => phrase(store, text, values);
  const id = `pq-names-${pickers += 1}`;
  const before = typeof value === "object" ? value : { name: value };
  const choices = namesToChoose(store, item);
  let shown = [];
  let active = 0;
  const input = h("input", { class: "pq-name-input", role: "combobox", "aria-label": say("What is it?"), placeholder: say("What is it?"),
    "aria-autocomplete": "list", "aria-expanded": "true", "aria-controls": id, autocomplete: "off", spellcheck: "false", maxlength: 200,
    value: before.name ?? "", oninput: () => { active = 0; list(); } });
  const leave = h("button", { type: "button", class: "pq-icon", "aria-label": say("Cancel"), title: `${say("Cancel")} (Esc)`, onclick: () => close(cancel) }, "×");
  const names = h("ul", { id, role: "listbox", "aria-label": say("Names"), class: "pq-names", onmousedown: (event) => event.preventDefault() });
  const category = h("select", {}, Object.entries(store.categories).map(([name, text]) =>
    h("option", { value: name, selected: name === (before.category ?? item?.category) }, text)));
  const volume = h("input", { inputmode: "decimal", class: "pq-volume", value: before.volume ?? "", autocomplete: "off" });
  const fields = h("div", { class: "pq-new-thing", hidden: true },
    h("label", {}, say("Category"), category), h("label", {}, say("m³ of one"), volume),
    h("div", { class: "pq-new-acts" },
      h("button", { type: "button", class: "pq-button", onclick: () => back() }, say("Back")),
      h("button", { type: "button", class: "pq-button pq-primary", onclick: () => save() }, say("Save"))));
  const wrong = h("p", { class: "pq-wrong", role: "alert", hidden: true });
  const panel = h("div", { class: "pq-picker", role: "group", "aria-label": say("What is it?"), "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "pq-name-line" }, input, leave), names, fields, wrong);

  function tell(text) {
    wrong.textContent = text;
    wrong.hidden = !text;
  }

  function list() {
    shown = fittingNames(choices, input.value);
    const typed = input.value.trim();
    const known = shown.some((choice) => [choice.name, ...choice.others].some((name) => plain(name) === plain(typed)));
    if (typed && !known) shown = [...shown, { name: typed, unknown: true }];
    names.replaceChildren(...shown.map((choice, number) => h("li", {
      id: `${id}-${number}`, role: "option", "aria-selected": String(number === active), class: choice.unknown ? "pq-quiet" : null,
      onclick: () => choose(choice), onmousemove: () => { if (active !== number) mark(number); },
    }, choice.unknown ? say("add “{text}” with a volume …", { text: format.shorten(typed, 30) })
      : [h("span", { class: "pq-name" }, choice.name, fits(choice)),
        choice.share ? h("span", { class: "pq-share" }, format.percent(choice.share)) : null],
    h("kbd", { "aria-hidden": "true" }, "↵"))));
    mark(active);
    tell("");
  }

  // The name in the other language or the synonym, where that is what fits.
  function fits({ name, others }) {
    const text = plain(input.value);
    const other = plain(name).includes(text) ? null : others.find((one) => plain(one).includes(text));
    return other ? h("small", {}, ` ${other}`) : null;
  }

  function mark(number) {
    active = shown.length ? (number + shown.length) % shown.length : 0;
    [...names.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === active)));
    if (shown.length) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    showWithin(names, names.children[active]);
  }

  function choose(choice) {
    if (!choice) tell(say("Type a name."));
    else if (choice.unknown) ask();
    else finish(choice.key ? { key: choice.key, name: choice.name } : { name: choice.name, category: choice.category, volume: choice.volume });
  }

  function ask() {
    names.hidden = true;
    fields.hidden = false;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    tell("");
    volume.focus();
  }

  function back() {
    names.hidden = false;
    fields.hidden = true;
    input.setAttribute("aria-expanded", "true");
    list();
    input.focus();
  }

  function save() {
    const amount = typedVolume(volume.value);
    if (!input.value.trim()) { tell(say("Type a name.")); input.focus(); return; }
    if (amount === null) {
      tell(say("Give the volume of one in m³, more than 0: 0.4 for a box of 1 × 0.8 × 0.5 m."));
      volume.focus();
      return;
    }
    finish({ name: input.value.trim(), category: category.value, volume: amount });
  }

  function finish(what) {
    const refused = done(what);
    if (typeof refused === "string" && refused) tell(refused);
    else close();
  }

  function close(then = () => {}) {
    panel.remove();
    then();
  }

  panel.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const asked = !fields.hidden;
    if (event.key === "Escape") asked ? back() : close(cancel);
    else if (event.key === "Enter" && event.target.tagName !== "BUTTON") asked ? save() : choose(shown[active]);
    else if (!asked && event.target === input && event.key === "ArrowDown") mark(active + 1);
    else if (!asked && event.target === input && event.key === "ArrowUp") mark(active - 1);
    else return;
    event.preventDefault();
  });
  // Keys typed here are neither commands of the page nor of the notebook.
  for (const kind of ["keydown", "keypress", "keyup"]) panel.addEventListener(kind, (event) => event.stopPropagation());

  near.after(panel);
  list();
  if (before.category) ask();
  else {
    input.focus({ preventScroll: true });
    input.select();
  }
  tell(error);
  return { element: panel, close: () => close(), tell };
}
