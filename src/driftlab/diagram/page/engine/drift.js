// The drift of clocks: how far each lane's clock is behind the greatest of all lanes at that place.
//
// Between two events of its own a lane only falls further behind, so its extremes in any stretch
// are among its values at the stretch's edges, and right before and after its own events. These
// are found by reading all lanes together in the order of their places: of few events in view anew,
// of many once for all; where many are in view of a run that still grows, only edges are looked at.
// (Where a clock falls, which is a violation, others may come nearer between two of their events:
// that is seen at their next one.)

import { Extremes } from "./blocks.js";
import { Diagram } from "./diagram.js";

/** @typedef {import("./axes.js").Axis} Axis */
/** @typedef {import("./counts.js").Range} Range */
/** @typedef {import("./decode.js").Column} Column */
/** @typedef {{before: Extremes, after: Extremes}} Lags */

const NOT_KNOWN = -1;

/**
 * Return the drift of some lanes in columns of equal width: their clock less the greatest of all.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {ArrayLike<number>} lanes
 * @param {number} begin
 * @param {number} end
 * @param {number} columns
 * @returns {Range[]}
 */
export function driftRange(diagram, axis, lanes, begin, end, columns) {
  const clock = diagram.column("clock");
  const leader = new Float64Array(columns + 1).fill(-Infinity);
  const wanted = new Map(Array.from(lanes, (lane) => [lane, new Float64Array(columns + 1).fill(NaN)]));
  /** @type {Map<number, Int32Array>} */
  const edgesOf = new Map();
  for (let lane = 0; clock && lane < diagram.lanes.length; lane++) {
    const edges = axis.edges(lane, begin, end, columns);
    const own = wanted.get(lane);
    edgesOf.set(lane, edges);
    for (let column = 0; column <= columns; column++) {
      const row = edges[column] - 1;
      const value = row < diagram.starts[lane] ? NaN : clock[row];
      const known = value < 0 ? NaN : value;
      if (known > leader[column]) leader[column] = known;
      if (own) own[column] = known;
    }
  }
  /** @type {Map<number, Range>} */
  const ranges = new Map();
  for (const [lane, own] of wanted) {
    const range = { min: new Float64Array(columns).fill(NaN), max: new Float64Array(columns).fill(NaN) };
    for (let column = 0; column < columns; column++) {
      widen(range, column, own[column] - leader[column]);
      widen(range, column, own[column + 1] - leader[column + 1]);
    }
    ranges.set(lane, range);
  }
  if (clock) widenByEvents(diagram, axis, clock, edgesOf, ranges);
  return Array.from(lanes, (lane) => /** @type {Range} */ (ranges.get(lane)));
}

/**
 * Widen ranges by the drift before and after each event.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {Column} clock
 * @param {Map<number, Int32Array>} edgesOf of all lanes
 * @param {Map<number, Range>} ranges of those that are wanted
 */
function widenByEvents(diagram, axis, clock, edgesOf, ranges) {
  const lanes = diagram.lanes.length;
  const from = Int32Array.from({ length: lanes }, (_, lane) => edgesOf.get(lane)?.[0] ?? 0);
  const to = Int32Array.from({ length: lanes }, (_, lane) => edgesOf.get(lane)?.at(-1) ?? 0);
  const rows = to.reduce((sum, end, lane) => sum + end - from[lane], 0);
  if (rows <= diagram.blocks.anew) {
    const columnOf = new Int32Array(lanes);
    eachLag(diagram, axis, clock, from, to, (lane, row, lag) => {
      const range = ranges.get(lane);
      if (!range) return;
      const edges = /** @type {Int32Array} */ (edgesOf.get(lane));
      while (row >= edges[columnOf[lane] + 1]) columnOf[lane]++;
      widen(range, columnOf[lane], 0 - lag);
    });
  } else if (!diagram.isGrowing) {
    const lags = lagsOf(diagram, axis, clock);
    for (const [lane, range] of ranges) {
      const edges = /** @type {Int32Array} */ (edgesOf.get(lane));
      for (let column = 0; column + 1 < edges.length; column++) {
        if (edges[column] === edges[column + 1]) continue;
        for (const blocks of [lags.before, lags.after]) {
          blocks.over(edges[column], edges[column + 1]);
          widen(range, column, 0 - blocks.max);
          widen(range, column, 0 - blocks.min);
        }
      }
    }
  }
}

/**
 * @param {Range} range
 * @param {number} column
 * @param {number} drift not finite where it is not known
 */
function widen({ min, max }, column, drift) {
  if (!Number.isFinite(drift)) return;
  if (!(drift >= min[column])) min[column] = drift;
  if (!(drift <= max[column])) max[column] = drift;
}

/**
 * Return how far each event's lane is behind the greatest clock right before its place, and from
 * there on.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {Column} clock
 * @returns {Lags}
 */
function lagsOf(diagram, axis, clock) {
  return diagram.once(`lags ${axis.name}`, () => {
    const make = () =>
      clock instanceof Int32Array ? new Int32Array(clock.length) : new Float64Array(clock.length);
    const before = make().fill(NOT_KNOWN);
    const after = make().fill(NOT_KNOWN);
    eachLag(diagram, axis, clock, diagram.starts, diagram.ends, (_, row, lag, isAfter) => {
      (isAfter ? after : before)[row] = lag;
    });
    const blocks = (/** @type {Int32Array | Float64Array} */ column) =>
      new Extremes(column, diagram.blocks.rows, false, diagram.starts, true);
    return { before: blocks(before), after: blocks(after) };
  });
}

/**
 * Call with the lags of some events of each lane, where they are known.
 *
 * Of events of a lane at one place, the first has the lag before it, and the last the lag after it.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {Column} clock
 * @param {Int32Array} from the first row of each lane
 * @param {Int32Array} to the row after the last
 * @param {(lane: number, row: number, lag: number, isAfter: boolean) => void} each rows rising in a lane
 */
function eachLag(diagram, axis, clock, from, to, each) {
  const next = new LanesByPlace(diagram, axis, from, to);
  const known = (/** @type {number} */ row) => (clock[row] >= 0 ? clock[row] : -Infinity);
  const now = Float64Array.from(to, (_, lane) =>
    from[lane] > diagram.starts[lane] ? known(from[lane] - 1) : -Infinity,
  );
  const greatest = () => now.reduce((most, value) => Math.max(most, value), -Infinity);
  let leader = greatest();
  /** @type {number[]} lanes with an event at this place */
  const group = [];
  while (next.count) {
    const place = next.place;
    group.length = 0;
    let hasFallen = false;
    let reached = leader;
    while (next.count && next.place === place) {
      const { lane, row } = next;
      if (now[lane] > -Infinity) each(lane, row, leader - now[lane], false);
      const last = next.pass();
      const value = known(last);
      if (now[lane] === leader && value < leader) hasFallen = true;
      now[lane] = value;
      if (value > reached) reached = value;
      group.push(lane, last);
    }
    leader = hasFallen ? greatest() : reached;
    for (let at = 0; at < group.length; at += 2) {
      const lane = group[at];
      if (now[lane] > -Infinity) each(lane, group[at + 1], leader - now[lane], true);
    }
  }
}

/** The lanes whose events are not passed yet, as a heap by the place of their next event. */
class LanesByPlace {
  /**
   * @param {Diagram} diagram
   * @param {Axis} axis
   * @param {Int32Array} from the first row of each lane
   * @param {Int32Array} to the row after the last
   */
  constructor(diagram, axis, from, to) {
    this.diagram = diagram;
    this.values = axis.values;
    this.rows = from.slice(0, to.length);
    this.to = to;
    /** @type {number[]} */
    this.heap = [];
    this.places = new Float64Array(to.length);
    for (let lane = 0; lane < to.length; lane++) {
      if (this.rows[lane] === to[lane]) continue;
      this.places[lane] = this.placeOf(lane, this.rows[lane]);
      this.heap.push(lane);
    }
    this.count = this.heap.length;
    for (let at = (this.count >> 1) - 1; at >= 0; at--) this.sink(at);
  }

  /** The lane with the first of the next events. */
  get lane() {
    return this.heap[0];
  }

  /** The row of that event. */
  get row() {
    return this.rows[this.heap[0]];
  }

  /** The place of that event. */
  get place() {
    return this.places[this.heap[0]];
  }

  /**
   * @param {number} lane
   * @param {number} row
   */
  placeOf(lane, row) {
    return this.values ? this.values[row] : row - this.diagram.starts[lane];
  }

  /** Pass all events of the first lane that are at its place, and return the last of their rows. */
  pass() {
    const lane = this.heap[0];
    const end = this.to[lane];
    const place = this.places[lane];
    let row = this.rows[lane] + 1;
    while (row < end && this.placeOf(lane, row) === place) row++;
    this.rows[lane] = row;
    if (row < end) this.places[lane] = this.placeOf(lane, row);
    else this.heap[0] = this.heap[--this.count];
    this.sink(0);
    return row - 1;
  }

  /** @param {number} at */
  sink(at) {
    const { heap, places, count } = this;
    const lane = heap[at];
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && places[heap[child + 1]] < places[heap[child]]) child++;
      if (places[heap[child]] >= places[lane]) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = lane;
  }
}
