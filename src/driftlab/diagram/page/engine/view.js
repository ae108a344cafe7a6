// What a view shows: the rows of each lane in its span, and the messages that touch them.

import { Axis } from "./axes.js";
import { Diagram } from "./diagram.js";
import { receivedIn, senderLanes, sentIn, sentOrder } from "./messages.js";

/**
 * @typedef {"rate" | "receives" | "queue" | "jump" | "late" | "violations"} ColourBy
 * @typedef {{axis: string, idle?: boolean, begin: number, end: number, width: number, height: number,
 *   scale?: number, laneOrder: ArrayLike<number>, laneTops: ArrayLike<number>,
 *   laneHeights: ArrayLike<number>, colourBy?: ColourBy, theme?: "light" | "dark",
 *   arrowTo?: "found" | "receive", margin?: number, level?: "exact" | "lines" | "counts"}} View
 */

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
 * Call a function with each message that has an end in some rows of the lanes shown, once.
 * @param {Diagram} diagram
 * @param {View} view
 * @param {[number, number][]} spans
 * @param {(message: number, from: number, to: number) => void} each with places; -1 of a hidden lane
 */
export function eachMessage(diagram, view, spans, each) {
  const { send, receive } = diagram.messages;
  const senders = senderLanes(diagram);
  const placeOf = new Int32Array(diagram.lanes.length).fill(-1);
  for (let place = 0; place < spans.length; place++) placeOf[view.laneOrder[place]] = place;
  const { order } = sentOrder(diagram);
  for (let place = 0; place < spans.length; place++) {
    const lane = view.laneOrder[place];
    const [low, high] = receivedIn(diagram, lane, ...spans[place]);
    for (let message = low; message < high; message++) each(message, placeOf[senders[message]], place);
  }
  for (let place = 0; place < spans.length; place++) {
    const [low, high] = sentIn(diagram, view.laneOrder[place], ...spans[place]);
    for (let at = low; at < high; at++) {
      const message = order[at];
      const to = placeOf[diagram.laneOf(receive[message])];
      const isKnown = to >= 0 && receive[message] >= spans[to][0] && receive[message] < spans[to][1];
      if (!isKnown && send[message] >= 0) each(message, place, to);
    }
  }
}
