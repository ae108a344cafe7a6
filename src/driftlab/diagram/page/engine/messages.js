// Which messages an event, or the rows of a lane, sent and received.

import { Diagram, lowerBound } from "./diagram.js";

/**
 * @typedef {Uint16Array | Int32Array} LaneNumbers
 * @typedef {{order: Int32Array, rows: Int32Array, starts: Int32Array, received: Int32Array,
 *   receivers: LaneNumbers}} SentOrder
 *   Message numbers by the row of their send, these rows, where each lane's begin; the rows and the
 *   lanes of the receives.
 */

/**
 * Return the lane that sent each message.
 * @param {Diagram} diagram
 * @returns {LaneNumbers}
 */
export function senderLanes(diagram) {
  return diagram.once("sender lanes", () => {
    const { send } = diagram.messages;
    const lanes = laneNumbers(diagram, send.length);
    eachRange(diagram, (begin, end) => {
      let lane = 0;
      for (let message = begin; message < end; message++) {
        const row = send[message];
        if (row < diagram.starts[lane] || row >= diagram.starts[lane + 1]) lane = diagram.laneOf(row);
        lanes[message] = lane;
      }
    });
    return lanes;
  });
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
  return diagram.once("sent order", () => {
    const lanes = senderLanes(diagram);
    const { send, receive } = diagram.messages;
    const starts = new Int32Array(diagram.lanes.length + 1);
    eachRange(diagram, (begin, end) => {
      for (let message = begin; message < end; message++) starts[lanes[message] + 1]++;
    });
    for (let lane = 0; lane < diagram.lanes.length; lane++) starts[lane + 1] += starts[lane];
    const count = starts[diagram.lanes.length];
    const byLane = new Int32Array(count);
    const receiverOf = laneNumbers(diagram, count);
    const next = starts.slice();
    eachRange(diagram, (begin, end, receiver) => {
      for (let message = begin; message < end; message++) {
        const to = next[lanes[message]]++;
        byLane[to] = message;
        receiverOf[to] = receiver;
      }
    });
    const order = new Int32Array(count);
    const rows = new Int32Array(count);
    const received = new Int32Array(count);
    const receivers = laneNumbers(diagram, count);
    for (let lane = 0; lane < diagram.lanes.length; lane++) {
      const first = diagram.starts[lane];
      const places = new Int32Array(diagram.ends[lane] - first + 1);
      for (let at = starts[lane]; at < starts[lane + 1]; at++) places[send[byLane[at]] - first + 1]++;
      for (let at = 1; at < places.length; at++) places[at] += places[at - 1];
      for (let at = starts[lane]; at < starts[lane + 1]; at++) {
        const message = byLane[at];
        const to = starts[lane] + places[send[message] - first]++;
        order[to] = message;
        rows[to] = send[message];
        received[to] = receive[message];
        receivers[to] = receiverOf[at];
      }
    }
    return { order, rows, starts, received, receivers };
  });
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
  const { rows, starts } = sentOrder(diagram);
  const low = lowerBound(rows, begin, starts[lane], starts[lane + 1]);
  return [low, lowerBound(rows, end, low, starts[lane + 1])];
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
