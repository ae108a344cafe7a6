/**
 * Tiles: pictures of stretches of the axis, drawn once by the engine and composed in each frame.
 * While a sharp tile is being drawn, an older picture of the same stretch is shown in its place,
 * scaled; a picture of the whole run is always kept, so that nothing is blank while panning.
 */

import { drawVectors } from "./vectors.js";

const WIDTH = 512; // device pixels of a tile
const KEPT = 40;
const FEW = 120; // events
const MARGIN = 12; // px beyond the edges in which exact events are drawn too
const LABELS = 96; // px beyond the edges in which events decide what is written in the tile
const REST = 50; // ms without a zoom after which tiles are asked for, while one zoom follows another
const STILL = 250; // ms after which a zoom is the first of its kind
const REFRESH = 1500; // ms after which a live run's older tiles are drawn again

/**
 * @typedef {{key: string, look: string, shape: string, begin: number, end: number, top: number, height: number, full: number,
 *   canvas: HTMLCanvasElement, level: string, used: number, version: number, drawn: number, reach: number}} Tile
 * @typedef {{look: string, shape: string, axis: string, units: number, top: number, height: number, full: number, begin: number, end: number}} Wanted
 */

export class Tiles {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    /** @type {Tile | null} */
    this.overview = null;
    /** @type {Set<string>} */
    this.asked = new Set();
    /** @type {Set<string>} tiles that could not be drawn: not asked for again */
    this.broken = new Set();
    this.frame = 0;
    this.units = 0; // axis units a pixel, in the last frame
    this.changed = 0; // when the zoom changed last
    this.isZooming = false; // whether one change follows another
    /** @type {(() => void) | null} asks for what the last frame missed */
    this.askRest = null;
    this.level = "";
    this.isSharp = false;
    this.overviewAsked = "";
  }

  /** Forget all pictures: their data is no longer what it was. */
  clear() {
    this.tiles.clear();
    this.overview = null;
    this.overviewAsked = "";
  }

  /**
   * Draw the stretch that the pane shows, and ask for what is not there yet.
   * @param {CanvasRenderingContext2D} ctx in device pixels, its origin at the lanes' left top
   */
  draw(ctx) {
    const { begin, end, width, height, windows, full } = this.pane.frameOf();
    this.isSharp = true;
    if (!this.pane.hasAxis) this.level = "";
    if (!(end > begin) || width < 1 || height < 1 || !this.pane.hasAxis) return;
    this.frame++;
    const units = (end - begin) / width;
    if (Math.abs(units / this.units - 1) > 1e-9) {
      this.units = units;
      this.isZooming = performance.now() - this.changed < STILL;
      this.changed = performance.now();
    }
    const look = this.pane.look();
    const isOneRow = full <= height * 1.2;
    const first = Math.floor(begin / (units * WIDTH));
    const last = Math.floor(end / (units * WIDTH));
    /** @type {{key: string, begin: number, end: number, top: number, height: number, ahead: boolean}[]} */
    const missing = [];
    const strips = windows.flatMap((window) =>
      (isOneRow ? [{ top: 0, height: Math.ceil(full) }] : rowsOf(window, full)).map((row) => ({
        row,
        window,
      })),
    );
    for (const { row, window } of strips) {
      const { scroll } = window;
      ctx.save();
      ctx.beginPath();
      ctx.rect(0, window.top, width, window.height);
      ctx.clip();
      for (let k = first; k <= last; k++) {
        const span = { begin: k * units * WIDTH, end: (k + 1) * units * WIDTH };
        const key = `${look.look}|${units}|${k}|${row.top}|${row.height}`;
        const tile = this.tiles.get(key);
        if (tile) {
          tile.used = this.frame;
          this.level = tile.level;
          ctx.drawImage(
            tile.canvas,
            Math.round((span.begin - begin) / units),
            Math.round(row.top - scroll),
          );
          if (this.isStale(tile)) missing.push({ key, ...span, ...row, ahead: false });
        } else {
          this.isSharp = false;
          this.drawOlder(ctx, look.shape, span, row, begin, units, scroll, full, width);
          missing.push({ key, ...span, ...row, ahead: false });
        }
      }
      for (const k of [last + 1, first - 1]) {
        const key = `${look.look}|${units}|${k}|${row.top}|${row.height}`;
        if (!this.tiles.has(key))
          missing.push({
            key,
            begin: k * units * WIDTH,
            end: (k + 1) * units * WIDTH,
            ...row,
            ahead: true,
          });
      }
      ctx.restore();
    }
    this.askRest = () => this.ask(missing, look, units, full);
    this.askRest();
  }

  /** Whether a tile is there, as it should be. @param {string} key */
  isThere(key) {
    const tile = this.tiles.get(key);
    return tile !== undefined && !this.isStale(tile);
  }

  /** Whether a live run has grown into a tile since it was drawn. @param {Tile} tile */
  isStale(tile) {
    const run = this.pane.run;
    if (tile.version === run.version || tile.begin > this.pane.reach()) return false;
    const slack = 0.2 * (tile.end - tile.begin); // arrows and bands of what is still under way
    return tile.end > tile.reach - slack || performance.now() - tile.drawn > REFRESH;
  }

  /**
   * Draw the best older picture of a stretch: of the same lanes, the zoom nearest to this one.
   * @param {CanvasRenderingContext2D} ctx @param {string} shape @param {{begin: number, end: number}} span
   * @param {{top: number, height: number}} row @param {number} begin @param {number} units @param {number} scroll @param {number} full @param {number} width
   */
  drawOlder(ctx, shape, span, row, begin, units, scroll, full, width) {
    /** @type {Map<string, Tile[]>} */
    const families = new Map();
    for (const tile of this.tiles.values()) {
      if (tile.shape !== shape || tile.end <= span.begin || tile.begin >= span.end) continue;
      const family = `${tile.look}|${(tile.end - tile.begin).toPrecision(9)}`;
      families.set(family, [...(families.get(family) ?? []), tile]);
    }
    /** @type {Tile[]} */
    let best = this.overview && this.overview.shape === shape ? [this.overview] : [];
    let bestFit = Infinity;
    for (const family of families.values()) {
      const covered =
        Math.max(...family.map((t) => t.end)) >= span.end &&
        Math.min(...family.map((t) => t.begin)) <= span.begin;
      const fit =
        Math.abs(Math.log((family[0].end - family[0].begin) / (units * WIDTH))) + (covered ? 0 : 2);
      if (fit < bestFit && (covered || !best.length)) {
        best = family;
        bestFit = fit;
      }
    }
    if (!best.length) return;
    const left = Math.max(0, Math.round((span.begin - begin) / units));
    const right = Math.min(width, Math.round((span.end - begin) / units));
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, row.top - scroll, right - left, row.height);
    ctx.clip();
    for (const tile of best) {
      const stretch = full / tile.full;
      const x = (tile.begin - begin) / units;
      const w = (tile.end - tile.begin) / units;
      // A tile far too wide is cut to what is seen: scaling millions of pixels takes long.
      const from = Math.max(0, (left - x) / w);
      const to = Math.min(1, (right - x) / w);
      if (!(to > from)) continue;
      ctx.drawImage(
        tile.canvas,
        from * tile.canvas.width,
        0,
        Math.max(1e-3, (to - from) * tile.canvas.width),
        tile.canvas.height,
        x + from * w,
        tile.top * stretch - scroll,
        (to - from) * w,
        tile.height * stretch,
      );
      tile.used = this.frame;
    }
    ctx.restore();
  }

  /**
   * @param {{key: string, begin: number, end: number, top: number, height: number, ahead: boolean}[]} missing
   * @param {{look: string, shape: string}} look @param {number} units @param {number} full
   */
  ask(missing, look, units, full) {
    // What is seen comes first; the picture of the whole run when it is there, or soon after.
    if (!missing.some((m) => !m.ahead) || this.tiles.size > 2) this.askOverview(look, full);
    if (!missing.length) return;
    const resting = performance.now() - this.changed;
    if (this.isZooming && resting < REST && this.tiles.size) {
      setTimeout(() => this.pane.redraw(), REST + 5 - resting);
      return;
    }
    const { begin, end } = this.pane.page.span();
    const off = (/** @type {{begin: number, end: number}} */ m) => Math.abs(m.begin + m.end - begin - end);
    const waiting = missing
      .filter((m) => !this.asked.has(m.key) && !this.broken.has(m.key) && !this.isThere(m.key))
      .filter((m, at, all) => all.findIndex((one) => one.key === m.key) === at)
      .sort((a, b) => Number(a.ahead) - Number(b.ahead) || off(a) - off(b));
    for (const m of waiting) {
      if (this.asked.size >= 2 || (m.ahead && this.asked.size >= 1)) break;
      this.request(m, look, Math.round((m.end - m.begin) / units), full);
    }
  }

  /** @param {{look: string, shape: string}} look @param {number} full */
  askOverview(look, full) {
    const run = this.pane.run;
    const whole = this.pane.whole();
    const key = `${look.shape}|${look.look}|${run.live ? Math.floor(performance.now() / 4000) : run.version}`;
    if (this.overviewAsked === key || !whole) return;
    this.overviewAsked = key;
    const height = Math.max(1, Math.min(2048, Math.ceil(full)));
    const margin = (whole[1] - whole[0]) * 0.01;
    const span = { begin: whole[0] - margin, end: whole[1] + margin };
    this.render({ ...span, top: 0, height }, look, 1024, full, full > 2048 ? 2048 / full : 1)
      .then((tile) => {
        if (tile) this.overview = { ...tile, height: full };
        this.pane.redraw();
      })
      .catch((error) => this.pane.failed(error));
  }

  /** @param {{key: string, begin: number, end: number, top: number, height: number}} m @param {{look: string, shape: string}} look @param {number} width @param {number} full */
  request(m, look, width, full) {
    this.asked.add(m.key);
    const beside = [...this.tiles.values()].find(
      (tile) =>
        tile.look === look.look &&
        tile.level !== "exact" &&
        (close(tile.end, m.begin, m.end) || close(tile.begin, m.end, m.begin)),
    );
    this.render({ ...m, besideDense: beside?.level }, look, width, full, 1)
      .then((tile) => {
        if (tile) this.tiles.set(m.key, { ...tile, key: m.key });
        this.drop();
      })
      .catch((error) => {
        this.broken.add(m.key);
        this.pane.failed(error);
      })
      .finally(() => {
        this.asked.delete(m.key);
        this.askRest?.(); // not only in the next frame
        this.pane.redraw();
      });
  }

  /**
   * @param {{begin: number, end: number, top: number, height: number, besideDense?: string}} m
   * @param {{look: string, shape: string}} look @param {number} width @param {number} full
   * @param {number} squeeze the height of all lanes, squeezed to this share
   * @returns {Promise<Tile | null>}
   */
  async render(m, look, width, full, squeeze) {
    const pane = this.pane;
    const view = pane.tileView(m, width, Math.max(1, Math.ceil(m.height)), squeeze);
    const { version } = pane.run;
    const reach = pane.reach();
    const drawing = pane.drawingOf(view);
    let answer = await pane.run.engine.call("tile", view);
    if (!answer) return null;
    const whole = pane.whole() ?? [0, 0];
    const filled = (Math.min(m.end, whole[1]) - Math.max(m.begin, whole[0])) / (m.end - m.begin);
    const isNearlyEmpty = filled < 0.3 || (answer.vectors && answer.vectors.row.length < FEW);
    if (m.besideDense && answer.level !== m.besideDense && answer.level !== "counts" && isNearlyEmpty) {
      // At the edge of a dense stretch: drawn like its neighbour.
      const like = await pane.run.engine.call("tile", { ...view, level: m.besideDense });
      if (like) answer = like;
    }
    const canvas = document.createElement("canvas");
    canvas.width = view.width;
    canvas.height = view.height;
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    if (answer.vectors) drawVectors(ctx, answer.vectors, drawing);
    else ctx.putImageData(new ImageData(answer.image, view.width, view.height), 0, 0);
    return {
      key: "",
      ...look,
      begin: m.begin,
      end: m.end,
      top: m.top,
      height: m.height,
      full,
      canvas,
      level: answer.level,
      used: this.frame,
      version,
      drawn: performance.now(),
      reach,
    };
  }

  /** Keep the pictures used last. */
  drop() {
    if (this.tiles.size <= KEPT) return;
    const oldest = [...this.tiles.values()]
      .sort((a, b) => a.used - b.used)
      .slice(0, this.tiles.size - KEPT);
    for (const tile of oldest) this.tiles.delete(tile.key);
  }
}

export { LABELS, MARGIN };

/** Whether two edges are the same, but for rounding. @param {number} a @param {number} b @param {number} other the tile's other edge */
function close(a, b, other) {
  return Math.abs(a - b) < 1e-6 * Math.abs(b - other);
}

/** Rows of tiles where the lanes are higher than the pane. @param {{top: number, height: number, scroll: number}} window @param {number} full */
function rowsOf({ top: above, height, scroll }, full) {
  const step = 512;
  const rows = [];
  const begin = above + scroll;
  for (let top = Math.floor(begin / step) * step; top < Math.min(full, begin + height); top += step) {
    rows.push({ top, height: Math.min(step, Math.ceil(full) - top) });
  }
  return rows;
}
