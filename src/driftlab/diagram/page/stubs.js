/**
 * Messages that span far more than the view are not drawn as lines across it: they are counted at
 * its edges, at the left beside the lane they come from, at the right beside the lane they go to.
 */

import { count } from "./format.js";

export class Stubs {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    this.key = "";
    /** @type {{left: Int32Array, right: Int32Array, order: Int32Array} | null} */
    this.counts = null;
  }

  /** @param {CanvasRenderingContext2D} ctx */
  draw(ctx) {
    const { pane } = this;
    if (pane.tiles.level !== "exact" || !pane.tiles.isSharp) return;
    this.ask();
    if (!this.counts) return;
    ctx.font = "600 10px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    this.counts.order.forEach((lane, place) => {
      const y = pane.yOf(lane);
      if (Number.isNaN(y) || pane.laneHeight < 12) return;
      this.label(ctx, this.counts?.left[place] ?? 0, y, lane, true);
      this.label(ctx, this.counts?.right[place] ?? 0, y, lane, false);
    });
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} n @param {number} y @param {number} lane @param {boolean} isLeft */
  label(ctx, n, y, lane, isLeft) {
    if (!n) return;
    const { pane } = this;
    const text = isLeft ? `${count(n)} pass \u2192` : `\u2192 ${count(n)} pass`;
    const wide = ctx.measureText(text).width + 10;
    const x = isLeft ? 2 : pane.width - wide - 2;
    ctx.fillStyle = pane.page.sheet.ground;
    ctx.globalAlpha = 0.85;
    ctx.fillRect(x, y + 5, wide, 14);
    ctx.globalAlpha = 1;
    ctx.fillStyle = pane.page.sheet.faint;
    ctx.textAlign = "left";
    ctx.fillText(text, x + 5, y + 12);
    ctx.fillStyle = pane.colourOf(lane);
    ctx.fillRect(isLeft ? x : x + wide - 2, y + 5, 2, 14);
  }

  ask() {
    const { pane } = this;
    const { begin, end } = pane.page.span();
    const key = [begin, end, pane.look().look, pane.run.version].join("|");
    if (key === this.key) return;
    this.key = key;
    const reach = 1.5 * (end - begin); // as far as lines are drawn: see tiles
    const view = {
      axis: pane.axis,
      begin: begin - reach,
      end: end + reach,
      laneOrder: pane.visible,
      arrowTo: pane.view.arrow,
    };
    const order = pane.visible;
    pane.run.engine
      .latest("stubs", "spanning", view)
      .then((found) => {
        this.counts = found && { left: found.left, right: found.right, order };
        if (found) pane.redraw();
      })
      .catch((error) => pane.failed(error));
  }
}
