/** Mouse, pen and fingers on the diagram: pan, zoom, pinch, choose a span, hover, click. */

import { RULER } from "./pane.js";

const NEAR = 9; // CSS px: how near a click must be to an event
const STILL = 4; // CSS px: less is a click, more is a drag
const REST = 150; // ms without a change of the view

export class Pointer {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    /** @type {{x: number, y: number, begin: number, end: number, scroll: number, moved: boolean, spans: boolean} | null} */
    this.drag = null;
    this.lastHover = 0;
    this.rest = 0; // a timer
    /** @type {{x: number, y: number} | null} where the pointer is, if it is on the diagram */
    this.last = null;
    const on = pane.drawing;
    on.addEventListener("pointerdown", (event) => this.press(event));
    on.addEventListener("pointermove", (event) => this.move(event));
    on.addEventListener("pointerup", (event) => this.release(event));
    on.addEventListener("pointercancel", (event) => this.release(event, true));
    on.addEventListener("pointerleave", () => this.leave());
    on.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    on.addEventListener("dblclick", () => pane.page.showWhole());
  }

  /** @param {MouseEvent} event */
  at(event) {
    const box = this.pane.drawing.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0 && event.pointerType === "mouse") return;
    this.pane.canvas.focus(/** @type {any} */ ({ preventScroll: true, focusVisible: false }));
    this.pane.drawing.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.at(event));
    this.start(event.shiftKey);
    this.hideTip();
  }

  /** @param {boolean} spans whether a span is chosen */
  start(spans) {
    const { begin, end } = this.pane.page.span();
    const points = [...this.down.values()];
    const x = points.reduce((sum, p) => sum + p.x, 0) / Math.max(1, points.length);
    const y = points.reduce((sum, p) => sum + p.y, 0) / Math.max(1, points.length);
    this.drag = { x, y, begin, end, scroll: this.pane.scroll(), moved: points.length > 1, spans };
    this.apart = apart(points);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const point = this.at(event);
    if (!this.down.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.hover(point);
      return;
    }
    this.down.set(event.pointerId, point);
    const { drag, pane } = this;
    if (!drag) return;
    const points = [...this.down.values()];
    const x = points.reduce((sum, p) => sum + p.x, 0) / points.length;
    const y = points.reduce((sum, p) => sum + p.y, 0) / points.length;
    if (Math.hypot(x - drag.x, y - drag.y) > STILL) drag.moved = true;
    if (!drag.moved) return;
    if (drag.spans && points.length === 1) {
      pane.marks.spanning = { from: drag.x, to: x };
      pane.redraw();
      return;
    }
    const zoom = points.length > 1 ? (this.apart || 1) / Math.max(1, apart(points)) : 1;
    const span = (drag.end - drag.begin) * zoom;
    const fixed = drag.begin + (drag.x / pane.width) * (drag.end - drag.begin);
    const begin = fixed - (x / pane.width) * span;
    pane.page.show(begin, begin + span);
    if (pane.fullHeight > pane.lanesHeight) pane.page.laneActs.scrollTo(pane, drag.scroll + drag.y - y);
  }

  /** @param {PointerEvent} event @param {boolean} [cancelled] */
  release(event, cancelled = false) {
    if (!this.down.delete(event.pointerId)) return;
    const { drag, pane } = this;
    if (this.down.size) return this.start(false);
    this.drag = null;
    const span = pane.marks.spanning;
    pane.marks.spanning = null;
    if (!drag || cancelled) return;
    if (span && Math.abs(span.to - span.from) > STILL) {
      const edges = [pane.valueAt(span.from), pane.valueAt(span.to)].sort((a, b) => a - b);
      pane.page.show(edges[0], edges[1]);
    } else if (!drag.moved) {
      void this.click(this.at(event), event.shiftKey);
    }
    pane.redraw();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const { pane } = this;
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.altKey) return pane.page.laneActs.scrollBy(pane, dy);
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy))
      return pane.page.pan((event.shiftKey && !dx ? dy : dx) / pane.width);
    const strength = event.ctrlKey ? 0.01 : 0.0022;
    pane.page.zoom(Math.exp(Math.max(-1, Math.min(1, dy * strength))), this.at(event).x / pane.width);
  }

  /** Return the row of the event nearest to a point, or -1. @param {{x: number, y: number}} point @param {string} slot */
  async eventAt(point, slot) {
    const { pane } = this;
    const lane = pane.laneAt(point.y);
    if (lane < 0 || !pane.hasAxis) return -1;
    const row = await pane.run.engine.latest(slot, "nearest", pane.axis, pane.valueAt(point.x), lane);
    if (row === null || row < 0) return -1;
    const [x] = await pane.run.positions(pane.view.axis, pane.view.idle, [row]);
    return Math.abs(pane.xOf(x) - point.x) <= NEAR ? row : -1;
  }

  /** @param {{x: number, y: number}} point @param {boolean} second */
  async click(point, second) {
    if (point.y < RULER) return;
    const row = await this.eventAt(point, "click");
    this.pane.page.chose(this.pane, row, second);
  }

  /** What is shown has changed under the pointer: nothing is told of until it rests. */
  moved() {
    this.lastHover++;
    this.hideTip();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      if (this.last && !this.down.size) void this.hover(this.last);
    }, REST);
  }

  /** @param {{x: number, y: number}} point */
  async hover(point) {
    const turn = ++this.lastHover;
    this.last = point;
    const { pane } = this;
    const row = await this.eventAt(point, "hover").catch(() => -1);
    if (turn !== this.lastHover) return;
    pane.canvas.style.cursor = row >= 0 ? "pointer" : "";
    if (row < 0) return this.hideTip();
    const [info, points] = await Promise.all([
      pane.run.engine.call("describe", row),
      pane.marks.points([row]),
    ]);
    if (turn !== this.lastHover) return;
    pane.marks.hover = points;
    pane.tip.textContent = pane.page.telling.shortly(pane.run, info);
    pane.tip.hidden = false;
    const wide = pane.tip.offsetWidth;
    const high = pane.tip.offsetHeight;
    const left = point.x + 14 + wide > pane.width ? point.x - wide - 12 : point.x + 14;
    const top = point.y + 14 + high > pane.height ? point.y - high - 12 : point.y + 14;
    pane.tip.style.left = `${Math.max(2, left)}px`;
    pane.tip.style.top = `${Math.max(2, top)}px`;
    pane.redraw();
  }

  leave() {
    this.lastHover++;
    this.last = null;
    this.hideTip();
  }

  hideTip() {
    const { pane } = this;
    pane.tip.hidden = true;
    if (!pane.marks.hover.rows.length) return;
    pane.marks.hover = { rows: new Int32Array(0), xs: new Float64Array(0), lanes: [] };
    pane.redraw();
  }
}

/** @param {{x: number, y: number}[]} points */
function apart(points) {
  return points.length > 1 ? Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y) : 0;
}
