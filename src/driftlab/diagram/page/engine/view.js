// What a view shows: the rows of each lane in its span, and the messages that touch them.

import { Axis } from "./axes.js";
import { arrivalOrder, messagesAbout } from "./counts.js";
import { Diagram, lowerBound } from "./diagram.js";
import { arrowEnd, receivedIn, senderLanes, sentIn, sentOrder } from "./messages.js";

/**
 * @typedef {"rate" | "receives" | "queue" | "jump" | "late" | "violations"} ColourBy
 * @typedef {{axis: string, idle?: boolean, begin: number, end: number, width: number, height: number,
 *   scale?: number, laneOrder: ArrayLike<number>, laneTops: ArrayLike<number>,
 *   laneHeights: ArrayLike<number>, colourBy?: ColourBy, theme?: "light" | "dark",
 *   arrowTo?: "found" | "receive", margin?: number, reach?: number, labels?: number,
 *   level?: "exact" | "lines" | "counts"}} View
 *   labels: px beyond both edges from which what is written at events may reach into the tile
 */

const REACHED_MAX = 400_000; // messages about a tile; of more only those with an end in it are drawn

/**
 * Whether a lane lies within the tile's height.
 * @param {View} view
 * @param {number} place
 * @returns {boolean}
 */
export function isShown(view, place) {
  return view.laneTops[place] < view.height && view.laneTops[place] + view.laneHeights[place] > 0;
}

/**
 * Return the rows of each lane, by place, that lie in the tile and its margins: from and to.
 * @param {Axis} axis
 * @param {View} view
 * @returns {[number, number][]}
 */
export function rowSpans(axis, view) {
  const margin = ((view.end - view.begin) / view.width) * (view.margin ?? 0);
  return Array.from(view.laneOrder, (lane) => {
    const from = axis.firstFrom(lane, view.begin - margin);
    return [from, Math.max(from, axis.firstFrom(lane, view.end + margin))];
  });
}

/**
 * Call a function with each message that touches the tile, once.
 *
 * Its send, the tick that found it or its receive must lie in the tile or within `reach` of it, in
 * a lane that is shown; those that span even that are counted (see spanning.js).
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @param {(message: number, from: number, to: number) => void} each with places; -1 of a hidden lane
 */
export function eachMessage(diagram, axis, view, each) {
  const { receive, send } = diagram.messages;
  const wide = reachedSpans(diagram, axis, view);
  const placeOf = new Int32Array(diagram.lanes.length).fill(-1);
  for (let place = 0; place < wide.length; place++) placeOf[view.laneOrder[place]] = place;
  const isIn = (/** @type {number} */ place, /** @type {number} */ row) =>
    place >= 0 && row >= wide[place][0] && row < wide[place][1];
  const touches = touchesTile(diagram, axis, view);
  const senders = senderLanes(diagram);
  const { order, receivers } = sentOrder(diagram);
  const arrived = arrivalOrder(diagram, true);
  for (let place = 0; place < wide.length; place++) {
    const lane = view.laneOrder[place];
    const [begin, end] = wide[place];
    const [low, high] = receivedIn(diagram, lane, begin, end);
    for (let message = low; message < high; message++) {
      const from = placeOf[senders[message]];
      if (touches(message, senders[message], lane)) each(message, from, place);
    }
    const last = diagram.messageEnds[lane];
    const first = lowerBound(arrived.rows, begin, diagram.messageStarts[lane], last);
    for (let at = first; at < last && arrived.rows[at] < end; at++) {
      const message = arrived.numbers ? arrived.numbers[at] : at;
      if (isIn(place, receive[message])) continue;
      const from = placeOf[senders[message]];
      if (touches(message, senders[message], lane)) each(message, from, place);
    }
    const [sentLow, sentHigh] = sentIn(diagram, lane, begin, end);
    for (let at = sentLow; at < sentHigh; at++) {
      const message = order[at];
      const to = placeOf[receivers[at]];
      if (isIn(to, receive[message]) || isIn(to, arrowEnd(diagram, message, true))) continue;
      if (send[message] >= 0 && touches(message, lane, receivers[at])) each(message, place, to);
    }
  }
}

/**
 * Return the rows of each lane within the reach of a tile; without reach where there are too many.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @returns {[number, number][]}
 */
export function reachedSpans(diagram, axis, view) {
  const margin = view.margin ?? 0;
  const wide = rowSpans(axis, { ...view, margin: Math.max(margin, view.reach ?? 0) });
  let messages = 0;
  for (let place = 0; place < wide.length; place++) {
    messages += messagesAbout(diagram, view.laneOrder[place], ...wide[place]);
  }
  return messages > REACHED_MAX ? rowSpans(axis, view) : wide;
}

/**
 * Return a function that says whether a message lies in the tile or its margins at all.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @returns {(message: number, sender: number, receiver: number) => boolean}
 */
function touchesTile(diagram, axis, view) {
  const margin = ((view.end - view.begin) / view.width) * (view.margin ?? 0);
  const begin = view.begin - margin;
  const end = view.end + margin;
  const { send, receive } = diagram.messages;
  return (message, sender, receiver) => {
    const sent = axis.placeOf(send[message], sender);
    const received = axis.placeOf(receive[message], receiver);
    return Math.min(sent, received) <= end && Math.max(sent, received) >= begin;
  };
}
