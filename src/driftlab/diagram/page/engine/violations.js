// The events of a verdict's violations: the first row of each; the others are its proof.

import { Diagram } from "./diagram.js";

/** @typedef {{violations?: {rows: number[]}[], more?: {[rule: string]: number[]}}} Verdict */

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
 * Return the rows of events that violate a rule, rising, each once.
 * @param {Diagram} diagram
 * @returns {Int32Array}
 */
export function violationRows(diagram) {
  return diagram.once("violation rows", () => {
    /** @type {Verdict | null | undefined} */
    const verdict = diagram.header.verdict;
    const rows = new Set((verdict?.violations ?? []).map(({ rows: [row] }) => row));
    for (const more of Object.values(verdict?.more ?? {})) for (const row of more) rows.add(row);
    rows.delete(/** @type {any} */ (undefined)); // of a violation that names no event
    return Int32Array.from(rows).sort();
  });
}
