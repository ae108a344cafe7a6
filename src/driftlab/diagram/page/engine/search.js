// Search: the events that a query asks for, and chains of events that a pattern asks for.
//
// A pattern is several queries with `..` between them: `send A->B .. receive B within 3`. Each step
// is the first event that happened after the one before it, in each lane, of which the one with the
// least clock is taken. `within 3` says by how much the Lamport clock may rise from step to step (by
// how much the longest chain, if the log has no clocks), `within 3 events` how many events of the
// same lane, `within 3ms` how much time.

import { future } from "./causality.js";
import { Diagram } from "./diagram.js";
import { chainDepths } from "./longest_chain.js";
import { QueryError, timeOf, wantedBy, wordsOf } from "./query.js";

/**
 * @typedef {import("./query.js").Wanted} Wanted
 * @typedef {{rows: Int32Array, matches?: number[][], more?: boolean, error?: string}} Found
 *   rows rising; of a pattern those of all its matches. more: there may be further matches.
 * @typedef {{wanted: Wanted, within: ((from: number, to: number) => boolean) | null}} Step
 */

const STARTS_MAX = 50_000; // events that a pattern is followed from
const STEP_ROWS_MAX = 20_000; // events of a lane that are read for the next step

/**
 * Return the events that a query asks for.
 * @param {Diagram} diagram
 * @param {string} query
 * @returns {Found}
 */
export function search(diagram, query) {
  try {
    const steps = stepsOf(query);
    if (steps.length > 1)
      return matchesOf(
        diagram,
        steps.map((words) => stepOf(diagram, words)),
      );
    return { rows: rowsOf(diagram, wantedBy(diagram, steps[0]), Infinity) };
  } catch (error) {
    if (error instanceof QueryError) return { rows: new Int32Array(0), error: error.message };
    throw error;
  }
}

/**
 * @param {string} query
 * @returns {string[][]} the words of each step
 */
function stepsOf(query) {
  /** @type {string[][]} */
  const steps = [[]];
  for (const word of wordsOf(query)) {
    if (word === "..") steps.push([]);
    else steps[steps.length - 1].push(word);
  }
  if (steps.some((words) => !words.length)) {
    throw new QueryError(steps.length > 1 ? "a step of the pattern is empty" : "nothing is asked for");
  }
  return steps;
}

/**
 * @param {Diagram} diagram
 * @param {string[]} words
 * @returns {Step}
 */
function stepOf(diagram, words) {
  const at = words.indexOf("within");
  if (at < 0) return { wanted: wantedBy(diagram, words), within: null };
  const [limit, unit, ...rest] = words.slice(at + 1);
  if (limit === undefined || rest.length)
    throw new QueryError("`within` wants one limit, such as 3 or 5ms");
  return { wanted: wantedBy(diagram, words.slice(0, at)), within: limitOf(diagram, limit, unit) };
}

/**
 * @param {Diagram} diagram
 * @param {string} limit
 * @param {string | undefined} unit
 * @returns {(from: number, to: number) => boolean}
 */
function limitOf(diagram, limit, unit) {
  const time = timeOf(unit === undefined ? limit : limit + unit);
  if (time !== null) {
    if (!diagram.column("time")) throw new QueryError("the log has no times");
    return (from, to) => diagram.valueAt("time", to) - diagram.valueAt("time", from) <= time;
  }
  const most = Number(limit);
  if (!Number.isFinite(most)) throw new QueryError(`within ${limit}: not a number`);
  if (unit === "events" || unit === "event") {
    return (from, to) => diagram.laneOf(from) === diagram.laneOf(to) && to - from <= most;
  }
  if (unit !== undefined) throw new QueryError(`within ${limit} ${unit}: not a unit`);
  const measure = measureOfSteps(diagram);
  return (from, to) => measure(to) - measure(from) <= most;
}

/**
 * @param {Diagram} diagram
 * @returns {(row: number) => number} the Lamport clock, else the length of the longest chain
 */
function measureOfSteps(diagram) {
  if (diagram.column("clock")) return (row) => diagram.valueAt("clock", row);
  const { depth } = chainDepths(diagram);
  return (row) => depth[row];
}

/**
 * Return the rows that a query wants, rising.
 * @param {Diagram} diagram
 * @param {Wanted} wanted
 * @param {number} most
 * @returns {Int32Array}
 */
function rowsOf(diagram, { lanes, tests }, most) {
  let rows = new Int32Array(1024);
  let count = 0;
  for (let lane = 0; lane < diagram.lanes.length && count < most; lane++) {
    if (lanes && !lanes.has(lane)) continue;
    for (let row = diagram.starts[lane]; row < diagram.ends[lane] && count < most; row++) {
      if (!passes(tests, row, lane)) continue;
      if (count === rows.length) {
        const longer = new Int32Array(count * 2);
        longer.set(rows);
        rows = longer;
      }
      rows[count++] = row;
    }
  }
  return rows.slice(0, count);
}

/**
 * @param {import("./query.js").Test[]} tests
 * @param {number} row
 * @param {number} lane
 * @returns {boolean}
 */
function passes(tests, row, lane) {
  for (const test of tests) if (!test(row, lane)) return false;
  return true;
}

/**
 * Return the chains of events that a pattern asks for, one from each event of its first step.
 * @param {Diagram} diagram
 * @param {Step[]} steps
 * @returns {Found}
 */
function matchesOf(diagram, steps) {
  const starts = rowsOf(diagram, steps[0].wanted, STARTS_MAX + 1);
  const measure = measureOfSteps(diagram);
  const matches = [];
  for (const start of starts.subarray(0, STARTS_MAX)) {
    const match = [start];
    for (const step of steps.slice(1)) {
      const next = nextOf(diagram, match[match.length - 1], step, measure);
      if (next < 0) break;
      match.push(next);
    }
    if (match.length === steps.length) matches.push(match);
  }
  const rows = Int32Array.from(new Set(matches.flat())).sort();
  return { rows, matches, more: starts.length > STARTS_MAX };
}

/**
 * Return the first event after another that a step wants, -1 if there is none.
 * @param {Diagram} diagram
 * @param {number} from
 * @param {Step} step
 * @param {(row: number) => number} measure
 * @returns {number}
 */
function nextOf(diagram, from, { wanted, within }, measure) {
  const reached = future(diagram, from);
  let best = -1;
  for (let lane = 0; lane < reached.length; lane++) {
    if (wanted.lanes && !wanted.lanes.has(lane)) continue;
    const first = diagram.starts[lane] + reached[lane];
    const end = Math.min(diagram.ends[lane], first + STEP_ROWS_MAX);
    for (let row = first; row < end; row++) {
      if (best >= 0 && measure(row) >= measure(best)) break;
      if (!passes(wanted.tests, row, lane)) continue;
      if (!within || within(from, row)) best = row;
      break;
    }
  }
  return best;
}
