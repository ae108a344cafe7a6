// The worker's desk: answers in order, drops what a newer question replaces, tells errors.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { Desk, Session } from "../../src/driftlab/diagram/page/engine/worker.js";
import { containerBytes, runContainer } from "./samples.js";

/** Return a desk, and a function that waits for an answer. */
function startDesk() {
  /** @type {Map<number, any>} */
  const answers = new Map();
  /** @type {(() => void)[]} */
  const wakers = [];
  const desk = new Desk(new Session(), (answer) => {
    answers.set(answer.id, answer);
    for (const wake of wakers.splice(0)) wake();
  });
  const answerTo = async (/** @type {number} */ id) => {
    while (!answers.has(id)) await new Promise((wake) => wakers.push(() => wake(undefined)));
    return answers.get(id);
  };
  return { desk, answers, answerTo };
}

const DATA = containerBytes(runContainer({ lanes: 3, events: 300 }));

test("a newer question of a slot cancels those that wait, and no other", async () => {
  const { desk, answers, answerTo } = startDesk();
  desk.take({ id: 1, call: "open", args: [DATA] });
  desk.take({ id: 2, call: "past", args: [5], slot: "past" });
  desk.take({ id: 3, call: "past", args: [6], slot: "past" });
  desk.take({ id: 4, call: "future", args: [6], slot: "future" });
  assert.deepEqual(answers.get(2), { id: 2, cancelled: true });
  assert.equal((await answerTo(3)).result.length, 3);
  assert.equal((await answerTo(4)).result.length, 3);
  assert.equal((await answerTo(1)).result.events, 300);
});

test("data may come deflated, as bytes or as text", async () => {
  const deflated = deflateSync(Buffer.from(DATA));
  const buffer = deflated.buffer.slice(deflated.byteOffset, deflated.byteOffset + deflated.length);
  for (const data of [
    buffer,
    { base64: deflated.toString("base64") },
    { base64: Buffer.from(DATA).toString("base64") },
  ]) {
    const { desk, answerTo } = startDesk();
    desk.take({ id: 1, call: "open", args: [data] });
    const { result } = await answerTo(1);
    assert.equal(result.events, 300);
    assert.deepEqual(result.extents.index, [0, 99]);
  }
});

test("texts of the log are searched", async () => {
  const { desk, answerTo } = startDesk();
  desk.take({ id: 1, call: "open", args: [DATA] });
  const lines = new TextEncoder().encode(
    '[4,{"event":"Grant lock"}]\n[250,{"event":"release","who":"lock"}]\n',
  );
  desk.take({ id: 2, call: "openTexts", args: [lines.buffer] });
  assert.equal((await answerTo(2)).result, 2);
  let id = 2;
  for (const [query, rows] of /** @type {[string, number[]][]} */ ([
    ["lock", [4, 250]],
    ["event:lock", [4]],
    ["/gr.nt/", [4]],
    ["event:/^rel/", [250]],
    ["lock -who:lock", [4]],
    ["nothing", []],
  ])) {
    desk.take({ id: ++id, call: "search", args: [query] });
    const { result } = await answerTo(id);
    assert.deepEqual([...result.rows], rows, query);
  }
});

test("what goes wrong is told, and the desk goes on", async () => {
  const { desk, answerTo } = startDesk();
  desk.take({ id: 1, call: "past", args: [0] });
  desk.take({ id: 2, call: "open", args: [new ArrayBuffer(9)] });
  desk.take({ id: 3, call: "open", args: [DATA] });
  desk.take({ id: 4, call: "sing", args: [] });
  desk.take({ id: 5, call: "extent", args: ["own clock"] });
  assert.match((await answerTo(1)).error, /no diagram is open/);
  assert.match((await answerTo(2)).error, /not the data of a diagram/);
  assert.equal((await answerTo(3)).result.messages > 0, true);
  assert.match((await answerTo(4)).error, /no function sing/);
  assert.match((await answerTo(5)).error, /no axis own clock/);
});

/** An overview of the run of DATA: all events of a lane in the first of two columns. */
const OVERVIEW = containerBytes({
  header: {
    overview: [0, 10],
    events: 300,
    lanes: [0, 1, 2].map((lane) => ({
      name: `m${lane}`,
      colour: "#0072b2",
      dash: [],
      start: 100 * lane,
      end: 100 * lane + 100,
      rate: 1,
      offset: null,
    })),
  },
  columns: new Map([["counts", Int32Array.of(100, 0, 100, 0, 100, 0)]]),
});
const VIEW = {
  axis: "time",
  begin: 0,
  end: 10,
  width: 4,
  height: 30,
  scale: 1,
  laneOrder: [0, 1, 2],
  laneTops: [0, 10, 20],
  laneHeights: [10, 10, 10],
  colourBy: "jump",
  theme: "light",
  margin: 0,
};

test("of an overview tiles are drawn, and what needs the data waits for it", async () => {
  const { desk, answers, answerTo } = startDesk();
  desk.take({ id: 1, call: "overview", args: [OVERVIEW] });
  desk.take({ id: 2, call: "past", args: [5] });
  desk.take({ id: 3, call: "past", args: [6], slot: "past" });
  desk.take({ id: 4, call: "tile", args: [VIEW] });
  assert.equal((await answerTo(1)).result.events, 300);
  const { level, image } = (await answerTo(4)).result;
  const painted = [0, 1, 2, 3].map((x) => image[(4 * 5 + x) * 4 + 3] > 0);
  assert.deepEqual([level, painted], ["counts", [true, true, false, false]]);
  desk.take({ id: 5, call: "past", args: [7], slot: "past" });
  assert.deepEqual(answers.get(3), { id: 3, cancelled: true }, "one that waits may be replaced");
  assert.ok(!answers.has(2) && !answers.has(5));
  desk.take({ id: 6, call: "open", args: [DATA] });
  assert.equal((await answerTo(6)).result.events, 300);
  assert.equal((await answerTo(2)).result.length, 3);
  assert.equal((await answerTo(5)).result.length, 3);
});

test("what waits for data that does not come is told so", async () => {
  for (const end of [
    { call: "open", args: [new ArrayBuffer(9)] },
    { call: "giveUp", args: ["these are not the data"] },
  ]) {
    const { desk, answerTo } = startDesk();
    desk.take({ id: 1, call: "overview", args: [OVERVIEW.slice(0)] });
    desk.take({ id: 2, call: "past", args: [5] });
    desk.take({ id: 3, ...end });
    assert.match((await answerTo(2)).error, /these are not the data/);
    desk.take({ id: 4, call: "future", args: [5] });
    assert.match((await answerTo(4)).error, /these are not the data/);
    desk.take({ id: 5, call: "tile", args: [VIEW] });
    assert.equal((await answerTo(5)).result.level, "counts", "what is known is still drawn");
  }
});

test("a question that needs an index holds up no other while the index is built", async () => {
  for (const [call, ...args] of /** @type {[string, ...any[]][]} */ ([
    ["past", 150],
    ["describe", 150],
    ["cut", [50, 60, 70]],
  ])) {
    const { desk, answers, answerTo } = startDesk();
    desk.take({ id: 1, call: "open", args: [DATA] });
    await answerTo(1);
    desk.take({ id: 2, call, args });
    desk.take({ id: 3, call: "extent", args: ["time"] });
    await answerTo(3);
    assert.ok(!answers.has(2), `${call} was answered first`);
    const { result } = await answerTo(2);
    const alone = new Session();
    await alone.open(DATA);
    assert.deepEqual(result, alone.answer(call, args));
  }
});
