// Which level a tile has, and what is in it whatever the level.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  append,
  axisOf,
  curve,
  fewestCrossings,
  setVerdict,
  tile,
} from "../../src/driftlab/diagram/page/engine/engine.js";
import { Diagram } from "../../src/driftlab/diagram/page/engine/diagram.js";
import { growingDiagram, frameBytes, runContainer, runDiagram } from "./samples.js";

/**
 * @param {import("../../src/driftlab/diagram/page/engine/engine.js").Diagram} diagram
 * @param {number} share of the time axis
 * @param {object} [more]
 */
function viewOf(diagram, share, more = {}) {
  const { begin, end } = axisOf(diagram, "time");
  const lanes = diagram.lanes.length;
  return {
    axis: "time",
    begin,
    end: begin + (end - begin) * share,
    width: 64,
    height: lanes * 20,
    laneOrder: Array.from({ length: lanes }, (_, lane) => lane),
    laneTops: Array.from({ length: lanes }, (_, lane) => lane * 20),
    laneHeights: Array.from({ length: lanes }, () => 20),
    theme: /** @type {const} */ ("light"),
    ...more,
  };
}

test("few events are exact, more messages lines, and beyond that columns count", () => {
  const diagram = runDiagram({ lanes: 4, events: 200_000 });
  const levels = [0.001, 0.2, 1].map((share) => tile(diagram, viewOf(diagram, share)).level);
  assert.deepEqual(levels, ["exact", "lines", "counts"]);
});

test("messages between a shown and a hidden lane keep their end, and both hidden are left out", () => {
  const diagram = runDiagram({ lanes: 3, events: 300 });
  const view = viewOf(diagram, 1, { laneOrder: [2], laneTops: [0], laneHeights: [20] });
  const answer = tile(diagram, view);
  assert.equal(answer.level, "exact");
  if (answer.level !== "exact") return;
  const { from, to, send, receive } = answer.vectors.messages;
  assert.ok(from.length > 10);
  from.forEach((place, at) => {
    assert.equal(place, diagram.laneOf(send[at]) === 2 ? 0 : -1);
    assert.equal(to[at], diagram.laneOf(receive[at]) === 2 ? 0 : -1);
    assert.ok(place === 0 || to[at] === 0);
  });
});

test("a violation is painted red in the dense level, alone in its pixel or among thousands", () => {
  const diagram = runDiagram({ lanes: 2, events: 100_000 });
  setVerdict(diagram, { violations: [{ rows: [30_000, 1] }], more: { other: [60_000] } });
  const view = viewOf(diagram, 1.0001, { level: "counts", colourBy: "violations", arrowTo: "receive" });
  const answer = tile(diagram, view);
  if (answer.level === "exact") throw new Error("not dense");
  const red = [];
  for (let at = 0; at < answer.image.length; at += 4) {
    if (answer.image[at] === 213 && answer.image[at + 3] > 200) red.push((at / 4) % 64);
  }
  assert.deepEqual(
    [...new Set(red)].sort((a, b) => a - b),
    [12, 38],
  ); // 30,000 of 50,000, and 10,000 of the other lane
});

test("lanes thinner than a pixel are all counted", () => {
  const diagram = runDiagram({ lanes: 1000, events: 20_000, peers: 5 });
  const height = 100;
  const view = viewOf(diagram, 1.01, {
    height,
    laneTops: Array.from({ length: 1000 }, (_, lane) => lane / 10),
    laneHeights: Array.from({ length: 1000 }, () => 0.1),
    level: "counts",
    colourBy: "rate",
  });
  const answer = tile(diagram, view);
  if (answer.level === "exact") throw new Error("not dense");
  for (let y = 0; y < height; y++) {
    let painted = 0;
    for (let x = 0; x < 64; x++) painted += answer.image[(y * 64 + x) * 4 + 3] > 0 ? 1 : 0;
    assert.ok(painted > 15, `row ${y}: ${painted}`);
  }
});

test("an order of lanes with few crossings keeps partners together", () => {
  const lanes = 12;
  const diagram = runDiagram({ lanes, events: 12_000, peers: 2 }); // each sends to the next
  const shuffled = [0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5];
  const renamed = runDiagram({ lanes, events: 12_000, peers: 2 });
  assert.ok(renamed.messageCount > 1000);
  const lengthOf = (/** @type {ArrayLike<number>} */ order) => {
    const place = Array.from({ length: lanes }, (_, lane) => Array.from(order).indexOf(lane));
    return place.reduce((sum, at, lane) => sum + Math.abs(at - place[(lane + 1) % lanes]), 0);
  };
  const order = fewestCrossings(diagram);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...shuffled].sort((a, b) => a - b),
  );
  assert.ok(lengthOf(order) <= lengthOf(Array.from({ length: lanes }, (_, lane) => lane)));
  assert.ok(lengthOf(order) < lengthOf(shuffled) / 2);
});

test("what comes live is drawn at once, and a message found and not received is known", () => {
  const diagram = growingDiagram(2);
  append(
    diagram,
    frameBytes(
      [
        [0, 0, 2],
        [1, 0, 1],
      ],
      {
        kind: new Uint8Array([0, 1, 0]),
        time: new Float64Array([0, 1000, 2000]),
        clock: new Float64Array([1, 2, 1]),
        queue: new Int32Array([0, 0, 1]),
        target: new Int32Array([-2, 1, -2]),
        sender: new Int32Array([-1, -1, -1]),
        stamp: new Float64Array([NaN, NaN, NaN]),
        a_lane: new Int32Array([1]),
        a_index: new Int32Array([0]),
        a_sender: new Int32Array([0]),
        a_stamp: new Float64Array([2]),
      },
    ),
  );
  const answer = tile(diagram, { ...viewOf(diagram, 1), begin: 0, end: 2001, width: 2001 });
  assert.equal(answer.level, "exact");
  if (answer.level !== "exact") return;
  assert.deepEqual([...answer.vectors.x], [0, 1000, 2000]);
  assert.deepEqual([...answer.vectors.flying.row], [1]);
  assert.deepEqual([...answer.vectors.flying.x1], [2000]);
  assert.equal(answer.vectors.messages.send.length, 0);
});

test("a curve has what each column ends with, and what was before the first", () => {
  const diagram = runDiagram({ lanes: 4, events: 800, seed: 7 });
  const axis = axisOf(diagram, "time");
  const [begin, end, columns] = [axis.begin + 0.3e8, axis.begin + 5.1e8, 37];
  for (const field of /** @type {const} */ (["clock", "queue"])) {
    for (let lane = 0; lane < 4; lane++) {
      const edges = axis.edges(lane, begin, end, columns);
      const { before, last, min, max } = curve(diagram, axis, field, lane, begin, end, columns);
      assert.equal(before, diagram.valueAt(field, edges[0] - 1));
      for (let column = 0; column < columns; column++) {
        const isEmpty = edges[column] === edges[column + 1];
        assert.equal(last[column], isEmpty ? NaN : diagram.valueAt(field, edges[column + 1] - 1));
        assert.ok(isEmpty || (min[column] <= last[column] && last[column] <= max[column]));
      }
    }
  }
  const early = curve(diagram, axis, "clock", 0, axis.begin - 1e9, axis.begin - 1, 3);
  assert.deepEqual([early.before, ...early.last], [NaN, NaN, NaN, NaN]);
});

test("neighbouring tiles agree on lines of any length", () => {
  const n = 80;
  const { header } = runContainer({ lanes: 2, events: 2 * n });
  const times = Float64Array.from({ length: 2 * n }, (_, row) =>
    row < n ? 10 * row : 1200 + 45 * (row - n),
  );
  const numbers = (/** @type {(at: number) => number} */ of) =>
    Int32Array.from({ length: n }, (_, at) => of(at));
  const diagram = new Diagram({
    header: { ...header, messages: n },
    columns: new Map(
      /** @type {[string, any][]} */ ([
        ["kind", new Uint8Array(2 * n).fill(1, 0, n).fill(2, n)],
        ["time", times],
        ["m_send", numbers((at) => at)],
        ["m_receive", numbers((at) => n + at)],
      ]),
    ),
  });
  const width = 256;
  const ink = (
    /** @type {number} */ tileNumber,
    /** @type {number} */ column,
    /** @type {number} */ reach,
  ) => {
    const begin = tileNumber * width;
    const at = { begin, end: begin + width, width, height: 400, laneTops: [0, 200], laneHeights: [200, 200] };
    const level = /** @type {const} */ ("lines");
    const answer = tile(diagram, { ...viewOf(diagram, 1, at), reach, level });
    if (answer.level === "exact") throw new Error("not a raster");
    let sum = 0;
    for (let y = 118; y < 282; y++) sum += answer.image[4 * (y * width + column) + 3];
    return sum;
  };
  for (const reach of [300, 700, 2000]) {
    let most = 0;
    for (let at = 1; at < 14; at++) {
      const [left, right] = [ink(at, width - 1, reach), ink(at + 1, 0, reach)];
      most = Math.max(most, left);
      assert.ok(
        Math.abs(left - right) <= 0.15 * Math.max(left, right) + 150,
        `${reach}, ${at}: ${left}, ${right}`,
      );
    }
    assert.ok(most > 300, "there are lines");
  }
});
