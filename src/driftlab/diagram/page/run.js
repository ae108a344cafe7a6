/** One run: its source, its engine, and what the page knows of it without asking again. */

import { startEngine } from "./client.js";
import { eventName, shortened } from "./format.js";

/**
 * @typedef {{name: string, colour: string, dash: number[], start: number, end: number, rate: number | null}} Lane
 * @typedef {import("./state.js").EventRef} EventRef
 * @typedef {{headline: string, holds: boolean | null, undecided?: number, violations: {rule: string, text: string, rows: number[]}[]}} Verdict
 */

const SHORT_NAME = 24; // characters

export class Run {
  /** @param {any} source @param {number} number 0, or 1 for the lower of two */
  constructor(source, number) {
    this.source = source;
    this.number = number;
    this.engine = startEngine();
    /** @type {any} */
    this.header = {};
    /** @type {Lane[]} */
    this.lanes = [];
    this.starts = new Int32Array(1);
    this.ends = new Int32Array(0);
    /** @type {Record<string, [number, number] | null | undefined>} */
    this.extents = {};
    /** @type {Record<string, number>} */
    this.falls = {};
    /** @type {Int32Array} */
    this.violationRows = new Int32Array(0);
    this.events = 0;
    this.messages = 0;
    this.version = 0; // rises with each change of the data
    this.live = false;
    this.isEarly = false; // only an overview is known
    this.mostQueued = 1; // the longest queue; of a live run rounded up, so that it seldom changes
    this.measured = -1;
    /** @type {Verdict | null} */
    this.verdict = null;
    /** @type {Map<string, any[]>} */
    this.gapsOf = new Map();
  }

  /** Take an overview; whether the data was not there before. @param {ArrayBuffer} buffer */
  async look(buffer) {
    const summary = await this.engine.give(buffer, "overview");
    if (summary) this.take(summary);
    this.isEarly = Boolean(summary);
    return this.isEarly;
  }

  /** @param {ArrayBuffer} buffer */
  async open(buffer) {
    this.take(await this.engine.give(buffer, "open"));
    this.isEarly = false;
    this.verdict = this.header.verdict ?? null;
  }

  /** @param {ArrayBuffer} frame */
  async append(frame) {
    this.take(await this.engine.give(frame, "append"));
  }

  /** @param {any} summary */
  take(summary) {
    if (summary.header) {
      this.header = summary.header;
      this.lanes = summary.header.lanes ?? [];
    }
    this.starts = summary.starts;
    this.ends = summary.ends;
    this.events = summary.events;
    this.messages = summary.messages;
    this.extents = summary.extents;
    this.falls = {};
    this.version++;
    this.gapsOf.clear();
  }

  /** Hand a verdict to the engine, which marks its events. @param {Verdict} verdict */
  async judge(verdict) {
    this.verdict = verdict;
    this.violationRows = await this.engine.call("setVerdict", verdict);
    this.version++;
  }

  /** Whether the log has an axis. @param {string} axis */
  hasAxis(axis) {
    const extent = this.extents[axis];
    return extent !== null && (extent !== undefined || axis in this.extents);
  }

  /** Whether the server may recover offsets of this log's clocks: asked only when they are wanted. */
  mayHaveOffsets() {
    const { has, time_meaning: meaning } = this.header;
    return (
      !this.source.isOffline &&
      !this.live &&
      this.lanes.length > 1 &&
      this.messages > 0 &&
      Boolean(has?.own || meaning === "own")
    );
  }

  /** Have the offsets of the clocks recovered, if the log does not have them yet. */
  async recoverOffsets() {
    if (this.hasAxis("corrected") || !this.mayHaveOffsets()) return;
    const offsets = await (await this.source.get("offsets")).json();
    const extents = await this.engine.call("setOffsets", offsets);
    if (extents) this.extents = { ...this.extents, ...extents };
    this.version++;
  }

  /** Find out an axis's extent and the longest queue, if they are not known yet. @param {string} axis @param {boolean} idle */
  async measure(axis, idle) {
    const name = axisName(axis, idle);
    const known = this.extents[name];
    if (known === null || !this.hasAxis(axis)) return;
    if (!known || Number.isNaN(known[0])) {
      const { version } = this;
      const extent = await this.engine.call("extent", axis, idle);
      if (version === this.version) this.extents[name] = extent;
    }
    if (this.measured !== this.version) {
      this.measured = this.version;
      const most = (await this.engine.call("fieldRange", "queue"))[1];
      if (most > 0) this.mostQueued = this.live ? Math.max(16, 2 ** Math.ceil(Math.log2(most))) : most;
    }
  }

  /** How often an axis falls within a lane. @param {string} axis */
  async fallsOf(axis) {
    if (this.live || !this.hasAxis(axis)) return 0;
    this.falls[axis] ??= (await this.engine.call("falls", axis)).length;
    return this.falls[axis];
  }

  get title() {
    return String(this.header.title ?? "");
  }

  /** Return the row of an event, or -1 where there is none. @param {EventRef | null} ref */
  rowOf(ref) {
    if (!ref || ref.run !== this.number || ref.lane >= this.lanes.length) return -1;
    const row = this.starts[ref.lane] + ref.index;
    return ref.index >= 0 && row < this.ends[ref.lane] ? row : -1;
  }

  /** @param {number} row */
  laneOf(row) {
    let low = 0;
    let high = this.lanes.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle;
    }
    return low;
  }

  /** @param {number} row @returns {EventRef} */
  refOf(row) {
    const lane = this.laneOf(row);
    return { run: this.number, lane, index: row - this.starts[lane] };
  }

  /** @param {number} row */
  nameOf(row) {
    const { lane, index } = this.refOf(row);
    return eventName(this.lanes[lane].name, index);
  }

  /** As `nameOf`, where there is little room: of a long name of a lane both ends. @param {number} row */
  shortNameOf(row) {
    const { lane, index } = this.refOf(row);
    return eventName(shortened(this.lanes[lane].name, SHORT_NAME), index);
  }

  /** How many events a lane has. @param {number} lane */
  lengthOf(lane) {
    return this.ends[lane] - this.starts[lane];
  }

  /** Where events are on an axis; NaN where the log does not have it. @param {string} axis @param {boolean} idle @param {ArrayLike<number>} rows @returns {Promise<Float64Array>} */
  positions(axis, idle, rows) {
    if (!rows.length || !this.hasAxis(axis)) return Promise.resolve(new Float64Array(rows.length).fill(NaN));
    return this.engine.call("positions", axis, Int32Array.from(rows), idle);
  }

  /** The stretches that idle compression leaves out. @param {string} axis @param {boolean} idle @returns {Promise<{at: number, left: number}[]>} */
  async gaps(axis, idle) {
    if (!idle || !this.hasAxis(axis)) return [];
    const known = this.gapsOf.get(axis);
    if (known) return known;
    const gaps = (await this.engine.call("gaps", axis, true)) ?? [];
    const plain = gaps.map((/** @type {any} */ gap) => ({ at: gap.at, left: gap.leftOut }));
    this.gapsOf.set(axis, plain);
    return plain;
  }
}

/** Name an axis for the engine. @param {string} axis @param {boolean} idle */
export function axisName(axis, idle) {
  return idle ? `${axis}~idle` : axis;
}
