// The rows that a verdict's violations name.

import { Diagram } from "./diagram.js";

/** @typedef {{violations?: {rows: number[]}[]}} Verdict */

/**
 * Keep a verdict that came after the events.
 * @param {Diagram} diagram
 * @param {Verdict | null} verdict
 */
export function setVerdict(diagram, verdict) {
  diagram.header.verdict = verdict;
  diagram.computed.delete("violation rows");
}

/**
 * Return the rows that violations name, rising, each once.
 * @param {Diagram} diagram
 * @returns {Int32Array}
 */
export function violationRows(diagram) {
  return diagram.once("violation rows", () => {
    /** @type {Verdict | null | undefined} */
    const verdict = diagram.header.verdict;
    const rows = new Set((verdict?.violations ?? []).flatMap((violation) => violation.rows));
    return Int32Array.from(rows).sort();
  });
}
