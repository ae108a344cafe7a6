/**
 * The picture of one run: ruler, lanes, plots, and the names beside them. It knows where things
 * are; what is drawn there is done by tiles, marks, plots and ruler. Two runs are two panes.
 */

import { laneColour } from "./colours.js";
import { LaneNames } from "./lanes.js";
import { Marks } from "./marks.js";
import { Plots } from "./plots.js";
import { Pointer } from "./pointer.js";
import { axisName } from "./run.js";
import { drawRuler } from "./ruler.js";
import { LABELS, MARGIN, Tiles } from "./tiles.js";

export const RULER = 24; // CSS px
export const PLOT = 62;
const LEAST_LANE = 14;
const MOST_LANE = 170;
const PINNED_SHARE = 0.6; // of the height, that pinned lanes may take from those that scroll

export class Pane {
  /** @param {import("./page.js").Page} page @param {import("./run.js").Run} run @param {HTMLElement} parent */
  constructor(page, run, parent) {
    this.page = page;
    this.run = run;
    this.root = make("div", "pane", parent);
    this.side = make("div", "side", this.root);
    this.drawing = make("div", "drawing", this.root);
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas", "", this.drawing));
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "space-time diagram");
    this.canvas.setAttribute("aria-describedby", "said");
    this.runName = make("div", "run-name", this.side);
    this.tip = make("div", "tip", this.drawing);
    this.tip.hidden = true;
    this.tip.setAttribute("role", "tooltip");
    this.width = 0;
    this.height = 0;
    this.dpr = 1;
    this.lanesHeight = 0;
    this.fullHeight = 0;
    this.laneHeight = LEAST_LANE;
    this.visible = new Int32Array(0);
    this.tops = new Float64Array(0);
    this.placeOf = new Int32Array(0);
    this.pinnedPlaces = 0; // of the first lanes, which do not scroll
    this.orderId = 0;
    this.orderText = "";
    /** @type {{at: number, left: number}[]} */
    this.gaps = [];
    this.frameTimes = { drawn: 0, spent: 0 };
    this.tiles = new Tiles(this);
    this.marks = new Marks(this);
    this.plots = new Plots(this);
    this.names = new LaneNames(this);
    this.pointer = new Pointer(this);
    this.waiting = 0;
    new ResizeObserver(() => this.page.laidOut()).observe(this.drawing);
  }

  get view() {
    return this.page.state.view;
  }

  /** The axis as the engine names it. */
  get axis() {
    return axisName(this.view.axis, this.view.idle);
  }

  /** Whether the log has the axis that is chosen: of two runs only one may. */
  get hasAxis() {
    return this.run.hasAxis(this.view.axis);
  }

  /** The extent of the axis, as far as this run has one. @returns {[number, number] | null} */
  whole() {
    const extent = this.run.extents[this.axis] ?? null;
    return extent && extent[0] <= extent[1] ? extent : null;
  }

  reach() {
    return this.whole()?.[1] ?? 0;
  }

  /** Find out where everything is, from the size of the window and the lanes that are shown. */
  layOut() {
    this.dpr = window.devicePixelRatio || 1;
    this.width = this.drawing.clientWidth;
    this.height = this.drawing.clientHeight;
    const { canvas } = this;
    const [w, h] = [Math.round(this.width * this.dpr), Math.round(this.height * this.dpr)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    this.lanesHeight = Math.max(0, this.height - RULER - PLOT * this.plots.shown().length - 6);
    this.orderLanes();
    const n = Math.max(1, this.visible.length);
    const fitting = Math.min(MOST_LANE, this.lanesHeight / n);
    const wanted = this.view.laneHeight === null ? Math.max(LEAST_LANE, fitting) : this.view.laneHeight;
    this.laneHeight = Math.max(1, Math.round(wanted * this.dpr)) / this.dpr;
    if (this.view.laneHeight === 1) this.laneHeight = this.lanesHeight / n; // all lanes at once
    this.fullHeight = n * this.laneHeight;
    this.tops = Float64Array.from(this.visible, (_, place) => place * this.laneHeight);
    const pinned = new Set(this.view.pinned[this.run.number]);
    const most = Math.floor((this.lanesHeight * PINNED_SHARE) / this.laneHeight);
    const count = this.visible.filter((lane) => pinned.has(lane)).length;
    this.pinnedPlaces = this.fullHeight > this.lanesHeight ? Math.min(count, most) : 0;
    this.names.place();
    this.redraw();
  }

  /** The lanes that are shown, from top to bottom: pinned ones first, hidden ones left out. */
  orderLanes() {
    const { number, lanes } = this.run;
    const hidden = new Set(this.view.hidden[number]);
    const pinned = this.view.pinned[number].filter((lane) => lane < lanes.length);
    const asked = (this.view.orders[number] ?? []).filter((lane) => lane < lanes.length);
    const rest = lanes.map((_, lane) => lane);
    const all = [...new Set([...pinned, ...asked, ...rest])].filter((lane) => !hidden.has(lane));
    const text = all.join(".");
    if (text !== this.orderText || all.length !== this.visible.length) {
      this.orderText = text;
      this.orderId++;
      this.visible = Int32Array.from(all);
    }
    this.placeOf = new Int32Array(lanes.length).fill(-1);
    this.visible.forEach((lane, place) => (this.placeOf[lane] = place));
  }

  /** How far the lanes are scrolled, in CSS px. */
  scroll() {
    const most = Math.max(0, this.fullHeight - this.lanesHeight);
    return Math.max(0, Math.min(most, this.view.scroll[this.run.number] ?? 0));
  }

  /** @param {number} value axis value @returns {number} CSS px from the left edge */
  xOf(value) {
    const { begin, end } = this.page.span();
    return ((value - begin) / (end - begin)) * this.width;
  }

  /** @param {number} x CSS px from the left edge */
  valueAt(x) {
    const { begin, end } = this.page.span();
    return begin + (x / Math.max(1, this.width)) * (end - begin);
  }

  /** The middle of a lane, in CSS px from the pane's top; NaN where it is hidden. @param {number} lane */
  yOf(lane) {
    const place = this.placeOf[lane];
    return place < 0 || place === undefined ? NaN : RULER + this.topOf(place) + this.laneHeight / 2;
  }

  /** How high the lanes are that do not scroll, in CSS px. */
  get pinnedHeight() {
    return this.pinnedPlaces * this.laneHeight;
  }

  /** Where a lane begins, in CSS px below the ruler; above it where pinned lanes cover it. @param {number} place */
  topOf(place) {
    if (place < this.pinnedPlaces) return this.tops[place];
    const top = this.tops[place] - this.scroll();
    const isCovered = top + this.laneHeight / 2 < this.pinnedHeight;
    return isCovered ? top - this.pinnedHeight : top;
  }

  /** The place of lanes at a height, fractions for a place within a lane. @param {number} y CSS px below the ruler */
  placeAt(y) {
    return (y < this.pinnedHeight ? y : y + this.scroll()) / this.laneHeight;
  }

  /** The places of the lanes that are seen. */
  seenPlaces() {
    const first = Math.max(this.pinnedPlaces, Math.floor(this.placeAt(this.pinnedHeight)));
    const last = Math.min(this.visible.length, Math.ceil(this.placeAt(this.lanesHeight)));
    const seen = Array.from({ length: this.pinnedPlaces }, (_, place) => place);
    for (let place = first; place < last; place++) seen.push(place);
    return seen;
  }

  /** The stretches of the pane's height that show lanes: pinned ones, and those that scroll. */
  windows() {
    const { lanesHeight, pinnedHeight } = this;
    const rest = { top: pinnedHeight, height: lanesHeight - pinnedHeight, scroll: this.scroll() };
    return pinnedHeight ? [{ top: 0, height: pinnedHeight, scroll: 0 }, rest] : [rest];
  }

  /** The lane at a height, or -1. @param {number} y CSS px from the pane's top */
  laneAt(y) {
    if (y < RULER || y >= RULER + this.lanesHeight) return -1;
    const place = Math.floor(this.placeAt(y - RULER));
    return place >= 0 && place < this.visible.length ? this.visible[place] : -1;
  }

  /** What the tiles have to fill, in device pixels. */
  frameOf() {
    const { begin, end } = this.page.span();
    const d = this.dpr;
    return {
      begin,
      end,
      width: this.canvas.width,
      height: Math.round(this.lanesHeight * d),
      windows: this.windows().map(({ top, height, scroll }) => ({
        top: Math.round(top * d),
        height: Math.round((top + height) * d) - Math.round(top * d),
        scroll: Math.round(scroll * d),
      })),
      full: this.fullHeight * d,
    };
  }

  /** What a tile's picture depends on, besides its place. `shape` is what an older picture must share. */
  look() {
    const { view } = this;
    const shape = `${this.axis}|${this.orderId}`;
    const theme = this.page.dark ? "dark" : "light";
    const look = `${shape}|${this.laneHeight}|${view.colour}|${theme}|${view.arrow}|${this.dpr}|${this.page.skin}|${this.run.mostQueued}|${this.run.isEarly}`;
    return { look, shape };
  }

  /** @param {{begin: number, end: number, top: number}} m @param {number} width @param {number} height @param {number} squeeze */
  tileView(m, width, height, squeeze) {
    const d = this.dpr * squeeze;
    return {
      axis: this.axis,
      begin: m.begin,
      end: m.end,
      width,
      height,
      scale: this.dpr,
      laneOrder: this.visible,
      laneTops: this.tops.map((top) => top * d - m.top),
      laneHeights: new Float64Array(this.visible.length).fill(this.laneHeight * d),
      colourBy: this.view.colour,
      theme: this.page.dark ? "dark" : "light",
      arrowTo: this.view.arrow,
      margin: MARGIN * this.dpr,
      labels: LABELS * this.dpr,
      reach: Math.round(1.5 * this.canvas.width),
    };
  }

  /** @param {{begin: number, end: number, width: number, height: number, laneTops: Float64Array, laneHeights: Float64Array}} view */
  drawingOf(view) {
    return {
      scale: this.dpr,
      width: view.width,
      height: view.height,
      tops: view.laneTops,
      heights: view.laneHeights,
      colours: Array.from(this.visible, (lane) => this.colourOf(lane)),
      sheet: this.page.sheet,
      arrow: this.view.arrow,
      ink: this.page.dark ? 0.95 : 0.72,
      reach: Math.round(1.5 * this.canvas.width), // as `tileView` has it
      mostQueued: this.run.mostQueued,
      hasQueue: this.run.header.has?.queue !== false,
      endX: ((this.reach() - view.begin) / (view.end - view.begin)) * view.width,
    };
  }

  /** @param {number} lane */
  colourOf(lane) {
    return laneColour(this.run.lanes[lane], this.page.dark);
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    const began = performance.now();
    const ctx = this.canvas.getContext("2d", { alpha: false });
    if (!ctx || this.width < 1) return;
    const d = this.dpr;
    const { sheet } = this.page;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = sheet.ground;
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, RULER * d, this.canvas.width, this.lanesHeight * d);
    ctx.clip();
    ctx.setTransform(d, 0, 0, d, 0, 0);
    this.marks.drawBelow(ctx);
    drawRuler(ctx, this, "grid");
    this.drawLaneLines(ctx);
    if (this.tiles.level !== "exact") this.plots.drawInboxes(ctx);
    ctx.setTransform(1, 0, 0, 1, 0, Math.round(RULER * d));
    this.tiles.draw(ctx);
    ctx.setTransform(d, 0, 0, d, 0, 0);
    this.marks.drawAbove(ctx);
    ctx.restore();
    ctx.setTransform(d, 0, 0, d, 0, 0);
    drawRuler(ctx, this, "texts");
    if (!this.hasAxis) this.drawNone(ctx);
    this.plots.draw(ctx);
    this.marks.placeHandles();
    this.page.drawn(this);
    this.frameTimes = { drawn: this.frameTimes.drawn + 1, spent: performance.now() - began };
  }

  /** Of two runs only one may have an axis: the other says so. @param {CanvasRenderingContext2D} ctx */
  drawNone(ctx) {
    ctx.font = "13px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = this.page.sheet.faint;
    ctx.fillText(
      "This log does not have the axis that is chosen.",
      this.width / 2,
      RULER + this.lanesHeight / 2,
    );
  }

  /** @param {CanvasRenderingContext2D} ctx */
  drawLaneLines(ctx) {
    ctx.lineWidth = 1;
    if (this.pinnedPlaces) {
      ctx.fillStyle = this.page.sheet.rule;
      ctx.fillRect(0, RULER + this.pinnedHeight - 1, this.width, 1);
    }
    if (this.laneHeight < 4) return;
    for (const place of this.seenPlaces()) {
      const lane = this.run.lanes[this.visible[place]];
      const y = Math.round((RULER + this.topOf(place) + this.laneHeight / 2) * this.dpr) / this.dpr;
      ctx.strokeStyle = this.colourOf(this.visible[place]);
      ctx.globalAlpha = 0.55;
      ctx.setLineDash(lane.dash && lane.dash[1] ? lane.dash : []);
      ctx.beginPath();
      ctx.moveTo(0, y);
      ctx.lineTo(this.width, y);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  /** @param {unknown} error */
  failed(error) {
    this.page.notice(
      "engine",
      `The diagram could not be drawn: ${error instanceof Error ? error.message : error}`,
    );
  }

  /** The data or the axis has changed: gaps and marks are asked for again. */
  async renew() {
    const { axis, idle } = this.view;
    await this.run.measure(axis, idle);
    this.gaps = await this.run.gaps(axis, idle);
    await this.marks.renew();
    this.redraw();
  }

  /** Write an axis value as it was before idle stretches were left out. @param {number} value */
  unskipped(value) {
    let out = value;
    for (const gap of this.gaps) if (gap.at <= value) out += gap.left;
    return out;
  }
}

/** @param {string} tag @param {string} name @param {HTMLElement} parent */
export function make(tag, name, parent) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  parent.append(element);
  return element;
}
