// Sums and extremes of a column over any rows of a lane, without reading all of them.
//
// Every 64 rows have an entry, so a range costs its two ends and one entry for each block between.

/** @typedef {import("./decode.js").Column} Column */

const BLOCK = 64;

/** How many rows up to any row have one of two kinds. */
export class KindCounts {
  /**
   * @param {Uint8Array} kind
   * @param {number} wanted
   */
  constructor(kind, wanted) {
    this.kind = kind;
    this.wanted = wanted;
    const blocks = Math.ceil(kind.length / BLOCK);
    this.before = new Int32Array(blocks + 1);
    let sum = 0;
    for (let block = 0; block < blocks; block++) {
      this.before[block] = sum;
      const end = Math.min(kind.length, (block + 1) * BLOCK);
      for (let row = block * BLOCK; row < end; row++) if (kind[row] === wanted) sum++;
    }
    this.before[blocks] = sum;
  }

  /**
   * Return how many of the first `row` rows are of the kind.
   * @param {number} row
   * @returns {number}
   */
  upTo(row) {
    const block = (row / BLOCK) | 0;
    let sum = this.before[block];
    for (let at = block * BLOCK; at < row; at++) if (this.kind[at] === this.wanted) sum++;
    return sum;
  }
}

/** The least and the greatest value of a column over any rows; missing values are passed over. */
export class Extremes {
  /**
   * @param {Column} column
   * @param {boolean} isDifference take what each value rises above that of the row before it
   * @param {Int32Array} firsts rows that have none before them in their lane
   */
  constructor(column, isDifference = false, firsts = new Int32Array(0)) {
    this.column = column;
    this.isDifference = isDifference;
    this.firsts = new Set(firsts);
    this.isSigned = column instanceof Int32Array;
    const blocks = Math.ceil(column.length / BLOCK);
    this.least = new Float64Array(blocks);
    this.greatest = new Float64Array(blocks);
    /** The least and greatest value of the range asked for last; infinite where there is none. */
    this.min = Infinity;
    this.max = -Infinity;
    for (let block = 0; block < blocks; block++) {
      this.min = Infinity;
      this.max = -Infinity;
      this.read(block * BLOCK, Math.min(column.length, (block + 1) * BLOCK));
      this.least[block] = this.min;
      this.greatest[block] = this.max;
    }
  }

  /**
   * Find the extremes of some rows, and leave them in `min` and `max`.
   * @param {number} begin
   * @param {number} end
   */
  over(begin, end) {
    this.min = Infinity;
    this.max = -Infinity;
    const low = Math.ceil(begin / BLOCK);
    const high = Math.floor(end / BLOCK);
    if (low >= high) {
      this.read(begin, end);
      return;
    }
    this.read(begin, low * BLOCK);
    for (let block = low; block < high; block++) {
      if (this.least[block] < this.min) this.min = this.least[block];
      if (this.greatest[block] > this.max) this.max = this.greatest[block];
    }
    this.read(high * BLOCK, end);
  }

  /**
   * Widen `min` and `max` by the values of some rows.
   * @param {number} begin
   * @param {number} end
   */
  read(begin, end) {
    const { column, isSigned, isDifference } = this;
    let { min, max } = this;
    for (let row = begin; row < end; row++) {
      let value = column[row];
      if (value !== value || (isSigned && value < 0)) continue;
      if (isDifference) {
        const before = row && !this.firsts.has(row) ? column[row - 1] : NaN;
        if (before !== before || (isSigned && before < 0)) continue;
        value -= before;
      }
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.min = min;
    this.max = max;
  }
}
