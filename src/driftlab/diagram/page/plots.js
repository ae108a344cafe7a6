/**
 * Curves below the lanes, on the same axis: clock, drift, queue, lateness. Every column shows the
 * least and the greatest value in it, so that nothing is lost between two pixels. Clocks and queues
 * stay what they are until the next event of their lane.
 */

import { count, duration } from "./format.js";
import { PLOT, RULER } from "./pane.js";
import { messageHeight } from "./vectors.js";

const LINE = 1.25; // px
const STAYS = new Set(["clock", "queue"]); // between two events
const DENSE_COLUMNS = 100; // in which a curve rises and falls, from which on it is drawn as an area,
const DENSE_SHARE = 0.1; // and of all columns

/**
 * @typedef {{min: Float64Array, max: Float64Array, before?: number, last?: Float64Array}} Series
 *   before, last: the value before the first column, and at the end of each; not of the drift
 * @typedef {{key: string, begin: number, end: number, columns: number, lanes: Int32Array, series: Series[]}} Sheet
 */

export class Plots {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** @type {Map<string, Sheet>} */
    this.sheets = new Map();
    /** @type {Map<string, string>} */
    this.asked = new Map();
    /** @type {Map<string, [number, number]>} */
    this.ranges = new Map();
  }

  /** The plots that are shown, of those that this run can fill: what was chosen, or what there is room for. */
  shown() {
    const { page, run, height, view } = this.pane;
    const { has } = run.header;
    const fills = (/** @type {string} */ field) =>
      run.live || !has || has[field === "drift" ? "clock" : field] !== false;
    if (view.plots !== null) return view.plots.filter(fills);
    const room = height - RULER - run.lanes.length * 60;
    return ["clock", "queue"]
      .filter(fills)
      .slice(0, page.panes.length > 1 ? 0 : Math.max(0, Math.floor(room / PLOT)));
  }

  /** @param {number} place */
  top(place) {
    return RULER + this.pane.lanesHeight + 6 + place * PLOT;
  }

  /** Its greatest and least value in view, in words. @param {string} field */
  range(field) {
    const range = this.ranges.get(field);
    if (!range) return ["", ""];
    const [low, high] = range.map((value) => (field === "late" ? duration(value) : count(value)));
    return [high, low === high ? "" : low];
  }

  clear() {
    this.sheets.clear();
    this.asked.clear();
  }

  /** @param {CanvasRenderingContext2D} ctx */
  draw(ctx) {
    const shown = this.shown();
    shown.forEach((field, place) => {
      this.ask(field);
      this.drawOne(ctx, field, this.top(place));
    });
  }

  /**
   * Where single messages are not drawn, the inboxes still are: bands as high as the queue.
   * @param {CanvasRenderingContext2D} ctx
   */
  drawInboxes(ctx) {
    const { pane } = this;
    const { run, view } = pane;
    if (
      pane.laneHeight < 22 ||
      view.arrow !== "found" ||
      run.header.has?.queue === false ||
      run.header.has?.found === false
    )
      return;
    this.ask("queue");
    const sheet = this.sheets.get("queue");
    if (!sheet) return;
    const step = (sheet.end - sheet.begin) / sheet.columns;
    const { begin, end } = pane.page.span();
    const first = Math.max(0, Math.floor((begin - sheet.begin) / step));
    const last = Math.min(sheet.columns, Math.ceil((end - sheet.begin) / step));
    const one = messageHeight(pane.laneHeight, 1, run.mostQueued);
    const ends = pane.xOf(pane.reach());
    ctx.globalAlpha = 0.24;
    const d = pane.dpr;
    const xOf = (/** @type {number} */ column) => Math.round(pane.xOf(sheet.begin + column * step) * d) / d;
    sheet.series.forEach((series, place) => {
      const y = pane.yOf(sheet.lanes[place]);
      if (Number.isNaN(y)) return;
      ctx.fillStyle = pane.colourOf(sheet.lanes[place]);
      // Rectangles between whole pixels: a path of thousands of corners takes many times as long.
      let height = 0;
      let from = xOf(first);
      let now = valueBefore(series, first);
      for (let column = first; column < last; column++) {
        const known = Number.isFinite(series.max[column]) ? series.max[column] : now;
        now = Number.isFinite(series.max[column]) ? (series.last?.[column] ?? known) : now;
        if (!Number.isFinite(known) || known * one === height) continue;
        const x = xOf(column);
        if (x > ends) break;
        if (height && x > from) ctx.fillRect(from, y, x - from, height);
        height = known * one;
        from = x;
      }
      const right = Math.min(ends, xOf(last));
      if (height && right > from) ctx.fillRect(from, y, right - from, height);
    });
    ctx.globalAlpha = 1;
  }

  /** @param {string} field */
  ask(field) {
    const { pane } = this;
    const { begin, end } = pane.page.span();
    const span = end - begin;
    if (!(span > 0) || !pane.hasAxis) return;
    const stable = `${pane.axis}|${pane.orderId}|${pane.run.version}`;
    const old = this.sheets.get(field);
    const zoom = old ? (old.end - old.begin) / span : 0;
    if (old && old.key === stable && old.begin <= begin && old.end >= end && zoom > 1.6 && zoom < 2.4)
      return;
    const from = begin - span / 2;
    const key = `${stable}|${from}|${span}`;
    if (this.asked.has(field)) return;
    this.asked.set(field, key);
    const columns = Math.max(16, Math.round(this.pane.width) * 2);
    const lanes = pane.visible;
    const view = {
      axis: pane.axis,
      field,
      lanes: Array.from(lanes),
      begin: from,
      end: from + 2 * span,
      columns,
    };
    pane.run.engine
      .call("extremes", view)
      .then((series) => {
        if (series)
          this.sheets.set(field, {
            key: stable,
            begin: from,
            end: from + 2 * span,
            columns,
            lanes,
            series,
          });
      })
      .catch((error) => pane.failed(error))
      .finally(() => {
        this.asked.delete(field);
        pane.redraw();
      });
  }

  /** @param {CanvasRenderingContext2D} ctx @param {string} field @param {number} top */
  drawOne(ctx, field, top) {
    const { pane } = this;
    ctx.fillStyle = pane.page.sheet.rule;
    ctx.fillRect(0, top, pane.width, 1);
    const sheet = this.sheets.get(field);
    if (!sheet) return;
    const step = (sheet.end - sheet.begin) / sheet.columns;
    const { begin, end } = pane.page.span();
    const first = Math.max(0, Math.floor((begin - sheet.begin) / step));
    const until = Math.min(end, pane.reach() + step); // the drift goes on, and the run does not
    const last = Math.min(sheet.columns, Math.ceil((until - sheet.begin) / step));
    const [low, high] = extent(sheet, first, last, STAYS.has(field));
    if (!(high >= low)) return;
    const before = this.ranges.get(field);
    if (!before || before[0] !== low || before[1] !== high) {
      this.ranges.set(field, [low, high]);
      queueMicrotask(() => pane.names.namePlots());
    }
    const bottom = top + PLOT - 6;
    const room = PLOT - 14;
    const yOf = (/** @type {number} */ value) =>
      bottom - (high > low ? ((value - low) / (high - low)) * room : room / 2);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, top, pane.width, PLOT - 2);
    ctx.clip();
    ctx.globalAlpha = sheet.lanes.length > 24 ? 0.4 : 0.95;
    const xOf = (/** @type {number} */ column) => pane.xOf(sheet.begin + (column + 0.5) * step);
    sheet.series.forEach((series, place) => {
      const lane = sheet.lanes[place];
      if (lane >= pane.run.lanes.length) return;
      const stays = STAYS.has(field);
      // Other curves go on to the first value after the view, from the last one before it.
      const from = stays ? first : reached(series.min, first, -1);
      const to = stays ? last : reached(series.min, last - 1, 1) + 1;
      const colour = pane.colourOf(lane);
      if (isDense(series, from, to)) {
        ctx.fillStyle = colour;
        fillCurve(ctx, series, from, to, xOf, yOf);
        return;
      }
      ctx.strokeStyle = colour;
      const { dash } = pane.run.lanes[lane];
      ctx.setLineDash(dash && dash[1] ? dash : []);
      if (stays) strokeSteps(ctx, series, from, to, xOf, yOf);
      else strokeCurve(ctx, series, from, to, xOf, yOf);
    });
    ctx.restore();
  }
}

/**
 * Whether a curve goes up and down in so many columns that its line is an area.
 * @param {Series} series @param {number} from @param {number} to columns
 */
function isDense(series, from, to) {
  let changes = 0;
  for (let column = from; column < to; column++) if (series.max[column] > series.min[column]) changes++;
  return changes > DENSE_COLUMNS && changes > DENSE_SHARE * (to - from);
}

/**
 * Draw a curve as a line through the least and the greatest value of each column.
 * @param {CanvasRenderingContext2D} ctx @param {Series} series @param {number} from @param {number} to
 * @param {(column: number) => number} xOf @param {(value: number) => number} yOf
 */
function strokeCurve(ctx, series, from, to, xOf, yOf) {
  ctx.lineWidth = LINE;
  ctx.beginPath();
  let open = false;
  for (let column = from; column < to; column++) {
    if (!Number.isFinite(series.min[column])) continue;
    const x = xOf(column);
    const y0 = yOf(series.min[column]);
    const y1 = yOf(series.max[column]);
    if (open) ctx.lineTo(x, y0);
    else ctx.moveTo(x, y0);
    if (y1 !== y0) ctx.lineTo(x, y1);
    open = true;
  }
  ctx.stroke();
}

/**
 * Draw a curve that stays what it is between two events.
 * @param {CanvasRenderingContext2D} ctx @param {Series} series @param {number} from @param {number} to
 * @param {(column: number) => number} xOf @param {(value: number) => number} yOf
 */
function strokeSteps(ctx, series, from, to, xOf, yOf) {
  let now = valueBefore(series, from);
  ctx.lineWidth = LINE;
  ctx.beginPath();
  if (Number.isFinite(now)) ctx.moveTo(xOf(from - 1), yOf(now));
  for (let column = from; column < to; column++) {
    const [min, max] = [series.min[column], series.max[column]];
    if (!Number.isFinite(min) || (min === now && max === now)) continue;
    const x = xOf(column);
    if (Number.isFinite(now)) ctx.lineTo(x, yOf(now));
    else ctx.moveTo(x, yOf(min));
    let at = now;
    now = series.last?.[column] ?? max;
    for (const value of [min, max, now]) {
      if (value !== at) ctx.lineTo(x, yOf(value));
      at = value;
    }
  }
  if (Number.isFinite(now)) ctx.lineTo(xOf(to), yOf(now));
  ctx.stroke();
}

/** What a curve is where a column begins. @param {Series} series @param {number} column */
function valueBefore(series, column) {
  if (!series.last) return NaN;
  const at = column > 0 ? reached(series.last, column - 1, -1) : -1;
  const value = at >= 0 ? series.last[at] : NaN;
  return Number.isFinite(value) ? value : (series.before ?? NaN);
}

/**
 * Draw a dense curve as a rectangle a column, each of which meets the one before: a line of
 * thousands of corners takes the canvas a hundred times as long, and looks the same.
 * @param {CanvasRenderingContext2D} ctx @param {Series} series @param {number} from @param {number} to
 * @param {(column: number) => number} xOf @param {(value: number) => number} yOf
 */
function fillCurve(ctx, series, from, to, xOf, yOf) {
  const width = Math.max(LINE, xOf(from + 1) - xOf(from));
  let [lowest, highest] = [NaN, NaN]; // of the column before
  let now = valueBefore(series, from);
  for (let column = from; column < to; column++) {
    let [min, max] = [series.min[column], series.max[column]];
    if (Number.isFinite(max)) now = series.last?.[column] ?? NaN;
    else if (Number.isFinite(now)) min = max = now;
    else continue;
    const y = yOf(Number.isNaN(lowest) ? max : Math.max(max, lowest));
    const bottom = yOf(Number.isNaN(highest) ? min : Math.min(min, highest));
    ctx.fillRect(xOf(column) - width / 2, y - LINE / 2, width, bottom - y + LINE);
    [lowest, highest] = [min, max];
  }
}

/** The next column in a direction that has a value, or the edge. @param {Float64Array} values @param {number} from @param {number} by */
function reached(values, from, by) {
  let column = from;
  while (column > 0 && column < values.length - 1 && !Number.isFinite(values[column])) column += by;
  return column;
}

/** @param {Sheet} sheet @param {number} first @param {number} last @param {boolean} stays whether values stay until the next event */
function extent(sheet, first, last, stays) {
  let low = Infinity;
  let high = -Infinity;
  for (const series of sheet.series) {
    const begins = stays ? valueBefore(series, first) : NaN;
    if (begins < low) low = begins;
    if (begins > high) high = begins;
    for (let column = first; column < last; column++) {
      if (series.min[column] < low) low = series.min[column];
      if (series.max[column] > high) high = series.max[column];
    }
  }
  return [low, high];
}
