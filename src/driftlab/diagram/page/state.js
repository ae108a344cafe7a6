/**
 * What the page shows, as one value: the address holds all of it and opens it again.
 * Events are named by lane and number within the lane, so that a name outlives new events.
 */

import { AXES, COLOURS, PLOTS } from "./format.js";

/**
 * @typedef {{run: number, lane: number, index: number}} EventRef
 * @typedef {{
 *   axis: string, idle: boolean, begin: number | null, end: number | null,
 *   colour: string, arrow: "found" | "receive", plots: string[] | null, theme: "system" | "light" | "dark",
 *   laneHeight: number | null, scroll: number[], orders: (number[] | null)[], hidden: number[][], pinned: number[][],
 *   selected: EventRef | null, second: EventRef | null, why: boolean,
 *   cut: {run: number, frontier: number[]} | null, query: string, violation: number | null,
 *   panel: string, follow: boolean,
 * }} View
 */

export const PANELS = ["event", "cut", "violations", "search", "run"];

/** @returns {View} */
export function freshView() {
  return {
    axis: "time",
    idle: false,
    begin: null,
    end: null,
    colour: "rate",
    arrow: "found",
    plots: null, // those that there is room for
    theme: "system",
    laneHeight: null,
    scroll: [0, 0],
    orders: [null, null],
    hidden: [[], []],
    pinned: [[], []],
    selected: null,
    second: null,
    why: false,
    cut: null,
    query: "",
    violation: null,
    panel: "event",
    follow: true,
  };
}

/** Write a view as the part of an address after `#`. @param {View} view */
export function toHash(view) {
  const parts = new URLSearchParams();
  const fresh = freshView();
  if (view.axis !== fresh.axis) parts.set("axis", view.axis);
  if (view.idle) parts.set("idle", "1");
  if (view.begin !== null && view.end !== null)
    parts.set("span", `${short(view.begin)}_${short(view.end)}`);
  if (view.colour !== fresh.colour) parts.set("colour", view.colour);
  if (view.arrow !== fresh.arrow) parts.set("arrow", view.arrow);
  if (view.plots !== null) parts.set("plots", view.plots.join(".") || "none");
  if (view.theme !== fresh.theme) parts.set("theme", view.theme);
  if (view.laneHeight !== null) parts.set("height", short(view.laneHeight));
  if (view.scroll.some((y) => y > 0)) parts.set("scroll", view.scroll.map((y) => Math.round(y)).join("."));
  view.orders.forEach((order, run) => order && parts.set(`lanes${run || ""}`, order.join(".")));
  view.hidden.forEach((lanes, run) => lanes.length && parts.set(`hide${run || ""}`, lanes.join(".")));
  view.pinned.forEach((lanes, run) => lanes.length && parts.set(`pin${run || ""}`, lanes.join(".")));
  if (view.selected) parts.set("event", refText(view.selected));
  if (view.second) parts.set("to", refText(view.second));
  if (view.why) parts.set("why", "1");
  if (view.cut) parts.set("cut", [view.cut.run, ...view.cut.frontier].join("."));
  if (view.query) parts.set("q", view.query);
  if (view.violation !== null) parts.set("violation", String(view.violation + 1));
  if (view.panel !== fresh.panel) parts.set("panel", view.panel);
  if (!view.follow) parts.set("follow", "0");
  return parts.toString();
}

/** Read a view from an address; what makes no sense is left as it would be without. @param {string} hash @returns {View} */
export function fromHash(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const view = freshView();
  view.axis = oneOf(parts.get("axis"), Object.keys(AXES), view.axis);
  view.idle = parts.get("idle") === "1";
  const span = (parts.get("span") ?? "").split("_").map(Number);
  if (span.length === 2 && span.every(Number.isFinite) && span[0] < span[1]) [view.begin, view.end] = span;
  view.colour = oneOf(parts.get("colour"), Object.keys(COLOURS), view.colour);
  view.arrow = parts.get("arrow") === "receive" ? "receive" : "found";
  if (parts.has("plots"))
    view.plots = (parts.get("plots") ?? "").split(".").filter((name) => name in PLOTS);
  view.theme = /** @type {any} */ (oneOf(parts.get("theme"), ["light", "dark"], "system"));
  const height = Number(parts.get("height"));
  if (parts.has("height") && height >= 1 && height <= 400) view.laneHeight = height;
  const scroll = wholes(parts.get("scroll"));
  view.scroll = [scroll[0] ?? 0, scroll[1] ?? 0];
  for (const run of [0, 1]) {
    const order = wholes(parts.get(`lanes${run || ""}`));
    view.orders[run] = order.length ? order : null;
    view.hidden[run] = wholes(parts.get(`hide${run || ""}`));
    view.pinned[run] = wholes(parts.get(`pin${run || ""}`));
  }
  view.selected = refOf(parts.get("event"));
  view.second = view.selected && refOf(parts.get("to"));
  view.why = view.selected !== null && parts.get("why") === "1";
  const cut = wholes(parts.get("cut"));
  if (cut.length > 1) view.cut = { run: cut[0] ? 1 : 0, frontier: cut.slice(1) };
  view.query = parts.get("q") ?? "";
  const violation = wholes(parts.get("violation"));
  if (violation.length === 1 && violation[0] > 0) view.violation = violation[0] - 1;
  view.panel = oneOf(parts.get("panel"), PANELS, view.panel);
  view.follow = parts.get("follow") !== "0";
  return view;
}

/** The view that an offline page was written with. */
function embeddedView() {
  const embedded = document.getElementById("offline");
  return embedded ? String(JSON.parse(embedded.textContent ?? "{}").view ?? "") : "";
}

/** The page's view, and who is notified when it changes. */
export class State {
  constructor() {
    this.view = fromHash(location.hash || embeddedView());
    /** @type {((changed: Set<string>) => void)[]} */
    this.listeners = [];
    this.timer = 0;
    this.written = location.hash.replace(/^#/, "");
    addEventListener("hashchange", () => this.readAddress());
  }

  /** @param {(changed: Set<string>) => void} listener */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Change parts of the view, and tell which. @param {Partial<View>} parts */
  set(parts) {
    const changed = new Set();
    const view = /** @type {any} */ (this.view);
    for (const [name, value] of Object.entries(parts)) {
      if (view[name] !== value) changed.add(name);
      view[name] = value;
    }
    if (!changed.size) return;
    for (const listener of this.listeners) listener(changed);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.writeAddress(), 60);
  }

  writeAddress() {
    clearTimeout(this.timer);
    this.timer = 0;
    const hash = toHash(this.view);
    if (hash === this.written) return;
    this.written = hash;
    try {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    } catch {
      // A sandboxed frame has no history of its own: the view is still shown.
    }
  }

  readAddress() {
    const hash = location.hash.replace(/^#/, "");
    if (hash === this.written) return;
    this.written = hash;
    const view = fromHash(hash);
    const changed = new Set(Object.keys(view));
    this.view = view;
    for (const listener of this.listeners) listener(changed);
  }
}

/** @param {number} value */
function short(value) {
  return String(Number(value.toPrecision(12)));
}

/** @param {EventRef} ref */
function refText(ref) {
  return `${ref.run ? `${ref.run}.` : ""}${ref.lane}.${ref.index}`;
}

/** @param {string | null} text @returns {EventRef | null} */
function refOf(text) {
  const numbers = wholes(text);
  if (numbers.length === 2) return { run: 0, lane: numbers[0], index: numbers[1] };
  if (numbers.length === 3) return { run: numbers[0] ? 1 : 0, lane: numbers[1], index: numbers[2] };
  return null;
}

/** @param {string | null} text */
function wholes(text) {
  if (!text || !/^\d+(\.\d+)*$/.test(text)) return [];
  return text.split(".").map(Number);
}

/** @param {string | null} text @param {string[]} allowed @param {string} otherwise */
function oneOf(text, allowed, otherwise) {
  return text !== null && allowed.includes(text) ? text : otherwise;
}
