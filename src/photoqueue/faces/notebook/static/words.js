// What the page says. Texts are written once, in English, where they are said; French ones are found by them.

function phrase(lang, text, values = {}) {
  const told = lang === "fr" ? FRENCH[text] ?? text : text;
  return told.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}

// Texts, and numbers as the reader writes them, 1,234.5 or 1 234,5; `lang` returns the language.
function wordsIn(lang) {
  const local = (text) => (lang() === "fr" ? text.replace(/(\d)([.,])(?=\d)/g, (_, digit, mark) => digit + (mark === "." ? "," : "\u202f")) : text);
  const t = (text, values) => phrase(lang(), text, values);
  const count = (value) => local(format.number(value));
  return {
    t,
    count,
    // "1 thing" and "3 things": the text for one, and the text for others with {n}.
    counted: (n, one, more) => (n === 1 ? t(one) : t(more, { n: count(n) })),
    nThings: (n) => (n === 1 ? t("1 thing") : t("{n} things", { n: count(n) })),
    nPhotos: (n) => (n === 1 ? t("1 photo") : t("{n} photos", { n: count(n) })),
    nToCheck: (n) => (n === 1 ? t("1 to check") : t("{n} to check", { n: count(n) })),
    number: (value, decimals) => local(format.number(value, decimals)),
    score: (value) => local(format.score(value)),
    volume: (value) => local(format.volume(value)),
    total: (value) => local(`${format.number(value, 1)} m³`),
  };
}
