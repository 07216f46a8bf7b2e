// Same as: the photo of an item and another photo of the room side by side; a click or a number
// says which of the things there is the same.

// The items of a photo that can be the same as `item`, those of its kind first, then those of its
// category. Numbers are 1 to 9.
function sameCandidates(store, item, room, photo) {
  const thing = lookOfItem(store, item, room.name).thing;
  const rank = (other) => (other.line === item.line ? 0 : other.category === item.category ? 1 : 2);
  const boxed = photo.items.filter((other) => other.box);
  const already = boxed.filter((other) => thing?.items.includes(other.id));
  const open = boxed.filter((other) => !already.includes(other)).sort((one, other) => rank(one) - rank(other) || one.box[0] - other.box[0]);
  return { already, open };
}

function samePanel(store, item) {
  const { t } = store;
  const { photo, room } = store.item(item.id);
  const look = lookOfItem(store, item, room.name);
  let at = null; // id of the other photo
  let other = null; // the item chosen, of another kind: which name holds?
  const element = h("section", { class: "pq-same", tabindex: -1, "data-lm-suppress-shortcuts": "true", "aria-label": t("Which one is {name}?", { name: look.name }) });
  const photos = () => (store.room(room.name)?.photos ?? []).filter((one) => one.id !== photo.id && one.state === "completed" && one.items.some((found) => found.box));
  const fit = (one) => sameCandidates(store, item, room, one).open.filter((found) => found.line === item.line).length;
  const leave = () => store.setMode(null);

  function turn(step) {
    const ids = photos().map((one) => one.id);
    if (!ids.length) return;
    at = stepFrom(ids, at, step);
    other = null;
    update();
    focus();
    store.say(t("{photo}, {number} of {count}", { photo: store.photo(at).title, number: ids.indexOf(at) + 1, count: ids.length }));
  }

  function choose(found) {
    if (found.line === item.line) join(found, []);
    else {
      other = found.id;
      update();
      focus();
    }
  }

  // Says that both are one thing, after the wrong one is renamed.
  function join(found, renamed) {
    store.act([...renamed, { verb: "same", values: [item.id, found.id], named: {} }], { about: item.id });
  }

  function renaming(wrong, right) {
    const line = store.line(room.name, right.line);
    const named = right.key ? {} : { category: right.category, volume: line?.volumeOne };
    return { verb: "rename", values: [wrong.id, right.key ?? right.name], named };
  }

  function names(found) {
    return [[item, found], [found, item]].map(([right, wrong], place) => button([h("kbd", { "aria-hidden": "true" }, place + 1), " ", right.name],
      () => join(found, [renaming(wrong, right)]), { "data-key": `name-${place}`, "data-number": place + 1 }));
  }

  // A box of a picture and its name: with a number, a button that chooses it.
  function marked({ item: found, number, already }) {
    const own = lookOfItem(store, found, room.name);
    const [x0, y0, x1, y1] = found.box;
    const style = `left:${100 * x0}%;top:${100 * y0}%;width:${100 * (x1 - x0)}%;height:${100 * (y1 - y0)}%;--pq-own:${own.colour};z-index:${Math.round(99 - 99 * areaOf(found.box))}`;
    const tag = h("span", { class: "pq-tag", "aria-hidden": "true", style: `--pq-own:${own.colour}`, onclick: () => box.click() }, number ? `${number} ` : "", h("span", {}, found.name), found.letter ? ` ${found.letter}` : "", already ? " ✓" : "");
    const hover = (on) => () => tag.toggleAttribute("data-hover", on);
    const look = { class: "pq-box", style, onmouseenter: hover(true), onmouseleave: hover(false) };
    const box = number
      ? h("button", { ...look, "data-key": `same-${found.id}`, "data-number": number <= 9 ? number : null, "aria-label": t("{number}: {name}", { number, name: own.words }), onclick: () => choose(found) })
      : h("div", { ...look, "data-now": found.id === item.id, role: "img", "aria-label": already ? t("{name}, the same already", { name: own.name }) : own.name });
    return { box, tag, place: found.box };
  }

  // A picture with some of its boxes, each {item, number, already}, the most fitting first.
  function picture(of, marks) {
    const source = store.picture(of.id, "full") ?? store.picture(of.id, "small");
    const made = marks.map(marked);
    const frame = h("div", { class: "pq-side-picture", style: `--pq-ratio:${(of.width || 4) / (of.height || 3)}` },
      source ? h("img", { class: "pq-picture", src: source, alt: "", draggable: "false" }) : h("span", { class: "pq-quiet" }, store.reason(of.id) || t("The picture is being loaded.")),
      made.map(({ box, tag }) => [box, tag]));
    new ResizeObserver(() => {
      const [wide, high] = [frame.clientWidth, frame.clientHeight];
      placeTags(made.map(({ tag, place: [x0, y0, x1, y1] }) => ({ tag, box: { left: x0 * wide, top: y0 * high, right: x1 * wide, bottom: y1 * high } })), { wide, high });
    }).observe(frame);
    return frame;
  }

  function update() {
    const all = photos();
    if (!all.some((one) => one.id === at)) at = ([...all].sort((one, two) => fit(two) - fit(one))[0] ?? {}).id ?? null;
    const now = at === null ? null : store.photo(at);
    const { open, already } = now ? sameCandidates(store, item, room, now) : { open: [], already: [] };
    const chosen = other && now?.items.find((found) => found.id === other);
    const step = (by, text, sign) => (all.length > 1 ? h("button", { class: "pq-tool", "data-key": text, "aria-label": t(text), title: t(text), onclick: () => turn(by) }, sign) : null);
    const facts = [at, other, store.lang, all.length, ...[photo, now].filter(Boolean).map((one) => [one.items, one.title, store.picture(one.id, "full"), store.picture(one.id, "small"), store.reason(one.id)])];
    drawOnce(element, facts, () => [
      h("div", { class: "pq-same-head" }, h("b", {}, t("Which one is {name}?", { name: look.name })),
        h("button", { class: "pq-tool", "data-key": "leave", onclick: leave }, t("Back"), h("kbd", { "aria-hidden": "true" }, "Esc"))),
      h("div", { class: "pq-sides" },
        h("figure", {}, picture(photo, [{ item }]), h("figcaption", {}, photo.title)),
        now ? h("figure", {}, picture(now, [...open.map((found, place) => ({ item: found, number: place + 1 })), ...already.map((found) => ({ item: found, already: true }))]),
          h("figcaption", {}, step(-1, "Previous photo", "←"), h("span", {}, t("{photo}, {number} of {count}", { photo: now.title, number: all.indexOf(now) + 1, count: all.length })), step(1, "Next photo", "→"))) : null),
      chosen ? h("div", { class: "pq-same-names", role: "group" }, h("span", {}, t("One thing has one name. What is it?")), names(chosen))
        : h("p", { class: "pq-quiet" }, !now ? t("No other photo of {room} shows a thing.", { room: room.name })
          : open.length ? t("Click it or press its number. ← → other photos, Esc back.") : t("Nothing to choose in this photo."))]);
  }

  function focus() {
    (element.querySelector('[data-key="name-0"]') ?? element.querySelector('[data-number="1"]') ?? element).focus({ preventScroll: true });
  }

  // A number presses the button that has it: of a name, where that is asked.
  const press = ({ key }) => (element.querySelector(".pq-same-names") ?? element).querySelector(`[data-number="${key}"]`)?.click();

  keepKeys(element);
  onKeys(element, {
    Escape: () => { if (other) { other = null; update(); focus(); } else leave(); },
    ArrowLeft: ({ altKey }) => (altKey ? false : turn(-1)), ArrowRight: ({ altKey }) => (altKey ? false : turn(1)),
    ...Object.fromEntries([..."123456789"].map((key) => [key, press])),
  });
  update();
  return { element, update, focus };
}
