// What the page says, in English and French. Texts are written once, in English, where they are
// said; French ones are found by them.

const FRENCH = {
};

function phrase(store, text, values = {}) {
  const told = store.lang === "fr" ? FRENCH[text] ?? text : text;
  return told.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}
