// The engine of the diagram: pure functions over the columns of a run; no document, no network.

export { AXIS_NAMES, Axis, axisOf, hasAxis, setOffsets } from "./axes.js";
export { causalChain, chain, concurrent, future, happenedBefore, past, why } from "./causality.js";
export { counts, crossings, curve, extremes } from "./counts.js";
export { before, containing, cut, undelivered } from "./cuts.js";
export { DecodeError, decodeContainer, decodeTexts, fromBase64, inflate } from "./decode.js";
export { Diagram, KIND_NAMES, decode } from "./diagram.js";
export { driftRange } from "./drift.js";
export { fewestCrossings } from "./lane_order.js";
export { append, growthOf } from "./live.js";
export { chainDepths } from "./longest_chain.js";
export {
  axisValues,
  describe,
  extent,
  extents,
  fieldRange,
  frontierAt,
  gaps,
  label,
  messageRows,
  nearest,
  positions,
  unlabel,
} from "./lookups.js";
export { messagesOf } from "./messages.js";
export { search } from "./search.js";
export { spanning } from "./spanning.js";
export { tile } from "./tile.js";
export { setVerdict, violationRows } from "./violations.js";
