// Exact places of a tile with few events: every event, every message that touches it.

import { Axis } from "./axes.js";
import { Diagram } from "./diagram.js";
import { undelivered } from "./cuts.js";
import { arrowEnd } from "./messages.js";
import { spanning } from "./spanning.js";
import { eachMessage, reachedSpans } from "./view.js";
import { eachWaiting, foundInInbox } from "./waiting.js";

/**
 * @typedef {import("./view.js").View} View
 * @typedef {{number: Int32Array, send: Int32Array, receive: Int32Array, found: Int32Array,
 *   x0: Float32Array, x1: Float32Array, x2: Float32Array, from: Int32Array, to: Int32Array}} Arrows
 *   x0 of the send, x1 of where the message was found, x2 of its receive; places, -1 hidden.
 * @typedef {{row: Int32Array, target: Int32Array, x0: Float32Array, x1: Float32Array,
 *   from: Int32Array, to: Int32Array}} Flying sends that no receive matches; x1 of the tick that found
 *   the message, NaN where none did
 * @typedef {{row: Int32Array, x: Float32Array, place: Int32Array, kind: Uint8Array, queue: Int32Array,
 *   clock: Float64Array, fell: Uint8Array, gap: Uint8Array, messages: Arrows, flying: Flying,
 *   before: {row: Int32Array, queue: Int32Array},
 *   spanning: {left: Int32Array, right: Int32Array}}} Vectors
 */

/**
 * Return the exact places of a tile.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @param {[number, number][]} spans rows of each lane shown
 * @returns {Vectors}
 */
export function exactVectors(diagram, axis, view, spans) {
  const scale = view.width / (view.end - view.begin);
  /** @type {(row: number, lane: number) => number} */
  const x = (row, lane) => (axis.placeOf(row, lane) - view.begin) * scale;
  const reach = Math.max(view.margin ?? 0, view.reach ?? 0) / scale;
  return {
    ...eventPlaces(diagram, axis, view, spans, x),
    messages: arrowPlaces(diagram, axis, view, x),
    flying: flyingPlaces(diagram, axis, view, x),
    before: lastBefore(diagram, view, spans),
    spanning: spanning(diagram, axis, view.begin - reach, view.end + reach, view.laneOrder, true),
  };
}

/**
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @param {[number, number][]} spans
 * @param {(row: number, lane: number) => number} x
 */
function eventPlaces(diagram, axis, view, spans, x) {
  let count = 0;
  for (const [from, to] of spans) count += to - from;
  const row = new Int32Array(count);
  const place = new Int32Array(count);
  const places = new Float32Array(count);
  const kind = new Uint8Array(count);
  const queue = new Int32Array(count).fill(-1);
  const fell = new Uint8Array(count);
  const falls = fallSet(axis);
  const gap = new Uint8Array(count);
  const missing = diagram.once("gap set", () => new Set(diagram.column("gap") ?? []));
  const lengths = diagram.column("queue");
  const clocks = diagram.column("clock");
  const clock = new Float64Array(count).fill(NaN);
  let at = 0;
  for (let lane = 0; lane < spans.length; lane++) {
    for (let each = spans[lane][0]; each < spans[lane][1]; each++, at++) {
      row[at] = each;
      place[at] = lane;
      places[at] = x(each, view.laneOrder[lane]);
      kind[at] = diagram.kind[each];
      if (lengths) queue[at] = lengths[each];
      if (clocks) clock[at] = diagram.valueAt("clock", each);
      if (falls.has(each)) fell[at] = 1;
      if (missing.has(each)) gap[at] = 1;
    }
  }
  return { row, x: places, place, kind, queue, clock, fell, gap };
}

/**
 * @param {Axis} axis
 * @returns {Set<number>}
 */
function fallSet(axis) {
  return axis.diagram.once(`falls ${axis.name}`, () => new Set(axis.falls));
}

/**
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @param {(row: number, lane: number) => number} x
 * @returns {Arrows}
 */
function arrowPlaces(diagram, axis, view, x) {
  /** @type {number[][]} */
  const taken = [];
  eachMessage(diagram, axis, view, (message, from, to) => taken.push([message, from, to]));
  const { send, receive } = diagram.messages;
  const number = Int32Array.from(taken, ([message]) => message);
  const laneAt = (/** @type {number} */ place, /** @type {number} */ row) =>
    place < 0 ? diagram.laneOf(row) : view.laneOrder[place];
  return {
    number,
    send: number.map((message) => send[message]),
    receive: number.map((message) => receive[message]),
    found: number.map((message) => arrowEnd(diagram, message, true)),
    x0: Float32Array.from(taken, ([message, from]) => x(send[message], laneAt(from, send[message]))),
    x1: Float32Array.from(taken, ([message, , to]) => {
      const found = arrowEnd(diagram, message, true);
      return x(found, laneAt(to, found));
    }),
    x2: Float32Array.from(taken, ([message, , to]) => x(receive[message], laneAt(to, receive[message]))),
    from: Int32Array.from(taken, ([, from]) => from),
    to: Int32Array.from(taken, ([, , to]) => to),
  };
}

/**
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @param {(row: number, lane: number) => number} x
 * @returns {Flying}
 */
function flyingPlaces(diagram, axis, view, x) {
  const spans = reachedSpans(diagram, axis, view);
  const sent = undelivered(diagram, view.laneOrder, spans);
  const row = Array.from(sent.row);
  const target = Array.from(sent.target);
  const placeOf = new Map(Array.from(view.laneOrder, (lane, place) => [lane, place]));
  eachWaiting(diagram, view.laneOrder, spans, (send, found) => {
    const place = placeOf.get(diagram.laneOf(send));
    if (place !== undefined && send >= spans[place][0] && send < spans[place][1]) return;
    row.push(send); // found within reach, sent before
    target.push(diagram.laneOf(found));
  });
  const lanes = row.map((each) => diagram.laneOf(each));
  return {
    row: Int32Array.from(row),
    target: Int32Array.from(target),
    x0: Float32Array.from(row, (each, at) => x(each, lanes[at])),
    x1: Float32Array.from(row, (each, at) => {
      const found = foundInInbox(diagram, each, target[at]);
      return found >= 0 ? x(found, target[at]) : NaN;
    }),
    from: Int32Array.from(lanes, (lane) => placeOf.get(lane) ?? -1),
    to: Int32Array.from(target, (lane) => placeOf.get(lane) ?? -1),
  };
}

/**
 * Return the last event of each lane before the tile.
 * @param {Diagram} diagram
 * @param {View} view
 * @param {[number, number][]} spans
 */
function lastBefore(diagram, view, spans) {
  const lengths = diagram.column("queue");
  const row = Int32Array.from(spans, ([from], place) =>
    from > diagram.starts[view.laneOrder[place]] ? from - 1 : -1,
  );
  return { row, queue: row.map((each) => (each >= 0 && lengths ? lengths[each] : -1)) };
}
