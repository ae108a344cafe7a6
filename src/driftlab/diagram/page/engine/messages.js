// Which messages an event, or the rows of a lane, sent and received.

import { Diagram, lowerBound } from "./diagram.js";
import { STEP_MESSAGES, finished } from "./steps.js";

/**
 * @typedef {Uint16Array | Int32Array} LaneNumbers
 * @typedef {{order: Int32Array, rows: Int32Array, starts: Int32Array, ends: Int32Array,
 *   received: Int32Array, receivers: LaneNumbers}} SentOrder
 *   Message numbers by the row of their send, these rows, where each lane's begin and end; the rows
 *   and the lanes of the receives. While a run goes on there is room behind each lane.
 */

const SENT_ROOM = 256; // messages of a lane that may come before all are sorted anew

/**
 * Return the lane that sent each message.
 * @param {Diagram} diagram
 * @returns {LaneNumbers}
 */
export function senderLanes(diagram) {
  const fill = (/** @type {LaneNumbers} */ lanes, /** @type {Int32Array} */ from) =>
    finished(fillSenders(diagram, lanes, from));
  const make = () => fill(laneNumbers(diagram, diagram.messages.send.length), diagram.messageStarts);
  return diagram.grown("sender lanes", make, (lanes, _, from) => fill(lanes, from));
}

/**
 * Write the senders of messages, in steps.
 * @param {Diagram} diagram
 * @param {LaneNumbers} lanes
 * @param {Int32Array} from the first message of each lane that is written
 * @returns {Generator<void, LaneNumbers>}
 */
function* fillSenders(diagram, lanes, from) {
  const { send } = diagram.messages;
  for (let receiver = 0; receiver < diagram.lanes.length; receiver++) {
    let lane = 0;
    for (let message = from[receiver]; message < diagram.messageEnds[receiver]; message++) {
      const row = send[message];
      if (row < diagram.starts[lane] || row >= diagram.starts[lane + 1]) lane = diagram.laneOf(row);
      lanes[message] = lane;
      if (message % STEP_MESSAGES === 0) yield;
    }
  }
  return lanes;
}

/**
 * Return an array that may hold numbers of lanes.
 * @param {Diagram} diagram
 * @param {number} length
 * @returns {LaneNumbers}
 */
function laneNumbers(diagram, length) {
  return new (diagram.lanes.length < 65536 ? Uint16Array : Int32Array)(length);
}

/**
 * Call a function with the range of message numbers that each lane received.
 * @param {Diagram} diagram
 * @param {(begin: number, end: number, lane: number) => void} each
 */
export function eachRange(diagram, each) {
  for (let lane = 0; lane < diagram.lanes.length; lane++) {
    each(diagram.messageStarts[lane], diagram.messageEnds[lane], lane);
  }
}

/**
 * Return the messages in the order of their sends. Takes time linear in messages and rows.
 * @param {Diagram} diagram
 * @returns {SentOrder}
 */
export function sentOrder(diagram) {
  return diagram.grown(
    "sent order",
    () => finished(sortBySend(diagram)),
    (sent, _, from) => insertBySend(diagram, sent, from) ?? finished(sortBySend(diagram)),
  );
}

/**
 * Have `sentOrder` ready for a diagram that does not grow, in steps of some milliseconds.
 * @param {Diagram} diagram
 * @returns {Generator<void, void>}
 */
export function* sentOrderInSteps(diagram) {
  const lanes = laneNumbers(diagram, diagram.messages.send.length);
  const senders = yield* fillSenders(diagram, lanes, diagram.messageStarts);
  diagram.once("sender lanes", () => senders);
  const sent = yield* sortBySend(diagram);
  diagram.once("sent order", () => sent);
}

/**
 * @param {Diagram} diagram
 * @returns {Generator<void, SentOrder>}
 */
function* sortBySend(diagram) {
  const senders = senderLanes(diagram);
  const { send, receive } = diagram.messages;
  const lanes = diagram.lanes.length;
  const counts = new Int32Array(lanes);
  eachRange(diagram, (begin, end) => {
    for (let message = begin; message < end; message++) counts[senders[message]]++;
  });
  const starts = new Int32Array(lanes + 1);
  counts.forEach((count, lane) => {
    starts[lane + 1] = starts[lane] + count + (diagram.isGrowing ? (count >> 1) + SENT_ROOM : 0);
  });
  const total = starts[lanes];
  const byLane = new Int32Array(total);
  const receiverOf = laneNumbers(diagram, total);
  const ends = starts.slice(0, lanes);
  for (let receiver = 0; receiver < lanes; receiver++) {
    for (let message = diagram.messageStarts[receiver]; message < diagram.messageEnds[receiver]; message++) {
      const to = ends[senders[message]]++;
      byLane[to] = message;
      receiverOf[to] = receiver;
      if (message % STEP_MESSAGES === 0) yield;
    }
  }
  const order = new Int32Array(total);
  const rows = new Int32Array(total);
  const received = new Int32Array(total);
  const receivers = laneNumbers(diagram, total);
  for (let lane = 0; lane < lanes; lane++) {
    const first = diagram.starts[lane];
    const places = new Int32Array(diagram.ends[lane] - first + 1);
    for (let at = starts[lane]; at < ends[lane]; at++) {
      places[send[byLane[at]] - first + 1]++;
      if (at % STEP_MESSAGES === 0) yield;
    }
    for (let at = 1; at < places.length; at++) places[at] += places[at - 1];
    for (let at = starts[lane]; at < ends[lane]; at++) {
      const message = byLane[at];
      const to = starts[lane] + places[send[message] - first]++;
      order[to] = message;
      rows[to] = send[message];
      received[to] = receive[message];
      receivers[to] = receiverOf[at];
      if (at % STEP_MESSAGES === 0) yield;
    }
  }
  return { order, rows, starts, ends, received, receivers };
}

/**
 * Insert the messages that came since, or return null if a lane has no room for them.
 * @param {Diagram} diagram
 * @param {SentOrder} sent
 * @param {Int32Array} from the first new message of each lane
 * @returns {SentOrder | null}
 */
function insertBySend(diagram, sent, from) {
  const senders = senderLanes(diagram);
  const { send, receive } = diagram.messages;
  const { order, rows, starts, ends, received, receivers } = sent;
  for (let receiver = 0; receiver < from.length; receiver++) {
    for (let message = from[receiver]; message < diagram.messageEnds[receiver]; message++) {
      const lane = senders[message];
      const end = ends[lane];
      if (end === starts[lane + 1]) return null;
      let at = lowerBound(rows, send[message], starts[lane], end);
      while (at < end && rows[at] === send[message] && order[at] < message) at++;
      for (const column of [order, rows, received, receivers]) column.copyWithin(at + 1, at, end);
      order[at] = message;
      rows[at] = send[message];
      received[at] = receive[message];
      receivers[at] = receiver;
      ends[lane]++;
    }
  }
  return sent;
}

/**
 * Return the range of message numbers received in the rows from `begin` to `end` of a lane.
 * @param {Diagram} diagram
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @returns {[number, number]}
 */
export function receivedIn(diagram, lane, begin, end) {
  const { receive } = diagram.messages;
  const low = lowerBound(receive, begin, diagram.messageStarts[lane], diagram.messageEnds[lane]);
  return [low, lowerBound(receive, end, low, diagram.messageEnds[lane])];
}

/**
 * Return the range of places in `sentOrder` of what the rows from `begin` to `end` of a lane sent.
 * @param {Diagram} diagram
 * @param {number} lane
 * @param {number} begin
 * @param {number} end
 * @returns {[number, number]}
 */
export function sentIn(diagram, lane, begin, end) {
  const { rows, starts, ends } = sentOrder(diagram);
  const low = lowerBound(rows, begin, starts[lane], ends[lane]);
  return [low, lowerBound(rows, end, low, ends[lane])];
}

/**
 * Return the numbers of the messages that an event received and sent.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {number[]}
 */
export function messagesOf(diagram, row) {
  const lane = diagram.laneOf(row);
  const [begin, end] = receivedIn(diagram, lane, row, row + 1);
  const numbers = [];
  for (let message = begin; message < end; message++) numbers.push(message);
  const [low, high] = sentIn(diagram, lane, row, row + 1);
  const { order } = sentOrder(diagram);
  for (let at = low; at < high; at++) if (!numbers.includes(order[at])) numbers.push(order[at]);
  return numbers;
}

/**
 * Return the row at which the arrow of a message ends: where it was found, else its receive.
 * @param {Diagram} diagram
 * @param {number} message
 * @param {boolean} toFound
 * @returns {number}
 */
export function arrowEnd({ messages }, message, toFound) {
  const found = toFound && messages.found ? messages.found[message] : -1;
  return found >= 0 ? found : messages.receive[message];
}
