// A diagram: the events of a run in columns, process-major, and its messages.
//
// Rows `starts[l]` to `ends[l]` are the events of lane l, in program order. Messages are numbered
// so that those that lane l received stand together, `messageStarts[l]` to `messageEnds[l]`, by
// the row of their receive. In a finished run both are without gaps. A run that is still going
// keeps room behind each lane (see live.js), so nothing may assume that `ends[l]` is the next start.

import { decodeContainer } from "./decode.js";

/** @typedef {import("./decode.js").Column} Column */
/** @typedef {import("./decode.js").Header} Header */
/** @typedef {import("./decode.js").Lane} Lane */
/** @typedef {import("./decode.js").Container} Container */
/**
 * @typedef {{send: Int32Array, receive: Int32Array, found: Int32Array | null}} MessageRows
 * @typedef {{rows: number, messages: number, anew: number}} Blocks
 *   How many rows or messages there are from one entry of an index to the next; how many rows in
 *   view, of all lanes, are read anew instead of once for all.
 * @typedef {{version: number, layout: number, rows: Int32Array, messages: Int32Array, value: any}} Computed
 *   What was computed of a version, and the ends of rows and messages at that time.
 */

export const INTERNAL = 0;
export const SEND = 1;
export const RECEIVE = 2;
export const UNSAID = 3;
export const KIND_NAMES = ["internal", "send", "receive", "unsaid"];
export const EVERY_PEER = -1; // in `target`: every process that it can send to
export const NO_TARGET = -2; // in `target`: nothing was sent
export const FIRST_SET = -3; // in `target`: FIRST_SET - k is set k of several targets

/** @type {Blocks} */
const BLOCKS = { rows: 64, messages: 256, anew: 200_000 };

// In a run that is still going a lane has room for a multiple of so many rows, and never fills it.
export const LANE_ROOM = 1024;

const LOOKUP_ENTRIES_MAX = 1 << 14;

export class Diagram {
  /**
   * Lanes by rows, for the starts that it was made from.
   * @type {{starts: Int32Array, first: Int32Array, shift: number}}
   */
  #lookup = { starts: new Int32Array(0), first: new Int32Array(0), shift: 0 };

  /**
   * @param {Container} container
   * @param {Partial<Blocks>} [blocks]
   */
  constructor({ header, columns }, blocks = {}) {
    this.header = header;
    this.blocks = { ...BLOCKS, ...blocks };
    /** @type {Lane[]} */
    this.lanes = header.lanes;
    const lanes = this.lanes.length;
    /** @type {Int32Array} the first row of each lane, and the end of the last */
    this.starts = new Int32Array(lanes + 1);
    this.lanes.forEach((lane, place) => (this.starts[place] = lane.start));
    this.starts[lanes] = lanes ? this.lanes[lanes - 1].end : 0;
    /** @type {Int32Array} the row after the last of each lane */
    this.ends = Int32Array.from(this.lanes, (lane) => lane.end);
    this.columns = columns;
    const none = new Int32Array(0);
    /** @type {MessageRows} */
    this.messages = {
      send: /** @type {Int32Array} */ (columns.get("m_send") ?? none),
      receive: /** @type {Int32Array} */ (columns.get("m_receive") ?? none),
      found: /** @type {Int32Array | null} */ (columns.get("m_found") ?? null),
    };
    /** @type {Int32Array} */
    this.messageStarts = new Int32Array(lanes + 1);
    /** @type {Int32Array} */
    this.messageEnds = new Int32Array(lanes);
    this.#divideMessages();
    /** Rises whenever events were appended; what was computed of an older one is stale. */
    this.version = 0;
    /** @type {Map<number, {[column: string]: string | null}> | null} texts of the log by row, if held */
    this.texts = null;
    /** Whether events may still be appended. */
    this.isGrowing = false;
    /** Rises whenever rows or messages got other numbers. */
    this.layout = 0;
    /** @type {Map<string, Computed>} */
    this.computed = new Map();
    this.#check();
  }

  #divideMessages() {
    const received = this.messages.receive;
    for (let lane = 0; lane < this.lanes.length; lane++) {
      this.messageStarts[lane] = lowerBound(received, this.starts[lane], 0, received.length);
      this.messageEnds[lane] = lowerBound(received, this.ends[lane], 0, received.length);
    }
    this.messageStarts[this.lanes.length] = received.length;
  }

  #check() {
    const rows = this.starts[this.lanes.length];
    const kind = this.columns.get("kind");
    if (rows && (!kind || kind.length < rows)) throw new Error("the diagram has no column `kind`");
    for (let lane = 0; lane < this.lanes.length; lane++) {
      if (this.ends[lane] < this.starts[lane] || this.ends[lane] > this.starts[lane + 1]) {
        throw new Error(`the rows of lane ${lane} are not in order`);
      }
    }
  }

  /** How many events there are. */
  get events() {
    let sum = 0;
    for (let lane = 0; lane < this.ends.length; lane++) sum += this.ends[lane] - this.starts[lane];
    return sum;
  }

  /** How many matched messages there are. */
  get messageCount() {
    let sum = 0;
    for (let lane = 0; lane < this.messageEnds.length; lane++) {
      sum += this.messageEnds[lane] - this.messageStarts[lane];
    }
    return sum;
  }

  /** @returns {Uint8Array} */
  get kind() {
    return /** @type {Uint8Array} */ (this.columns.get("kind") ?? new Uint8Array(0));
  }

  /**
   * Return a column, or null where the log has no such values.
   * @param {string} name
   * @returns {Column | null}
   */
  column(name) {
    return this.columns.get(name) ?? null;
  }

  /**
   * Return the value of a column at a row, NaN where it is missing.
   * @param {string} name
   * @param {number} row
   * @returns {number}
   */
  valueAt(name, row) {
    const column = this.columns.get(name);
    if (!column) return name === "tick" || name === "index" ? row - this.starts[this.laneOf(row)] : NaN;
    const value = column[row];
    return value < 0 && column instanceof Int32Array && name !== "target" ? NaN : value;
  }

  /**
   * Return the lane to which a row belongs.
   * @param {number} row
   * @returns {number}
   */
  laneOf(row) {
    const { starts } = this;
    if (this.#lookup.starts !== starts) this.#makeLookup();
    const { first, shift } = this.#lookup;
    const place = row >> shift;
    let low = first[place];
    let high = first[place + 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Note for every so many rows the lane that the first of them belongs to. */
  #makeLookup() {
    const { starts } = this;
    const lanes = this.lanes.length;
    const rows = starts[lanes];
    let shift = 0;
    while (rows >> shift > LOOKUP_ENTRIES_MAX) shift++;
    const first = new Int32Array((rows >> shift) + 2);
    for (let place = 0, lane = 0; place < first.length; place++) {
      while (lane + 1 < lanes && starts[lane + 1] <= place << shift) lane++;
      first[place] = lane;
    }
    this.#lookup = { starts, first, shift };
  }

  /**
   * Return the lanes that an event sent to.
   * @param {number} row
   * @returns {number[]}
   */
  targetsOf(row) {
    const target = this.columns.get("target");
    if (!target) return [];
    return this.targetsOfCode(target[row], this.laneOf(row));
  }

  /**
   * Return the lanes that a code in `target` names.
   * @param {number} code
   * @param {number} lane of the event
   * @returns {number[]}
   */
  targetsOfCode(code, lane) {
    if (code === NO_TARGET) return [];
    if (code >= 0) return [code];
    if (code <= FIRST_SET) return this.header.sets?.[FIRST_SET - code] ?? [];
    if (this.header.peers) return this.header.peers[lane];
    return this.lanes.map((_, place) => place).filter((place) => place !== lane);
  }

  /**
   * Return what `compute` gives, once for each version of the diagram.
   * @template T
   * @param {string} name
   * @param {() => T} compute
   * @returns {T}
   */
  once(name, compute) {
    return this.grown(name, compute, compute);
  }

  /**
   * Return what `compute` gives; after events were appended, what `extend` makes of it.
   * @template T
   * @param {string} name
   * @param {() => T} compute
   * @param {(value: T, rows: Int32Array, messages: Int32Array) => T} extend
   *   gets the value and the ends of rows and messages of each lane that it was made of
   * @returns {T}
   */
  grown(name, compute, extend) {
    const known = this.computed.get(name);
    const { version, layout } = this;
    if (known && known.version === version) return known.value;
    const value =
      known && known.layout === layout ? extend(known.value, known.rows, known.messages) : compute();
    const [rows, messages] = [this.ends.slice(), this.messageEnds.slice()];
    this.computed.set(name, { version, layout, rows, messages, value });
    return value;
  }
}

/**
 * Return the diagram that a container holds.
 * @param {ArrayBuffer} buffer
 * @param {Partial<Blocks>} [blocks]
 * @returns {Diagram}
 */
export function decode(buffer, blocks) {
  return new Diagram(decodeContainer(buffer), blocks);
}

/**
 * Return the first place in [low, high) whose value is at least `value`, else `high`.
 * @param {Column} values rising
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
export function lowerBound(values, value, low, high) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
