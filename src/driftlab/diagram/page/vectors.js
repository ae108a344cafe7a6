/**
 * Exact drawing of what few events there are in a tile: events, arrows and inboxes, as vectors.
 * A kind is a shape, a machine a colour. An arrow ends where its message was found; from there
 * to the receive the message lies in the inbox, a band below the lane as high as the queue.
 */

/**
 * @typedef {{scale: number, width: number, height: number, tops: Float64Array, heights: Float64Array,
 *   colours: string[], sheet: Record<string, string>, arrow: string,
 *   mostQueued: number, hasQueue: boolean, endX: number, ink: number, reach: number}} Drawing
 *   endX: where the run ends; ink: how opaque arrows are; reach: how far from its ends an arrow is drawn
 */

const TURN = 2 * Math.PI;
const OUTSIDE = 12; // px beyond the tile in which an event may still be seen in it
const FADE = 1 / 3; // of the reach, in which a long arrow fades out

/** @param {CanvasRenderingContext2D} ctx @param {any} vectors @param {Drawing} drawing */
export function drawVectors(ctx, vectors, drawing) {
  drawInboxes(ctx, vectors, drawing);
  drawArrows(ctx, vectors, drawing);
  drawEvents(ctx, vectors, drawing);
}

/** @param {Drawing} drawing @param {number} place */
function middle(drawing, place) {
  return drawing.tops[place] + drawing.heights[place] / 2;
}

/** @param {Drawing} drawing */
export function glyphSize(drawing) {
  const height = drawing.heights.length ? drawing.heights[0] / drawing.scale : 20;
  return Math.max(1.2, Math.min(3.4, height / 7)) * drawing.scale;
}

/**
 * Inboxes as bands: of the recorded queue where there is one, else of the messages that are seen to wait.
 * @param {CanvasRenderingContext2D} ctx @param {any} vectors @param {Drawing} drawing
 */
function drawInboxes(ctx, vectors, drawing) {
  if (drawing.arrow === "receive") return;
  const bands = drawing.hasQueue ? recordedQueues(vectors, drawing) : seenQueues(vectors, drawing);
  for (const [place, steps] of bands) {
    const one = messageHeight(drawing.heights[place], drawing.scale, drawing.mostQueued);
    const y = middle(drawing, place);
    const clipped = (/** @type {number} */ x) => Math.max(-9, Math.min(drawing.width + 9, x));
    ctx.fillStyle = drawing.colours[place];
    ctx.globalAlpha = 0.24;
    ctx.beginPath();
    ctx.moveTo(clipped(steps[0][0]), y);
    let height = 0;
    for (const [x, queue] of steps) {
      ctx.lineTo(clipped(x), y + height);
      height = queue * one;
      ctx.lineTo(clipped(x), y + height);
    }
    ctx.lineTo(clipped(drawing.endX), y + height);
    ctx.lineTo(clipped(drawing.endX), y);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

/** The queue from each event on, a lane. @param {any} v @param {Drawing} drawing @returns {Map<number, [number, number][]>} */
function recordedQueues(v, drawing) {
  const bands = new Map();
  drawing.heights.forEach((_, place) => {
    const before = v.before?.row[place] >= 0 ? v.before.queue[place] : 0;
    if (before > 0) bands.set(place, [[-9, before]]);
  });
  for (let i = 0; i < v.row.length; i++) {
    if (v.queue[i] < 0) continue;
    if (!bands.has(v.place[i])) bands.set(v.place[i], []);
    bands.get(v.place[i]).push([v.x[i], v.queue[i]]);
  }
  return bands;
}

/** How many messages are seen to wait, a lane. @param {any} vectors @param {Drawing} drawing @returns {Map<number, [number, number][]>} */
function seenQueues({ messages: m, flying }, drawing) {
  /** @type {Map<number, [number, number][]>} */
  const bands = new Map();
  const waits = (/** @type {number} */ place, /** @type {number} */ from, /** @type {number} */ to) => {
    if (place < 0 || !(to > from)) return;
    if (!bands.has(place)) bands.set(place, []);
    bands.get(place)?.push([from, 1], [to, -1]);
  };
  for (let i = 0; i < m.x1.length; i++) waits(m.to[i], m.x1[i], m.x2[i]);
  // Found and never received: it lies in the inbox to the end.
  if (flying?.x1)
    for (let i = 0; i < flying.x1.length; i++) waits(flying.to[i], flying.x1[i], drawing.endX);
  for (const steps of bands.values()) {
    steps.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
    let now = 0;
    for (const step of steps) step[1] = now += step[1];
  }
  return bands;
}

/**
 * The height of one message in an inbox: 3 px, or less if the longest queue of the run would not fit.
 * @param {number} laneHeight @param {number} scale @param {number} most the longest queue
 */
export function messageHeight(laneHeight, scale, most) {
  return Math.min(3 * scale, (laneHeight * 0.42) / Math.max(1, most));
}

/** @param {CanvasRenderingContext2D} ctx @param {any} vectors @param {Drawing} drawing */
function drawArrows(ctx, vectors, drawing) {
  const m = vectors.messages;
  ctx.lineWidth = drawing.scale;
  ctx.lineJoin = "round";
  for (let i = 0; i < m.x0.length; i++) {
    const end = drawing.arrow === "receive" ? m.x2[i] : m.x1[i];
    arrow(ctx, drawing, m.from[i], m.to[i], m.x0[i], end);
  }
  const flying = vectors.flying;
  if (flying) {
    ctx.setLineDash([3 * drawing.scale, 3 * drawing.scale]);
    for (let i = 0; i < flying.x0.length; i++) {
      const found = flying.x1 ? flying.x1[i] : NaN;
      if (Number.isNaN(found)) stub(ctx, drawing, flying.from[i], flying.to[i], flying.x0[i]);
    }
    ctx.setLineDash([]);
    for (let i = 0; i < flying.x0.length; i++) {
      if (flying.x1 && !Number.isNaN(flying.x1[i]))
        arrow(ctx, drawing, flying.from[i], flying.to[i], flying.x0[i], flying.x1[i]);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx @param {Drawing} drawing @param {number} from @param {number} to
 * @param {number} x0 @param {number} x1
 */
function arrow(ctx, drawing, from, to, x0, x1) {
  if (from < 0 && to < 0) return;
  if (from < 0 || to < 0) return stub(ctx, drawing, from, to, from < 0 ? x1 : x0);
  ctx.globalAlpha = drawing.ink;
  ctx.strokeStyle = ctx.fillStyle = drawing.colours[from];
  const [y0, y1] = [middle(drawing, from), middle(drawing, to)];
  if (Math.abs(x1 - x0) > 2 * drawing.reach) strokeEnds(ctx, drawing, drawing.colours[from], x0, y0, x1, y1);
  else strokeArrow(ctx, drawing, x0, y0, x1, y1, from === to);
  ctx.globalAlpha = 1;
}

/**
 * Draw an arrow so long that tiles between its ends do not know of it: the ends alone, which fade
 * out where that begins, so that no tile has what its neighbour has not.
 * @param {CanvasRenderingContext2D} ctx @param {Drawing} drawing @param {string} colour rgb(…)
 * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
 */
function strokeEnds(ctx, drawing, colour, x0, y0, x1, y1) {
  const slope = (y1 - y0) / (x1 - x0);
  const forwards = x1 > x0 ? 1 : -1;
  for (const [x, y, towards] of [
    [x0, y0, forwards],
    [x1, y1, -forwards],
  ]) {
    const end = x + towards * drawing.reach;
    if (Math.max(x, end) < 0 || Math.min(x, end) > drawing.width) continue;
    const fade = ctx.createLinearGradient(end - towards * FADE * drawing.reach, 0, end, 0);
    fade.addColorStop(0, colour);
    fade.addColorStop(1, colour.replace(")", " / 0)"));
    ctx.strokeStyle = fade;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(end, y + slope * (end - x));
    ctx.stroke();
  }
  ctx.strokeStyle = colour;
  if (x1 > -20 && x1 < drawing.width + 20) head(ctx, x1, y1, x1 - x0, y1 - y0, drawing.scale);
}

/** A message whose other end is hidden, or that nobody received: a short line. @param {CanvasRenderingContext2D} ctx @param {Drawing} drawing @param {number} from @param {number} to @param {number} x */
function stub(ctx, drawing, from, to, x) {
  const place = from < 0 ? to : from;
  if (place < 0 || x < -20 || x > drawing.width + 20) return;
  const y = middle(drawing, place);
  const length = Math.min(14 * drawing.scale, drawing.heights[place] * 0.42);
  const down = to > from ? 1 : -1;
  ctx.globalAlpha = 0.7;
  ctx.strokeStyle = drawing.colours[place];
  ctx.beginPath();
  if (from < 0) {
    ctx.moveTo(x - length, y + length);
    ctx.lineTo(x, y);
  } else {
    ctx.moveTo(x, y);
    ctx.lineTo(x + length * 0.8, y + down * length);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/**
 * Draw an arrow from one point to another, clipped to the tile so that far ends stay exact.
 * @param {CanvasRenderingContext2D} ctx @param {{scale: number, width: number}} drawing
 * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {boolean} own from a lane to itself
 */
export function strokeArrow(ctx, drawing, x0, y0, x1, y1, own = false) {
  const s = drawing.scale;
  if (own) {
    const high = 12 * s;
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.quadraticCurveTo((x0 + x1) / 2, y0 - high * 2, x1, y1);
    ctx.stroke();
    head(ctx, x1, y1, x1 - (x0 + x1) / 2, high * 2, s);
    return;
  }
  const low = -4 * drawing.width;
  const high = 5 * drawing.width;
  const slope = x1 === x0 ? 0 : (y1 - y0) / (x1 - x0);
  const bx = Math.max(low, Math.min(high, x0));
  const ex = Math.max(low, Math.min(high, x1));
  ctx.beginPath();
  ctx.moveTo(bx, x1 === x0 ? y0 : y0 + slope * (bx - x0));
  ctx.lineTo(ex, x1 === x0 ? y1 : y0 + slope * (ex - x0));
  ctx.stroke();
  if (ex === x1) head(ctx, x1, y1, x1 - x0, y1 - y0, s);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} dx @param {number} dy @param {number} s */
function head(ctx, x, y, dx, dy, s) {
  const length = Math.hypot(dx, dy);
  if (length < 5 * s) return;
  const ux = dx / length;
  const uy = dy / length;
  const back = 3.2 * s; // the glyph of the event stays visible
  const tipX = x - ux * back;
  const tipY = y - uy * back;
  ctx.beginPath();
  ctx.moveTo(tipX, tipY);
  ctx.lineTo(tipX - ux * 6 * s - uy * 2.6 * s, tipY - uy * 6 * s + ux * 2.6 * s);
  ctx.lineTo(tipX - ux * 6 * s + uy * 2.6 * s, tipY - uy * 6 * s - ux * 2.6 * s);
  ctx.closePath();
  ctx.fill();
}

/** @param {CanvasRenderingContext2D} ctx @param {any} v @param {Drawing} drawing */
function drawEvents(ctx, v, drawing) {
  const largest = glyphSize(drawing);
  const s = drawing.scale;
  for (let i = 0; i < v.row.length; i++) {
    const x = v.x[i];
    if (x < -OUTSIDE * s || x > drawing.width + OUTSIDE * s) continue; // known for what is written
    // Where neighbours would touch, all of a lane's glyphs there are smaller.
    const before = i && v.place[i - 1] === v.place[i] ? x - v.x[i - 1] : NaN;
    const after = i + 1 < v.row.length && v.place[i + 1] === v.place[i] ? v.x[i + 1] - x : NaN;
    const apart = Number.isNaN(before) ? after : Number.isNaN(after) ? before : Math.min(before, after);
    const r = Number.isNaN(apart) ? largest : Math.max(1.1 * s, Math.min(largest, 0.42 * apart));
    const y = middle(drawing, v.place[i]);
    ctx.fillStyle = ctx.strokeStyle = drawing.colours[v.place[i]];
    glyph(ctx, v.kind[i], x, y, r, s, drawing.sheet.ground);
    if (v.gap?.[i]) drawGap(ctx, x, y, r, s, drawing.sheet.bad);
    if (v.fell[i]) {
      ctx.strokeStyle = drawing.sheet.bad;
      ctx.lineWidth = 1.5 * s;
      ctx.strokeRect(x - r - 2.5 * s, y - r - 2.5 * s, 2 * r + 5 * s, 2 * r + 5 * s);
    }
  }
  writeClocks(ctx, v, drawing);
}

/** Events are missing before this one: two strokes across the lane. @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} r @param {number} s @param {string} colour */
function drawGap(ctx, x, y, r, s, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.3 * s;
  ctx.beginPath();
  for (const by of [-r - 6 * s, -r - 3 * s]) {
    ctx.moveTo(x + by - 2 * s, y + 5 * s);
    ctx.lineTo(x + by + 2 * s, y - 5 * s);
  }
  ctx.stroke();
}

/** A send is a disc, a receive a square, an internal event a ring, an unsaid one a stroke. @param {CanvasRenderingContext2D} ctx @param {number} kind @param {number} x @param {number} y @param {number} r @param {number} s @param {string} ground */
export function glyph(ctx, kind, x, y, r, s, ground) {
  if (kind === 1) {
    ctx.beginPath();
    ctx.arc(x, y, r, 0, TURN);
    ctx.fill();
  } else if (kind === 2) {
    ctx.fillRect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  } else if (kind === 0) {
    const ink = ctx.fillStyle;
    ctx.beginPath();
    ctx.arc(x, y, r * 0.75, 0, TURN);
    ctx.fillStyle = ground;
    ctx.fill();
    ctx.fillStyle = ink;
    ctx.lineWidth = 1.1 * s;
    ctx.stroke();
  } else {
    ctx.fillRect(x - 0.6 * s, y - r, 1.2 * s, 2 * r);
  }
}

/** Write the clock under each event that has room for it. @param {CanvasRenderingContext2D} ctx @param {any} v @param {Drawing} drawing */
function writeClocks(ctx, v, drawing) {
  if (!v.clock || !drawing.heights.length || drawing.heights[0] < 34 * drawing.scale) return;
  const s = drawing.scale;
  ctx.font = `${10 * s}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillStyle = drawing.sheet.faint;
  /** @type {Map<number, number>} */
  const last = new Map();
  /** @type {Map<number, number>} */
  const next = new Map();
  const follows = new Float64Array(v.row.length).fill(Infinity);
  for (let i = v.row.length - 1; i >= 0; i--) {
    follows[i] = next.get(v.place[i]) ?? Infinity;
    next.set(v.place[i], v.x[i]);
  }
  for (let i = 0; i < v.row.length; i++) {
    const before = last.get(v.place[i]) ?? -Infinity;
    last.set(v.place[i], v.x[i]);
    if (!Number.isFinite(v.clock[i])) continue;
    const text = String(v.clock[i]);
    const room = (text.length * 6 + 6) * s;
    if (v.x[i] < -room || v.x[i] > drawing.width + room) continue;
    if (v.x[i] - before < room || follows[i] - v.x[i] < room) continue;
    ctx.fillText(text, v.x[i], middle(drawing, v.place[i]) - 5.5 * s);
  }
}
