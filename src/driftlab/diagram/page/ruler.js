/** The axis: grid lines behind the lanes, round values above them, and the stretches left out. */

import { duration, isTime, tickText, ticks } from "./format.js";
import { RULER } from "./pane.js";

const APART = 92; // CSS px between two texts, at least

/**
 * Return where ticks are, in the axis as it is shown, and what they say.
 * @param {import("./pane.js").Pane} pane @param {number} begin @param {number} end @param {number} most
 */
function ticksOf(pane, begin, end, most) {
  if (!pane.gaps.length) return ticks(begin, end, most, isTime(pane.view.axis) ? 0 : 1);
  // Left-out stretches: round values of what is left, each drawn where it now lies.
  const { step } = ticks(begin, end, most);
  const values = [];
  let from = begin;
  const edges = [...pane.gaps.map((gap) => gap.at).filter((at) => at > begin && at < end), end];
  for (const edge of edges) {
    const shift = pane.unskipped(from) - from;
    for (let k = Math.ceil((from + shift) / step); k * step < edge + shift; k++)
      values.push(k * step - shift);
    from = edge;
  }
  return { step, values };
}

/** @param {CanvasRenderingContext2D} ctx @param {import("./pane.js").Pane} pane @param {"grid" | "texts"} part */
export function drawRuler(ctx, pane, part) {
  const { begin, end } = pane.page.span();
  if (!(end > begin)) return;
  const { sheet } = pane.page;
  const { axis } = pane.view;
  const { step, values } = ticksOf(pane, begin, end, Math.max(1, pane.width / APART));
  if (part === "grid") {
    ctx.fillStyle = sheet.rule;
    for (const value of values)
      ctx.fillRect(
        Math.round(pane.xOf(value) * pane.dpr) / pane.dpr,
        RULER,
        1 / pane.dpr,
        pane.lanesHeight,
      );
    drawGaps(ctx, pane, begin, end);
    return;
  }
  ctx.fillStyle = sheet.line;
  ctx.fillRect(0, RULER - 1, pane.width, 1);
  ctx.font = "11px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  let free = -Infinity;
  for (const value of values) {
    const x = pane.xOf(value);
    ctx.fillStyle = sheet.faint;
    ctx.fillRect(Math.round(x * pane.dpr) / pane.dpr, RULER - 6, 1, 6);
    const text = tickText(
      axis,
      pane.unskipped(value),
      step,
      Math.max(Math.abs(begin), Math.abs(pane.unskipped(end))),
    );
    const wide = ctx.measureText(text).width;
    const left = Math.max(2, Math.min(pane.width - wide - 2, x - wide / 2));
    if (left < free) continue;
    free = left + wide + 10;
    ctx.fillText(text, left, RULER / 2 - 2);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {import("./pane.js").Pane} pane @param {number} begin @param {number} end */
function drawGaps(ctx, pane, begin, end) {
  const { sheet } = pane.page;
  let free = -Infinity;
  for (const gap of pane.gaps) {
    if (gap.at < begin || gap.at > end) continue;
    const x = pane.xOf(gap.at);
    ctx.strokeStyle = sheet.faint;
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(x, RULER);
    ctx.lineTo(x, RULER + pane.lanesHeight);
    ctx.stroke();
    ctx.setLineDash([]);
    if (!isTime(pane.view.axis)) continue;
    const text = `${duration(gap.left)} idle`;
    ctx.font = "10px system-ui, sans-serif";
    const wide = ctx.measureText(text).width + 8;
    if (x - wide / 2 < free) continue;
    free = x + wide / 2;
    ctx.fillStyle = sheet.ground;
    ctx.fillRect(x - wide / 2, RULER + 3, wide, 14);
    ctx.fillStyle = sheet.faint;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(text, x, RULER + 10);
  }
}
