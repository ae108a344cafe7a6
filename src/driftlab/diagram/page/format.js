/**
 * How numbers, times and events are written on the page: one place for all of them.
 * Texts of logs are never markup: whoever shows them sets `textContent`.
 */

const NARROW = "\u202f"; // between a number and its unit

/** @type {Record<number, string>} */
export const KIND_NAMES = { 0: "internal", 1: "send", 2: "receive", 3: "not said" };

/** What each axis is called. @type {Record<string, {name: string, short: string}>} */
export const AXES = {
  time: { name: "Physical time", short: "time" },
  own: { name: "Own clocks", short: "own time" },
  corrected: { name: "Corrected", short: "corrected time" },
  clock: { name: "Lamport clock", short: "clock" },
  index: { name: "Event index", short: "index" },
  chain: { name: "Longest chain", short: "chain" },
};

/** What colours a lane where events are counted. @type {Record<string, string>} */
export const COLOURS = {
  rate: "Events",
  receives: "Receives, %",
  queue: "Queue",
  jump: "Clock jump",
  late: "Lateness",
  violations: "Violations",
};

/** @type {Record<string, string>} */
export const PLOTS = { clock: "Clock", drift: "Drift", queue: "Queue", late: "Lateness" };

/** Whether an axis counts nanoseconds. @param {string} axis */
export function isTime(axis) {
  return axis === "time" || axis === "own" || axis === "corrected";
}

/** Write a whole number with separators: 1,204. @param {number} value */
export function count(value) {
  return Number.isFinite(value) ? (Math.round(value) + 0).toLocaleString("en-GB") : "–";
}

/** Write a number and the word that it counts, in the right number. @param {number} n @param {string} one @param {string} [many] */
export function counted(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Write a length of time with the unit that suits it. @param {number} ns */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "–";
  const size = Math.abs(ns);
  if (size >= 7200e9) return `${trimmed((ns / 3600e9).toFixed(1))}${NARROW}h`;
  if (size >= 300e9) return `${trimmed((ns / 60e9).toFixed(1))}${NARROW}min`;
  const [unit, factor] =
    size >= 1e9 ? ["s", 1e9] : size >= 1e6 ? ["ms", 1e6] : size >= 1e3 ? ["µs", 1e3] : ["ns", 1];
  const value = ns / Number(factor);
  const digits = Math.abs(value) >= 100 || factor === 1 ? 1 : Math.abs(value) >= 10 ? 2 : 3;
  return `${trimmed(value.toFixed(digits)).replace(/^-0$/, "0")}${NARROW}${unit}`;
}

/** Write an axis value exactly enough to be distinguished from its neighbours. @param {string} axis @param {number} value @param {number} [step] the smallest difference that is shown */
export function axisValue(axis, value, step = 1e3) {
  if (!Number.isFinite(value)) return "–";
  if (!isTime(axis)) return count(value);
  const digits = Math.max(0, Math.min(9, Math.ceil(9 - Math.log10(Math.max(1, step)))));
  return `${grouped((value / 1e9).toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1"))}${NARROW}s`;
}

/** @param {string} text */
function grouped(text) {
  const [whole, rest] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return rest === undefined ? spaced : `${spaced}.${rest}`;
}

/** @param {string} text */
function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/**
 * Return round positions of an axis: multiples of 1, 2 or 5 times a power of ten.
 * @param {number} begin @param {number} end @param {number} most how many at most
 * @param {number} [least] the smallest step
 * @returns {{step: number, values: number[]}}
 */
export function ticks(begin, end, most, least = 0) {
  const span = end - begin;
  if (!(span > 0) || most < 1) return { step: 1, values: [] };
  const rough = Math.max(least, span / most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const values = [];
  for (let k = Math.ceil(begin / step); k * step <= end; k++) values.push(k * step + 0); // no -0
  return { step, values };
}

/**
 * Write a tick of the axis.
 * @param {string} axis @param {number} value @param {number} step between ticks
 * @param {number} [reach] the greatest value in view, which decides the unit
 */
export function tickText(axis, value, step, reach = 1e9) {
  if (!isTime(axis)) return Number.isInteger(value) ? count(value) : "";
  const [unit, power] =
    reach >= 1e9 ? ["s", 9] : reach >= 1e6 ? ["ms", 6] : reach >= 1e3 ? ["µs", 3] : ["ns", 0];
  const digits = Math.max(0, Math.min(9, Math.ceil(Number(power) - Math.log10(step) - 1e-9)));
  const text = grouped((value / 10 ** Number(power)).toFixed(digits));
  return `${text === "-0" ? "0" : text}${NARROW}${unit}`;
}

/** Write an event's name: lane and number from 0, as the commands take it (`A:12`). @param {string} lane @param {number} index */
export function eventName(lane, index) {
  return `${lane}:${index}`;
}

/** Shorten a long text in the middle, so that both ends can be distinguished. @param {string} text @param {number} most */
export function shortened(text, most) {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}`;
}
