// The pictures of photos: each is asked for when it is first to be shown, and kept as long as the page is.

const LARGE_KEPT = 16; // large pictures kept in the browser
const TOGETHER = 40; // milliseconds: pictures come one by one, a few are drawn together

// `ask` gets {photos, size}; `stateOf` gives the state of a photo's analysis: when it changes, a picture that could not
// be had is asked for once more.
function reviewPictures({ ask, stateOf, changed }) {
  const pictures = new Map(); // "small photo" → {url, reason, state, answered}
  let wanted = [];
  let drawing = null;

  function askForAll() {
    for (const size of ["full", "small"]) {
      const photos = wanted.filter((one) => one.size === size).map((one) => one.photo);
      if (photos.length) ask({ photos, size });
    }
    wanted = [];
  }

  function drop(name) {
    const url = pictures.get(name)?.url;
    if (url) URL.revokeObjectURL(url);
    pictures.delete(name);
  }

  return {
    // The address of a photo's picture, or null; asks for it once, unless `ask` is false.
    picture(photo, size, { ask: may = true } = {}) {
      const name = `${size} ${photo}`;
      const known = pictures.get(name);
      if (known?.url) {
        if (size === "full") { pictures.delete(name); pictures.set(name, known); } // the last one used
        return known.url;
      }
      const state = stateOf(photo);
      if (may && (!known || (known.answered && known.state !== state))) {
        pictures.set(name, { url: null, reason: "", state, answered: false });
        wanted.push({ photo, size });
        if (wanted.length === 1) queueMicrotask(askForAll);
      }
      return null;
    },
    // Why a photo has no picture; empty while it is on its way.
    reason: (photo) => pictures.get(`full ${photo}`)?.reason || pictures.get(`small ${photo}`)?.reason || "",
    take({ photo, size, reason }, [bytes]) {
      const name = `${size} ${photo}`;
      const url = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) : null;
      drop(name);
      pictures.set(name, { url, reason: url ? "" : reason ?? "", state: stateOf(photo), answered: true });
      const large = [...pictures.keys()].filter((one) => one.startsWith("full "));
      large.slice(0, Math.max(0, large.length - LARGE_KEPT)).forEach(drop);
      drawing ??= setTimeout(() => { drawing = null; changed(); }, TOGETHER);
    },
    stop() {
      clearTimeout(drawing);
      [...pictures.keys()].forEach(drop);
    },
  };
}
