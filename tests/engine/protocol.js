// Answers questions of the contract suite: a line of JSON in, a line of JSON out.
//
// {"call": name, "args": [...]}: as the worker takes them; an argument {"bytes": base64} is a buffer.
// `together` takes a list of questions and gives a list of answers.

import { createInterface } from "node:readline";

import { Session } from "../../src/driftlab/diagram/page/engine/worker.js";

const session = new Session();

/**
 * @param {any} value
 * @returns {any}
 */
function plain(value) {
  if (typeof value === "number") return Number.isNaN(value) ? null : value;
  if (value === undefined) return null;
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {any} */ (value), plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  }
  return value;
}

/**
 * @param {any} argument
 * @returns {any}
 */
function whole(argument) {
  if (!argument || typeof argument !== "object" || !("bytes" in argument)) return argument;
  const bytes = Buffer.from(argument.bytes, "base64");
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

/**
 * @param {{call: string, args?: any[]}} question
 * @returns {Promise<any>}
 */
async function answer({ call, args = [] }) {
  if (call === "together") {
    const answers = [];
    for (const each of args[0]) answers.push(await answer(each));
    return answers;
  }
  if (call === "column") return session.diagram.column(args[0]);
  if (call === "messageRows") {
    const { messageStarts, messageEnds, messages, starts } = session.diagram;
    /** @type {number[][]} */
    const rows = [];
    for (let lane = 0; lane < messageEnds.length; lane++) {
      for (let at = messageStarts[lane]; at < messageEnds[lane]; at++) {
        const sent = messages.send[at];
        const sender = session.diagram.laneOf(sent);
        const found = messages.found ? messages.found[at] : -1;
        rows.push([
          sender,
          sent - starts[sender],
          lane,
          messages.receive[at] - starts[lane],
          found < 0 ? -1 : found - starts[lane],
        ]);
      }
    }
    return rows;
  }
  return session.answer(call, args.map(whole));
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ result: plain(await answer(JSON.parse(line))) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}
