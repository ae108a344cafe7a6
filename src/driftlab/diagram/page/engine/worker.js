// The worker: holds one diagram and answers the page's questions about it, one after another.
//
// A question is {id, call, args, slot?}; the answer {id, result}, {id, error} or {id, cancelled}.
// A newer question of the same slot cancels those that still wait. While only an overview of the
// run is known, tiles are drawn of it, and all other questions wait for the data. A question that
// needs an index which is not there waits while the index is built, and others are answered.

import { axisOf, setOffsets } from "./axes.js";
import { before, containing, cut, cutTablesInSteps } from "./cuts.js";
import { causalChain, chain, concurrent, future, past, reachTablesInSteps, why } from "./causality.js";
import { counts, crossings, curve } from "./counts.js";
import { decodeTexts, fromBase64, inflate } from "./decode.js";
import { Diagram, decode } from "./diagram.js";
import { driftRange } from "./drift.js";
import { fewestCrossings } from "./lane_order.js";
import { append } from "./live.js";
import { chainDepths } from "./longest_chain.js";
import {
  axisValues,
  describe,
  extent,
  extents,
  fieldRange,
  frontierAt,
  gaps,
  label,
  messageRows,
  nearest,
  positions,
  unlabel,
} from "./lookups.js";
import { messagesOf, sentOrderInSteps } from "./messages.js";
import { overviewIn, overviewSummary, overviewTile } from "./overview.js";
import { search } from "./search.js";
import { spanning } from "./spanning.js";
import { tile } from "./tile.js";
import { setVerdict, violationRows } from "./violations.js";

/**
 * @typedef {{id: number, call: string, args?: any[], slot?: string}} Question
 * @typedef {{id: number, result?: any, error?: string, cancelled?: boolean}} Answer
 */

const DEFLATED = 0x78; // the first byte of data in the zlib format
/** Questions that need an index, and which. @type {Record<string, "causes" | "cuts">} */
const INDEXED = {
  ...Object.fromEntries(
    "past future concurrent chain causalChain why containing before describe messagesOf"
      .split(" ")
      .map((call) => [call, "causes"]),
  ),
  cut: "cuts",
};

/** What the page may ask. */
export class Session {
  constructor() {
    /** @type {Diagram | null} */
    this.held = null;
    /** @type {import("./overview.js").Overview | null} */
    this.overview = null;
    this.failure = "";
  }

  /** Whether a question has to wait until the data is there. @param {Question} question */
  mustWait({ call, args }) {
    if (this.held || !this.overview || this.failure) return false;
    const [view] = args ?? [];
    return !["open", "overview", "giveUp"].includes(call) && !(call === "tile" && view.axis === "time");
  }

  /** Build a part of the index that a question needs; whether it still has to wait. @param {Question} question */
  isPreparing({ call }) {
    return this.held !== null && !this.held.isGrowing && call in INDEXED && prepare(this.held, INDEXED[call]);
  }

  /** @returns {Diagram} */
  get diagram() {
    if (!this.held) throw new Error(this.failure || "no diagram is open");
    return this.held;
  }

  /**
   * Answer one question.
   * @param {string} call
   * @param {any[]} args
   * @returns {any} or a promise of it
   */
  answer(call, args) {
    if (call === "open") return this.open(args[0], args[1]);
    if (call === "openTexts") return this.openTexts(args[0]);
    if (call === "overview") return this.takeOverview(args[0]);
    if (call === "giveUp") return this.giveUp(args[0]);
    if (call === "tile" && !this.held && this.overview) return overviewTile(this.overview, args[0]);
    const known = CALLS[call];
    if (!known) throw new Error(`the engine has no function ${call}`);
    return known(this.diagram, ...args);
  }

  /**
   * Take a container, plain or deflated, as bytes or base64.
   * @param {ArrayBuffer | {base64: string}} data
   * @param {Partial<import("./diagram.js").Blocks>} [blocks]
   */
  async open(data, blocks) {
    this.held = decode(await plainBytes(data), blocks);
    this.overview = null;
    return opened(this.held);
  }

  /**
   * Take an overview of the run whose data is still to come.
   * @param {ArrayBuffer} data
   * @returns what the page has to know of the run, null if there is none or the data is there
   */
  takeOverview(data) {
    this.overview = this.held ? null : overviewIn(data);
    return this.overview && overviewSummary(this.overview);
  }

  /**
   * The data will not come: questions that wait for it fail.
   * @param {string} reason
   */
  giveUp(reason) {
    this.failure = reason;
    return null;
  }

  /**
   * Take the texts of the log, for search.
   * @param {ArrayBuffer | {base64: string}} data
   * @returns {Promise<number>} how many events have texts
   */
  async openTexts(data) {
    this.diagram.texts = decodeTexts(await plainBytes(data));
    return this.diagram.texts.size;
  }
}

/**
 * @param {ArrayBuffer | {base64: string}} data
 * @returns {Promise<ArrayBuffer>}
 */
async function plainBytes(data) {
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : fromBase64(data.base64);
  if (bytes[0] === DEFLATED) return inflate(bytes);
  return /** @type {ArrayBuffer} */ (bytes.buffer);
}

/** @param {Diagram} diagram */
function opened(diagram) {
  const { header, starts, ends, version, events, messageCount: messages } = diagram;
  return { header, starts, ends, version, events, messages, extents: extents(diagram) };
}

/** @type {{[call: string]: (diagram: Diagram, ...args: any[]) => any}} */
const CALLS = {
  tile,
  past,
  future,
  concurrent,
  chain,
  causalChain,
  chainDepths: (diagram) => chainDepths(diagram),
  why,
  cut,
  containing,
  before,
  describe,
  messagesOf,
  messages: messageRows,
  setVerdict: (diagram, verdict) => {
    setVerdict(diagram, verdict);
    return violationRows(diagram);
  },
  setOffsets: (diagram, offsets) => {
    setOffsets(diagram, offsets);
    return extents(diagram);
  },
  append: (diagram, buffer) => ({ ...append(diagram, buffer), ...opened(diagram) }),
  order: (diagram) => fewestCrossings(diagram),
  search,
  prepare,
  violationRows,
  fieldRange,
  nearest,
  positions,
  frontierAt,
  gaps,
  label,
  unlabel,
  extent,
  axisValues,
  falls: (diagram, axis) => axisOf(diagram, axis).falls,
  counts: (diagram, view) =>
    eachLane(diagram, view, (axis, lane) => counts(diagram, axis, lane, view.begin, view.end, view.columns)),
  extremes: (diagram, view) => {
    if (view.field !== "drift") {
      return eachLane(diagram, view, (axis, lane) =>
        curve(diagram, axis, view.field, lane, view.begin, view.end, view.columns),
      );
    }
    const axis = axisOf(diagram, view.axis, view.idle);
    const ranges = driftRange(diagram, axis, view.lanes ?? [view.lane], view.begin, view.end, view.columns);
    return view.lanes ? ranges : ranges[0];
  },
  crossings: (diagram, view) =>
    crossings(
      diagram,
      axisOf(diagram, view.axis, view.idle),
      view.begin,
      view.end,
      view.columns,
      view.laneOrder,
      view.arrowTo !== "receive",
    ),
  spanning: (diagram, view) =>
    spanning(
      diagram,
      axisOf(diagram, view.axis, view.idle),
      view.begin,
      view.end,
      view.laneOrder,
      view.arrowTo !== "receive",
    ),
};

/**
 * Build the index that questions for causes need, in steps of some milliseconds: in one piece it
 * would take part of a second of ten million events.
 * @param {Diagram} diagram
 * @returns {Generator<void, void>}
 */
function* causesInSteps(diagram) {
  yield* sentOrderInSteps(diagram);
  yield* reachTablesInSteps(diagram);
}

/**
 * Build a part of an index ahead of the question that needs it.
 * @param {Diagram} diagram
 * @param {"causes" | "cuts"} [index] by default both: that of cuts has that of causes too
 * @returns {boolean} whether there is more to do
 */
function prepare(diagram, index = "cuts") {
  if (!diagram.once("causes in steps", () => causesInSteps(diagram)).next().done) return true;
  return index === "cuts" && !diagram.once("cuts in steps", () => cutTablesInSteps(diagram)).next().done;
}

/**
 * @template T
 * @param {Diagram} diagram
 * @param {{axis: string, idle?: boolean, lane: number, lanes?: number[]}} view
 * @param {(axis: import("./axes.js").Axis, lane: number) => T} each
 * @returns {T | T[]}
 */
function eachLane(diagram, view, each) {
  const axis = axisOf(diagram, view.axis, view.idle);
  return view.lanes ? Array.from(view.lanes, (lane) => each(axis, lane)) : each(axis, view.lane);
}

/** Questions that wait, answered in their order. */
export class Desk {
  /**
   * @param {Session} session
   * @param {(answer: Answer, transfer: Transferable[]) => void} post
   */
  constructor(session, post) {
    this.session = session;
    this.post = post;
    /** @type {Question[]} */
    this.waiting = [];
    /** @type {Question[]} that wait for the data */
    this.held = [];
    this.isBusy = false;
  }

  /** @param {Question} question */
  take(question) {
    if (question.slot !== undefined) {
      const stale = [...this.held, ...this.waiting].filter(({ slot }) => slot === question.slot);
      this.held = this.held.filter(({ slot }) => slot !== question.slot);
      this.waiting = this.waiting.filter(({ slot }) => slot !== question.slot);
      for (const { id } of stale) this.post({ id, cancelled: true }, []);
    }
    this.waiting.push(question);
    if (!this.isBusy) {
      this.isBusy = true;
      this.pause().then(() => this.work());
    }
  }

  /** Answer all that waits; between two, newer questions come in. */
  async work() {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const { id, call, args } = next;
      if (this.session.mustWait(next)) {
        this.held.push(next);
        continue;
      }
      try {
        if (this.session.isPreparing(next)) {
          await this.pause();
          this.waiting.push(next); // behind those that have come
          continue;
        }
        const result = await this.session.answer(call, args ?? []);
        this.post({ id, result }, transferables(call, result));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (call === "open") this.session.giveUp(reason);
        this.post({ id, error: reason }, []);
      }
      if (call === "open" || call === "giveUp") this.waiting.unshift(...this.held.splice(0));
      await this.pause();
    }
    this.isBusy = false;
  }

  /** Let messages that have come be taken; a timer would wait 4 ms. */
  pause() {
    return new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        done(undefined);
      };
      channel.port2.postMessage(0);
    });
  }
}

/**
 * Return the buffers of an answer that the engine does not need any more: of tiles and curves.
 * @param {string} call
 * @param {any} result
 * @returns {Transferable[]}
 */
function transferables(call, result) {
  if (call === "tile" && result.image) return [result.image.buffer];
  if (call !== "extremes") return [];
  return [result].flat().flatMap((series) =>
    [series.min, series.max, series.last].flatMap((values) => (values ? [values.buffer] : [])),
  );
}

if (typeof self !== "undefined" && "importScripts" in self && typeof postMessage === "function") {
  const post = /** @type {(answer: Answer, transfer: Transferable[]) => void} */ (
    /** @type {unknown} */ (postMessage)
  );
  const desk = new Desk(new Session(), (answer, transfer) => post(answer, transfer));
  self.onmessage = ({ data }) => desk.take(data);
}
