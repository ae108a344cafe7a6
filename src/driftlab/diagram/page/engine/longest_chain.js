// How long the longest causal chain is that ends in each event: its Lamport clock, recomputed.
//
// The walk takes each lane as far as it can go. Where an event received a message whose send is
// not placed yet, the sender's lane advances to that send first. In a damaged history events may
// wait for one another; then the message that closes the cycle is left out, and its receive noted.

import { Diagram } from "./diagram.js";
import { senderLanes } from "./messages.js";

/**
 * Return the depth of each row, the first event of a lane having 1, and the receives of messages
 * that were left out because they close a cycle.
 * @param {Diagram} diagram
 * @returns {{depth: Int32Array, cyclic: Int32Array}}
 */
export function chainDepths(diagram) {
  return diagram.once("chain depths", () => new ChainWalk(diagram).run());
}

class ChainWalk {
  /** @param {Diagram} diagram */
  constructor(diagram) {
    const lanes = diagram.lanes.length;
    this.diagram = diagram;
    this.depth = new Int32Array(diagram.starts[lanes]);
    this.senders = senderLanes(diagram);
    this.done = diagram.starts.slice(0, lanes); // the first row of each lane that is not placed
    this.next = diagram.messageStarts.slice(0, lanes); // the first message that is not passed
    this.stack = new Int32Array(lanes + 1); // each lane waits for the one above it
    this.goals = new Int32Array(lanes + 1); // the row that each lane must pass
    this.isOnStack = new Uint8Array(lanes);
    /** @type {number[]} */
    this.cyclic = [];
    this.wantedLane = -1;
    this.wantedRow = -1;
  }

  run() {
    for (let lane = 0; lane < this.diagram.lanes.length; lane++) this.place(lane);
    return { depth: this.depth, cyclic: Int32Array.from(this.cyclic).sort() };
  }

  /**
   * Place all rows of a lane.
   * @param {number} first
   */
  place(first) {
    const { stack, goals, isOnStack, done } = this;
    let top = 0;
    stack[0] = first;
    goals[0] = this.diagram.ends[first];
    isOnStack[first] = 1;
    while (top >= 0) {
      const lane = stack[top];
      if (this.advance(lane) || done[lane] >= goals[top]) {
        isOnStack[lane] = 0;
        top--;
      } else if (isOnStack[this.wantedLane]) {
        this.cyclic.push(done[lane]);
        this.next[lane]++; // leave this message out
      } else {
        top++;
        stack[top] = this.wantedLane;
        goals[top] = this.wantedRow + 1;
        isOnStack[this.wantedLane] = 1;
      }
    }
  }

  /**
   * Place rows of a lane until its end, or until one that needs a send that is not placed.
   * @param {number} lane
   * @returns {boolean} whether the lane is at its end
   */
  advance(lane) {
    const { depth, senders, done } = this;
    const { send, receive } = this.diagram.messages;
    const end = this.diagram.ends[lane];
    const messageEnd = this.diagram.messageEnds[lane];
    let next = this.next[lane];
    let row = done[lane];
    // A row may have been left half way: what it has so far is kept in its own depth.
    let before = row > this.diagram.starts[lane] ? depth[row - 1] : 0;
    let nextRow = next < messageEnd ? receive[next] : -1;
    while (row < end) {
      let most = Math.max(before, depth[row]);
      while (nextRow === row) {
        const sent = send[next];
        const sender = senders[next];
        if (sent >= done[sender]) {
          depth[row] = most;
          done[lane] = row;
          this.next[lane] = next;
          this.wantedLane = sender;
          this.wantedRow = sent;
          return false;
        }
        if (depth[sent] > most) most = depth[sent];
        next++;
        nextRow = next < messageEnd ? receive[next] : -1;
      }
      before = most + 1;
      depth[row] = before;
      row++;
      // A later message of the same lane may name a send in it.
      done[lane] = row;
    }
    this.next[lane] = next;
    return true;
  }
}
