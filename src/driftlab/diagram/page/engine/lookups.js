// Small questions of the page: what an event is, which is nearest, where a row lies.

import { AXIS_NAMES, axisOf, hasAxis } from "./axes.js";
import { fieldExtremes } from "./counts.js";
import { Diagram, KIND_NAMES } from "./diagram.js";
import { messagesOf } from "./messages.js";

/**
 * Return what the columns say of an event; null where they say nothing.
 * @param {Diagram} diagram
 * @param {number} row
 */
export function describe(diagram, row) {
  const lane = diagram.laneOf(row);
  const value = (/** @type {string} */ name) => {
    const known = diagram.valueAt(name, row);
    return Number.isNaN(known) ? null : known;
  };
  return {
    row,
    lane,
    index: row - diagram.starts[lane],
    kind: KIND_NAMES[diagram.kind[row]],
    time: value("time"),
    own: value("own"),
    clock: value("clock"),
    queue: value("queue"),
    late: value("late"),
    tick: value("tick"),
    targets: diagram.targetsOf(row),
    messages: messagesOf(diagram, row),
  };
}

/**
 * Return the rows of some messages.
 * @param {Diagram} diagram
 * @param {ArrayLike<number>} numbers
 */
export function messageRows(diagram, numbers) {
  const { send, receive, found } = diagram.messages;
  return {
    send: Int32Array.from(numbers, (number) => send[number]),
    receive: Int32Array.from(numbers, (number) => receive[number]),
    found: Int32Array.from(numbers, (number) => (found ? found[number] : -1)),
  };
}

/**
 * Return the row of a lane whose place is nearest, -1 where the lane has no event.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {number} place
 * @param {number} lane
 * @param {boolean} [idle]
 * @returns {number}
 */
export function nearest(diagram, axisName, place, lane, idle = false) {
  const axis = axisOf(diagram, axisName, idle);
  const after = axis.firstFrom(lane, place);
  if (after === diagram.starts[lane]) return after < diagram.ends[lane] ? after : -1;
  if (after === diagram.ends[lane]) return after - 1;
  const isBefore = place - axis.placeOf(after - 1, lane) <= axis.placeOf(after, lane) - place;
  return isBefore ? after - 1 : after;
}

/**
 * Return the places of some rows.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {ArrayLike<number>} rows
 * @param {boolean} [idle]
 * @returns {Float64Array}
 */
export function positions(diagram, axisName, rows, idle = false) {
  const axis = axisOf(diagram, axisName, idle);
  return Float64Array.from(rows, (row) => axis.placeOf(row, diagram.laneOf(row)));
}

/**
 * Return how many events of each lane lie at a place or before it.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {number} place
 * @param {boolean} [idle]
 * @returns {Int32Array}
 */
export function frontierAt(diagram, axisName, place, idle = false) {
  const axis = axisOf(diagram, axisName, idle);
  return diagram.ends.map((end, lane) => {
    let row = axis.firstFrom(lane, place);
    while (row < end && axis.placeOf(row, lane) <= place) row++;
    return row - diagram.starts[lane];
  });
}

/**
 * Return the values of an axis, one a row, rising within a lane.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @returns {{values: Float64Array, falls: Int32Array}}
 */
export function axisValues(diagram, axisName) {
  const axis = axisOf(diagram, axisName);
  const values = new Float64Array(diagram.starts[diagram.lanes.length]);
  for (let lane = 0; lane < diagram.lanes.length; lane++) {
    for (let row = diagram.starts[lane]; row < diagram.ends[lane]; row++) {
      values[row] = axis.placeOf(row, lane);
    }
  }
  return { values, falls: axis.falls };
}

/**
 * Return the idle stretches that an axis leaves out: their place, and values from and to.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {boolean} [idle]
 */
export function gaps(diagram, axisName, idle = false) {
  return axisOf(diagram, axisName, idle).stretches;
}

/**
 * Return the value at a place of an axis.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {number} place
 * @param {boolean} [idle]
 */
export function label(diagram, axisName, place, idle = false) {
  return axisOf(diagram, axisName, idle).toValue(place);
}

/**
 * Return the place of a value of an axis.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {number} value
 * @param {boolean} [idle]
 */
export function unlabel(diagram, axisName, value, idle = false) {
  return axisOf(diagram, axisName, idle).toPlace(value);
}

/**
 * Return the least and greatest place of each axis, null of one that the log does not have.
 *
 * The longest chain takes time linear in the events; its entry is undefined until it is asked for.
 * @param {Diagram} diagram
 * @returns {{[axis: string]: [number, number] | null | undefined}}
 */
export function extents(diagram) {
  /** @type {{[axis: string]: [number, number] | null | undefined}} */
  const all = {};
  for (const name of AXIS_NAMES) {
    if (!hasAxis(diagram, name)) all[name] = null;
    else if (name === "chain" || name === "corrected") all[name] = [NaN, NaN];
    else all[name] = extent(diagram, name);
  }
  return all;
}

/**
 * Return the least and greatest place of an axis.
 * @param {Diagram} diagram
 * @param {string} axisName
 * @param {boolean} [idle]
 * @returns {[number, number]}
 */
export function extent(diagram, axisName, idle = false) {
  const axis = axisOf(diagram, axisName, idle);
  return [axis.begin, axis.end];
}

/**
 * Return the least and greatest value of a field in the whole run; NaN where there is none.
 * @param {Diagram} diagram
 * @param {"clock" | "queue" | "late" | "jump"} field
 * @returns {[number, number]}
 */
export function fieldRange(diagram, field) {
  const blocks = fieldExtremes(diagram, field);
  if (!blocks) return [NaN, NaN];
  let [least, greatest] = [Infinity, -Infinity];
  for (let lane = 0; lane < diagram.lanes.length; lane++) {
    blocks.over(diagram.starts[lane], diagram.ends[lane]);
    least = Math.min(least, blocks.min);
    greatest = Math.max(greatest, blocks.max);
  }
  return least <= greatest ? [least, greatest] : [NaN, NaN];
}
