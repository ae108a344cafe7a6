// Diagrams for tests and measurements: a run of the assignment's machines, drawn by a small generator.

import { Diagram } from "../../src/driftlab/diagram/page/engine/engine.js";

/** @typedef {import("../../src/driftlab/diagram/page/engine/decode.js").Column} Column */

/**
 * Return a function that draws numbers in [0, 1), the same for the same seed.
 * @param {number} seed
 * @returns {() => number}
 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Return the container of a run: each lane receives what waits in its inbox, else sends or works.
 * @param {{lanes: number, events: number, seed?: number, sends?: number, peers?: number}} of
 */
export function runContainer({ lanes, events, seed = 1, sends = 0.35, peers = 0 }) {
  const draw = random(seed);
  const each = Math.floor(events / lanes);
  const rows = each * lanes;
  const kind = new Uint8Array(rows);
  const time = new Float64Array(rows);
  const clock = new Int32Array(rows);
  const queue = new Int32Array(rows);
  const late = new Float32Array(rows);
  const target = new Int32Array(rows).fill(-2);
  const source = new Int32Array(rows).fill(-1);
  const foundAt = new Int32Array(rows).fill(-1);
  /** @type {number[][]} */
  const inboxes = Array.from({ length: lanes }, () => []);
  const heads = new Int32Array(lanes);
  const clocks = new Int32Array(lanes);
  for (let index = 0; index < each; index++) {
    for (let lane = 0; lane < lanes; lane++) {
      const row = lane * each + index;
      const inbox = inboxes[lane];
      time[row] = index * 1e7 + Math.floor((lane / lanes) * 9e6 + draw() * 5e5);
      late[row] = Math.floor(draw() * 2e5);
      if (heads[lane] < inbox.length) {
        const sent = inbox[heads[lane]++];
        kind[row] = 2;
        source[row] = sent;
        clocks[lane] = Math.max(clocks[lane], clock[sent]) + 1;
        foundAt[row] = row;
        if (heads[lane] > 1000) {
          inbox.splice(0, heads[lane]);
          heads[lane] = 0;
        }
      } else {
        clocks[lane]++;
        if (lanes > 1 && draw() < sends) {
          const step = 1 + Math.floor(draw() * ((peers || lanes) - 1));
          const to = (lane + step) % lanes;
          kind[row] = 1;
          target[row] = to;
          inboxes[to].push(row);
        }
      }
      clock[row] = clocks[lane];
      queue[row] = inbox.length - heads[lane];
    }
  }
  const receive = source.reduce((count, sent) => count + (sent >= 0 ? 1 : 0), 0);
  const send = new Int32Array(receive);
  const received = new Int32Array(receive);
  const found = new Int32Array(receive);
  for (let row = 0, at = 0; row < rows; row++) {
    if (source[row] < 0) continue;
    send[at] = source[row];
    received[at] = row;
    found[at++] = Math.max(row - Math.floor(draw() * 3), row - (row % each));
  }
  /** @type {Map<string, Column>} */
  const columns = new Map(
    Object.entries({
      kind,
      time,
      clock,
      queue,
      late,
      target,
      m_send: send,
      m_receive: received,
      m_found: found,
    }),
  );
  const header = {
    events: rows,
    messages: receive,
    columns: [],
    lanes: Array.from({ length: lanes }, (_, lane) => ({
      name: `M${lane + 1}`,
      colour: ["#0072B2", "#D55E00", "#009E73", "#CC79A7"][lane % 4],
      dash: [1, 0],
      start: lane * each,
      end: (lane + 1) * each,
      rate: 100,
      offset: null,
    })),
  };
  return { header, columns };
}

/**
 * Return the diagram of such a run.
 * @param {Parameters<typeof runContainer>[0]} of
 */
export function runDiagram(of) {
  return new Diagram(runContainer(of));
}

/**
 * Return the bytes of a container with raw columns.
 * @param {{header: object, columns: Map<string, Column>}} of
 * @returns {ArrayBuffer}
 */
export function containerBytes({ header, columns }) {
  /** @type {Map<any, string>} */
  const types = new Map(
    /** @type {[any, string][]} */ ([
      [Uint8Array, "u1"],
      [Int32Array, "i4"],
      [Float32Array, "f4"],
      [Float64Array, "f8"],
    ]),
  );
  let at = 0;
  const entries = [...columns].map(([name, column]) => {
    const offset = at;
    at += Math.ceil(column.byteLength / 8) * 8;
    const type = types.get(/** @type {any} */ (column.constructor));
    return { name, type, count: column.length, encoding: "raw", offset, length: column.byteLength };
  });
  const head = new TextEncoder().encode(JSON.stringify({ ...header, columns: entries }));
  const first = Math.ceil((12 + head.length) / 8) * 8;
  const bytes = new Uint8Array(first + at);
  bytes.set(new TextEncoder().encode("DRIFTLD1"));
  new DataView(bytes.buffer).setUint32(8, head.length, true);
  bytes.set(head, 12);
  [...columns.values()].forEach((column, place) => {
    const own = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
    bytes.set(own, first + entries[place].offset);
  });
  return bytes.buffer;
}

/**
 * Return the diagram of a run that has not begun.
 * @param {number} lanes
 */
export function growingDiagram(lanes) {
  const { header, columns } = runContainer({ lanes, events: 0 });
  return new Diagram({ header, columns });
}

/**
 * Return a frame of a run that is still going.
 * @param {[number, number, number][]} laneRows
 * @param {{[name: string]: Column}} columns
 */
export function frameBytes(laneRows, columns) {
  return containerBytes({
    header: { live: true, lane_rows: laneRows },
    columns: new Map(Object.entries(columns)),
  });
}
