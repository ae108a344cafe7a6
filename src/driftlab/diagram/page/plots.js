/**
 * Curves below the lanes, on the same axis: clock, drift, queue, lateness. Every column shows the
 * least and the greatest value in it, so that nothing is lost between two pixels.
 */

import { count, duration } from "./format.js";
import { PLOT, RULER } from "./pane.js";
import { messageHeight } from "./vectors.js";

/** @typedef {{key: string, begin: number, end: number, columns: number, lanes: Int32Array, series: {min: Float64Array, max: Float64Array}[]}} Sheet */

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
    sheet.series.forEach((series, place) => {
      const y = pane.yOf(sheet.lanes[place]);
      if (Number.isNaN(y)) return;
      ctx.fillStyle = pane.colourOf(sheet.lanes[place]);
      ctx.beginPath();
      ctx.moveTo(pane.xOf(sheet.begin + first * step), y);
      let height = 0;
      for (let column = first; column < last; column++) {
        const x = pane.xOf(sheet.begin + column * step);
        if (x > ends) break;
        ctx.lineTo(x, y + height);
        if (Number.isFinite(series.max[column])) height = series.max[column] * one;
        ctx.lineTo(x, y + height);
      }
      const right = Math.min(ends, pane.xOf(sheet.begin + last * step));
      ctx.lineTo(right, y + height);
      ctx.lineTo(right, y);
      ctx.fill();
    });
    ctx.globalAlpha = 1;
  }

  /** @param {string} field */
  ask(field) {
    const { pane } = this;
    const { begin, end } = pane.page.span();
    const span = end - begin;
    if (!(span > 0)) return;
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
    const [low, high] = extent(sheet, first, last);
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
    ctx.lineWidth = 1.25;
    ctx.globalAlpha = sheet.lanes.length > 24 ? 0.4 : 0.95;
    sheet.series.forEach((series, place) => {
      const lane = sheet.lanes[place];
      if (lane >= pane.run.lanes.length) return;
      ctx.strokeStyle = pane.colourOf(lane);
      const { dash } = pane.run.lanes[lane];
      ctx.setLineDash(dash && dash[1] ? dash : []);
      ctx.beginPath();
      let open = false;
      // From the last value before the view to the first one after it: curves go on to its edges.
      for (
        let column = reached(series.min, first, -1);
        column <= reached(series.min, last - 1, 1);
        column++
      ) {
        if (!Number.isFinite(series.min[column])) continue;
        const x = pane.xOf(sheet.begin + (column + 0.5) * step);
        const y0 = yOf(series.min[column]);
        const y1 = yOf(series.max[column]);
        if (open) ctx.lineTo(x, y0);
        else ctx.moveTo(x, y0);
        if (y1 !== y0) ctx.lineTo(x, y1);
        open = true;
      }
      ctx.stroke();
    });
    ctx.restore();
  }
}

/** The next column in a direction that has a value, or the edge. @param {Float64Array} values @param {number} from @param {number} by */
function reached(values, from, by) {
  let column = from;
  while (column > 0 && column < values.length - 1 && !Number.isFinite(values[column])) column += by;
  return column;
}

/** @param {Sheet} sheet @param {number} first @param {number} last */
function extent(sheet, first, last) {
  let low = Infinity;
  let high = -Infinity;
  for (const series of sheet.series) {
    for (let column = first; column < last; column++) {
      if (series.min[column] < low) low = series.min[column];
      if (series.max[column] > high) high = series.max[column];
    }
  }
  return [low, high];
}
