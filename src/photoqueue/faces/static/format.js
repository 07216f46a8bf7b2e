// Formats values for people, like photoqueue/format.py, which documents the rules. Both are tested
// with the table tests/format_cases.json.

const format = (() => {
  const NOTHING = "–";
  const MOST_DECIMALS = 8;
  const UNITS = [[86_400e3, "d"], [3600e3, "h"], [60e3, "min"], [1e3, "s"], [1, "ms"]];
  const BYTES = ["B", "KiB", "MiB", "GiB"];

  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

  // Half up: 0.285 becomes 0.29, although the binary fraction is slightly less.
  function rounded(value, decimals) {
    const step = 10 ** decimals;
    return Math.sign(value) * (Math.floor(Math.abs(value) * step + 0.500_001) / step);
  }

  function twoDigits(value) {
    let decimals = 0;
    while (decimals < MOST_DECIMALS && rounded(Math.abs(value), decimals + 1) < 10 ** (1 - decimals)) decimals += 1;
    return value ? decimals : 0;
  }

  // Making a formatter takes longer than all else here: there is one for each number of decimals.
  const formatters = [];
  function digits(decimals) {
    formatters[decimals] ??= new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return formatters[decimals];
  }

  function number(value, decimals = 0) {
    if (missing(value)) return NOTHING;
    return digits(decimals).format(rounded(value, decimals) || 0);
  }

  function counted(count, noun, plural = `${noun}s`) {
    return `${number(count)} ${count === 1 ? noun : plural}`;
  }

  function duration(ms) {
    if (missing(ms)) return NOTHING;
    if (ms < 0) return `-${duration(-ms)}`;
    if (rounded(ms, 0) < 1000) return `${number(ms, rounded(ms, 1) < 10 ? 1 : 0)} ms`;
    if (rounded(ms / 1000, 1) < 60) return `${number(ms / 1000, 1)} s`;
    const [seconds, minutes, hours] = [1e3, 60e3, 3600e3].map((unit) => rounded(ms / unit, 0));
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    return `${number(Math.floor(hours / 24))} d ${hours % 24} h`;
  }

  function roundDuration(ms) {
    const [unit, name] = UNITS.find(([length]) => ms >= length || length === 1);
    return `${trimmed(number(ms / unit, 2))} ${name}`;
  }

  function volume(cubicMetres) {
    return missing(cubicMetres) ? NOTHING : `${number(cubicMetres, 2)} m³`;
  }

  function volumeRange(low, high) {
    return `${[...new Set([number(low, 2), number(high, 2)])].join("–")} m³`;
  }

  function size(bytes) {
    let [left, power] = [bytes, 0];
    for (; power < BYTES.length - 1 && rounded(left, 0) >= 1024; power += 1) left /= 1024;
    return `${number(left, power && rounded(left, 1) < 10 ? 1 : 0)} ${BYTES[power]}`;
  }

  function money(usd) {
    return missing(usd) ? NOTHING : `$${number(usd, usd ? Math.max(2, twoDigits(usd)) : 2)}`;
  }

  function percent(part, whole = 1) {
    if (missing(part)) return NOTHING;
    const value = whole ? (100 * part) / whole : 0;
    return `${trimmed(number(value, twoDigits(value)))} %`;
  }

  const score = (value) => number(value, 2);

  // `when` is a Date or an ISO time; the result is in the reader's time zone.
  function moment(when) {
    if (missing(when)) return NOTHING;
    const at = new Date(when);
    const two = (part) => String(part).padStart(2, "0");
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }

  // With the date unless it is today, else with seconds.
  function clock(when, now = new Date()) {
    if (missing(when) || new Date(when).toDateString() !== new Date(now).toDateString()) return moment(when);
    return `${moment(when).slice(-5)}:${String(new Date(when).getSeconds()).padStart(2, "0")}`;
  }

  function shorten(text, length = 40) {
    if (text.length <= length) return text;
    const half = Math.floor((length - 1) / 2);
    return `${text.slice(0, length - 1 - half)}…${text.slice(-half)}`;
  }

  return { number, counted, duration, roundDuration, volume, volumeRange, size, money, percent, score, moment, clock, shorten };
})();
