// Messages that a tick found and no event received: they wait in an inbox, to the end or until now.

import { Diagram, lowerBound } from "./diagram.js";
import { growthOf } from "./live.js";

/**
 * @typedef {{send: Int32Array, found: Int32Array, bySend: Int32Array, sendRows: Int32Array,
 *   foundOf: Map<number, number>}} Waiting
 *   By the row of the tick that found each: rows of sends and of these ticks. bySend: their numbers in
 *   the order of sends, and these rows. foundOf: by row of the send times lanes plus the receiver.
 */

/**
 * Return the messages that wait in inboxes.
 * @param {Diagram} diagram
 * @returns {Waiting}
 */
export function waitingMessages(diagram) {
  return diagram.once("waiting messages", () => {
    const lanes = diagram.lanes.length;
    const pairs = diagram.isGrowing ? growthOf(diagram).waitingInInboxes() : pairsOfColumns(diagram);
    pairs.sort((one, other) => one[1] - other[1]);
    const send = Int32Array.from(pairs, ([sent]) => sent);
    const found = Int32Array.from(pairs, ([, row]) => row);
    const bySend = Int32Array.from(send, (_, at) => at).sort((one, other) => send[one] - send[other]);
    /** @type {Map<number, number>} */
    const foundOf = new Map();
    for (let at = found.length - 1; at >= 0; at--) {
      foundOf.set(send[at] * lanes + diagram.laneOf(found[at]), found[at]);
    }
    return { send, found, bySend, sendRows: bySend.map((at) => send[at]), foundOf };
  });
}

/**
 * @param {Diagram} diagram
 * @returns {[number, number][]}
 */
function pairsOfColumns(diagram) {
  const sends = diagram.column("w_send") ?? [];
  const rows = diagram.column("w_found") ?? [];
  return Array.from(sends, (sent, at) => /** @type {[number, number]} */ ([sent, rows[at]]));
}

/**
 * Return the row at which a message that was sent and not received was found, -1 if it was not.
 * @param {Diagram} diagram
 * @param {number} row of the send
 * @param {number} target
 * @returns {number}
 */
export function foundInInbox(diagram, row, target) {
  return waitingMessages(diagram).foundOf.get(row * diagram.lanes.length + target) ?? -1;
}

/**
 * Call a function with each waiting message that was sent or found in some rows, once.
 * @param {Diagram} diagram
 * @param {ArrayLike<number>} lanes
 * @param {[number, number][]} spans rows of each of these lanes
 * @param {(send: number, found: number) => void} each
 */
export function eachWaiting(diagram, lanes, spans, each) {
  const { send, found, bySend, sendRows } = waitingMessages(diagram);
  if (!send.length) return;
  const spanOf = new Map(spans.map((span, place) => [lanes[place], span]));
  for (const [begin, end] of spans) {
    for (let at = lowerBound(found, begin, 0, found.length); at < found.length && found[at] < end; at++) {
      each(send[at], found[at]);
    }
    const low = lowerBound(sendRows, begin, 0, sendRows.length);
    for (let at = low; at < sendRows.length && sendRows[at] < end; at++) {
      const row = found[bySend[at]];
      const span = spanOf.get(diagram.laneOf(row));
      if (!span || row < span[0] || row >= span[1]) each(sendRows[at], row);
    }
  }
}
