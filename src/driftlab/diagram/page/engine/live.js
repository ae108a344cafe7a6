// A run that is still going: rows are appended to lanes, and messages matched as they come.
//
// Behind each lane there is room for rows and as many messages. Where it is used up, all lanes move
// apart and rows get new numbers: then `moves` rises, and a page that keeps rows must ask again by
// lane and index. A message is named by (sender, stamp): a process's Lamport clock rises, so its
// send is found by binary search. A receive that comes before its send waits for it, and with it the
// later ones of its lane, so that messages keep their numbers; what comes later still is put among them.

import { decodeContainer } from "./decode.js";
import { Diagram, LANE_ROOM, SEND, lowerBound } from "./diagram.js";

/**
 * @typedef {import("./decode.js").Container} Container
 * @typedef {import("./decode.js").Column} Column
 * @typedef {{index: number, sender: number, stamp: number, since: number}} Received
 *   A receive without its send: its index, what its message says, the frame it came with.
 * @typedef {{version: number, moves: number, ended: {[lane: string]: string} | null,
 *   caughtUp: boolean, unmatched: number}} Appended
 */

const WAITS_MAX = 40; // frames that a receive waits for its send, and the lane for the receive
const NOT_OF_ROWS = new Set(["m_send", "m_receive", "m_found", "w_send", "w_found", "gap"]);
const SKIPPED = new Set(["sender", "stamp", "a_lane", "a_index", "a_sender", "a_stamp"]);

/** What a diagram that grows knows beyond its columns. */
export class Growth {
  /** @param {Diagram} diagram without events */
  constructor(diagram) {
    this.diagram = diagram;
    this.moves = 0;
    this.frames = 0;
    /** @type {Received[][]} receives of each lane that are not matched yet */
    this.waiting = diagram.lanes.map(() => []);
    /** @type {Received[][]} those that waited too long */
    this.late = diagram.lanes.map(() => []);
    /** @type {Set<number>} lanes that others have waited for in vain; for these nobody waits */
    this.behind = new Set();
    diagram.isGrowing = true;
    /** @type {Map<number, number>[]} by receiver and sender: the index of the tick that found a stamp */
    this.arrivals = [];
    diagram.messages.found = new Int32Array(0);
    this.#move(diagram.ends.map(() => LANE_ROOM));
  }

  /**
   * Take a frame.
   * @param {Container} frame
   * @returns {Appended}
   */
  append({ header, columns }) {
    const { diagram } = this;
    if (header.sets) diagram.header.sets = header.sets;
    const rows = header.lane_rows ?? [];
    this.#makeRoom(rows);
    this.#takeArrivals(columns);
    this.frames++;
    let at = 0;
    for (const [lane, first, count] of rows) {
      this.#takeRows(columns, at, lane, first, count);
      at += count;
    }
    for (let lane = 0; lane < this.waiting.length; lane++) this.#matchLane(lane);
    diagram.version++;
    return {
      version: diagram.version,
      moves: this.moves,
      ended: header.ended ?? null,
      caughtUp: header.caught_up ?? true,
      unmatched: [...this.waiting, ...this.late].reduce((sum, { length }) => sum + length, 0),
    };
  }

  /** @param {[number, number, number][]} rows */
  #makeRoom(rows) {
    const { starts, ends, lanes } = this.diagram;
    const need = lanes.map((_, lane) => ends[lane] - starts[lane]);
    for (const [lane, first, count] of rows) need[lane] = Math.max(need[lane], first + count);
    if (need.every((rows, lane) => starts[lane] + rows < starts[lane + 1])) return;
    // Lanes that are nearly full move too, so that they do not each cause a move of their own.
    this.#move(
      Int32Array.from(need, (rows, lane) => {
        const room = starts[lane + 1] - starts[lane];
        return rows * 1.25 > room ? Math.ceil((rows * 1.5 + 1) / LANE_ROOM) * LANE_ROOM : room;
      }),
    );
  }

  /**
   * Move all lanes apart.
   * @param {Int32Array} rooms rows of each
   */
  #move(rooms) {
    const { diagram } = this;
    const { starts, ends, messageEnds, messageStarts, messages } = diagram;
    const moved = new Int32Array(rooms.length + 1);
    rooms.forEach((room, lane) => (moved[lane + 1] = moved[lane] + room));
    const total = moved[rooms.length];
    for (const [name, column] of diagram.columns) {
      if (NOT_OF_ROWS.has(name)) continue;
      diagram.columns.set(name, movedColumn(column, total, starts, ends, moved));
    }
    const newRow = (/** @type {number} */ row) => {
      const lane = diagram.laneOf(row);
      return row - starts[lane] + moved[lane];
    };
    const firsts = Int32Array.from(messageStarts);
    for (const name of /** @type {const} */ (["send", "receive", "found"])) {
      const rows = /** @type {Int32Array} */ (messages[name]);
      const renamed = rows.map((row) => (row >= 0 ? newRow(row) : -1));
      messages[name] = /** @type {Int32Array} */ (movedColumn(renamed, total, firsts, messageEnds, moved));
    }
    diagram.messageEnds = messageEnds.map((end, lane) => end - firsts[lane] + moved[lane]);
    diagram.messageStarts = moved.slice();
    diagram.ends = ends.map((end, lane) => end - starts[lane] + moved[lane]);
    diagram.starts = moved;
    diagram.layout++;
    this.moves++;
  }

  /**
   * Copy rows of one lane out of a frame, but for those that are known already.
   * @param {Map<string, Column>} columns
   * @param {number} at where they begin in the frame
   * @param {number} lane
   * @param {number} first
   * @param {number} count
   */
  #takeRows(columns, at, lane, first, count) {
    const { diagram } = this;
    const known = diagram.ends[lane] - diagram.starts[lane];
    if (first > known) throw new Error(`events ${known} to ${first} of lane ${lane} are missing`);
    const skip = Math.min(count, known - first);
    for (const [name, values] of columns) {
      const column = diagram.columns.get(name);
      if (!column || SKIPPED.has(name) || NOT_OF_ROWS.has(name)) continue;
      column.set(values.subarray(at + skip, at + count), diagram.ends[lane]);
    }
    diagram.ends[lane] += count - skip;
    const sender = columns.get("sender");
    const stamp = columns.get("stamp");
    if (!sender || !stamp) return;
    for (let each = skip; each < count; each++) {
      if (sender[at + each] < 0 || Number.isNaN(stamp[at + each])) continue;
      this.waiting[lane].push({
        index: first + each,
        sender: sender[at + each],
        stamp: stamp[at + each],
        since: this.frames,
      });
    }
  }

  /**
   * Take what ticks found, but for ticks that are known already.
   * @param {Map<string, Column>} columns
   */
  #takeArrivals(columns) {
    const { starts, ends } = this.diagram;
    const [lanes, indices, senders, stamps] = ["a_lane", "a_index", "a_sender", "a_stamp"].map(
      (name) => columns.get(name) ?? new Int32Array(0),
    );
    for (let at = 0; at < lanes.length; at++) {
      if (indices[at] < ends[lanes[at]] - starts[lanes[at]]) continue;
      this.#foundBy(lanes[at], senders[at]).set(stamps[at], indices[at]);
    }
  }

  /**
   * @param {number} lane
   * @param {number} sender
   * @returns {Map<number, number>}
   */
  #foundBy(lane, sender) {
    const at = lane * this.diagram.lanes.length + sender;
    return (this.arrivals[at] ??= new Map());
  }

  /**
   * Return the rows of the sends of messages that wait in an inbox, and of the ticks that found them.
   * @returns {[number, number][]}
   */
  waitingInInboxes() {
    const { starts, lanes } = this.diagram;
    /** @type {[number, number][]} */
    const rows = [];
    this.arrivals.forEach((arrivals, at) => {
      const lane = Math.floor(at / lanes.length);
      for (const [stamp, index] of arrivals) {
        const send = this.#sendOf(at % lanes.length, stamp);
        if (send >= 0) rows.push([send, starts[lane] + index]);
      }
    });
    return rows;
  }

  /**
   * Match receives of a lane in their order, up to one whose send may still come.
   * @param {number} lane
   */
  #matchLane(lane) {
    const waiting = this.waiting[lane];
    let taken = 0;
    for (; taken < waiting.length; taken++) {
      const received = waiting[taken];
      if (this.#match(lane, received)) continue;
      if (!this.behind.has(received.sender) && !this.#hasPassed(received)) {
        if (this.frames - received.since < WAITS_MAX) break;
        this.behind.add(received.sender);
      }
      this.late[lane].push(received);
    }
    waiting.splice(0, taken);
    this.late[lane] = this.late[lane].filter((received) => {
      const isMatched = this.#match(lane, received);
      if (isMatched) this.behind.delete(received.sender);
      return !isMatched;
    });
  }

  /**
   * Whether a sender's clock is beyond that of a message, so that its send does not come any more.
   * @param {Received} received
   * @returns {boolean}
   */
  #hasPassed({ sender, stamp }) {
    const { starts, ends } = this.diagram;
    return ends[sender] > starts[sender] && this.diagram.valueAt("clock", ends[sender] - 1) > stamp;
  }

  /**
   * Match a receive, if its send has come.
   * @param {number} lane
   * @param {Received} received
   * @returns {boolean}
   */
  #match(lane, { index, sender, stamp }) {
    const { diagram } = this;
    const send = this.#sendOf(sender, stamp);
    if (send < 0) return false;
    const arrivals = this.#foundBy(lane, sender);
    const found = arrivals.get(stamp);
    arrivals.delete(stamp);
    const row = diagram.starts[lane] + index;
    this.#insert(lane, send, row, found === undefined ? -1 : diagram.starts[lane] + found);
    return true;
  }

  /**
   * Return the row of the send of a lane that has a clock, -1 if there is none.
   * @param {number} lane
   * @param {number} stamp
   * @returns {number}
   */
  #sendOf(lane, stamp) {
    const { diagram } = this;
    const clock = /** @type {Column} */ (diagram.column("clock"));
    const end = diagram.ends[lane];
    let send = lowerBound(clock, stamp, diagram.starts[lane], end);
    while (send < end && clock[send] === stamp && diagram.kind[send] !== SEND) send++;
    return send < end && clock[send] === stamp ? send : -1;
  }

  /**
   * Insert a message among those of a lane, by the row of its receive.
   * @param {number} lane
   * @param {number} sent
   * @param {number} received
   * @param {number} foundAt
   */
  #insert(lane, sent, received, foundAt) {
    const { messageStarts, messageEnds } = this.diagram;
    const { send, receive } = this.diagram.messages;
    const found = /** @type {Int32Array} */ (this.diagram.messages.found);
    const end = messageEnds[lane];
    const at = lowerBound(receive, received + 1, messageStarts[lane], end);
    if (at < end) {
      for (const column of [send, receive, found]) column.copyWithin(at + 1, at, end);
      this.diagram.layout++;
    }
    send[at] = sent;
    receive[at] = received;
    found[at] = foundAt;
    messageEnds[lane]++;
  }
}

/**
 * Return a column with its lanes moved.
 * @param {Column} column
 * @param {number} total
 * @param {Int32Array} starts
 * @param {Int32Array} ends
 * @param {Int32Array} moved where each lane is to begin
 * @returns {Column}
 */
function movedColumn(column, total, starts, ends, moved) {
  const out = new /** @type {any} */ (column.constructor)(total);
  for (let lane = 0; lane < ends.length; lane++) {
    out.set(column.subarray(starts[lane], ends[lane]), moved[lane]);
  }
  return out;
}

/**
 * Append a frame to the diagram of a run that is still going.
 * @param {Diagram} diagram
 * @param {ArrayBuffer} buffer
 * @returns {Appended}
 */
export function append(diagram, buffer) {
  return growthOf(diagram).append(decodeContainer(buffer));
}

/** @type {WeakMap<Diagram, Growth>} */
const growing = new WeakMap();

/**
 * Return what a growing diagram knows beyond its columns.
 * @param {Diagram} diagram
 * @returns {Growth}
 */
export function growthOf(diagram) {
  let growth = growing.get(diagram);
  if (!growth) growing.set(diagram, (growth = new Growth(diagram)));
  return growth;
}
