// What a query asks of an event: words that all must hold, each a kind, a lane, a field or a text.
//
//   send  receive  internal  unsaid     the kind
//   A  lane:A  A:17                     the lane; one event of it
//   clock:5  queue:>3  late:>=2ms       a field: clock, queue, late, tick, index, time, jump, row;
//   time:1s..2s                         of receives also delay (since the send), wait (in the inbox)
//   A->B  to:B  from:A                  between which lanes its message goes
//   violation  lost  unmatched          named by the verdict; sent and never received; without a send
//   word  event:word  /regex/           texts of the log
//   -word                               not

import { Diagram, RECEIVE, SEND, lowerBound } from "./diagram.js";
import { undelivered } from "./cuts.js";
import { messagesOf, receivedIn } from "./messages.js";
import { violationRows } from "./violations.js";

/**
 * @typedef {(row: number, lane: number) => boolean} Test
 * @typedef {{lanes: Set<number> | null, tests: Test[]}} Wanted null: any lane
 */

/** What in a query is wrong, in words for the user. */
export class QueryError extends Error {}

const KIND_WORDS = new Map(
  Object.entries({
    internal: 0,
    send: 1,
    sends: 1,
    sent: 1,
    receive: 2,
    receives: 2,
    received: 2,
    unsaid: 3,
  }),
);
const UNITS = new Map(Object.entries({ ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 }));
const FIELDS = ["clock", "queue", "late", "tick", "index", "time", "own", "jump", "row", "delay", "wait"];
const TIME_FIELDS = new Set(["late", "time", "own", "delay", "wait"]);
const QUANTITY = /^([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(ns|us|µs|ms|s|min|h)?$/;

/**
 * Return the words of a query; quotes and slashes hold words together.
 * @param {string} query
 * @returns {string[]}
 */
export function wordsOf(query) {
  return query.match(/-?\/(?:\\.|[^/\\])+\/|(?:[^\s"]|"[^"]*")+/g) ?? [];
}

/**
 * Return what some words ask for. Throws QueryError.
 * @param {Diagram} diagram
 * @param {string[]} words
 * @returns {Wanted}
 */
export function wantedBy(diagram, words) {
  /** @type {Wanted} */
  const wanted = { lanes: null, tests: [] };
  for (const word of words) addWord(diagram, word, wanted);
  return wanted;
}

/**
 * @param {Diagram} diagram
 * @param {string} word
 * @param {Wanted} wanted
 */
function addWord(diagram, word, wanted) {
  if (word.length > 1 && word.startsWith("-")) {
    const { lanes, tests } = wantedBy(diagram, [word.slice(1)]);
    wanted.tests.push(
      (row, lane) => !((!lanes || lanes.has(lane)) && tests.every((test) => test(row, lane))),
    );
    return;
  }
  if (word.length > 2 && word.startsWith("/") && word.endsWith("/")) {
    wanted.tests.push(textTest(diagram, null, regexOf(word.slice(1, -1))));
    return;
  }
  const plain = word.replaceAll('"', "");
  const kind = KIND_WORDS.get(plain.toLowerCase());
  const lane = laneNamed(diagram, plain);
  if (kind !== undefined && lane < 0) wanted.tests.push((row) => diagram.kind[row] === kind);
  else if (plain.includes("->")) addChannel(diagram, plain, wanted);
  else if (lane >= 0) keepLanes(wanted, [lane]);
  else if (SPECIAL_WORDS[plain.toLowerCase()]) {
    wanted.tests.push(SPECIAL_WORDS[plain.toLowerCase()](diagram));
  } else addField(diagram, plain, wanted);
}

/**
 * @param {Wanted} wanted
 * @param {number[]} lanes
 */
function keepLanes(wanted, lanes) {
  wanted.lanes = new Set(lanes.filter((lane) => !wanted.lanes || wanted.lanes.has(lane)));
}

/**
 * Return the lane of a name, -1 if there is none; upper and lower case only where that decides.
 * @param {Diagram} diagram
 * @param {string} name
 * @returns {number}
 */
function laneNamed(diagram, name) {
  const exact = diagram.lanes.findIndex((lane) => lane.name === name);
  if (exact >= 0) return exact;
  const lower = name.toLowerCase();
  const alike = diagram.lanes.flatMap((lane, place) => (lane.name.toLowerCase() === lower ? [place] : []));
  return alike.length === 1 ? alike[0] : -1;
}

/**
 * @param {Diagram} diagram
 * @param {string} name
 * @returns {number | null} null: any
 */
function laneOrAny(diagram, name) {
  if (name === "" || name === "*") return null;
  const lane = laneNamed(diagram, name);
  if (lane < 0) throw new QueryError(`there is no lane ${name}`);
  return lane;
}

/**
 * Add `A->B`: what A sent to B or B received from A.
 * @param {Diagram} diagram
 * @param {string} word
 * @param {Wanted} wanted
 */
function addChannel(diagram, word, wanted) {
  const [from, to] = word.split("->").map((name) => laneOrAny(diagram, name));
  wanted.tests.push((row, lane) => {
    const isSent = diagram.kind[row] === SEND || diagram.targetsOf(row).length > 0;
    if (isSent && (from === null || lane === from) && (to === null || sentTo(diagram, row).includes(to)))
      return true;
    if (to !== null && lane !== to) return false;
    const senders = sendersTo(diagram, row, lane);
    return senders.length > 0 && (from === null || senders.includes(from));
  });
}

/**
 * Return the lanes that an event sent to: by its targets, else by who received.
 * @param {Diagram} diagram
 * @param {number} row
 * @returns {number[]}
 */
function sentTo(diagram, row) {
  if (diagram.column("target")) return diagram.targetsOf(row);
  const { send, receive } = diagram.messages;
  return messagesOf(diagram, row)
    .filter((m) => send[m] === row)
    .map((m) => diagram.laneOf(receive[m]));
}

/**
 * @param {Diagram} diagram
 * @param {number} row
 * @param {number} lane
 * @returns {number[]} the lanes of the sends that an event received
 */
function sendersTo(diagram, row, lane) {
  const [low, high] = receivedIn(diagram, lane, row, row + 1);
  return Array.from({ length: high - low }, (_, at) => diagram.laneOf(diagram.messages.send[low + at]));
}

/** @type {{[word: string]: (diagram: Diagram) => Test}} */
const SPECIAL_WORDS = {
  violation: (diagram) => isAmong(violationRows(diagram)),
  violations: (diagram) => isAmong(violationRows(diagram)),
  lost: lostTest,
  undelivered: lostTest,
  unmatched: (diagram) => (row, lane) => {
    if (diagram.kind[row] !== RECEIVE) return false;
    const [low, high] = receivedIn(diagram, lane, row, row + 1);
    return low === high;
  },
};

/**
 * @param {Diagram} diagram
 * @returns {Test}
 */
function lostTest(diagram) {
  const all = diagram.lanes.map((_, lane) => lane);
  const { row } = undelivered(
    diagram,
    all,
    all.map((lane) => [diagram.starts[lane], diagram.ends[lane]]),
  );
  return isAmong(row);
}

/**
 * @param {Int32Array} rows rising
 * @returns {Test}
 */
function isAmong(rows) {
  return (row) => {
    const at = lowerBound(rows, row, 0, rows.length);
    return at < rows.length && rows[at] === row;
  };
}

/**
 * Add a field with a value, an event `A:17`, a direction, or a text.
 * @param {Diagram} diagram
 * @param {string} word
 * @param {Wanted} wanted
 */
function addField(diagram, word, wanted) {
  const parts = /^([^:<>=]+?)(:|(?=[<>=]))(.*)$/.exec(word);
  if (!parts) {
    wanted.tests.push(textTest(diagram, null, regexOf(escaped(word))));
    return;
  }
  const [, name, , value] = parts;
  const field = name.toLowerCase();
  const lane = laneNamed(diagram, name);
  if (field === "lane") {
    keepLanes(wanted, lanesLike(diagram, value));
  } else if (field === "kind" && KIND_WORDS.has(value.toLowerCase())) {
    addWord(diagram, value, wanted);
  } else if (field === "to") {
    addChannel(diagram, `*->${value}`, wanted);
    addWord(diagram, "send", wanted);
  } else if (field === "from") {
    addChannel(diagram, `${value}->*`, wanted);
    addWord(diagram, "receive", wanted);
  } else if (FIELDS.includes(field) && !(lane >= 0 && /^\d+$/.test(value))) {
    wanted.tests.push(fieldTest(diagram, field, value));
  } else if (lane >= 0 && /^\d+$/.test(value)) {
    keepLanes(wanted, [lane]);
    wanted.tests.push((row) => row === diagram.starts[lane] + Number(value));
  } else {
    const body =
      value.length > 2 && value.startsWith("/") && value.endsWith("/")
        ? value.slice(1, -1)
        : escaped(value);
    wanted.tests.push(textTest(diagram, name, regexOf(body)));
  }
}

/**
 * Return the lanes whose name is or contains a text.
 * @param {Diagram} diagram
 * @param {string} text
 * @returns {number[]}
 */
function lanesLike(diagram, text) {
  const one = laneNamed(diagram, text);
  if (one >= 0) return [one];
  const lower = text.toLowerCase();
  const alike = diagram.lanes.flatMap((lane, place) =>
    lane.name.toLowerCase().includes(lower) ? [place] : [],
  );
  if (!alike.length) throw new QueryError(`no lane is called ${text}`);
  return alike;
}

/**
 * @param {Diagram} diagram
 * @param {string} field
 * @param {string} condition such as `5`, `>5`, `<=2ms`, `3..7`
 * @returns {Test}
 */
function fieldTest(diagram, field, condition) {
  const value = valueOfField(diagram, field);
  const range = condition.split("..");
  if (range.length === 2) {
    const low = range[0] ? quantity(field, range[0]) : -Infinity;
    const high = range[1] ? quantity(field, range[1]) : Infinity;
    return (row, lane) => value(row, lane) >= low && value(row, lane) <= high;
  }
  const [, sign, text] = /** @type {RegExpExecArray} */ (/^(>=|<=|>|<|=|)(.*)$/.exec(condition));
  const limit = quantity(field, text);
  if (sign === ">") return (row, lane) => value(row, lane) > limit;
  if (sign === ">=") return (row, lane) => value(row, lane) >= limit;
  if (sign === "<") return (row, lane) => value(row, lane) < limit;
  if (sign === "<=") return (row, lane) => value(row, lane) <= limit;
  return (row, lane) => value(row, lane) === limit;
}

/**
 * Return the number that a text stands for; times in nanoseconds.
 * @param {string} field
 * @param {string} text
 * @returns {number}
 */
function quantity(field, text) {
  const parts = QUANTITY.exec(text.trim());
  if (!parts) throw new QueryError(`${field}: ${text || "nothing"} is not a number`);
  if (parts[2] && !TIME_FIELDS.has(field)) throw new QueryError(`${field} is not a time`);
  return Number(parts[1]) * (parts[2] ? /** @type {number} */ (UNITS.get(parts[2])) : 1);
}

/**
 * Return a time in nanoseconds, or null if a text is not one with its unit.
 * @param {string} text
 * @returns {number | null}
 */
export function timeOf(text) {
  const parts = QUANTITY.exec(text);
  return parts?.[2] ? Number(parts[1]) * /** @type {number} */ (UNITS.get(parts[2])) : null;
}

/**
 * @param {Diagram} diagram
 * @param {string} field
 * @returns {(row: number, lane: number) => number} NaN where there is no value
 */
function valueOfField(diagram, field) {
  if (field === "row") return (row) => row;
  if (field === "index") return (row, lane) => row - diagram.starts[lane];
  if (field === "tick" && !diagram.column("tick")) return (row, lane) => row - diagram.starts[lane];
  if (field === "jump") {
    return (row, lane) =>
      row > diagram.starts[lane] ? diagram.valueAt("clock", row) - diagram.valueAt("clock", row - 1) : NaN;
  }
  if (field === "delay" || field === "wait") {
    const { send, found } = diagram.messages;
    return (row, lane) => {
      const [low, high] = receivedIn(diagram, lane, row, row + 1);
      if (low === high) return NaN;
      const from = field === "delay" ? send[low] : (found?.[low] ?? -1);
      return from < 0 ? NaN : diagram.valueAt("time", row) - diagram.valueAt("time", from);
    };
  }
  if (!diagram.column(field)) throw new QueryError(`the log has no ${field}`);
  return (row) => diagram.valueAt(field, row);
}

/**
 * @param {Diagram} diagram
 * @param {string | null} column null: any
 * @param {RegExp} pattern
 * @returns {Test}
 */
function textTest(diagram, column, pattern) {
  const { texts } = diagram;
  if (!texts) {
    const wanted = column ?? pattern.source.replace(/\\([^\w\s])/g, "$1"); // as it was typed
    throw new QueryError(`there is no lane, field or text ${wanted}`);
  }
  return (row) => {
    const own = texts.get(row);
    if (!own) return false;
    if (column !== null)
      return own[column] !== undefined && own[column] !== null && pattern.test(own[column]);
    return Object.values(own).some((text) => text !== null && pattern.test(text));
  };
}

/**
 * @param {string} source
 * @returns {RegExp}
 */
function regexOf(source) {
  try {
    return new RegExp(source, "iu");
  } catch (error) {
    throw new QueryError(
      `/${source}/ is no regular expression: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/**
 * @param {string} text
 * @returns {string}
 */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, (sign) => (sign === "-" ? "\\x2d" : `\\${sign}`));
}
