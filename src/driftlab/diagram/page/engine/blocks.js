// Sums and extremes of a column over any rows of a lane, without reading all of them.
//
// Every few rows have an entry, so a range costs its two ends and one entry for each block between.

/** @typedef {import("./decode.js").Column} Column */

/** How many rows up to any row have one of two kinds. */
export class KindCounts {
  /**
   * @param {Uint8Array} kind
   * @param {number} wanted
   * @param {number} block rows from one entry to the next
   */
  constructor(kind, wanted, block) {
    this.kind = kind;
    this.size = block;
    this.wanted = wanted;
    this.before = new Int32Array(Math.ceil(kind.length / block) + 1);
    this.read(0, kind.length);
  }

  /**
   * Note the sums of some rows.
   * @param {number} from
   * @param {number} to
   */
  read(from, to) {
    const { kind, wanted, size, before } = this;
    let entry = Math.floor(from / size);
    let sum = before[entry];
    for (let row = entry * size; row < to; entry++) {
      const end = Math.min(to, row + size);
      for (; row < end; row++) if (kind[row] === wanted) sum++;
      before[entry + 1] = sum;
    }
  }

  /**
   * Return how many of the first `row` rows are of the kind.
   * @param {number} row
   * @returns {number}
   */
  upTo(row) {
    const entry = Math.floor(row / this.size);
    let sum = this.before[entry];
    for (let at = entry * this.size; at < row; at++) if (this.kind[at] === this.wanted) sum++;
    return sum;
  }
}

/** The least and the greatest value of a column over any rows; missing values are passed over. */
export class Extremes {
  /**
   * @param {Column} column
   * @param {number} block rows from one entry to the next
   * @param {boolean} isDifference take what each value rises above that of the row before it
   * @param {Int32Array} firsts rows that have none before them in their lane
   * @param {boolean} isSigned whether a negative value is a missing one
   */
  constructor(
    column,
    block,
    isDifference = false,
    firsts = new Int32Array(0),
    isSigned = column instanceof Int32Array,
  ) {
    this.column = column;
    this.size = block;
    this.isDifference = isDifference;
    this.firsts = new Set(firsts);
    this.isSigned = isSigned;
    const blocks = Math.ceil(column.length / block);
    this.least = new Float64Array(blocks);
    this.greatest = new Float64Array(blocks);
    /** The least and greatest value of the range asked for last; infinite where there is none. */
    this.min = Infinity;
    this.max = -Infinity;
    this.note(0, column.length);
  }

  /**
   * Note the extremes of the blocks that some rows lie in.
   * @param {number} from
   * @param {number} to
   */
  note(from, to) {
    for (let entry = Math.floor(from / this.size); entry * this.size < to; entry++) {
      this.min = Infinity;
      this.max = -Infinity;
      this.read(entry * this.size, Math.min(to, (entry + 1) * this.size));
      this.least[entry] = this.min;
      this.greatest[entry] = this.max;
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
    const low = Math.ceil(begin / this.size);
    const high = Math.floor(end / this.size);
    if (low >= high) {
      this.read(begin, end);
      return;
    }
    this.read(begin, low * this.size);
    for (let entry = low; entry < high; entry++) {
      if (this.least[entry] < this.min) this.min = this.least[entry];
      if (this.greatest[entry] > this.max) this.max = this.greatest[entry];
    }
    this.read(high * this.size, end);
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
