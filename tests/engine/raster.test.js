// Lines that add up, and bands that stay where they belong.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster, laneColour } from "../../src/driftlab/diagram/page/engine/raster.js";

/**
 * @param {Raster} raster
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
const alphaAt = (raster, x, y) => raster.image[(y * raster.width + x) * 4 + 3];

test("every line counts: more of them let less of the ground through", () => {
  /** @type {number[]} */
  const seen = [];
  for (const count of [1, 2, 10, 1000]) {
    const raster = new Raster(20, 20, "light");
    for (let each = 0; each < count; each++) raster.line(0, 10.5, 20, 10.5);
    raster.flushLines(0.3);
    seen.push(alphaAt(raster, 10, 10));
  }
  assert.ok(seen[0] > 20 && seen[0] < seen[1] && seen[1] < seen[2] && seen[2] <= seen[3]);
  assert.equal(seen[3], 255);
});

test("a line has the weight of one pixel in each step, however steep it is", () => {
  for (const [x1, y1] of [
    [30, 3],
    [3, 30],
    [30, 30],
    [2, 2],
    [-25, 13],
    [0.5, 20],
    [0, -7],
  ]) {
    const raster = new Raster(100, 100, "light");
    raster.line(50, 50, 50 + x1, 50 + y1);
    const sum = /** @type {Float32Array} */ (raster.lines()).reduce((one, other) => one + other, 0);
    assert.ok(Math.abs(sum - Math.max(Math.abs(x1), Math.abs(y1))) < 1e-3, `${x1}, ${y1}: ${sum}`);
  }
});

test("lines whose ends lie far outside are cut at the edge of the image", () => {
  const raster = new Raster(10, 10, "light");
  raster.line(-1e9, -1e9, 1e9, 1e9);
  raster.line(-50, -50, -40, 200);
  raster.line(5, -1e12, 5, 1e12);
  const lines = /** @type {Float32Array} */ (raster.lines());
  const sum = lines.reduce((one, other) => one + other, 0);
  assert.ok(sum > 19 && sum <= 20.001, String(sum));
});

test("a band paints its own pixels and no other", () => {
  const raster = new Raster(3, 10, "light");
  raster.column(1, 2, 5, [10, 20, 30], 1);
  raster.column(2, -5, 2, [10, 20, 30], 0.5);
  raster.column(0, 8, 50, [10, 20, 30], 1);
  const painted = Array.from({ length: 30 }, (_, at) =>
    alphaAt(raster, at % 3, Math.floor(at / 3)) ? 1 : 0,
  );
  assert.deepEqual(
    painted,
    [0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0],
  );
  assert.deepEqual([...raster.image.slice(7 * 4, 8 * 4)].length, 4);
  assert.deepEqual([...raster.image.slice((2 * 3 + 1) * 4, (2 * 3 + 1) * 4 + 3)], [10, 20, 30]);
});

test("a lane's colour is the one of the figures, and on a dark ground still seen", () => {
  assert.deepEqual(laneColour("#0072B2", "light"), [0, 114, 178]);
  const black = laneColour("#000000", "dark");
  assert.ok(black.every((part) => part > 120));
  assert.deepEqual(laneColour("#F0E442", "dark"), [240, 228, 66]);
});
