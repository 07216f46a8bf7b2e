// Names by typing: of things, the engine's alternatives first, in both languages, and things that the catalogue lacks,
// with a category and a volume; and of rooms.

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

// A number as typed, with a comma or a point; NaN for what is none.
const typedNumber = (text) => Number(String(text).trim().replace(",", ".") || NaN);

// A field with a list of what fits what is typed: `find` gives the choices for a text, `row` draws one, `choose` gets
// the one that is clicked or, with Enter, marked; `back` and `save` are for Esc and for Enter while the list is folded.
function combobox(store, { label, listLabel, value = "", find, row, choose, leave, back = leave, save = leave }) {
  const { t } = store;
  const id = `pq-names-${pickers += 1}`;
  let shown = [];
  let active = 0;
  const input = h("input", { class: "pq-name-input", role: "combobox", "aria-label": label, placeholder: label, "aria-autocomplete": "list", "aria-controls": id,
    autocomplete: "off", spellcheck: "false", maxlength: 200, value, oninput: () => { active = 0; list(); } });
  const names = h("ul", { id, role: "listbox", "aria-label": listLabel, class: "pq-names", onmousedown: (event) => event.preventDefault() });
  const close = h("button", { class: "pq-icon", "aria-label": t("Cancel"), title: `${t("Cancel")} (Esc)`, onclick: () => leave() }, "×");
  const element = h("div", { class: "pq-picker", role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true" }, h("div", { class: "pq-name-line" }, input, close), names);

  function list() {
    shown = find(input.value.trim());
    names.replaceChildren(...shown.map((choice, number) => h("li", {
      id: `${id}-${number}`, role: "option", class: choice.unknown ? "pq-quiet" : null, onclick: () => choose(choice), onmousemove: () => { if (active !== number) mark(number); },
    }, row(choice, input.value.trim()), h("kbd", { "aria-hidden": "true" }, "↵"))));
    mark(active);
  }

  function mark(number) {
    active = shown.length ? (number + shown.length) % shown.length : 0;
    [...names.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === active)));
    if (shown.length && open()) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    showWithin(names, names.children[active]);
  }

  const open = () => !names.hidden;
  // Shows the list, or hides it while something else is asked.
  function unfold(wanted = true) {
    names.hidden = !wanted;
    input.setAttribute("aria-expanded", String(wanted));
    list();
  }

  keepKeys(element);
  onKeys(element, { Escape: () => back() });
  onKeys(input, { Enter: () => (open() ? choose(shown[active]) : save()), ArrowDown: () => open() && mark(active + 1), ArrowUp: () => open() && mark(active - 1) });
  unfold();
  return { element, input, unfold };
}

// A small panel right after the element `near`. `value` is what was typed before: a text, or
// {name, category, volume}, which shows the fields of an unknown thing. `done` gets {key} or {name,
// category, volume}; a text that it returns is an error, shown here, and what was typed stays.
function namePicker(store, { near, value = "", item = null, error = "", done, cancel = () => {} }) {
  const { t } = store;
  const before = typeof value === "object" ? value : { name: value };
  const choices = namesToChoose(store, item);
  const wrong = h("p", { class: "pq-wrong", role: "alert", hidden: true });
  const category = selectOf(Object.entries(store.categories), before.category ?? item?.category, () => {});
  const volume = h("input", { inputmode: "decimal", class: "pq-volume", value: before.volume ?? "", autocomplete: "off" });
  const fields = h("div", { class: "pq-new-thing", hidden: true },
    h("label", {}, t("Category"), category), h("label", {}, t("m³ of one"), volume),
    h("div", { class: "pq-new-acts" }, button(t("Back"), () => ask(false)), button(t("Save"), save, { class: "pq-button pq-primary" })));
  const { element, input, unfold } = combobox(store, { label: t("What is it?"), listLabel: t("Names"), value: before.name ?? "", find, row, choose, leave, save,
    back: () => (fields.hidden ? leave() : ask(false)) });

  function find(typed) {
    const shown = fittingNames(choices, typed);
    const known = shown.some((choice) => [choice.name, ...choice.others].some((name) => plain(name) === plain(typed)));
    tell("");
    return typed && !known ? [...shown, { name: typed, unknown: true }] : shown;
  }

  // With the name in the other language or the synonym, where that is what fits.
  function row({ name, others, unknown, share }, typed) {
    if (unknown) return t("add “{text}” with a volume …", { text: format.shorten(typed, 30) });
    const other = plain(name).includes(plain(typed)) ? null : others.find((one) => plain(one).includes(plain(typed)));
    return [h("span", { class: "pq-name" }, name, other ? h("small", {}, ` ${other}`) : null), share ? h("span", { class: "pq-share" }, format.percent(share)) : null];
  }

  function choose(choice) {
    if (!choice) tell(t("Type a name."));
    else if (choice.unknown) ask();
    else finish(choice.key ? { key: choice.key, name: choice.name } : { name: choice.name, category: choice.category, volume: choice.volume });
  }

  // Asks for category and volume of a thing that the catalogue lacks, or for another name.
  function ask(unknown = true) {
    fields.hidden = !unknown;
    unfold(!unknown);
    (unknown ? volume : input).focus();
  }

  function save() {
    const name = input.value.trim();
    const amount = typedNumber(volume.value);
    if (name && amount > 0 && amount < Infinity) return finish({ name, category: category.value, volume: amount });
    tell(name ? t("Give the volume of one in m³, more than 0: 0.4 for a box of 1 × 0.8 × 0.5 m.") : t("Type a name."));
    return (name ? volume : input).focus();
  }

  function finish(what) {
    const refused = done(what);
    if (typeof refused === "string" && refused) tell(refused);
    else element.remove();
  }

  function tell(text) {
    wrong.textContent = text;
    wrong.hidden = !text;
  }

  function leave() {
    element.remove();
    cancel();
  }

  onKeys(fields, { Enter: (event) => (event.target.tagName === "BUTTON" ? false : save()) });
  element.append(fields, wrong);
  near.after(element);
  if (before.category) ask();
  else {
    input.focus({ preventScroll: true });
    input.select();
  }
  tell(error);
  return { element, close: () => element.remove() };
}

// A choice of another room, or of a new one, for photos: typed or clicked. `move` gets its name.
function roomChoice(store, rooms, move, key = "") {
  const { t } = store;
  const open = button([t("Move to …"), key ? [" ", h("kbd", { "aria-hidden": "true" }, key)] : null], ask,
    { "data-key": "move", "aria-label": t("Move to a room"), "aria-haspopup": "listbox", "aria-keyshortcuts": key || null });
  const place = h("div", { class: "pq-move" }, open);

  function ask() {
    const { element, input } = combobox(store, {
      label: t("Name of the room"), listLabel: t("Rooms"), leave: () => { place.replaceChildren(open); open.focus(); },
      find: (typed) => {
        const known = rooms.some((name) => plain(name) === plain(typed));
        return [...rooms.filter((name) => plain(name).includes(plain(typed))).map((name) => ({ name })), ...(typed && !known ? [{ name: typed, fresh: true }] : [])];
      },
      row: ({ name, fresh }) => h("span", { class: "pq-name" }, fresh ? t("a new room: {name}", { name }) : name),
      choose: (choice) => { if (choice) move(choice.name); },
    });
    place.replaceChildren(element);
    input.focus();
  }
  return place;
}
