// What the first messages of a lane reach, without reading them: prefixes and suffixes of extremes.
//
// Of every so many messages of a lane, in the order of their receives or of their sends, a table
// has for each other lane the greatest row at the other end so far, or the least from here on.
// That is all that a frontier needs, so a question costs one entry and less than one block.


const NO_ROW = 0x7fffffff; // greater than any

/**
 * @typedef {{starts: ArrayLike<number>, ends: ArrayLike<number>, lanes: number, block: number,
 *   rowAt: (at: number) => number, laneAt: (at: number) => number}} Items
 *   Where the messages of each lane begin and end; of each, the row and the lane of its other end.
 *   block: messages from one entry to the next, if there are not more lanes.
 */

/** For each other lane the greatest row among a lane's first messages, -1 where there is none. */
export class GreatestSoFar {
  /** @param {Items} items */
  constructor(items) {
    this.items = items;
    this.block = Math.max(items.block, items.lanes);
    const { starts, ends, lanes, rowAt, laneAt } = items;
    const total = lanes ? ends[lanes - 1] : 0;
    this.table = new Int32Array((Math.floor(total / this.block) + 1) * lanes).fill(-1);
    const greatest = new Int32Array(lanes);
    for (let lane = 0; lane < lanes; lane++) {
      greatest.fill(-1);
      for (let at = starts[lane]; at < ends[lane]; at++) {
        if (at % this.block === 0) this.table.set(greatest, (at / this.block) * lanes);
        const other = laneAt(at);
        const row = rowAt(at);
        if (row > greatest[other]) greatest[other] = row;
      }
    }
  }

  /**
   * Raise an array by the rows of a lane's messages before `at`.
   * @param {number} lane
   * @param {number} at
   * @param {Int32Array} out
   */
  raise(lane, at, out) {
    const { starts, lanes, rowAt, laneAt } = this.items;
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
      const row = rowAt(item);
      const other = laneAt(item);
      if (row > out[other]) out[other] = row;
    }
  }
}

/** For each other lane the least row among a lane's last messages; GreatestSoFar backwards. */
export class LeastFromHere {
  /** @param {Items} items */
  constructor(items) {
    this.items = items;
    this.block = Math.max(items.block, items.lanes);
    const { starts, ends, lanes, rowAt, laneAt } = items;
    const total = lanes ? ends[lanes - 1] : 0;
    this.table = new Int32Array((Math.floor(total / this.block) + 1) * lanes).fill(NO_ROW);
    const least = new Int32Array(lanes);
    for (let lane = 0; lane < lanes; lane++) {
      least.fill(NO_ROW);
      for (let at = ends[lane] - 1; at >= starts[lane]; at--) {
        const other = laneAt(at);
        const row = rowAt(at);
        if (row < least[other]) least[other] = row;
        if (at % this.block === 0) this.table.set(least, (at / this.block) * lanes);
      }
    }
  }

  /**
   * Lower an array by the rows of a lane's messages from `at` on.
   * @param {number} lane
   * @param {number} at
   * @param {Int32Array} out
   */
  lower(lane, at, out) {
    const { ends, lanes, rowAt, laneAt } = this.items;
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
      const row = rowAt(item);
      const other = laneAt(item);
      if (row < out[other]) out[other] = row;
    }
  }
}
