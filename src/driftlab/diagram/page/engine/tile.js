// Tiles: what is seen of a span, as exact places, as lines, or as counts.
//
// The level follows from what is in the span: few events are given one by one, more messages are
// drawn as lines that add up, and beyond that columns count. The colours of a tile depend on the
// run and the zoom alone, never on the tile, so neighbouring tiles fit.

import { Axis, axisOf } from "./axes.js";
import { countsAt, crossings, extremesAt, greatestOf, messagesAbout } from "./counts.js";
import { Diagram, lowerBound } from "./diagram.js";
import { arrowEnd } from "./messages.js";
import { Raster, laneColour } from "./raster.js";
import { exactVectors } from "./vectors.js";
import { eachMessage, isShown, reachedSpans, rowSpans } from "./view.js";
import { violationRows } from "./violations.js";
import { eachWaiting } from "./waiting.js";

/**
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").ColourBy} ColourBy
 * @typedef {import("./vectors.js").Vectors} Vectors
 * @typedef {{level: "exact", vectors: Vectors}
 *   | {level: "lines" | "counts", image: Uint8ClampedArray}} Tile
 * @typedef {import("./raster.js").Rgb} Rgb
 * @typedef {Int32Array | Float64Array} Edges how many events, or rows, lie before each column
 * @typedef {(rows: Int32Array) => Float64Array} Measure
 */

export const EXACT_EVENTS_MAX = 1500;
const EXACT_MESSAGES_MAX = 6000;
export const LINES_MESSAGES_MAX = 30_000;
const LINE_ALPHA = 0.32; // of one line, where lines are few
const LINE_ALPHA_MIN = 0.05;
const SAMPLED_LINES = 4000; // messages by which the usual length of a line is known
const BAND_SHARE = 0.56; // of a lane's height that its band takes
const BAND_MAX = 30; // px, times the scale
const THIN_LANE = 6; // px: a lane of less is filled whole
const VIOLATION = /** @type {Rgb} */ ([213, 20, 20]);

/**
 * Return a tile.
 * @param {Diagram} diagram
 * @param {View} view
 * @returns {Tile}
 */
export function tile(diagram, view) {
  const axis = axisOf(diagram, view.axis, view.idle);
  const spans = rowSpans(axis, view);
  const level = view.level ?? levelOf(diagram, view, spans);
  if (level === "exact") {
    const margin = Math.max(view.margin ?? 0, view.labels ?? 0);
    return { level, vectors: exactVectors(diagram, axis, view, rowSpans(axis, { ...view, margin })) };
  }
  const raster = new Raster(view.width, view.height, view.theme ?? "light");
  const edges = Array.from(view.laneOrder, (lane, place) =>
    isShown(view, place) ? axis.edges(lane, view.begin, view.end, view.width) : null,
  );
  if (level === "lines") drawLines(raster, diagram, axis, view);
  else drawCrossings(raster, diagram, axis, view);
  const { colourBy = "rate" } = view;
  const measure =
    colourBy === "rate" ? null : (/** @type {Int32Array} */ rows) => measureOf(diagram, colourBy, rows);
  drawBands(raster, diagram.lanes, diagram.events, axis, view, edges, measure);
  return { level, image: raster.image };
}

/**
 * @param {Diagram} diagram
 * @param {View} view
 * @param {[number, number][]} spans
 * @returns {"exact" | "lines" | "counts"}
 */
function levelOf(diagram, view, spans) {
  let events = 0;
  let messages = 0;
  for (let place = 0; place < spans.length; place++) {
    const [from, to] = spans[place];
    events += to - from;
    messages += messagesAbout(diagram, view.laneOrder[place], from, to);
  }
  if (events <= EXACT_EVENTS_MAX && messages <= EXACT_MESSAGES_MAX) return "exact";
  return messages <= LINES_MESSAGES_MAX ? "lines" : "counts";
}

/**
 * @param {Raster} raster
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 */
function drawLines(raster, diagram, axis, view) {
  const scale = view.width / (view.end - view.begin);
  const toFound = view.arrowTo !== "receive";
  const reach = view.reach ?? Infinity;
  const { send } = diagram.messages;
  const middle = Array.from(view.laneOrder, (_, place) => view.laneTops[place] + view.laneHeights[place] / 2);
  const draw = (
    /** @type {number} */ from,
    /** @type {number} */ sent,
    /** @type {number} */ to,
    /** @type {number} */ end,
  ) => {
    if (from < 0 || to < 0) return;
    const x0 = (axis.placeOf(sent, view.laneOrder[from]) - view.begin) * scale;
    const x1 = (axis.placeOf(end, view.laneOrder[to]) - view.begin) * scale;
    if (Math.abs(x1 - x0) <= 2 * reach) {
      raster.line(x0, middle[from], x1, middle[to]);
      return;
    }
    // Tiles between do not know of a line so long: none has more of it than its ends.
    const slope = (middle[to] - middle[from]) / (x1 - x0);
    const by = Math.sign(x1 - x0) * reach;
    raster.line(x0, middle[from], x0 + by, middle[from] + slope * by);
    raster.line(x1 - by, middle[to] - slope * by, x1, middle[to]);
  };
  eachMessage(diagram, axis, view, (message, from, to) =>
    draw(from, send[message], to, arrowEnd(diagram, message, toFound)),
  );
  if (toFound) {
    const placeOf = new Map(Array.from(view.laneOrder, (lane, place) => [lane, place]));
    const place = (/** @type {number} */ row) => placeOf.get(diagram.laneOf(row)) ?? -1;
    eachWaiting(diagram, view.laneOrder, reachedSpans(diagram, axis, view), (sent, found) =>
      draw(place(sent), sent, place(found), found),
    );
  }
  raster.flushLines(lineAlpha(diagram, axis, view));
}

/**
 * Return how opaque one line is, so that a usual pixel is of a middle tone: by the run and the zoom.
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 * @returns {number}
 */
function lineAlpha(diagram, axis, view) {
  const scale = view.width / (view.end - view.begin);
  const { send } = diagram.messages;
  const lanes = diagram.lanes.length;
  let height = 0;
  for (let place = 0; place < view.laneHeights.length; place++) height += view.laneHeights[place];
  const laneHeight = height / Math.max(1, view.laneOrder.length);
  let pixels = 0;
  let seen = 0;
  for (let lane = 0; lane < lanes; lane++) {
    const [begin, end] = [diagram.messageStarts[lane], diagram.messageEnds[lane]];
    const step = Math.max(1, Math.ceil(((end - begin) * lanes) / SAMPLED_LINES));
    for (let message = begin; message < end; message += step) {
      const sender = diagram.laneOf(send[message]);
      const to = arrowEnd(diagram, message, view.arrowTo !== "receive");
      const x = (axis.placeOf(to, lane) - axis.placeOf(send[message], sender)) * scale;
      pixels += Math.max(Math.abs(x), Math.abs(lane - sender) * laneHeight);
      seen++;
    }
  }
  if (!seen || !height) return LINE_ALPHA;
  const usual = (perPixel(axis, view, diagram.messageCount) * pixels) / seen / height;
  return Math.max(LINE_ALPHA_MIN, LINE_ALPHA / Math.max(1, 0.6 * usual));
}

/**
 * @param {Raster} raster
 * @param {Diagram} diagram
 * @param {Axis} axis
 * @param {View} view
 */
function drawCrossings(raster, diagram, axis, view) {
  const { width, laneOrder } = view;
  const crossed = crossings(
    diagram,
    axis,
    view.begin,
    view.end,
    width,
    laneOrder,
    view.arrowTo !== "receive",
  );
  const usual = Math.max(1, perPixel(axis, view, diagram.messageCount));
  for (let gap = 0; gap + 1 < laneOrder.length; gap++) {
    const top = bandOf(view, gap).bottom;
    const bottom = bandOf(view, gap + 1).top;
    if (bottom - top < 1 || bottom <= 0 || top >= view.height) continue;
    for (let x = 0; x < width; x++) {
      const count = crossed[gap * width + x];
      if (count) raster.column(x, top, bottom, raster.ink, 0.06 + (0.5 * count) / (count + usual));
    }
  }
}

/**
 * Return how many of some things of the whole run a pixel of the view has on average.
 * @param {{begin: number, end: number}} axis
 * @param {View} view
 * @param {number} total
 * @returns {number}
 */
function perPixel(axis, view, total) {
  const pixels = ((axis.end - axis.begin) * view.width) / (view.end - view.begin);
  return total / Math.max(1, pixels);
}

/**
 * Return where the band of a lane begins and ends.
 * @param {View} view
 * @param {number} place
 * @returns {{top: number, bottom: number}}
 */
function bandOf(view, place) {
  const top = view.laneTops[place];
  const height = view.laneHeights[place];
  const scale = view.scale ?? 1;
  if (height < THIN_LANE * scale) return { top, bottom: top + height };
  const half = Math.min(height * BAND_SHARE, BAND_MAX * scale) / 2;
  return { top: top + height / 2 - half, bottom: top + height / 2 + half };
}

/**
 * Draw the lanes: as high as their rate, coloured by a measure.
 * @param {Raster} raster
 * @param {{colour: string}[]} lanes
 * @param {number} events of all lanes
 * @param {{begin: number, end: number}} axis
 * @param {View} view
 * @param {(Edges | null)[]} edges by place
 * @param {Measure | null} [measured] null: the rate
 */
export function drawBands(raster, lanes, events, axis, view, edges, measured = null) {
  const usual = perPixel(axis, view, events / Math.max(1, lanes.length));
  // Of lanes thinner than a pixel several share one: sums of events and of events times measure.
  const sums = new Float32Array(view.laneHeights.length && thinnest(view) < 1 ? view.width * view.height : 0);
  const weighted = new Float32Array(sums.length);
  for (let place = 0; place < edges.length; place++) {
    const rows = edges[place];
    if (!rows) continue;
    const lane = view.laneOrder[place];
    const measure = measured ? measured(/** @type {Int32Array} */ (rows)) : rateIn(rows, usual);
    if (view.laneHeights[place] < 1) {
      addThin(view, place, rows, measure, sums, weighted);
      continue;
    }
    const colour = laneColour(lanes[lane].colour, view.theme ?? "light");
    drawBand(raster, bandOf(view, place), rows, measure, colour, usual, view.colourBy === "violations");
  }
  if (sums.length) drawThin(raster, view, sums, weighted, usual);
}

/**
 * @param {View} view
 * @returns {number}
 */
function thinnest(view) {
  let least = Infinity;
  for (let place = 0; place < view.laneHeights.length; place++) {
    least = Math.min(least, view.laneHeights[place]);
  }
  return least;
}

/**
 * @param {Raster} raster
 * @param {{top: number, bottom: number}} band
 * @param {Edges} rows
 * @param {Float64Array} measure
 * @param {Rgb} colour
 * @param {number} usual events a pixel
 * @param {boolean} isViolations
 */
function drawBand(raster, { top, bottom }, rows, measure, colour, usual, isViolations) {
  const middle = (top + bottom) / 2;
  const half = (bottom - top) / 2;
  const isThin = half < 3;
  for (let x = 0; x + 1 < rows.length; x++) {
    const count = rows[x + 1] - rows[x];
    if (!count) continue;
    const reach = isThin ? half : half * (0.4 + (0.6 * count) / (count + usual));
    const marked = isViolations && measure[x] > 0;
    raster.column(x, middle - reach, middle + reach, marked ? VIOLATION : colour, 0.18 + 0.8 * measure[x]);
  }
}

/**
 * @param {View} view
 * @param {number} place
 * @param {Edges} rows
 * @param {Float64Array} measure
 * @param {Float32Array} sums
 * @param {Float32Array} weighted
 */
function addThin(view, place, rows, measure, sums, weighted) {
  const y = Math.floor(view.laneTops[place] + view.laneHeights[place] / 2);
  if (y < 0 || y >= view.height) return;
  for (let x = 0; x < view.width; x++) {
    const count = rows[x + 1] - rows[x];
    sums[y * view.width + x] += count;
    weighted[y * view.width + x] += count * measure[x];
  }
}

/**
 * @param {Raster} raster
 * @param {View} view
 * @param {Float32Array} sums
 * @param {Float32Array} weighted
 * @param {number} usual
 */
function drawThin(raster, view, sums, weighted, usual) {
  const [red, green, blue] = view.colourBy === "violations" ? VIOLATION : raster.ink;
  for (let at = 0; at < sums.length; at++) {
    if (!sums[at]) continue;
    const share = view.colourBy === "rate" ? sums[at] / (sums[at] + usual) : weighted[at] / sums[at];
    raster.over(at, red, green, blue, 0.18 + 0.8 * share);
  }
}

/**
 * Return the rate of each column between 0 and 1.
 * @param {Edges} rows
 * @param {number} usual events a pixel
 * @returns {Float64Array}
 */
function rateIn(rows, usual) {
  const out = new Float64Array(rows.length - 1);
  for (let x = 0; x < out.length; x++) out[x] = (rows[x + 1] - rows[x]) / (rows[x + 1] - rows[x] + usual);
  return out;
}

/**
 * Return a measure of each column between 0 and 1.
 * @param {Diagram} diagram
 * @param {Exclude<ColourBy, "rate">} colourBy
 * @param {Int32Array} rows edges
 * @returns {Float64Array}
 */
function measureOf(diagram, colourBy, rows) {
  const columns = rows.length - 1;
  const out = new Float64Array(columns);
  if (colourBy === "receives") {
    const { receives, events } = countsAt(diagram, rows);
    for (let x = 0; x < columns; x++) out[x] = events[x] ? receives[x] / events[x] : 0;
  } else if (colourBy === "violations") {
    const marked = violationRows(diagram);
    for (let x = 0; x < columns; x++) {
      const low = lowerBound(marked, rows[x], 0, marked.length);
      out[x] = low < marked.length && marked[low] < rows[x + 1] ? 1 : 0;
    }
  } else {
    const { max } = extremesAt(diagram, colourBy, rows);
    const greatest = Math.log1p(greatestOf(diagram, colourBy)) || 1;
    for (let x = 0; x < columns; x++) out[x] = max[x] > 0 ? Math.log1p(max[x]) / greatest : 0;
  }
  return out;
}
