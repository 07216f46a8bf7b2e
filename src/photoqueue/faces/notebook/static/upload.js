// Chooses photos, explains which cannot be sent and what to do instead, and shows the progress.
// Returns its element, and a function that stops it.
function uploadPart(model, { t, count, nPhotos, counted }) {
  const sender = senders.get(model.get("token"));
  let chosen = null;
  const accept = ["image/*", ...model.get("extensions")].join(",");
  const pick = (properties) => h("input", {
    type: "file", hidden: true, ...properties,
    onchange: (event) => {
      take([...event.target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      event.target.value = ""; // the same files may be chosen again
    },
  });
  const files = pick({ multiple: true, accept });
  const folder = pick({ webkitdirectory: true });
  const zone = h("div", { class: "pq-drop" },
    h("div", { class: "pq-bar" },
      button(t("Choose photos"), () => files.click()), button(t("Choose a folder"), () => folder.click()),
      h("span", { class: "pq-quiet" }, t("or drop them here. Sub-folders are rooms."))),
    files, folder);
  const words = h("div", { role: "status" });
  const left = h("div", { class: "pq-left", hidden: true });
  const send = button(t("Upload"), () => { const { photos, left: out } = chosen; chosen = null; sender.start(photos, out); }, { "data-key": null });
  const cancel = button(t("Cancel"), () => { if (sender.upload) sender.cancel(); else { chosen = null; draw(); } });
  const remove = button(t("Remove the uploaded photos"), () => model.send({ kind: "clear" }));
  const bar = h("progress", { "aria-label": t("Upload"), max: 1, value: 0 });
  const detail = h("span", { class: "pq-quiet" });
  const progress = h("div", { class: "pq-bar" }, bar, detail);

  async function take(found) {
    if (found.length === 0 || sender.upload) return;
    chosen = await sorted(withinHome(found), { maxBytes: model.get("max_bytes"), extensions: model.get("extensions") });
    draw();
    (chosen.photos.length ? send : cancel).focus();
  }

  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("pq-over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("pq-over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would open the files
    zone.classList.remove("pq-over");
    await take(await dropped(event.dataTransfer.items));
  });

  function leftOut() {
    const out = chosen?.left ?? [];
    left.hidden = out.length === 0;
    if (left.hidden) return;
    const shown = out.slice(0, 20);
    left.replaceChildren(
      h("strong", {}, counted(out.length, "1 file is left out:", "{n} files are left out:")),
      h("ul", {}, shown.map(({ path, why, values }) => h("li", {}, `${path} ${t(why, values)}`)), out.length > shown.length ? h("li", {}, t("and {n} more", { n: count(out.length - shown.length) })) : null),
      out.some(({ large }) => large)
        ? h("p", {}, t("For larger photos, put them in a folder that the notebook server can read and choose Folder, with PHOTOQUEUE_MAX_PHOTO_MB raised; or export them smaller."))
        : null);
  }

  function said() {
    if (sender.upload) return t("Uploading {photos} ({size}).", { photos: nPhotos(sender.photos.length), size: format.size(sender.total) });
    if (chosen) {
      const size = chosen.photos.reduce((sum, { file }) => sum + file.size, 0);
      return chosen.photos.length ? t("{photos} ({size}) can be uploaded.", { photos: nPhotos(chosen.photos.length), size: format.size(size) }) : t("There is no photo to upload.");
    }
    if (model.get("state") === "ready") return t("{photos} uploaded, ready to be submitted.", { photos: nPhotos(model.get("files")) });
    // Files belong to one page load: after a reload the upload cannot continue.
    if (model.get("state") === "receiving") return t("The upload was interrupted. Choose the photos again.");
    return "";
  }

  function draw() {
    const sending = Boolean(sender.upload);
    zone.hidden = sending;
    if (words.textContent !== said()) words.textContent = said();
    leftOut();
    send.hidden = sending || !chosen?.photos.length;
    if (chosen) send.textContent = t("Upload {photos}", { photos: nPhotos(chosen.photos.length) });
    cancel.hidden = !sending && !chosen;
    remove.hidden = sending || Boolean(chosen) || model.get("state") !== "ready";
    progress.hidden = !sending;
    if (sending) {
      const photo = sender.photos[sender.number];
      bar.value = sender.total ? sender.sent / sender.total : 0;
      const late = Date.now() - sender.waitingSince > 3000 ? ` · ${t("waiting for the kernel, which is busy")}` : "";
      detail.textContent = t("Photo {number} of {count}: {path} · {sent} of {total}", { number: count(sender.number + 1), count: count(sender.photos.length), path: photo.path, sent: format.size(sender.sent), total: format.size(sender.total) }) + late;
    }
  }

  const element = h("div", { class: "pq-upload" }, zone, noticeOf(model), words, left, progress, h("div", { class: "pq-bar" }, send, cancel, remove));
  sender.listeners.add(draw);
  for (const name of ["state", "files"]) model.on(`change:${name}`, draw);
  const clock = setInterval(() => { if (sender.upload) draw(); }, 1000);
  draw();
  return [element, () => { clearInterval(clock); sender.listeners.delete(draw); }];
}
