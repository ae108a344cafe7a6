// Happened-before (Lamport 1978) from program order and messages alone.
//
// An event's past is a frontier: of each lane its first events. Its future is of each lane the
// events from one on. Neither holds the event itself unless it lies on a cycle, as a damaged log
// may have. Both are least fixed points, so cycles need no care of their own.

import { Diagram, lowerBound } from "./diagram.js";
import { receivedIn, senderLanes, sentOrder } from "./messages.js";
import { GreatestSoFar, LeastFromHere } from "./reach_tables.js";
import { finished } from "./steps.js";

/**
 * @param {Diagram} diagram
 * @returns {GreatestSoFar} by the order of receives: the rows of the sends
 */
export function sendsReceived(diagram) {
  return diagram.once("sends received", () => finished(tableOfReceived(diagram)));
}

/** @param {Diagram} diagram */
function tableOfReceived(diagram) {
  return GreatestSoFar.inSteps({
    starts: diagram.messageStarts.subarray(0, diagram.lanes.length),
    ends: diagram.messageEnds,
    block: diagram.blocks.messages,
    rows: diagram.messages.send,
    lanes: senderLanes(diagram),
  });
}

/**
 * @param {Diagram} diagram
 * @returns {LeastFromHere} by the order of sends: the rows of the receives
 */
export function receivesOfSent(diagram) {
  return diagram.once("receives of sent", () => finished(tableOfSent(diagram)));
}

/** @param {Diagram} diagram */
function tableOfSent(diagram) {
  const { starts, ends, received, receivers } = sentOrder(diagram);
  return LeastFromHere.inSteps({
    starts: starts.subarray(0, diagram.lanes.length),
    ends,
    block: diagram.blocks.messages,
    rows: received,
    lanes: receivers,
  });
}

/**
 * Have the tables of past and future ready for a diagram that does not grow, in steps.
 * @param {Diagram} diagram
 * @returns {Generator<void, void>}
 */
export function* reachTablesInSteps(diagram) {
  const received = yield* tableOfReceived(diagram);
  diagram.once("sends received", () => received);
  const sent = yield* tableOfSent(diagram);
  diagram.once("receives of sent", () => sent);
}

/**
 * Return how many events of each lane happened before an event.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {Int32Array}
 */
export function past(diagram, row) {
  const { starts, messageStarts } = diagram;
  const lanes = diagram.lanes.length;
  const table = sendsReceived(diagram);
  const senders = senderLanes(diagram);
  const { send, receive } = diagram.messages;
  const own = diagram.laneOf(row);
  const last = new Int32Array(lanes); // the last row inside; the row before the lane's first if none
  for (let lane = 0; lane < lanes; lane++) last[lane] = starts[lane] - 1;
  last[own] = row - 1;
  const [low, high] = receivedIn(diagram, own, row, row + 1);
  for (let message = low; message < high; message++) {
    last[senders[message]] = Math.max(last[senders[message]], send[message]);
  }
  const done = messageStarts.slice(0, lanes); // the first message that is not followed
  for (let changed = true; changed;) {
    changed = false;
    for (let lane = 0; lane < lanes; lane++) {
      const to = lowerBound(receive, last[lane] + 1, done[lane], diagram.messageEnds[lane]);
      if (to === done[lane]) continue;
      changed = true;
      if (to - done[lane] > table.block) table.raise(lane, to, last);
      else raiseBySends(last, send, senders, done[lane], to);
      done[lane] = to;
    }
  }
  return last.map((each, lane) => each + 1 - starts[lane]);
}

/**
 * @param {Int32Array} last
 * @param {Int32Array} send
 * @param {ArrayLike<number>} senders
 * @param {number} from
 * @param {number} to
 */
function raiseBySends(last, send, senders, from, to) {
  for (let message = from; message < to; message++) {
    if (send[message] > last[senders[message]]) last[senders[message]] = send[message];
  }
}

/**
 * Return the index of the first event of each lane that an event happened before, else its length.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {Int32Array}
 */
export function future(diagram, row) {
  const search = new Reach(diagram, row);
  const changed = new Uint8Array(search.reach.length);
  changed[search.own] = 1;
  for (let isDone = false; !isDone;) {
    isDone = true;
    for (let lane = 0; lane < changed.length; lane++) {
      if (!changed[lane]) continue;
      changed[lane] = 0;
      isDone = false;
      search.follow(lane, search.reach, search.reach, (reached) => (changed[reached] = 1));
    }
  }
  return search.reach.map((each, lane) => each - diagram.starts[lane]);
}

/** What an event reaches with 0, 1, 2 … messages: in each lane all events from one on. */
class Reach {
  /**
   * @param {Diagram} diagram
   * @param {number} row
   */
  constructor(diagram, row) {
    this.diagram = diagram;
    this.row = row;
    this.own = diagram.laneOf(row);
    this.reach = diagram.ends.slice();
    this.reach[this.own] = row + 1;
    this.sent = sentOrder(diagram);
    this.table = receivesOfSent(diagram);
    /** the first message of each lane, by sends, that is followed */
    this.done = this.sent.ends.slice();
    /** @type {number[]} lanes whose reach the last message extended */
    this.changed = [this.own];
    this.least = new Int32Array(this.reach.length);
  }

  /**
   * Return the first row of a lane whose messages carry on, with a reach.
   * @param {Int32Array} reach
   * @param {number} lane
   * @returns {number}
   */
  departure(reach, lane) {
    return lane === this.own ? Math.min(reach[lane], this.row) : reach[lane];
  }

  /**
   * Extend a reach by the messages of a lane that another reach carries on.
   * @param {number} lane
   * @param {Int32Array} reach
   * @param {Int32Array} extended is lowered
   * @param {(lane: number) => void} note is called with lanes that it was lowered for
   */
  follow(lane, reach, extended, note) {
    const { sent, done, table, least } = this;
    const { rows, starts, received, receivers } = sent;
    const from = lowerBound(rows, this.departure(reach, lane), starts[lane], done[lane]);
    const to = done[lane];
    done[lane] = from;
    if (to - from <= table.block) {
      for (let at = from; at < to; at++) {
        const receiver = receivers[at];
        if (received[at] >= extended[receiver]) continue;
        extended[receiver] = received[at];
        note(receiver);
      }
      return;
    }
    least.set(extended);
    table.lower(lane, from, least);
    for (let other = 0; other < least.length; other++) {
      if (least[other] >= extended[other]) continue;
      extended[other] = least[other];
      note(other);
    }
  }

  /**
   * Add what one message more reaches.
   * @returns {boolean} whether that is anything
   */
  extend() {
    const before = this.reach;
    const extended = before.slice();
    /** @type {Set<number>} */
    const changed = new Set();
    for (const lane of this.changed) this.follow(lane, before, extended, (each) => changed.add(each));
    this.reach = extended;
    this.changed = [...changed];
    return changed.size > 0;
  }
}

/**
 * Return a chain with the fewest messages from one event to another, as rows, or null.
 *
 * It holds both events and each send and its receive; an event that is two of these stands once.
 * Of an event to itself it is a cycle.
 * @param {Diagram} diagram
 * @param {number} first
 * @param {number} last
 * @returns {Int32Array | null}
 */
export function causalChain(diagram, first, last) {
  const search = new Reach(diagram, first);
  const destination = diagram.laneOf(last);
  const rounds = [search.reach];
  while (search.reach[destination] > last) {
    if (!search.extend()) return null;
    rounds.push(search.reach);
  }
  const path = [last];
  let lane = destination;
  for (let round = rounds.length - 1; round > 0; round--) {
    // One message fewer did not reach the lane as early.
    const received = rounds[round][lane];
    const message = messageInto(search, rounds[round - 1], lane, received);
    path.push(received, diagram.messages.send[message]);
    lane = diagram.laneOf(diagram.messages.send[message]);
  }
  path.push(first);
  const kept = path.filter((row, at) => at === 0 || row !== path[at - 1]);
  return Int32Array.from(kept.length > 1 ? kept : path.slice(0, 2)).reverse();
}

/**
 * Return the number of a message that a row received from an event within a reach.
 * @param {Reach} search
 * @param {Int32Array} reach
 * @param {number} lane
 * @param {number} received
 * @returns {number}
 */
function messageInto(search, reach, lane, received) {
  const senders = senderLanes(search.diagram);
  const { send } = search.diagram.messages;
  const [low, high] = receivedIn(search.diagram, lane, received, received + 1);
  for (let message = low; message < high; message++) {
    if (send[message] >= search.departure(reach, senders[message])) return message;
  }
  throw new Error(`row ${received} was reached by no message`);
}

/**
 * Return the chain with the fewest messages between two events, whichever came first, or null
 * where they are concurrent.
 * @param {Diagram} diagram
 * @param {number} one
 * @param {number} other
 * @returns {Int32Array | null}
 */
export function chain(diagram, one, other) {
  return causalChain(diagram, one, other) ?? (one === other ? null : causalChain(diagram, other, one));
}

/**
 * Return for each lane the indices, from and to, of its events that are concurrent with an event.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {{from: Int32Array, to: Int32Array}}
 */
export function concurrent(diagram, row) {
  const from = past(diagram, row);
  const to = future(diagram, row);
  const own = diagram.laneOf(row);
  from[own] = to[own];
  return { from, to: to.map((end, lane) => Math.max(from[lane], end)) };
}

const WHY_MESSAGES_MAX = 200;
const WHY_ROWS_MAX = 2_000_000;

/**
 * Return the chain of latest causes of an event, as rows in causal order; it ends in the event.
 *
 * Backwards from the event: what caused an event is the message it received if the send's clock is
 * at least that of the event before it, so that the message set its clock; else the event before.
 * Without clocks times decide, and without times the message. Of what lies between two messages
 * only the ends are named.
 * @param {Diagram} diagram
 * @param {number} row
 * @param {number} [most] messages
 * @returns {Int32Array}
 */
export function why(diagram, row, most = WHY_MESSAGES_MAX) {
  const measure = diagram.column("clock") ? "clock" : "time";
  const path = [row];
  const taken = new Set();
  let lane = diagram.laneOf(row);
  let at = row;
  for (let steps = 0; steps < WHY_ROWS_MAX && taken.size < most; steps++) {
    const message = latestCause(diagram, lane, at, measure);
    if (message >= 0 && !taken.has(message)) {
      taken.add(message);
      if (path[path.length - 1] !== at) path.push(at);
      at = diagram.messages.send[message];
      lane = diagram.laneOf(at);
      path.push(at);
    } else if (at > diagram.starts[lane]) {
      at--;
    } else {
      break;
    }
  }
  if (path[path.length - 1] !== at) path.push(at);
  return Int32Array.from(path).reverse();
}

/**
 * Return the message that set an event's clock, -1 where the event before it did.
 * @param {Diagram} diagram
 * @param {number} lane
 * @param {number} row
 * @param {string} measure
 * @returns {number}
 */
function latestCause(diagram, lane, row, measure) {
  const { send } = diagram.messages;
  const [low, high] = receivedIn(diagram, lane, row, row + 1);
  if (low === high) return -1;
  let best = low;
  for (let message = low + 1; message < high; message++) {
    if (diagram.valueAt(measure, send[message]) > diagram.valueAt(measure, send[best])) best = message;
  }
  if (row === diagram.starts[lane]) return best;
  return diagram.valueAt(measure, send[best]) < diagram.valueAt(measure, row - 1) ? -1 : best;
}

/**
 * Whether one event happened before another.
 * @param {Diagram} diagram
 * @param {number} first
 * @param {number} second
 * @returns {boolean}
 */
export function happenedBefore(diagram, first, second) {
  const lane = diagram.laneOf(first);
  return past(diagram, second)[lane] > first - diagram.starts[lane];
}
