// What the first messages of a lane reach, without reading them: prefixes and suffixes of extremes.
//
// Of every so many messages of a lane, in the order of their receives or of their sends, a table
// has for each other lane the greatest row at the other end so far, or the least from here on.
// That is all that a frontier needs, so a question costs one entry and less than one block.

import { STEP_MESSAGES } from "./steps.js";

const NO_ROW = 0x7fffffff; // greater than any

/**
 * @typedef {{starts: ArrayLike<number>, ends: ArrayLike<number>, block: number,
 *   rows: Int32Array, lanes: Uint16Array | Int32Array}} Items
 *   Where the messages of each lane begin and end; of each, the row and the lane of its other end.
 *   block: messages from one entry to the next, if there are not more lanes.
 */

/** For each other lane the greatest row among a lane's first messages, -1 where there is none; made by `inSteps`. */
export class GreatestSoFar {
  /** @param {Items} items */
  constructor(items) {
    this.items = items;
    this.lanes = items.starts.length;
    this.block = Math.max(items.block, this.lanes);
    const { lanes } = this;
    const total = lanes ? items.ends[lanes - 1] : 0;
    this.table = new Int32Array((Math.floor(total / this.block) + 1) * lanes).fill(-1);
  }

  /**
   * Make a table in steps of some milliseconds.
   * @param {Items} items
   * @returns {Generator<void, GreatestSoFar>}
   */
  static *inSteps(items) {
    const made = new GreatestSoFar(items);
    const { lanes, block, table } = made;
    const { starts, ends, rows, lanes: others } = items;
    const greatest = new Int32Array(lanes);
    for (let lane = 0; lane < lanes; lane++) {
      greatest.fill(-1);
      for (let at = starts[lane]; at < ends[lane]; at++) {
        if (at % block === 0) table.set(greatest, (at / block) * lanes);
        const other = others[at];
        const row = rows[at];
        if (row > greatest[other]) greatest[other] = row;
        if (at % STEP_MESSAGES === 0) yield;
      }
    }
    return made;
  }

  /**
   * Raise an array by the rows of a lane's messages before `at`.
   * @param {number} lane
   * @param {number} at
   * @param {Int32Array} out
   */
  raise(lane, at, out) {
    const { starts, rows, lanes: others } = this.items;
    const { lanes } = this;
    // The entry at a lane's end is the next lane's, so look before `at`.
    const boundary = Math.floor((at - 1) / this.block) * this.block;
    let from = starts[lane];
    if (boundary > from) {
      const entry = (boundary / this.block) * lanes;
      for (let other = 0; other < lanes; other++) {
        if (this.table[entry + other] > out[other]) out[other] = this.table[entry + other];
      }
      from = boundary;
    }
    for (let item = from; item < at; item++) {
      const row = rows[item];
      const other = others[item];
      if (row > out[other]) out[other] = row;
    }
  }
}

/**
 * Whether a lane's messages before `at` have one whose other end is at a limit or beyond it.
 * @param {GreatestSoFar} table
 * @param {number} lane
 * @param {number} at
 * @param {Int32Array} limits a row of each lane
 * @returns {boolean}
 */
export function someAtOrBeyond(table, lane, at, limits) {
  const { starts, rows, lanes: others } = table.items;
  const boundary = Math.floor((at - 1) / table.block) * table.block;
  for (let item = Math.max(starts[lane], boundary); item < at; item++) {
    if (rows[item] >= limits[others[item]]) return true;
  }
  if (boundary <= starts[lane]) return false;
  const entry = (boundary / table.block) * table.lanes;
  for (let other = 0; other < table.lanes; other++) {
    if (table.table[entry + other] >= limits[other]) return true;
  }
  return false;
}

/**
 * Whether a lane's messages from `at` on have one whose other end is before a limit.
 * @param {LeastFromHere} table
 * @param {number} lane
 * @param {number} at
 * @param {Int32Array} limits a row of each lane
 * @returns {boolean}
 */
export function someBefore(table, lane, at, limits) {
  const { ends, rows, lanes: others } = table.items;
  const boundary = Math.ceil(at / table.block) * table.block;
  for (let item = at; item < Math.min(ends[lane], boundary); item++) {
    if (rows[item] < limits[others[item]]) return true;
  }
  if (boundary >= ends[lane]) return false;
  const entry = (boundary / table.block) * table.lanes;
  for (let other = 0; other < table.lanes; other++) {
    if (table.table[entry + other] < limits[other]) return true;
  }
  return false;
}

/** For each other lane the least row among a lane's last messages; GreatestSoFar backwards. */
export class LeastFromHere {
  /** @param {Items} items */
  constructor(items) {
    this.items = items;
    this.lanes = items.starts.length;
    this.block = Math.max(items.block, this.lanes);
    const { lanes } = this;
    const total = lanes ? items.ends[lanes - 1] : 0;
    this.table = new Int32Array((Math.floor(total / this.block) + 1) * lanes).fill(NO_ROW);
  }

  /**
   * Make a table in steps of some milliseconds.
   * @param {Items} items
   * @returns {Generator<void, LeastFromHere>}
   */
  static *inSteps(items) {
    const made = new LeastFromHere(items);
    const { lanes, block, table } = made;
    const { starts, ends, rows, lanes: others } = items;
    const least = new Int32Array(lanes);
    for (let lane = 0; lane < lanes; lane++) {
      least.fill(NO_ROW);
      for (let at = ends[lane] - 1; at >= starts[lane]; at--) {
        const other = others[at];
        const row = rows[at];
        if (row < least[other]) least[other] = row;
        if (at % block === 0) table.set(least, (at / block) * lanes);
        if (at % STEP_MESSAGES === 0) yield;
      }
    }
    return made;
  }

  /**
   * Lower an array by the rows of a lane's messages from `at` on.
   * @param {number} lane
   * @param {number} at
   * @param {Int32Array} out
   */
  lower(lane, at, out) {
    const { ends, rows, lanes: others } = this.items;
    const { lanes } = this;
    const boundary = Math.ceil(at / this.block) * this.block;
    let to = ends[lane];
    if (boundary < to) {
      const entry = (boundary / this.block) * lanes;
      for (let other = 0; other < lanes; other++) {
        if (this.table[entry + other] < out[other]) out[other] = this.table[entry + other];
      }
      to = boundary;
    }
    for (let item = at; item < to; item++) {
      const row = rows[item];
      const other = others[item];
      if (row < out[other]) out[other] = row;
    }
  }
}
