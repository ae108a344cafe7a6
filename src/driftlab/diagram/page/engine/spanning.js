// Messages that begin before a span and end after it: no end of theirs is seen, so they are counted.

import { Axis, axisOf } from "./axes.js";
import { Diagram } from "./diagram.js";
import { arrowEnd, senderLanes } from "./messages.js";

/**
 * Return for each lane shown how many messages of a span it sent before and received after.
 *
 * Both ends must be of lanes that are shown. Each message counts once at the left, by the place of
 * its sender, and once at the right, by that of its receiver.
 * @param {Diagram} diagram
 * @param {string | Axis} axis
 * @param {number} begin
 * @param {number} end
 * @param {ArrayLike<number>} [order] lanes shown; all by default
 * @param {boolean} [toFound]
 * @returns {{left: Int32Array, right: Int32Array}}
 */
export function spanning(diagram, axis, begin, end, order, toFound = false) {
  const on = axis instanceof Axis ? axis : axisOf(diagram, axis);
  const shown = order ?? diagram.lanes.map((_, lane) => lane);
  const left = new Int32Array(shown.length);
  const right = new Int32Array(shown.length);
  const placeOf = new Int32Array(diagram.lanes.length).fill(-1);
  for (let place = 0; place < shown.length; place++) placeOf[shown[place]] = place;
  const low = on.toValue(begin);
  const high = on.toValue(end);
  const ends = messageSpans(diagram, on, toFound);
  const senders = senderLanes(diagram);
  const { send } = diagram.messages;
  const size = diagram.blocks.messages;
  for (let lane = 0; lane < diagram.lanes.length; lane++) {
    if (placeOf[lane] < 0) continue;
    const first = diagram.messageStarts[lane];
    const last = diagram.messageEnds[lane];
    for (let message = first; message < last;) {
      const block = Math.floor(message / size);
      const stop = Math.min(last, (block + 1) * size);
      if (ends.least[block] >= low || ends.greatest[block] < high) {
        message = stop;
        continue;
      }
      for (; message < stop; message++) {
        const from = placeOf[senders[message]];
        if (from < 0 || valueOf(on, send[message], senders[message]) >= low) continue;
        if (valueOf(on, arrowEnd(diagram, message, toFound), lane) < high) continue;
        left[from]++;
        right[placeOf[lane]]++;
      }
    }
  }
  return { left, right };
}

/**
 * @param {Axis} axis
 * @param {number} row
 * @param {number} lane
 * @returns {number}
 */
function valueOf(axis, row, lane) {
  return axis.values ? axis.values[row] : row - axis.diagram.starts[lane];
}

/**
 * Return of each block of messages the least value of a send and the greatest of an end.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {boolean} toFound
 * @returns {{least: Float64Array, greatest: Float64Array}}
 */
function messageSpans(diagram, axis, toFound) {
  const { send } = diagram.messages;
  const size = diagram.blocks.messages;
  const widen = (
    /** @type {{least: Float64Array, greatest: Float64Array}} */ { least, greatest },
    /** @type {Int32Array} */ from,
  ) => {
    const senders = senderLanes(diagram);
    for (let lane = 0; lane < diagram.lanes.length; lane++) {
      for (let message = from[lane]; message < diagram.messageEnds[lane]; message++) {
        const block = Math.floor(message / size);
        const begin = valueOf(axis, send[message], senders[message]);
        const end = valueOf(axis, arrowEnd(diagram, message, toFound), lane);
        if (begin < least[block]) least[block] = begin;
        if (end > greatest[block]) greatest[block] = end;
      }
    }
    return { least, greatest };
  };
  const make = () => {
    const blocks = Math.ceil(send.length / size);
    const least = new Float64Array(blocks).fill(Infinity);
    const greatest = new Float64Array(blocks).fill(-Infinity);
    return widen({ least, greatest }, diagram.messageStarts);
  };
  return diagram.grown(`spans ${axis.name} ${toFound}`, make, (spans, _, from) => widen(spans, from));
}
