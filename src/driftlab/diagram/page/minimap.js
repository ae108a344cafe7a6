/** The whole run in a strip: what is shown is framed; violations and hits are ticks on it. */

export class Minimap {
  /** @param {import("./page.js").Page} page @param {HTMLCanvasElement} canvas */
  constructor(page, canvas) {
    this.page = page;
    this.canvas = canvas;
    /** @type {HTMLCanvasElement | null} */
    this.picture = null;
    this.key = "";
    this.asking = false;
    this.waiting = 0;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("keydown", (event) => this.keyed(event));
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    const step = { ArrowLeft: -0.25, ArrowRight: 0.25, PageUp: -1, PageDown: 1 }[event.key];
    if (step) this.page.pan(step);
    else if (event.key === "ArrowUp") this.page.zoom(0.7, 0.5);
    else if (event.key === "ArrowDown") this.page.zoom(1.4, 0.5);
    else if (event.key === "Home" || event.key === "End") this.page.toEdge(event.key === "Home");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {PointerEvent} event */
  press(event) {
    const whole = this.whole();
    if (!whole) return;
    const box = this.canvas.getBoundingClientRect();
    const valueAt = (/** @type {PointerEvent} */ e) =>
      whole[0] + ((e.clientX - box.left) / box.width) * (whole[1] - whole[0]);
    const { begin, end } = this.page.span();
    const at = valueAt(event);
    const edge = ((whole[1] - whole[0]) / box.width) * 6;
    const part = Math.abs(at - begin) < edge ? "begin" : Math.abs(at - end) < edge ? "end" : "all";
    const offset = at > begin && at < end ? at - begin : (end - begin) / 2;
    const act = (/** @type {PointerEvent} */ e) => {
      const value = valueAt(e);
      if (part === "begin" && value < end) this.page.show(value, end);
      else if (part === "end" && value > begin) this.page.show(begin, value);
      else if (part === "all") this.page.show(value - offset, value - offset + (end - begin));
    };
    const stop = () => {
      removeEventListener("pointermove", act);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
    };
    addEventListener("pointermove", act);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
    act(event);
  }

  /** The extent of the axis and a little more, so that the first and the last event are seen. @returns {[number, number] | null} */
  whole() {
    const whole = this.page.whole();
    const margin = whole ? (whole[1] - whole[0]) * 0.006 : 0;
    return whole && [whole[0] - margin, whole[1] + margin];
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  async ask() {
    const pane = this.page.panes.find((one) => one.hasAxis);
    const whole = this.whole();
    if (!pane || !whole || this.asking) return;
    const dpr = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * dpr);
    const height = Math.round(this.canvas.clientHeight * dpr);
    const pace = pane.run.live ? Math.floor(performance.now() / 1000) : pane.run.version;
    const key = `${width}|${height}|${pane.look().look}|${pace}|${pane.run.live ? "" : whole.join()}`;
    if (key === this.key || width < 1) return;
    this.key = key;
    this.asking = true;
    const n = Math.max(1, pane.visible.length);
    const room = height - 8 * dpr;
    const view = {
      ...pane.tileView({ begin: whole[0], end: whole[1], top: 0 }, width, height, 1),
      laneTops: Float64Array.from(pane.visible, (_, place) => 4 * dpr + (place * room) / n),
      laneHeights: new Float64Array(pane.visible.length).fill(room / n),
      level: "counts", // a strip this low shows no arrows
    };
    const began = { width, height, begin: whole[0], end: whole[1] };
    try {
      const answer = await pane.run.engine.call("tile", view);
      if (answer?.image) {
        this.picture = document.createElement("canvas");
        this.picture.width = width;
        this.picture.height = height;
        this.picture.getContext("2d")?.putImageData(new ImageData(answer.image, width, height), 0, 0);
        this.of = began;
      } else if (answer?.vectors) {
        this.picture = document.createElement("canvas");
        this.picture.width = width;
        this.picture.height = height;
        const ctx = this.picture.getContext("2d");
        if (ctx) dots(ctx, answer.vectors, pane.drawingOf(view));
        this.of = began;
      }
    } finally {
      this.asking = false;
      this.redraw();
    }
  }

  draw() {
    void this.ask().catch(() => {});
    const { canvas, page } = this;
    const dpr = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(canvas.clientWidth * dpr), Math.round(canvas.clientHeight * dpr)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const ctx = canvas.getContext("2d", { alpha: false });
    const whole = this.whole();
    if (!ctx || w < 1) return;
    const { sheet } = page;
    ctx.fillStyle = sheet.paper;
    ctx.fillRect(0, 0, w, h);
    if (!whole) return;
    const xOf = (/** @type {number} */ value) => ((value - whole[0]) / (whole[1] - whole[0] || 1)) * w;
    if (this.picture && this.of) {
      const left = xOf(this.of.begin);
      ctx.drawImage(this.picture, left, 0, xOf(this.of.end) - left, h);
    }
    page.panes.forEach((pane, i) => {
      const part = h / page.panes.length;
      ticks(ctx, pane.marks.hits.xs, xOf, sheet.hit, i * part, 6 * dpr, dpr);
      ticks(ctx, pane.marks.violations.xs, xOf, sheet.bad, (i + 1) * part - 7 * dpr, 7 * dpr, 1.5 * dpr);
    });
    const { begin, end } = page.span();
    const [left, right] = [Math.max(0, xOf(begin)), Math.min(w, xOf(end))];
    ctx.fillStyle = sheet.ground;
    ctx.globalAlpha = 0.62;
    ctx.fillRect(0, 0, left, h);
    ctx.fillRect(right, 0, w - right, h);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = sheet.accent;
    ctx.lineWidth = 2 * dpr;
    const wide = Math.max(3 * dpr, right - left - 2 * dpr);
    ctx.strokeRect(Math.min(left + dpr, w - wide - dpr), dpr, wide, h - 2 * dpr);
    const at = Math.round((100 * ((begin + end) / 2 - whole[0])) / (whole[1] - whole[0] || 1));
    canvas.setAttribute("aria-valuenow", String(Math.max(0, Math.min(100, at))));
    canvas.setAttribute("aria-valuetext", page.telling.spanText());
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Float64Array} xs @param {(value: number) => number} xOf @param {string} colour @param {number} top @param {number} high @param {number} wide */
function ticks(ctx, xs, xOf, colour, top, high, wide) {
  ctx.fillStyle = colour;
  let last = -Infinity;
  for (const value of xs) {
    const x = Math.round(xOf(value));
    if (x === last) continue;
    last = x;
    ctx.fillRect(x - wide / 2, top, wide, high);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {any} v @param {import("./vectors.js").Drawing} drawing */
function dots(ctx, v, drawing) {
  const high = Math.max(1.5, drawing.heights[0] * 0.55);
  for (let i = 0; i < v.row.length; i++) {
    const place = v.place[i];
    ctx.fillStyle = drawing.colours[place];
    ctx.fillRect(
      v.x[i] - 0.5 * drawing.scale,
      drawing.tops[place] + (drawing.heights[place] - high) / 2,
      drawing.scale,
      high,
    );
  }
}
