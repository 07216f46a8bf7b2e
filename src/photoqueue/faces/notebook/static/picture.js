// One enlarged photo: the picture with its boxes, and the list of things beside it.

function largeView(model, { cardOf, thumbnailOf, neighbours, act }) {
  let photo = null;
  let pinned = null;
  let bytes = null;
  let address = null; // of `bytes`
  const title = h("h2", { class: "pq-large-title" });
  const facts = h("div", { class: "pq-quiet" });
  const image = h("img", { draggable: "false" });
  const layer = h("div", { class: "pq-boxes", "aria-hidden": "true" });
  const stage = h("div", { class: "pq-stage-photo" }, image, layer);
  const reason = h("div", { class: "pq-notice", role: "status", hidden: true });
  const things = h("ul", { class: "pq-things", "aria-label": "Things in this photo" });
  const warnings = h("ul", { class: "pq-warnings", "aria-label": "Warnings" });
  const controls = boxControls(model, () => (photo ? [cardOf(photo) ?? {}] : []));
  const previous = button("Previous", () => act.move("previous"), { "data-key": null });
  const next = button("Next", () => act.move("next"), { "data-key": null });
  const retry = button("Retry", () => act.retry(photo), { "data-key": null });
  const dialog = h("dialog", { class: "pq pq-large", "aria-label": "Photo", tabindex: -1 },
    h("div", { class: "pq-large-head" },
      h("div", { class: "pq-large-words" }, title, facts),
      h("div", { class: "pq-bar" }, retry, previous, next, button("Close", () => dialog.close(), { "data-key": null }))),
    h("div", { class: "pq-large-body" },
      h("div", { class: "pq-stage" }, stage, reason),
      h("div", { class: "pq-large-side" }, controls.element, warnings, things)));

  dialog.addEventListener("close", () => { const last = photo; photo = null; act.closed(last); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.type === "range") return;
    if (event.key === "ArrowLeft" && !previous.disabled) act.move("previous");
    else if (event.key === "ArrowRight" && !next.disabled) act.move("next");
    else return;
    event.preventDefault();
  });

  // Fits the whole picture into view with its aspect ratio; the boxes cover it exactly.
  function fit() {
    const card = photo && cardOf(photo);
    if (!card) return;
    const [wide, high] = [card.width || image.naturalWidth || 4, card.height || image.naturalHeight || 3];
    const room = stage.parentElement;
    const scale = Math.min(room.clientWidth / wide, room.clientHeight / high);
    stage.style.width = `${Math.floor(wide * scale)}px`;
    stage.style.height = `${Math.floor(high * scale)}px`;
    boxes();
  }

  function boxes() {
    const card = photo && cardOf(photo);
    if (!card) return;
    layer.hidden = !model.get("boxes");
    drawBoxes(layer, wanted(card, model.get("min_score")), model.get("categories"), "large");
    highlight(layer, pinned);
  }

  function list(card) {
    const items = wanted(card, model.get("min_score"));
    const focused = things.contains(document.activeElement) ? document.activeElement.dataset.number : null;
    things.replaceChildren(...items.map((item, number) => {
      const look = lookOf(model.get("categories"), item);
      const show = () => highlight(layer, number);
      const rest = () => highlight(layer, pinned);
      const detail = [item.category, item.volume ? format.volume(item.volume) : null].filter(Boolean).join(" · ");
      return h("li", {}, h("button", {
        type: "button", class: "pq-thing", "data-number": number, "aria-pressed": String(pinned === number),
        onmouseenter: show, onmouseleave: rest, onfocus: show, onblur: rest,
        onclick: (event) => {
          pinned = pinned === number ? null : number;
          for (const other of things.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === event.currentTarget && pinned !== null));
          show();
        },
      },
      swatch(look), h("span", { class: "pq-thing-name" }, item.name),
      h("span", { class: "pq-number" }, (item.score ?? null) === null ? "" : format.score(item.score)),
      h("span", { class: "pq-quiet pq-thing-detail" }, detail, item.box ? "" : " · no box",
        item.merged ? ` · ${format.counted(item.merged.length + 1, "box", "boxes")} taken for one thing` : ""),
      item.alternatives ? h("span", { class: "pq-quiet pq-thing-detail" }, `or ${item.alternatives}`) : null));
    }));
    if (focused !== null) things.querySelector(`[data-number="${focused}"]`)?.focus();
    if (items.length === 0) things.replaceChildren(h("li", { class: "pq-quiet" },
      card.state === "failed" || card.state === "cancelled" ? "There is no result." : card.state !== "completed" ? "Not analysed yet." : (card.items ?? []).length ? "No thing has this score or more." : "Nothing was found."));
  }

  function take(newest) {
    if (newest === bytes) return;
    bytes = newest;
    if (address) URL.revokeObjectURL(address);
    address = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) : null;
  }

  function update() {
    const card = photo && cardOf(photo);
    if (!card) return;
    const size = card.width ? `${card.width} × ${card.height} pixels` : null;
    title.textContent = card.title;
    facts.replaceChildren(...[stateBadge(card.state), ...[card.room_type, size].filter(Boolean).map((text) => ` · ${text}`)]);
    dialog.setAttribute("aria-label", card.title);
    const there = model.get("picture_of") === photo;
    take(there ? model.get("picture") : null);
    // The thumbnail is shown until the picture has arrived.
    const source = address ?? thumbnailOf(photo);
    stage.hidden = !source;
    if (source && image.src !== source) image.src = source;
    image.alt = described(card, model.get("min_score"));
    const told = [card.state === "failed" || card.state === "cancelled" ? failure(card) : null, there ? model.get("picture_reason") : null];
    reason.textContent = told.filter(Boolean).join("\n") || (source || there ? "" : "The picture is being loaded.");
    reason.hidden = !reason.textContent;
    warnings.replaceChildren(...(card.warnings ?? []).map((text) => h("li", { class: "pq-warning" }, `⚠ ${text}`)));
    warnings.hidden = !warnings.children.length;
    retry.hidden = !(card.can_retry && model.get("actions"));
    const beside = neighbours(photo);
    previous.disabled = !beside.previous;
    next.disabled = !beside.next;
    // A focused button that is disabled would swallow key presses.
    if (dialog.open && (document.activeElement?.disabled || document.activeElement?.hidden)) dialog.focus();
    list(card);
    controls.update();
    fit();
  }

  new ResizeObserver(fit).observe(stage.parentElement);
  return {
    dialog, update,
    get photo() { return photo; },
    show(id) {
      photo = id;
      pinned = null;
      update();
      if (!dialog.open) {
        dialog.showModal();
        dialog.focus(); // announces its name and receives the arrow keys
        fit();
      }
    },
  };
}
