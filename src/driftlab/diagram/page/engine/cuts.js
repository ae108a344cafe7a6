// Cuts: of each lane its first events, up to a frontier; the messages that cross it.
//
// A cut is consistent if no message is received inside and sent outside (Chandy and Lamport 1985).
// A message is in flight if it is sent inside and not received inside. Of an event with several
// targets each copy counts by itself; a copy that several events received is received with the first.

import { past, future, sendsReceived } from "./causality.js";
import { Diagram, NO_TARGET, SEND, lowerBound } from "./diagram.js";
import { senderLanes, sentIn, sentOrder } from "./messages.js";
import { LeastFromHere, someAtOrBeyond, someBefore } from "./reach_tables.js";
import { STEP_MESSAGES, finished } from "./steps.js";

/**
 * @typedef {{row: Int32Array, target: Int32Array}} Copies
 *   Rows of sends and the lanes that each copy was sent to, -1 where the log does not say.
 * @typedef {{consistent: boolean, violations: Int32Array, inFlight: Int32Array,
 *   undelivered: Int32Array, undeliveredTo: Int32Array}} Cut
 *   Numbers of messages; rows and targets of copies sent inside that no event received.
 */

/**
 * Return what crosses a cut.
 * @param {Diagram} diagram
 * @param {ArrayLike<number>} frontier how many first events of each lane are inside
 * @returns {Cut}
 */
export function cut(diagram, frontier) {
  const limits = diagram.starts.slice(0, diagram.lanes.length);
  for (let lane = 0; lane < limits.length; lane++) limits[lane] += frontier[lane];
  const violations = receivedOfOutside(diagram, limits);
  const open = allUndelivered(diagram);
  const inside = Array.from(open.row.keys()).filter((at) => open.row[at] < limits[open.lane[at]]);
  return {
    consistent: violations.length === 0,
    violations,
    inFlight: sentInside(diagram, limits),
    undelivered: Int32Array.from(inside, (at) => open.row[at]),
    undeliveredTo: Int32Array.from(inside, (at) => open.target[at]),
  };
}

/**
 * Return the messages received inside and sent outside.
 *
 * Backwards from the frontier of each lane, until none of the messages before was sent outside.
 * @param {Diagram} diagram
 * @param {Int32Array} limits the first row of each lane outside
 * @returns {Int32Array}
 */
function receivedOfOutside(diagram, limits) {
  const table = sendsReceived(diagram);
  const senders = senderLanes(diagram);
  const { send, receive } = diagram.messages;
  const found = [];
  for (let lane = 0; lane < limits.length; lane++) {
    const first = diagram.messageStarts[lane];
    let at = lowerBound(receive, limits[lane], first, diagram.messageEnds[lane]);
    while (at > first) {
      if (!someAtOrBeyond(table, lane, at, limits)) break;
      const stop = Math.max(first, at - table.block);
      while (at > stop) {
        at--;
        if (send[at] >= limits[senders[at]]) found.push(at);
      }
    }
  }
  return Int32Array.from(found).sort();
}

/**
 * Return the messages sent inside and received outside; of several of one copy the first, and none
 * of a copy of which one is received inside.
 * @param {Diagram} diagram
 * @param {Int32Array} limits the first row of each lane outside
 * @returns {Int32Array}
 */
function sentInside(diagram, limits) {
  const table = sendsStillReceived(diagram);
  const senders = senderLanes(diagram);
  const { send, receive } = diagram.messages;
  const found = [];
  for (let lane = 0; lane < limits.length; lane++) {
    const last = diagram.messageEnds[lane];
    let at = lowerBound(receive, limits[lane], diagram.messageStarts[lane], last);
    while (at < last) {
      if (!someBefore(table, lane, at, limits)) break;
      const stop = Math.min(last, at + table.block);
      for (; at < stop; at++) {
        if (send[at] < limits[senders[at]] && isFirstOfCopy(diagram, at, lane)) found.push(at);
      }
    }
  }
  return Int32Array.from(found);
}

/**
 * @param {Diagram} diagram
 * @returns {LeastFromHere} by the order of receives: the rows of the sends
 */
function sendsStillReceived(diagram) {
  return diagram.once("sends still received", () => finished(tableOfStillReceived(diagram)));
}

/** @param {Diagram} diagram */
function tableOfStillReceived(diagram) {
  return LeastFromHere.inSteps({
    starts: diagram.messageStarts.subarray(0, diagram.lanes.length),
    ends: diagram.messageEnds,
    block: diagram.blocks.messages,
    rows: diagram.messages.send,
    lanes: senderLanes(diagram),
  });
}

/**
 * Have what a cut needs ready for a diagram that does not grow, in steps.
 * @param {Diagram} diagram
 * @returns {Generator<void, void>}
 */
export function* cutTablesInSteps(diagram) {
  const received = yield* tableOfStillReceived(diagram);
  diagram.once("sends still received", () => received);
  const open = yield* undeliveredInSteps(diagram);
  diagram.once("undelivered", () => open);
}

/**
 * Whether no earlier event of the lane received the same copy of a message.
 * @param {Diagram} diagram
 * @param {number} message
 * @param {number} lane that received it
 * @returns {boolean}
 */
function isFirstOfCopy(diagram, message, lane) {
  const row = diagram.messages.send[message];
  const [low, high] = sentIn(diagram, senderLanes(diagram)[message], row, row + 1);
  if (high - low === 1) return true;
  // Messages are numbered lane by lane, and those of one send stand in the order of their numbers.
  const { order } = sentOrder(diagram);
  const at = lowerBound(order.subarray(low, high), message, 0, high - low);
  return at === 0 || order[low + at - 1] < diagram.messageStarts[lane];
}

/**
 * Return every copy that no event received, with the lane of its sender, by rows.
 * @param {Diagram} diagram
 * @returns {Copies & {lane: Int32Array}}
 */
function allUndelivered(diagram) {
  return diagram.once("undelivered", () => finished(undeliveredInSteps(diagram)));
}

/**
 * @param {Diagram} diagram
 * @returns {Generator<void, Copies & {lane: Int32Array}>}
 */
function* undeliveredInSteps(diagram) {
  /** @type {number[]} */
  const rows = [];
  /** @type {number[]} */
  const targets = [];
  let left = STEP_MESSAGES; // rows of this step
  for (let lane = 0; lane < diagram.lanes.length; lane++) {
    for (let begin = diagram.starts[lane]; begin < diagram.ends[lane]; begin += STEP_MESSAGES) {
      const end = Math.min(diagram.ends[lane], begin + STEP_MESSAGES);
      const { row, target } = undelivered(diagram, [lane], [[begin, end]]);
      for (let at = 0; at < row.length; at++) (rows.push(row[at]), targets.push(target[at]));
      left -= end - begin;
      if (left <= 0) {
        left = STEP_MESSAGES;
        yield;
      }
    }
  }
  const row = Int32Array.from(rows);
  return { row, target: Int32Array.from(targets), lane: row.map((each) => diagram.laneOf(each)) };
}

/**
 * Return the copies of messages sent by some rows that no event received.
 * @param {Diagram} diagram
 * @param {ArrayLike<number>} lanes
 * @param {[number, number][]} spans from and to of the rows of each
 * @returns {Copies}
 */
export function undelivered(diagram, lanes, spans) {
  const codes = diagram.column("target");
  const { kind } = diagram;
  const { order, rows } = sentOrder(diagram);
  const { receive } = diagram.messages;
  /** @type {number[]} */
  const found = [];
  /** @type {number[]} */
  const to = [];
  for (let place = 0; place < lanes.length; place++) {
    const [begin, end] = spans[place];
    let [at, high] = sentIn(diagram, lanes[place], begin, end);
    for (let row = begin; row < end; row++) {
      const from = at;
      while (at < high && rows[at] === row) at++;
      if (codes) {
        const code = codes[row];
        if (code === NO_TARGET) continue;
        if (code >= 0) {
          if (!isReceivedBy(diagram, order, from, at, code)) (found.push(row), to.push(code));
          continue;
        }
        const received = new Set();
        for (let each = from; each < at; each++) received.add(diagram.laneOf(receive[order[each]]));
        for (const lane of diagram.targetsOfCode(code, lanes[place])) {
          if (!received.has(lane)) (found.push(row), to.push(lane));
        }
      } else if (kind[row] === SEND && from === at) {
        found.push(row);
        to.push(-1);
      }
    }
  }
  return { row: Int32Array.from(found), target: Int32Array.from(to) };
}

/**
 * Whether a lane received one of some messages.
 * @param {Diagram} diagram
 * @param {Int32Array} order
 * @param {number} from
 * @param {number} to
 * @param {number} lane
 * @returns {boolean}
 */
function isReceivedBy({ messageStarts, messageEnds }, order, from, to, lane) {
  for (let at = from; at < to; at++) {
    if (order[at] >= messageStarts[lane] && order[at] < messageEnds[lane]) return true;
  }
  return false;
}

/**
 * Return the smallest consistent cut that contains an event, as its frontier.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {Int32Array}
 */
export function containing(diagram, row) {
  const frontier = past(diagram, row);
  const lane = diagram.laneOf(row);
  frontier[lane] = Math.max(frontier[lane], row - diagram.starts[lane] + 1);
  return frontier;
}

/**
 * Return the largest consistent cut without an event, as its frontier.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {Int32Array}
 */
export function before(diagram, row) {
  const frontier = future(diagram, row);
  const lane = diagram.laneOf(row);
  frontier[lane] = Math.min(frontier[lane], row - diagram.starts[lane]);
  return frontier;
}
