// What the columns of a picture hold: counts, extremes, and messages between lanes.
//
// A column's rows in a lane are found by binary search of its edges in the lane's rising axis;
// everything else is a difference of sums. No event is left out and none is counted twice.

import { Axis, axisOf } from "./axes.js";
import { Extremes, KindCounts } from "./blocks.js";
import { Diagram, INTERNAL, LANE_ROOM, RECEIVE, SEND, UNSAID, lowerBound } from "./diagram.js";
import { arrowEnd, eachRange, receivedIn, senderLanes } from "./messages.js";
import { waitingMessages } from "./waiting.js";

/**
 * @typedef {{events: Int32Array, internals: Int32Array, sends: Int32Array, receives: Int32Array,
 *   unsaid: Int32Array}} Counts
 * @typedef {"clock" | "drift" | "queue" | "late" | "jump"} Field
 * @typedef {{min: Float64Array, max: Float64Array}} Range
 */

const TABLE_COST = 8; // messages counted one by one in the time of one entry of the table
const PAIR_LANES_MAX = 200; // with more lanes each message is counted by itself

/**
 * Return how many events of each kind a lane has in columns of equal width.
 * @param {Diagram} diagram
 * @param {string | Axis} axis
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @param {number} columns
 * @returns {Counts}
 */
export function counts(diagram, axis, lane, begin, end, columns) {
  const on = axis instanceof Axis ? axis : axisOf(diagram, axis);
  return countsAt(diagram, on.edges(lane, begin, end, columns));
}

/**
 * Return how many events of each kind lie between neighbouring edges.
 * @param {Diagram} diagram
 * @param {Int32Array} edges rows of one lane
 * @returns {Counts}
 */
export function countsAt(diagram, edges) {
  const events = differences(edges);
  const [internals, sends, receives, unsaid] = [INTERNAL, SEND, RECEIVE, UNSAID].map((kind) =>
    differences(edges.map((row) => kindCounts(diagram, kind).upTo(row))),
  );
  return { events, internals, sends, receives, unsaid };
}

/**
 * @param {Diagram} diagram
 * @param {number} kind
 * @returns {KindCounts}
 */
export function kindCounts(diagram, kind) {
  const make = () => new KindCounts(diagram.kind, kind, diagram.blocks.rows);
  return diagram.grown(`kind ${kind}`, make, (sums, rows) => {
    if (LANE_ROOM % sums.size) return make();
    rows.forEach((from, lane) => sums.read(from, diagram.ends[lane]));
    return sums;
  });
}

/**
 * @param {Int32Array} values
 * @returns {Int32Array}
 */
function differences(values) {
  const out = new Int32Array(values.length - 1);
  for (let at = 0; at < out.length; at++) out[at] = values[at + 1] - values[at];
  return out;
}

/**
 * Return the least and greatest value of a field in columns of equal width, NaN where there is none.
 * @param {Diagram} diagram
 * @param {string | Axis} axis
 * @param {Field} field not the drift, of which see drift.js
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @param {number} columns
 * @returns {Range}
 */
export function extremes(diagram, axis, field, lane, begin, end, columns) {
  const on = axis instanceof Axis ? axis : axisOf(diagram, axis);
  return extremesAt(diagram, field, on.edges(lane, begin, end, columns));
}

/**
 * Return the curve of a field in columns of equal width: its extremes, and what it stays at.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {Field} field not the drift
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @param {number} columns
 * @returns {Range & {before: number, last: Float64Array}} the value of the last event before the first
 *   column, and that of the last event of each; NaN where there is none
 */
export function curve(diagram, axis, field, lane, begin, end, columns) {
  const edges = axis.edges(lane, begin, end, columns);
  const last = new Float64Array(columns).fill(NaN);
  for (let column = 0; column < columns; column++) {
    last[column] = lastKnown(diagram, field, edges[column], edges[column + 1]);
  }
  return {
    ...extremesAt(diagram, field, edges),
    before: lastKnown(diagram, field, diagram.starts[lane], edges[0]),
    last,
  };
}

/**
 * Return the last value of a field in some rows, NaN where none has one.
 * @param {Diagram} diagram
 * @param {Field} field
 * @param {number} from
 * @param {number} to
 */
function lastKnown(diagram, field, from, to) {
  if (from >= to || !diagram.column(field)) return NaN;
  for (let row = to - 1; row >= from; row--) {
    const value = diagram.valueAt(field, row);
    if (!Number.isNaN(value)) return value;
  }
  return NaN;
}

/**
 * Return the extremes of a field between neighbouring edges.
 * @param {Diagram} diagram
 * @param {Field} field not the drift
 * @param {Int32Array} edges rows of one lane
 * @returns {Range}
 */
export function extremesAt(diagram, field, edges) {
  const columns = edges.length - 1;
  const range = { min: new Float64Array(columns).fill(NaN), max: new Float64Array(columns).fill(NaN) };
  const blocks = fieldExtremes(diagram, field);
  if (!blocks) return range;
  for (let column = 0; column < columns; column++) {
    if (edges[column] === edges[column + 1]) continue;
    blocks.over(edges[column], edges[column + 1]);
    if (blocks.min > blocks.max) continue;
    range.min[column] = blocks.min;
    range.max[column] = blocks.max;
  }
  return range;
}

/**
 * @param {Diagram} diagram
 * @param {Field} field
 * @returns {Extremes | null}
 */
export function fieldExtremes(diagram, field) {
  const column = diagram.column(field === "jump" ? "clock" : field);
  if (!column) return null;
  const make = () => new Extremes(column, diagram.blocks.rows, field === "jump", diagram.starts);
  return diagram.grown(`extremes ${field}`, make, (blocks, rows) => {
    if (LANE_ROOM % blocks.size) return make();
    rows.forEach((from, lane) => blocks.note(from, diagram.ends[lane]));
    return blocks;
  });
}

/**
 * Return the greatest value of a field in the whole run, 0 where there is none.
 * @param {Diagram} diagram
 * @param {Field} field
 * @returns {number}
 */
export function greatestOf(diagram, field) {
  return diagram.once(`greatest ${field}`, () => {
    const blocks = fieldExtremes(diagram, field);
    if (!blocks) return 0;
    let greatest = 0;
    for (let lane = 0; lane < diagram.lanes.length; lane++) {
      blocks.over(diagram.starts[lane], diagram.ends[lane]);
      greatest = Math.max(greatest, blocks.max);
    }
    return greatest;
  });
}

/**
 * Return how many messages cross each gap between neighbouring lanes, by the column of their end.
 *
 * A message counts once in every gap between its sender and its receiver, in the column in which
 * its arrow ends; where arrows end at finds, one that was found and never received counts too.
 * Messages of lanes that are not shown do not count.
 * @param {Diagram} diagram
 * @param {string | Axis} axis
 * @param {number} begin
 * @param {number} end
 * @param {number} columns
 * @param {ArrayLike<number>} [order] the lanes that are shown, from the top
 * @param {boolean} [toFound] whether arrows end where a message was found
 * @returns {Int32Array} gap after gap, each with all its columns
 */
export function crossings(diagram, axis, begin, end, columns, order, toFound = false) {
  const on = axis instanceof Axis ? axis : axisOf(diagram, axis);
  const shown = order ?? diagram.lanes.map((_, lane) => lane);
  const gaps = Math.max(0, shown.length - 1);
  // Rises where a message enters the gaps it crosses, falls where it leaves them; then summed.
  const steps = new Int32Array((gaps + 1) * columns);
  const placeOf = new Int32Array(diagram.lanes.length).fill(-1);
  for (let place = 0; place < shown.length; place++) placeOf[shown[place]] = place;
  for (let place = 0; place < shown.length; place++) {
    const edges = on.edges(shown[place], begin, end, columns);
    addCrossings(diagram, shown[place], edges, placeOf, steps, toFound);
    if (toFound) addWaiting(diagram, edges, placeOf, steps);
  }
  for (let at = columns; at < gaps * columns; at++) steps[at] += steps[at - columns];
  return steps.subarray(0, gaps * columns);
}

/**
 * @param {Diagram} diagram
 * @param {number} lane that received
 * @param {Int32Array} edges
 * @param {Int32Array} placeOf
 * @param {Int32Array} steps
 * @param {boolean} toFound
 */
function addCrossings(diagram, lane, edges, placeOf, steps, toFound) {
  const columns = edges.length - 1;
  const { rows, numbers } = arrivalOrder(diagram, toFound);
  const low = lowerBound(rows, edges[0], diagram.messageStarts[lane], diagram.messageEnds[lane]);
  const high = lowerBound(rows, edges[columns], low, diagram.messageEnds[lane]);
  const here = placeOf[lane];
  const lanes = diagram.lanes.length;
  const senders = senderLanes(diagram);
  const tabulated =
    lanes <= PAIR_LANES_MAX && high - low > columns * (TABLE_COST * lanes + diagram.blocks.messages);
  if (!tabulated) {
    let column = 0;
    for (let at = low; at < high; at++) {
      while (rows[at] >= edges[column + 1]) column++;
      const there = placeOf[senders[numbers ? numbers[at] : at]];
      addStep(steps, columns, column, here, there, 1);
    }
    return;
  }
  const table = pairTable(diagram, toFound);
  let before = new Int32Array(lanes);
  table.upTo(low, before);
  for (let column = 0; column < columns; column++) {
    const after = new Int32Array(lanes);
    table.upTo(lowerBound(rows, edges[column + 1], low, high), after);
    for (let sender = 0; sender < lanes; sender++) {
      addStep(steps, columns, column, here, placeOf[sender], after[sender] - before[sender]);
    }
    before = after;
  }
}

/**
 * Count the messages that were found and never received.
 * @param {Diagram} diagram
 * @param {Int32Array} edges of the lane that found them
 * @param {Int32Array} placeOf
 * @param {Int32Array} steps
 */
function addWaiting(diagram, edges, placeOf, steps) {
  const columns = edges.length - 1;
  const { send, found } = waitingMessages(diagram);
  let column = 0;
  for (let at = lowerBound(found, edges[0], 0, found.length); at < found.length; at++) {
    if (found[at] >= edges[columns]) break;
    while (found[at] >= edges[column + 1]) column++;
    addStep(steps, columns, column, placeOf[diagram.laneOf(found[at])], placeOf[diagram.laneOf(send[at])], 1);
  }
}

/**
 * @param {Int32Array} steps
 * @param {number} columns
 * @param {number} column
 * @param {number} here
 * @param {number} there
 * @param {number} count
 */
function addStep(steps, columns, column, here, there, count) {
  if (there < 0 || there === here || !count) return;
  steps[Math.min(here, there) * columns + column] += count;
  steps[Math.max(here, there) * columns + column] -= count;
}

/**
 * Return the rows at which arrows end, rising within each receiving lane, and the messages' numbers.
 * @param {Diagram} diagram
 * @param {boolean} toFound
 * @returns {{rows: Int32Array, numbers: Int32Array | null}} null: they are their own numbers
 */
export function arrivalOrder(diagram, toFound) {
  const { receive, found } = diagram.messages;
  if (!toFound || !found) return { rows: receive, numbers: null };
  const make = () => {
    const rows = receive.slice();
    if (takeEnds(diagram, rows, diagram.messageStarts)) return { rows, numbers: null };
    const numbers = rows.map((_, message) => message);
    eachRange(diagram, (begin, end) => sortTogether(rows, numbers, begin, end));
    return { rows, numbers };
  };
  return diagram.grown("found order", make, (known, _, from) =>
    !known.numbers && takeEnds(diagram, known.rows, from) ? known : make(),
  );
}

/**
 * Write the rows at which arrows end.
 * @param {Diagram} diagram
 * @param {Int32Array} rows
 * @param {Int32Array} from the first message of each lane that is written
 * @returns {boolean} whether they rise within each lane
 */
function takeEnds(diagram, rows, from) {
  let rises = true;
  eachRange(diagram, (begin, end, lane) => {
    for (let message = from[lane]; message < end; message++) {
      rows[message] = arrowEnd(diagram, message, true);
      if (message > begin && rows[message] < rows[message - 1]) rises = false;
    }
  });
  return rises;
}

const MOVES_MAX = 16; // of a number, on average, up to which values are taken to be nearly sorted

/**
 * Sort a part of some values, and numbers in the same order. Stable.
 * @param {Int32Array} values
 * @param {Int32Array} numbers
 * @param {number} begin
 * @param {number} end
 */
function sortTogether(values, numbers, begin, end) {
  let moves = (end - begin) * MOVES_MAX;
  for (let at = begin + 1; at < end && moves > 0; at++) {
    const value = values[at];
    const number = numbers[at];
    let to = at;
    for (; to > begin && values[to - 1] > value; to--, moves--) {
      values[to] = values[to - 1];
      numbers[to] = numbers[to - 1];
    }
    values[to] = value;
    numbers[to] = number;
  }
  if (moves > 0) return;
  const order = Array.from({ length: end - begin }, (_, at) => begin + at);
  order.sort((one, other) => values[one] - values[other] || numbers[one] - numbers[other]);
  const sorted = order.map((at) => [values[at], numbers[at]]);
  sorted.forEach(([value, number], at) => {
    values[begin + at] = value;
    numbers[begin + at] = number;
  });
}

/** How many of the first messages each lane sent, every few messages. */
class PairTable {
  /**
   * @param {Diagram} diagram
   * @param {Int32Array | null} numbers
   */
  constructor(diagram, numbers) {
    this.senders = senderLanes(diagram);
    this.numbers = numbers;
    this.size = diagram.blocks.messages;
    this.lanes = diagram.lanes.length;
    const messages = diagram.messages.send.length;
    const blocks = Math.floor(messages / this.size) + 1;
    this.table = new Int32Array(blocks * this.lanes);
    const sums = new Int32Array(this.lanes);
    for (let block = 0; block < blocks; block++) {
      this.table.set(sums, block * this.lanes);
      const end = Math.min(messages, (block + 1) * this.size);
      for (let at = block * this.size; at < end; at++) sums[this.senders[numbers ? numbers[at] : at]]++;
    }
  }

  /**
   * Write how many of the first `at` messages each lane sent.
   * @param {number} at
   * @param {Int32Array} out
   */
  upTo(at, out) {
    const block = Math.floor(at / this.size);
    out.set(this.table.subarray(block * this.lanes, (block + 1) * this.lanes));
    for (let message = block * this.size; message < at; message++) {
      out[this.senders[this.numbers ? this.numbers[message] : message]]++;
    }
  }
}

/**
 * @param {Diagram} diagram
 * @param {boolean} toFound
 * @returns {PairTable}
 */
function pairTable(diagram, toFound) {
  const { numbers } = arrivalOrder(diagram, toFound);
  return diagram.once(`pairs ${numbers !== null}`, () => new PairTable(diagram, numbers));
}

/**
 * Return how many messages have an end in some rows of each lane: an upper bound of those drawn.
 * @param {Diagram} diagram
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @returns {number}
 */
export function messagesAbout(diagram, lane, begin, end) {
  const [low, high] = receivedIn(diagram, lane, begin, end);
  const sends = kindCounts(diagram, SEND);
  return high - low + sends.upTo(end) - sends.upTo(begin);
}
