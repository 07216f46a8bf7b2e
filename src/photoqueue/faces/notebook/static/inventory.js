// The inventory of a project: totals, lines by room, corrections, export.

// The range of a volume between movers; empty if all agree.
function range(low, high) {
  return low === high ? "" : format.volumeRange(low, high);
}

// A label that contains its input.
function labelled(text, input) {
  return h("label", { class: "pq-inv-label" }, h("span", {}, text), input);
}

// A select of values; `names` has the display names that differ from the values.
function choice(key, values, chosen, onchange, names = {}) {
  return h("select", { "data-key": key, onchange: (event) => onchange(event.target.value) },
    values.map((value) => h("option", { value, selected: value === chosen }, names[value] ?? value)));
}

function numberInput(key, value, oninput, properties = {}) {
  return h("input", { type: "number", min: "0", class: "pq-inv-number", "data-key": key, value, ...properties,
    oninput: (event) => oninput(event.target.value) });
}

function parsed(text) {
  return text === "" || text === null || text === undefined ? null : Number(text);
}

export default {
  render({ model, el }) {
    const names = `pq-things-${Math.random().toString(36).slice(2)}`;
    // The line being edited: kept here, so that an update does not overwrite it.
    let edited = null; // {room, item, count, volume, apart}
    const added = { open: false, item: "", count: "1", room: "", newRoom: "", category: "", volume: "" };
    const opened = new Set(); // folds that the user opened
    const send = (kind, values = {}) => model.send({ kind, ...values });

    const status = h("span", { role: "status", "aria-live": "polite" });
    const notice = noticeOf(model);
    const suggestions = h("datalist", { id: names });
    const head = h("div", { class: "pq-bar" });
    const totals = h("div", {});
    const bar = h("div", { class: "pq-bar" });
    const rooms = h("div", {});
    const form = h("div", {});
    const made = h("div", {});
    el.classList.add("pq", "pq-inv");
    el.append(head, h("div", { class: "pq-bar" }, status), notice, totals, bar, rooms, form, made, suggestions);

    function fold(key, summary, ...children) {
      return h("details", { open: opened.has(key),
        ontoggle: (event) => (event.target.open ? opened.add(key) : opened.delete(key)) },
      h("summary", { "data-key": key }, summary), children);
    }

    function drawHead(page) {
      const parts = [];
      if (page.fixed) parts.push(h("strong", {}, page.project));
      else if (page.projects.length || page.project) {
        const ids = page.projects.map((project) => project.id);
        const all = page.project && !ids.includes(page.project) ? [page.project, ...ids] : ids;
        const told = Object.fromEntries(page.projects.map((project) =>
          [project.id, `${project.id} (${format.number(project.photos)} photos${project.addedUp ? "" : ", not added up"})`]));
        parts.push(labelled("Project", choice("project", ["", ...all], page.project,
          (project) => send("project", { project }), { "": "choose …", ...told })));
      }
      parts.push(labelled("Names in", choice("language", ["en", "fr"], model.get("lang"),
        (language) => send("language", { language }), { en: "English", fr: "French" })));
      replace(head, parts);
    }

    function drawStatus(page) {
      const standing = page.standing;
      if (!standing) {
        status.textContent = page.projects.length
          ? "Choose a project."
          : "No project yet: submit photos with a project id first.";
        return;
      }
      const told = [];
      if (!standing.photos) told.push("No photo was submitted for this project.");
      else {
        const done = standing.words === "Added up";
        told.push(done ? `Added up ${format.clock(standing.added_up_at)}.` : standing.words);
        if (standing.error) told.push(standing.error);
        if (standing.unfinished) told.push(`${format.counted(standing.unfinished, "photo is", "photos are")} not analysed yet.`);
        // Other strategies count the photos as they are now.
        if (standing.newer && !standing.running && page.inventory?.strategy === "llm") {
          told.push(`⚠ The model has not seen ${format.counted(standing.newer, "photo that was", "photos that were")} analysed since then: add up again.`);
        }
      }
      const words = told.join(" ");
      if (status.textContent !== words) status.textContent = words; // announced once by a screen reader
    }

    function drawTotals(page) {
      const inventory = page.inventory;
      if (!inventory) {
        const next = page.standing?.running ? " It comes when the photos are added up."
          : model.get("actions") ? " Add the photos up to get one." : "";
        replace(totals, page.standing?.photos
          ? h("div", { class: "pq-empty" }, `There is no inventory yet.${next}`) : null);
        return;
      }
      const fact = (name, ...value) => h("div", { class: "pq-inv-fact" }, h("dt", {}, name), h("dd", {}, value));
      const photos = [format.number(inventory.photoCount)];
      const [copies, shared] = [inventory.duplicatePhotos, inventory.sharedPhotos ?? {}].map((found) => Object.keys(found).length);
      if (copies) photos.push(h("span", { class: "pq-quiet" }, ` ${format.counted(copies, "copy", "copies")}`));
      if (shared) photos.push(h("span", { class: "pq-quiet" }, ` ${format.number(shared)} of a picture in another room`));
      if (inventory.missingPhotos.length) {
        photos.push(fold("missing", `⚠ ${format.number(inventory.missingPhotos.length)} not analysed`,
          h("div", { class: "pq-inv-ids" }, inventory.missingPhotos.join(", "))));
      }
      replace(totals, h("dl", { class: "pq-facts pq-inv-facts" },
        fact("Things", h("strong", {}, format.number(inventory.totalItems))),
        fact("Volume", h("strong", {}, format.volume(inventory.totalVolume)),
          h("span", { class: "pq-quiet" }, ` ${range(inventory.totalVolumeMin, inventory.totalVolumeMax)}`)),
        fact("Lorry", inventory.lorry, inventory.largerLorry
          ? h("div", { class: "pq-quiet" }, `at ${format.volume(inventory.totalVolumeMax)}: ${inventory.largerLorry}`) : null),
        fact("Photos", photos, h("div", { class: "pq-quiet" }, `strategy ${page.strategies[inventory.strategy]}`)),
        fact("Engine", inventory.engine,
          inventory.warnings.map((text) => h("div", { class: "pq-warning" }, `⚠ ${text}`))),
        fact("To review", inventory.review ? `⚠ ${format.counted(inventory.review, "line")}` : "nothing")));
    }

    function drawBar(page) {
      const parts = [];
      if (model.get("actions") && page.standing?.photos) {
        parts.push(
          labelled("Count by", choice("strategy", Object.keys(page.strategies), model.get("strategy"), (strategy) => {
            model.set("strategy", strategy);
            model.save_changes();
          }, page.strategies)),
          button(page.inventory ? "Add up again" : "Add up", () => send("add-up"),
            { "data-key": "add-up", disabled: page.standing.running }));
        if (page.inventory) {
          parts.push(button("Export CSV", () => send("export", { format: "csv" })),
            button("Export Excel", () => send("export", { format: "xlsx" })));
        }
      }
      if (model.get("exported")) parts.push(h("span", { role: "status", class: "pq-inv-ids" }, `Written: ${model.get("exported")}`));
      replace(bar, parts);
    }

    function isEdited(room, line) {
      return edited && edited.room === room.name && edited.item === line.item;
    }

    function correction(room, line, values) {
      send("correct", { room: room.name, item: line.item, category: line.category, ...values });
      edited = null;
      draw();
    }

    function editor(room, line) {
      const key = `${room.name}/${line.item}`;
      const standing = model.get("page").corrections.find((entry) =>
        !entry.undoneAt && entry.room === room.name && entry.item === line.item);
      const save = () => correction(room, line, {
        count: parsed(edited.count), volume: parsed(edited.volume),
        dismountable: edited.apart === "" ? null : edited.apart === "yes" });
      const onkeydown = (event) => {
        if (event.key === "Enter" && event.target.tagName === "INPUT") save();
        if (event.key === "Escape") { edited = null; draw(); }
      };
      return h("tr", {}, h("td", { colspan: "7", class: "pq-inv-editor", onkeydown },
        h("div", { class: "pq-bar", role: "group", "aria-label": `Correct ${line.name}, ${room.name}` },
          labelled("How many", numberInput(`${key}/count`, edited.count, (text) => { edited.count = text; }, { step: "1" })),
          labelled("m³ of one", numberInput(`${key}/volume`, edited.volume, (text) => { edited.volume = text; },
            { step: "any", placeholder: "as it is" })),
          labelled("Taken apart", choice(`${key}/apart`, ["", "yes", "no"], edited.apart,
            (apart) => { edited.apart = apart; }, { "": "as it is" })),
          button("Save", save, { "data-key": `${key}/save` }),
          button("Take off the list", () => correction(room, line, { count: 0 }), { "data-key": `${key}/off` }),
          standing ? button("Undo the correction", () => {
            send("undo", { correction: standing.correctionId });
            edited = null;
            draw();
          }, { "data-key": `${key}/undo` }) : null,
          button("Cancel", () => { edited = null; draw(); }, { "data-key": `${key}/cancel` }))));
    }

    function look(line) {
      if (line.corrected) return h("span", {}, h("span", { "aria-hidden": "true" }, "✎ "), line.reason);
      if (!line.review) return "";
      return h("span", { class: "pq-inv-look" }, h("span", { "aria-hidden": "true" }, "⚠ "), h("span", { class: "pq-hidden" }, "review: "), line.reason);
    }

    function row(page, room, line) {
      const key = `${room.name}/${line.item}`;
      const photos = line.photos.length
        ? fold(`${key}/photos`, format.number(line.photos.length), h("div", { class: "pq-inv-ids" }, line.photos.join(", ")))
        : "none";
      const cells = [
        h("th", { scope: "row", class: line.count ? null : "pq-inv-off" }, line.name,
          line.count ? null : h("span", { class: "pq-quiet" }, line.heldBack ? " not counted" : " off the list")),
        h("td", { class: "pq-number" }, format.number(line.count)),
        h("td", { class: "pq-number" }, format.volume(line.volume), h("div", { class: "pq-quiet" }, range(line.volumeMin, line.volumeMax))),
        h("td", { class: "pq-number" }, format.percent(line.dismountProbability)),
        h("td", {}, photos),
        h("td", {}, look(line))];
      if (model.get("actions")) {
        cells.push(h("td", {}, button("Correct", () => {
          edited = { room: room.name, item: line.item, count: String(line.count), volume: "", apart: "" };
          draw();
          rooms.querySelector(`[data-key="${CSS.escape(`${key}/count`)}"]`)?.focus();
        }, { "data-key": `${key}/edit`, "aria-label": `Correct ${line.name}, ${room.name}`,
          "aria-expanded": isEdited(room, line) ? "true" : "false" })));
      }
      return [h("tr", {}, cells), isEdited(room, line) ? editor(room, line) : null];
    }

    function drawRooms(page) {
      const inventory = page.inventory;
      if (!inventory) { replace(rooms); return; }
      if (!inventory.rooms.some((room) => room.lines.length)) {
        replace(rooms, h("div", { class: "pq-empty" }, "Nothing was found in the photos."));
        return;
      }
      const columns = ["Thing", ["Number", true], ["Volume", true], ["Taken apart", true], "Photos", "Review"];
      if (model.get("actions")) columns.push(h("span", { class: "pq-hidden" }, "Correct"));
      replace(rooms, inventory.rooms.map((room) => h("section", { "aria-label": room.name, class: "pq-inv-room" },
        h("h4", {}, room.name, room.kind ? h("span", { class: "pq-quiet" }, ` ${room.kind}`) : null,
          h("span", { class: "pq-quiet" }, ` ${format.counted(room.items, "thing")}, ${format.volume(room.volume)}`)),
        room.lines.length ? h("div", { class: "pq-scroll" }, tableOf(columns, room.lines.map((line) => row(page, room, line))))
          : h("div", { class: "pq-empty" }, "Nothing was found here."))));
    }

    function add() {
      send("correct", { item: added.item.trim(), count: parsed(added.count), category: added.category,
        volume: parsed(added.volume), newRoom: added.room === "", room: (added.room || added.newRoom).trim() });
      Object.assign(added, { item: "", count: "1", category: "", volume: "" });
      draw();
    }

    function drawForm(page) {
      if (!model.get("actions") || !page.standing?.photos) { replace(form); return; }
      const known = page.inventory ? page.inventory.rooms.map((room) => room.name) : [];
      if (added.room && !known.includes(added.room)) added.room = "";
      if (!added.touched && known.length) added.room = known[0];
      const text = (key, property, properties = {}) => h("input", { type: "text", "data-key": key, maxlength: "200",
        value: added[property], oninput: (event) => { added[property] = event.target.value; }, ...properties });
      replace(form, fold("add", "Add a thing",
        h("form", { class: "pq-bar", onsubmit: (event) => { event.preventDefault(); add(); } },
          labelled("Thing", text("add/item", "item", { list: names, required: true })),
          labelled("How many", numberInput("add/count", added.count, (value) => { added.count = value; },
            { step: "1", min: "1", required: true })),
          labelled("Room", choice("add/room", [...known, ""], added.room, (room) => {
            added.room = room;
            added.touched = true;
            draw();
          }, { "": "another room …" })),
          added.room === "" ? labelled("Its name", text("add/new", "newRoom", { required: true })) : null,
          labelled("Category", choice("add/category", ["", ...page.categories], added.category,
            (category) => { added.category = category; }, { "": "of the catalogue" })),
          labelled("m³ of one", numberInput("add/volume", added.volume, (value) => { added.volume = value; },
            { step: "any", placeholder: "usual" })),
          h("button", { type: "submit", class: "pq-button", "data-key": "add/save" }, "Add")),
        h("div", { class: "pq-quiet" }, "A thing that the catalogue lacks needs its category and the m³ of one.")));
    }

    function drawCorrections(page) {
      const listed = page.corrections ?? [];
      if (!listed.length) { replace(made); return; }
      const standing = listed.filter((entry) => !entry.undoneAt).length;
      const columns = ["When", "By", "Room", "Thing", "Number", "m³ of one", h("span", { class: "pq-hidden" }, "Undo")];
      replace(made, fold("corrections", `Corrections: ${format.number(standing)} hold, ${format.number(listed.length - standing)} undone`,
        h("div", { class: "pq-scroll" }, tableOf(columns, listed.map((entry) => h("tr", { class: entry.undoneAt ? "pq-quiet" : null },
            h("td", {}, format.clock(entry.createdAt)), h("td", {}, entry.userId), h("td", {}, entry.room), h("td", {}, entry.name),
            h("td", {}, entry.count === 0 ? "0, off the list" : format.number(entry.count)),
            h("td", {}, format.number(entry.volume, 2)),
            h("td", {}, entry.undoneAt ? `undone by ${entry.undoneBy}, ${format.clock(entry.undoneAt)}`
              : model.get("actions") ? button("Undo", () => send("undo", { correction: entry.correctionId }),
                { "data-key": `undo/${entry.correctionId}`, "aria-label": `Undo ${entry.count} × ${entry.name}, ${entry.room}` }) : "")))))));
    }

    function draw() {
      const page = model.get("page");
      if (!page || page.projects === undefined) { status.textContent = "Reading …"; return; }
      drawHead(page);
      drawStatus(page);
      drawTotals(page);
      drawBar(page);
      drawRooms(page);
      drawForm(page);
      drawCorrections(page);
    }

    function suggest() {
      suggestions.replaceChildren(...model.get("things").map((name) => h("option", { value: name })));
    }

    // Without a driver, the view polls while something is in progress.
    const timer = setInterval(() => {
      const page = model.get("page");
      if (model.get("alone") && page?.standing?.running) send("refresh");
    }, 1000);

    const stops = [follow(model, "page exported strategy actions", draw), follow(model, "things", suggest)];
    if (!model.get("page")?.projects) send("refresh");
    return () => {
      clearInterval(timer);
      for (const stop of stops) stop();
    };
  },
};
