// The words of the Review page in French; the English text is the key. `{name}` is replaced by a value.

const FRENCH = {
};

function translated(lang, text, values = {}) {
  const words = lang === "fr" ? FRENCH[text] ?? text : text;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
