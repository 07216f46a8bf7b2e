// One photo as a tile: thumbnail with boxes, name, and any problem.

// `picture` is the URL of the thumbnail or null; `act` performs the user's actions.
function tile(card, picture, { selected, canAct, minScore, act }) {
  const key = card.photo_id;
  const failed = card.state === "failed" || card.state === "cancelled";
  const words = described(card, minScore);
  const open = h("button", {
    type: "button", class: "pq-tile-open", "data-key": `photo:${key}`, tabindex: -1,
    onclick: () => act.open(key),
  }, shot(card, picture, words));
  return h("li", { class: "pq-tile", "data-photo": key, "data-state": card.state, "data-selected": selected },
    open,
    h("div", { class: "pq-tile-words" },
      h("label", { class: "pq-tile-name" },
        h("input", {
          type: "checkbox", tabindex: -1, checked: selected, "data-key": `select:${key}`,
          "aria-label": `Select ${card.title}`, onchange: () => act.select(key),
        }),
        h("span", { title: card.title }, card.file_name ?? card.photo_id)),
      h("div", { class: "pq-quiet pq-line", title: card.room }, card.room ?? "no room"),
      failed ? null : h("div", { class: "pq-line" }, summary(card, minScore)),
      (card.warnings ?? []).length ? h("div", { class: "pq-line pq-warning" }, `⚠ ${card.warnings.join(", ")}`) : null,
      failed ? h("div", { class: "pq-tile-foot" }, stateBadge(card.state),
        card.can_retry && canAct ? button("Retry", () => act.retry(key), {
          "data-key": `retry:${key}`, tabindex: -1, "aria-label": `Retry ${card.title}`,
        }) : null) : null));
}

function summary(card, minScore) {
  if (card.state !== "completed") return stateBadge(card.state);
  const items = wanted(card, minScore);
  return items.length === 0 ? "nothing found"
    : `${format.counted(items.length, "thing")}: ${items.map((item) => item.name).join(", ")}`;
}

// The thumbnail, or text in its place.
function shot(card, picture, words) {
  if (card.state === "failed") return h("span", { class: "pq-shot-words" },
    icon("failed"), h("span", { class: "pq-hidden" }, `${card.title}: `),
    h("span", { class: "pq-clamp" }, failure(card)));
  if (!picture) return h("span", { class: "pq-shot-words" },
    icon(card.state === "completed" ? null : card.state),
    h("span", { class: "pq-hidden" }, `${words}. `),
    h("span", { class: "pq-clamp" }, card.reason || (card.state === "completed" ? "The thumbnail is being made." : card.state)));
  const ratio = (card.width || 4) / (card.height || 3);
  return h("span", { class: "pq-shot", style: `aspect-ratio:${ratio};${ratio >= 4 / 3 ? "width:100%" : "height:100%"}` },
    h("img", { src: picture, alt: words, draggable: "false" }),
    h("span", { class: "pq-boxes", "aria-hidden": "true" }));
}

function failure(card) {
  return [card.error_type, card.error_message].filter(Boolean).join(": ") || "It failed without a message.";
}

function icon(state) {
  return h("span", { class: "pq-shot-icon", "aria-hidden": "true" }, state ? LOOKS[state].icon : "▭");
}
