// Axes: what the horizontal place of an event is.
//
// Along a lane an axis never falls: where the log's values do, the greatest so far stands in and
// the row is kept as a fall, to be marked. A missing value is that of the event before it, or of
// the first that has one. An axis may leave out idle stretches: then places on it are not values,
// and `toPlace` and `toValue` translate.

import { Diagram } from "./diagram.js";
import { chainDepths } from "./longest_chain.js";

/** @typedef {import("./decode.js").Column} Column */
/** @typedef {{at: number, from: number, to: number, leftOut: number}} Stretch */

export const AXIS_NAMES = ["time", "own", "corrected", "clock", "index", "chain"];
const IDLE_SHARE = 0.04; // of what remains: a stretch without events longer than this is left out
const STUB_SHARE = 0.01; // of what remains: what stands for it
const IDLE_BUCKETS_MAX = 1 << 15;
const IDLE_EDGES_MAX = 1 << 22; // of all lanes
const IDLE_ROUNDS = 6; // each divides what the one before left over

export class Axis {
  /**
   * @param {Diagram} diagram
   * @param {string} name
   * @param {Column | null} values one a row, rising within a lane; null: the index in the lane
   * @param {Int32Array} falls rows whose own value is less than one before it
   */
  constructor(diagram, name, values, falls) {
    this.diagram = diagram;
    this.name = name;
    this.values = values;
    this.falls = falls;
    /** @type {Stretch[]} idle stretches that are left out, by place */
    this.stretches = [];
    this.valueBegin = 0;
    this.valueEnd = 0;
    this.measure();
  }

  /** Find the least and the greatest value; 0 and 0 where there is no event. */
  measure() {
    const { diagram, values } = this;
    let begin = Infinity;
    let end = -Infinity;
    const { starts, ends } = diagram;
    for (let lane = 0; lane < ends.length; lane++) {
      if (starts[lane] === ends[lane]) continue;
      begin = Math.min(begin, values ? values[starts[lane]] : 0);
      end = Math.max(end, values ? values[ends[lane] - 1] : ends[lane] - 1 - starts[lane]);
    }
    this.valueBegin = begin <= end ? begin : 0;
    this.valueEnd = begin <= end ? end : 0;
  }

  /** The least place. */
  get begin() {
    return this.toPlace(this.valueBegin);
  }

  /** The greatest place. */
  get end() {
    return this.toPlace(this.valueEnd);
  }

  /**
   * Return the place of an event.
   * @param {number} row
   * @param {number} lane that of the row
   * @returns {number}
   */
  placeOf(row, lane) {
    const value = this.values ? this.values[row] : row - this.diagram.starts[lane];
    return this.stretches.length ? this.toPlace(value) : value;
  }

  /**
   * Return the place of a value.
   * @param {number} value
   * @returns {number}
   */
  toPlace(value) {
    const { stretches } = this;
    let low = 0;
    let high = stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (stretches[middle].from <= value) low = middle + 1;
      else high = middle;
    }
    if (!low) return value;
    const { at, from, to, leftOut } = stretches[low - 1];
    if (value >= to) return value - leftOut - (from - at);
    return at + ((value - from) * (to - from - leftOut)) / (to - from);
  }

  /**
   * Return the value at a place.
   * @param {number} place
   * @returns {number}
   */
  toValue(place) {
    const { stretches } = this;
    let low = 0;
    let high = stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (stretches[middle].at <= place) low = middle + 1;
      else high = middle;
    }
    if (!low) return place;
    const { at, from, to, leftOut } = stretches[low - 1];
    const shown = to - from - leftOut;
    if (place >= at + shown) return place - at - shown + to;
    return from + ((place - at) * (to - from)) / shown;
  }

  /**
   * Return the first row of a lane whose place is at least `place`, else the lane's end.
   * @param {number} lane
   * @param {number} place
   * @returns {number}
   */
  firstFrom(lane, place) {
    return this.firstValue(lane, this.toValue(place), this.diagram.starts[lane]);
  }

  /**
   * Return the first row of a lane, `from` or later, whose value is at least `value`.
   * @param {number} lane
   * @param {number} value
   * @param {number} from
   * @returns {number}
   */
  firstValue(lane, value, from) {
    const { values } = this;
    const end = this.diagram.ends[lane];
    if (!values) {
      const row = this.diagram.starts[lane] + Math.ceil(value);
      return Math.min(end, Math.max(from, row));
    }
    // Gallop: the edges of a column are mostly near those of the column before.
    let low = from;
    let step = 8;
    while (low + step < end && values[low + step] < value) {
      low += step;
      step *= 2;
    }
    let high = Math.min(end, low + step);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (values[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Return the rows of a lane at which each of some columns of equal width begins, and the end.
   * @param {number} lane
   * @param {number} begin place
   * @param {number} end place
   * @param {number} columns
   * @returns {Int32Array} columns + 1 rows
   */
  edges(lane, begin, end, columns) {
    const rows = new Int32Array(columns + 1);
    let row = this.diagram.starts[lane];
    for (let column = 0; column <= columns; column++) {
      const place = begin + ((end - begin) * column) / columns;
      row = this.firstValue(lane, this.stretches.length ? this.toValue(place) : place, row);
      rows[column] = row;
    }
    return rows;
  }
}

/**
 * Return the axis of a name, with `~idle` at its end if idle stretches are to be left out.
 * Throws where the log has no such values.
 * @param {Diagram} diagram
 * @param {string} name
 * @param {boolean} [idle] leave out idle stretches
 * @returns {Axis}
 */
export function axisOf(diagram, name, idle = false) {
  if (name.endsWith("~idle")) return axisOf(diagram, name.slice(0, -5), true);
  const whole = diagram.grown(
    `axis ${name}`,
    () => makeAxis(diagram, name),
    (axis, rows) => extendAxis(axis, rows) ?? makeAxis(diagram, name),
  );
  if (!idle || name === "index" || name === "chain") return whole;
  return diagram.once(`axis ${name}~idle`, () => withoutIdle(whole));
}

/**
 * Whether a diagram has an axis.
 * @param {Diagram} diagram
 * @param {string} name
 * @returns {boolean}
 */
export function hasAxis(diagram, name) {
  if (name === "index" || name === "chain") return true;
  if (name === "clock") return diagram.column("clock") !== null;
  if (name === "time") return diagram.column("time") !== null;
  if (name === "own") return (diagram.column("own") ?? diagram.column("time")) !== null;
  return (
    hasAxis(diagram, "own") &&
    diagram.lanes.some((lane) => lane.offset !== null && lane.offset !== undefined)
  );
}

/**
 * @param {Diagram} diagram
 * @param {string} name
 * @returns {Axis}
 */
function makeAxis(diagram, name) {
  if (!AXIS_NAMES.includes(name)) throw new Error(`there is no axis ${name}`);
  if (!hasAxis(diagram, name)) throw new Error(`the log has no values for the axis ${name}`);
  if (name === "index") return new Axis(diagram, name, null, new Int32Array(0));
  if (name === "chain") return risingAxis(diagram, name, chainDepths(diagram).depth);
  if (name === "corrected") return risingAxis(diagram, name, correctedTimes(diagram));
  const own = name === "own" ? diagram.column("own") : null;
  const column = own ?? diagram.column(name === "own" ? "time" : name);
  return risingAxis(diagram, name, /** @type {Column} */ (column));
}

/**
 * Return an axis of values that may fall or be missing; the column itself where none does.
 * @param {Diagram} diagram
 * @param {string} name
 * @param {Column} column
 * @returns {Axis}
 */
function risingAxis(diagram, name, column) {
  const isMissing = missingIn(column);
  const { starts, ends } = diagram;
  let values = column;
  /** @type {number[]} */
  const falls = [];
  const least = leastKnown(diagram, column, isMissing);
  for (let lane = 0; lane < ends.length; lane++) {
    let greatest = -Infinity;
    for (let row = starts[lane], end = ends[lane]; row < end; row++) {
      const value = column[row];
      if (value >= greatest && !isMissing(value)) {
        greatest = value;
        continue;
      }
      if (values === column) values = column.slice();
      if (isMissing(value)) {
        if (greatest === -Infinity) greatest = firstKnown(column, row, end, isMissing) ?? least;
      } else {
        falls.push(row);
      }
      values[row] = greatest;
    }
  }
  return new Axis(diagram, name, values, Int32Array.from(falls));
}

/**
 * Return an axis with the rows that were appended, or null if it must be made anew.
 * @param {Axis} axis
 * @param {Int32Array} from the ends of lanes that it was made of
 * @returns {Axis | null}
 */
function extendAxis(axis, from) {
  const { diagram, name, values } = axis;
  const column = diagram.column(name === "own" && !diagram.column("own") ? "time" : name);
  if (!column || !values) return null;
  const isMissing = missingIn(column);
  /** @type {number[]} */
  const falls = [];
  for (let lane = 0; lane < from.length; lane++) {
    const start = diagram.starts[lane];
    // Events before the first known value are placed by it, or by other lanes.
    if (start < from[lane] && firstKnown(column, start, from[lane], isMissing) === undefined) return null;
    let greatest = start < from[lane] ? values[from[lane] - 1] : -Infinity;
    for (let row = from[lane]; row < diagram.ends[lane]; row++) {
      const value = column[row];
      const isRising = value >= greatest && !isMissing(value);
      if (!isRising && (values === column || greatest === -Infinity)) return null;
      if (isRising) greatest = value;
      else if (!isMissing(value)) falls.push(row);
      values[row] = greatest;
    }
  }
  if (falls.length) axis.falls = Int32Array.from([...axis.falls, ...falls]).sort();
  axis.measure();
  return axis;
}

/**
 * @param {Column} column
 * @returns {(value: number) => boolean}
 */
function missingIn(column) {
  return column instanceof Int32Array ? (value) => value < 0 : Number.isNaN;
}

/**
 * @param {Column} column
 * @param {number} from
 * @param {number} to
 * @param {(value: number) => boolean} isMissing
 * @returns {number | undefined}
 */
function firstKnown(column, from, to, isMissing) {
  for (let row = from; row < to; row++) if (!isMissing(column[row])) return column[row];
  return undefined;
}

/**
 * @param {Diagram} diagram
 * @param {Column} column
 * @param {(value: number) => boolean} isMissing
 * @returns {number} the least first value of a lane, 0 where no lane has one
 */
function leastKnown({ starts, ends }, column, isMissing) {
  let least = Infinity;
  for (let lane = 0; lane < ends.length; lane++) {
    least = Math.min(least, firstKnown(column, starts[lane], ends[lane], isMissing) ?? Infinity);
  }
  return least === Infinity ? 0 : least;
}

/**
 * Keep recovered offsets that came after the events.
 * @param {Diagram} diagram
 * @param {(null | {at0_ns: number, at1_ns: number})[]} offsets one a lane
 */
export function setOffsets(diagram, offsets) {
  diagram.lanes.forEach((lane, place) => (lane.offset = offsets[place] ?? null));
  for (const name of ["axis corrected", "axis corrected~idle", "falls corrected"]) {
    diagram.computed.delete(name);
  }
}

/**
 * Return own times less the recovered offset of each lane's clock, linear over the time axis.
 * @param {Diagram} diagram
 * @returns {Float64Array}
 */
function correctedTimes(diagram) {
  const own = axisOf(diagram, "own");
  const column = /** @type {Column} */ (diagram.column("own") ?? diagram.column("time"));
  const whole = hasAxis(diagram, "time") ? axisOf(diagram, "time") : own;
  const span = whole.valueEnd - whole.valueBegin || 1;
  const corrected = Float64Array.from(column);
  diagram.lanes.forEach(({ offset }, lane) => {
    if (!offset) return;
    for (let row = diagram.starts[lane]; row < diagram.ends[lane]; row++) {
      const share = (column[row] - whole.valueBegin) / span;
      corrected[row] -= offset.at0_ns + (offset.at1_ns - offset.at0_ns) * share;
    }
  });
  return corrected;
}

/**
 * Return the same axis without long stretches in which no lane has an event.
 *
 * What is left out is found by counting events in buckets: a run of empty buckets is an idle
 * stretch. What remains is divided again, so that bursts far apart are found within one bucket.
 * @param {Axis} whole
 * @returns {Axis}
 */
function withoutIdle(whole) {
  const axis = new Axis(whole.diagram, whole.name, whole.values, whole.falls);
  for (let round = 0; round < IDLE_ROUNDS; round++) {
    const found = idleStretches(axis);
    if (!found.length) break;
    axis.stretches = shorten(axis, [...axis.stretches, ...found]);
  }
  return axis;
}

/**
 * @param {Axis} axis
 * @returns {{from: number, to: number}[]} stretches, in values, that are too long
 */
function idleStretches(axis) {
  const { begin, end } = axis;
  const busy = end - begin;
  if (!(busy > 0)) return [];
  const lanes = axis.diagram.lanes.length;
  const buckets = Math.min(IDLE_BUCKETS_MAX, Math.max(64, Math.floor(IDLE_EDGES_MAX / lanes)));
  const { first, last } = bucketRanges(axis, begin, end, buckets);
  const stretches = [];
  const already = new Set(axis.stretches.map(({ from }) => from));
  let before = first[0];
  for (let bucket = 0; bucket < buckets; bucket++) {
    if (first[bucket] === Infinity) continue;
    const gap = axis.toPlace(first[bucket]) - axis.toPlace(before);
    if (gap > busy * IDLE_SHARE && !already.has(before))
      stretches.push({ from: before, to: first[bucket] });
    before = last[bucket];
  }
  return stretches;
}

/**
 * @param {Axis} axis
 * @param {number} begin
 * @param {number} end
 * @param {number} buckets
 * @returns {{first: Float64Array, last: Float64Array}} the least and greatest value per bucket
 */
function bucketRanges(axis, begin, end, buckets) {
  const { starts, ends } = axis.diagram;
  const values = /** @type {Column} */ (axis.values);
  const first = new Float64Array(buckets).fill(Infinity);
  const last = new Float64Array(buckets).fill(-Infinity);
  for (let lane = 0; lane < ends.length; lane++) {
    const edges = axis.edges(lane, begin, end, buckets);
    edges[buckets] = ends[lane];
    for (let bucket = 0; bucket < buckets; bucket++) {
      if (edges[bucket] === edges[bucket + 1]) continue;
      first[bucket] = Math.min(first[bucket], values[edges[bucket]]);
      last[bucket] = Math.max(last[bucket], values[edges[bucket + 1] - 1]);
    }
    if (starts[lane] < edges[0]) first[0] = Math.min(first[0], values[starts[lane]]);
  }
  return { first, last };
}

/**
 * Return stretches by place, each with what it is shortened by.
 * @param {Axis} axis
 * @param {{from: number, to: number}[]} stretches in values
 * @returns {Stretch[]}
 */
function shorten(axis, stretches) {
  stretches.sort((one, other) => one.from - other.from);
  let busy = axis.valueEnd - axis.valueBegin;
  for (const { from, to } of stretches) busy -= to - from;
  // A whole number, so that places of whole values are exact.
  const stub = Math.max(1, Math.round(busy * STUB_SHARE));
  let leftOutBefore = 0;
  return stretches.map(({ from, to }) => {
    const leftOut = Math.max(0, to - from - stub);
    const at = from - leftOutBefore;
    leftOutBefore += leftOut;
    return { at, from, to, leftOut };
  });
}
