/**
 * What is drawn over and under the tiles at every zoom, never counted away: the selected event and
 * its cones, a chain of messages, a cut and what is in flight across it, violations, hits.
 * Each part is asked from the engine once a change, and drawn from positions on the axis.
 */

import { RULER, make } from "./pane.js";
import { Stubs } from "./stubs.js";
import { strokeArrow } from "./vectors.js";

const MOST_HANDLES = 60;
const MOST_HOPS = 500; // of a chain, of which it is asked where each message was found

/**
 * @typedef {{row: number, lane: number, x: number, info: any, past: Int32Array, future: Int32Array, pastX: Float64Array,
 *   futureX: Float64Array, counts: {past: number, future: number, beside: number}}} Selection
 * @typedef {{rows: Int32Array, xs: Float64Array, lanes: number[]}} Points
 * @typedef {Points & {kind: "chain" | "why" | "concurrent", found: Float64Array}} Chain found: where the
 *   arrow to each event ends that received the message of the event before
 * @typedef {{frontier: number[], consistent: boolean, wrong: Points[], flying: Points[], undelivered: Int32Array, edges: Float64Array,
 *   wrongLanes: Map<number, number>, wrongMessages: any, flyingMessages: any}} Cut
 */

export class Marks {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** @type {Map<string, {key: string, done: Promise<void>}>} */
    this.parts = new Map();
    /** @type {Selection | null} */
    this.selection = null;
    /** @type {Chain | null} */
    this.chain = null;
    /** @type {Points | null} */
    this.second = null;
    /** @type {Cut | null} */
    this.cut = null;
    /** @type {Points} */
    this.violations = none();
    /** @type {Points} */
    this.hits = none();
    /** @type {Points} */
    this.current = none(); // rows of the violation that is stepped to
    /** @type {Points} */
    this.divergence = none();
    /** @type {Points} */
    this.hover = none();
    this.stubs = new Stubs(pane);
    /** @type {HTMLButtonElement[]} */
    this.handles = [];
    /** @type {{from: number, to: number} | null} */
    this.spanning = null; // CSS px of a span being chosen
  }

  get engine() {
    return this.pane.run.engine;
  }

  /**
   * Ask for a part again if what it depends on has changed; else wait for what was asked already.
   * @param {string} part @param {any[]} on what it depends on @param {() => Promise<void>} ask
   */
  part(part, on, ask) {
    const key = [this.pane.run.version, this.pane.axis, ...on].join("|");
    const known = this.parts.get(part);
    if (known?.key === key) return known.done;
    const done = ask();
    this.parts.set(part, { key, done });
    return done;
  }

  async renew() {
    try {
      const { view, run, page } = this.pane;
      const [row, second] = [run.rowOf(view.selected), run.rowOf(view.second)];
      const frontier = view.cut?.run === run.number ? view.cut.frontier : null;
      const number = run.number === page.verdicts.run() ? view.violation : null;
      const hits = page.hitsOf(run);
      const diverges = page.divergenceRow(run);
      await Promise.all([
        this.part("selection", [row], () => this.askSelection(row)),
        this.part("chain", [row, second, view.why, view.arrow], () => this.askChain(row, second, view.why)),
        this.part("cut", [frontier?.join("."), view.arrow], () => this.askCut(frontier)),
        this.part("violations", [run.violationRows.length], async () => {
          this.violations = await this.points(run.violationRows);
        }),
        this.part("violation", [number, run.verdict ? 1 : 0], async () => {
          this.current = await this.points(
            (number !== null && run.verdict?.violations[number]?.rows) || [],
          );
        }),
        this.part("hits", [hits.version], async () => {
          this.hits = await this.points(hits.rows);
        }),
        this.part("divergence", [diverges], async () => {
          this.divergence = await this.points(diverges < 0 ? [] : [diverges]);
        }),
      ]);
    } catch (error) {
      this.parts.clear();
      this.pane.failed(error);
    }
    this.pane.redraw();
  }

  /** @param {ArrayLike<number>} rows */
  points(rows) {
    return pointsOf(this.pane, rows);
  }

  /** @param {number} row */
  async askSelection(row) {
    const { pane } = this;
    if (row < 0) {
      this.selection = null;
      return;
    }
    const { run } = pane;
    const [info, past, future] = await Promise.all([
      this.engine.call("describe", row),
      this.engine.call("past", row),
      this.engine.call("future", row),
    ]);
    const n = run.lanes.length;
    const last = clamped(run, row, (lane) => past[lane] - 1);
    const next = clamped(run, row, (lane) => future[lane]);
    const xs = await run.positions(pane.view.axis, pane.view.idle, [row, ...last, ...next]);
    if (row !== run.rowOf(pane.view.selected)) return;
    const pastX = xs.slice(1, n + 1);
    const futureX = xs.slice(n + 1);
    const counts = { past: 0, future: 0, beside: 0 };
    for (let lane = 0; lane < n; lane++) {
      if (!past[lane]) pastX[lane] = NaN;
      if (future[lane] >= run.lengthOf(lane)) futureX[lane] = NaN;
      counts.past += past[lane];
      counts.future += run.lengthOf(lane) - future[lane];
    }
    const own = run.laneOf(row);
    counts.beside = Math.max(0, run.events - counts.past - counts.future - 1);
    this.selection = { row, lane: own, x: xs[0], info, past, future, pastX, futureX, counts };
  }

  /** @param {number} a @param {number} b @param {boolean} isWhy */
  async askChain(a, b, isWhy) {
    this.chain = null;
    this.second = b < 0 ? null : await this.points([b]);
    if (a < 0 || (b < 0 && !isWhy)) return;
    const rows = isWhy ? await this.engine.call("why", a) : await this.engine.call("chain", a, b);
    const kind = isWhy ? "why" : rows ? "chain" : "concurrent";
    const points = await this.points(rows ?? []);
    this.chain = { ...points, kind, found: await this.foundOf(points) };
  }

  /** Where the arrows of a chain end. @param {Points} chain */
  async foundOf({ rows, xs, lanes }) {
    const ends = xs.slice();
    const hops = lanes.flatMap((lane, i) => (i && lane !== lanes[i - 1] ? [i] : []));
    if (this.pane.view.arrow !== "found" || hops.length > MOST_HOPS) return ends;
    const numbers = await Promise.all(hops.map((i) => this.engine.call("messagesOf", rows[i])));
    const { send, receive, found } = await this.engine.call("messages", numbers.flat());
    const finds = hops.map((i) => {
      const at = send.findIndex((/** @type {number} */ row, /** @type {number} */ n) => {
        return row === rows[i - 1] && receive[n] === rows[i];
      });
      return at >= 0 && found[at] >= 0 ? found[at] : rows[i];
    });
    const { xs: places } = await this.points(finds);
    hops.forEach((i, at) => (ends[i] = places[at]));
    return ends;
  }

  /** @param {number[] | null} asked */
  async askCut(asked) {
    const { pane } = this;
    if (!asked) {
      this.cut = null;
      return;
    }
    const { run } = pane;
    const frontier = run.lanes.map((_, lane) =>
      Math.max(0, Math.min(run.lengthOf(lane), asked[lane] ?? 0)),
    );
    const answer = await this.engine.latest("cut", "cut", Int32Array.from(frontier));
    if (!answer) return;
    const [wrong, flying] = await Promise.all([
      this.messages(answer.violations),
      this.messages(answer.inFlight),
    ]);
    const inside = clamped(run, 0, (lane) => frontier[lane] - 1);
    const outside = clamped(run, 0, (lane) => frontier[lane]);
    const xs = await run.positions(pane.view.axis, pane.view.idle, [...inside, ...outside]);
    const n = run.lanes.length;
    const edges = new Float64Array(n);
    for (let lane = 0; lane < n; lane++) {
      const before = frontier[lane] > 0 ? xs[lane] : NaN;
      const after = frontier[lane] < run.lengthOf(lane) ? xs[n + lane] : NaN;
      edges[lane] = Number.isNaN(before)
        ? Number.isNaN(after)
          ? NaN
          : after
        : Number.isNaN(after)
          ? before
          : (before + after) / 2;
      if (Number.isNaN(before) !== Number.isNaN(after)) edges[lane] += Number.isNaN(before) ? -1e-9 : 1e-9;
    }
    /** @type {Map<number, number>} */
    const wrongLanes = new Map();
    for (let i = 0; i < wrong.to.lanes.length; i++) {
      const lane = wrong.to.lanes[i];
      wrongLanes.set(lane, Math.min(wrongLanes.get(lane) ?? Infinity, wrong.to.xs[i]));
    }
    this.cut = {
      frontier,
      consistent: answer.consistent,
      edges,
      wrongLanes,
      wrong: [wrong.from, wrong.found, wrong.to],
      flying: [flying.from, flying.found, flying.to],
      undelivered: answer.undelivered ?? new Int32Array(0),
      wrongMessages: wrong,
      flyingMessages: flying,
    };
  }

  /** @param {Int32Array} numbers of messages */
  async messages(numbers) {
    if (!numbers.length)
      return {
        all: 0,
        send: new Int32Array(0),
        receive: new Int32Array(0),
        from: none(),
        found: none(),
        to: none(),
      };
    const most = numbers.slice(0, 5000); // more arrows than that are no picture; the list says how many
    const m = await this.engine.call("messages", most);
    return {
      all: numbers.length,
      send: m.send,
      receive: m.receive,
      from: await this.points(m.send),
      found: await this.points(this.pane.view.arrow === "found" ? foundOrReceived(m) : m.receive),
      to: await this.points(m.receive),
    };
  }

  /** Cones and cuts: under the events. @param {CanvasRenderingContext2D} ctx */
  drawBelow(ctx) {
    const { sheet } = this.pane.page;
    if (this.selection && !this.cut) this.drawCones(ctx, this.selection, sheet);
    if (this.cut) this.drawCutGround(ctx, this.cut, sheet);
    if (this.chain?.rows.length) this.drawChainLanes(ctx, this.chain, sheet);
  }

  /** Where a chain goes along a lane: under its events. @param {CanvasRenderingContext2D} ctx @param {Chain} chain @param {Record<string, string>} sheet */
  drawChainLanes(ctx, chain, sheet) {
    const { pane } = this;
    ctx.strokeStyle = sheet.select;
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = 6;
    ctx.beginPath();
    for (let i = 1; i < chain.rows.length; i++) {
      const y = pane.yOf(chain.lanes[i]);
      if (Number.isNaN(y)) continue;
      const isWait = chain.lanes[i - 1] !== chain.lanes[i]; // in the inbox, if at all
      ctx.moveTo(Math.max(-20, pane.xOf(isWait ? chain.found[i] : chain.xs[i - 1])), y);
      ctx.lineTo(Math.min(pane.width + 20, pane.xOf(chain.xs[i])), y);
    }
    ctx.stroke();
    ctx.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Selection} s @param {Record<string, string>} sheet */
  drawCones(ctx, s, sheet) {
    const { pane } = this;
    const height = pane.laneHeight;
    const pad = height > 20 ? 3 : 0;
    for (const lane of seenLanes(pane)) {
      const top = pane.yOf(lane) - height / 2 + pad;
      const past = lane === s.lane ? s.x : s.pastX[lane];
      const future = lane === s.lane ? s.x : s.futureX[lane];
      const left = Number.isNaN(past) ? 0 : Math.max(0, Math.min(pane.width, pane.xOf(past)));
      const right = Number.isNaN(future) ? pane.width : Math.max(0, Math.min(pane.width, pane.xOf(future)));
      const tall = height - 2 * pad;
      if (!Number.isNaN(past)) {
        ctx.fillStyle = sheet.past;
        ctx.fillRect(0, top, left, tall);
        ctx.fillStyle = sheet["past-line"];
        if (left > 0 && left < pane.width) ctx.fillRect(left - 0.75, top, 1.5, tall);
      }
      if (!Number.isNaN(future)) {
        ctx.fillStyle = sheet.future;
        ctx.fillRect(right, top, pane.width - right, tall);
        ctx.fillStyle = sheet["future-line"];
        if (right > 0 && right < pane.width) ctx.fillRect(right - 0.75, top, 1.5, tall);
      }
      ctx.fillStyle = sheet.shade;
      if (right > left) ctx.fillRect(left, top, right - left, tall);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Cut} cut @param {Record<string, string>} sheet */
  drawCutGround(ctx, cut, sheet) {
    const { pane } = this;
    const height = pane.laneHeight;
    ctx.fillStyle = sheet.shade;
    ctx.beginPath();
    const ends = this.traceCut(ctx, cut);
    if (ends) {
      ctx.lineTo(0, ends.bottom);
      ctx.lineTo(0, ends.top);
      ctx.fill();
    }
    for (const lane of seenLanes(pane)) {
      const x = edgeX(pane, cut, lane);
      const top = pane.yOf(lane) - height / 2;
      const wrong = cut.wrongLanes.get(lane);
      if (wrong === undefined) continue;
      ctx.fillStyle = sheet.wrong;
      const from = Math.max(0, pane.xOf(wrong) - 6);
      ctx.fillRect(from, top, Math.max(6, Math.min(pane.width, x) - from), height);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx */
  drawAbove(ctx) {
    const { sheet } = this.pane.page;
    if (this.cut) this.drawCut(ctx, this.cut, sheet);
    this.drawTicks(ctx, this.hits, sheet.hit, 2.5, 9);
    if (this.chain?.rows.length) this.drawChain(ctx, this.chain, sheet);
    this.drawCrosses(ctx, this.violations, sheet.bad, 4.5, 1.8);
    this.drawCrosses(ctx, this.current, sheet.bad, 8, 2.4);
    this.drawDivergence(ctx, sheet);
    this.stubs.draw(ctx);
    this.ring(ctx, this.hover, sheet.faint, 6.5, 1.25);
    if (this.selection)
      this.ring(
        ctx,
        { rows: [this.selection.row], xs: [this.selection.x], lanes: [this.selection.lane] },
        sheet.select,
        7.5,
        2,
      );
    if (this.second) this.ring(ctx, this.second, sheet.select, 7.5, 2);
    if (this.spanning) {
      const { from, to } = this.spanning;
      ctx.fillStyle = sheet.past;
      ctx.fillRect(Math.min(from, to), RULER, Math.abs(to - from), this.pane.lanesHeight);
      ctx.strokeStyle = sheet.accent;
      ctx.strokeRect(Math.min(from, to), RULER + 0.5, Math.abs(to - from), this.pane.lanesHeight - 1);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Cut} cut @param {Record<string, string>} sheet */
  drawCut(ctx, cut, sheet) {
    ctx.lineWidth = 1.5;
    ctx.strokeStyle = ctx.fillStyle = sheet.ink;
    this.drawMessages(ctx, cut.flying);
    ctx.lineWidth = 2;
    ctx.strokeStyle = ctx.fillStyle = sheet.bad;
    this.drawMessages(ctx, cut.wrong);
    ctx.strokeStyle = cut.consistent ? sheet.ink : sheet.bad;
    ctx.lineWidth = 2;
    ctx.beginPath();
    this.traceCut(ctx, cut);
    ctx.stroke();
  }

  /** Trace the frontier, from the top to the bottom; return both ends. @param {CanvasRenderingContext2D} ctx @param {Cut} cut */
  traceCut(ctx, cut) {
    const { pane } = this;
    const lanes = seenLanes(pane);
    const half = pane.laneHeight * 0.3;
    lanes.forEach((lane, at) => {
      const x = edgeX(pane, cut, lane);
      const y = pane.yOf(lane);
      if (at) ctx.lineTo(x, y - half);
      else ctx.moveTo(x, y - pane.laneHeight / 2);
      ctx.lineTo(x, y + (at === lanes.length - 1 ? pane.laneHeight / 2 : half));
    });
    const edge = pane.laneHeight / 2;
    return (
      lanes.length && {
        top: pane.yOf(lanes[0]) - edge,
        bottom: pane.yOf(lanes[lanes.length - 1]) + edge,
      }
    );
  }

  /** From a send to where the message was found, and along the lane to its receive. @param {CanvasRenderingContext2D} ctx @param {Points[]} ends */
  drawMessages(ctx, [from, found, to]) {
    const { pane } = this;
    const drawing = { scale: 1, width: pane.width };
    for (let i = 0; i < from.lanes.length; i++) {
      const [y0, y1] = [pane.yOf(from.lanes[i]), pane.yOf(to.lanes[i])];
      if (Number.isNaN(y0 + y1)) continue;
      const x = pane.xOf(found.xs[i]);
      strokeArrow(ctx, drawing, pane.xOf(from.xs[i]), y0, x, y1);
      if (found.xs[i] === to.xs[i]) continue;
      ctx.beginPath();
      ctx.moveTo(Math.max(-20, x), y1);
      ctx.lineTo(Math.min(pane.width + 20, pane.xOf(to.xs[i])), y1);
      ctx.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Chain} chain @param {Record<string, string>} sheet */
  drawChain(ctx, chain, sheet) {
    const { pane } = this;
    const drawing = { scale: 1, width: pane.width };
    for (const [colour, width] of /** @type {[string, number][]} */ ([
      [sheet.ground, 6],
      [sheet.select, 2.5],
    ])) {
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = width;
      for (let i = 1; i < chain.rows.length; i++) {
        const [a, b] = [chain.lanes[i - 1], chain.lanes[i]];
        const [y0, y1] = [pane.yOf(a), pane.yOf(b)];
        if (Number.isNaN(y0 + y1)) continue;
        const [x0, x1] = [pane.xOf(chain.xs[i - 1]), pane.xOf(chain.found[i])];
        if (a !== b) strokeArrow(ctx, drawing, x0, y0, x1, y1);
      }
    }
    ctx.font = "600 11px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    ctx.fillStyle = sheet.select;
    if (chain.rows.length > 40) return;
    let lastX = -Infinity;
    chain.rows.forEach((_, i) => {
      const x = pane.xOf(chain.xs[i]);
      const y = pane.yOf(chain.lanes[i]);
      if (Number.isNaN(y) || Math.abs(x - lastX) < 14) return;
      lastX = x;
      ctx.fillText(String(i + 1), x, y + 9);
    });
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Points} points @param {string} colour @param {number} size @param {number} width */
  drawCrosses(ctx, points, colour, size, width) {
    const { pane } = this;
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.beginPath();
    forSeen(pane, points, (x, y) => {
      ctx.moveTo(x - size, y - size);
      ctx.lineTo(x + size, y + size);
      ctx.moveTo(x + size, y - size);
      ctx.lineTo(x - size, y + size);
    });
    ctx.stroke();
  }

  /** Strokes above the events. @param {CanvasRenderingContext2D} ctx @param {Points} points @param {string} colour @param {number} wide @param {number} high */
  drawTicks(ctx, points, colour, wide, high) {
    const lift = Math.min(high + 3, this.pane.laneHeight / 2 - 1);
    ctx.strokeStyle = colour;
    ctx.lineWidth = wide;
    ctx.beginPath();
    forSeen(this.pane, points, (x, y) => {
      ctx.moveTo(x, y - lift);
      ctx.lineTo(x, y - lift - Math.min(high, this.pane.laneHeight / 2));
    });
    ctx.stroke();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Record<string, string>} sheet */
  drawDivergence(ctx, sheet) {
    if (!this.divergence.rows.length) return;
    const x = this.pane.xOf(this.divergence.xs[0]);
    ctx.strokeStyle = sheet.bad;
    ctx.lineWidth = 1.5;
    ctx.setLineDash([5, 4]);
    ctx.beginPath();
    ctx.moveTo(x, RULER);
    ctx.lineTo(x, RULER + this.pane.lanesHeight);
    ctx.stroke();
    ctx.setLineDash([]);
    this.ring(ctx, this.divergence, sheet.bad, 9, 2);
    ctx.font = "600 11px system-ui, sans-serif";
    ctx.fillStyle = sheet.bad;
    ctx.textBaseline = "top";
    ctx.textAlign = x > this.pane.width - 130 ? "right" : "left";
    ctx.fillText("first divergence", x + (x > this.pane.width - 130 ? -6 : 6), RULER + 3);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {{rows: ArrayLike<number>, xs: ArrayLike<number>, lanes: number[]}} points @param {string} colour @param {number} radius @param {number} width */
  ring(ctx, points, colour, radius, width) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    for (let i = 0; i < points.rows.length; i++) {
      const y = this.pane.yOf(points.lanes[i]);
      if (Number.isNaN(y)) continue;
      ctx.beginPath();
      ctx.arc(this.pane.xOf(points.xs[i]), y, radius, 0, 2 * Math.PI);
      ctx.stroke();
    }
  }

  /** Handles of the cut: buttons that are dragged, or moved with the arrow keys. */
  placeHandles() {
    const { pane, cut } = this;
    const lanes = cut ? seenLanes(pane).slice(0, MOST_HANDLES) : [];
    while (this.handles.length > lanes.length) this.handles.pop()?.remove();
    while (this.handles.length < lanes.length) this.handles.push(this.makeHandle());
    lanes.forEach((lane, i) => {
      if (!cut) return;
      const handle = this.handles[i];
      const x = edgeX(pane, cut, lane);
      const of = pane.run.lengthOf(lane);
      handle.dataset.lane = String(lane);
      handle.toggleAttribute("data-wrong", cut.wrongLanes.has(lane));
      handle.style.left = `${Math.max(0, Math.min(pane.width, x))}px`;
      handle.style.top = `${Math.max(RULER, pane.yOf(lane) - pane.laneHeight / 2)}px`;
      handle.style.height = `${Math.max(8, pane.laneHeight)}px`;
      handle.setAttribute("aria-label", `Cut of ${pane.run.lanes[lane].name}`);
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", String(of));
      handle.setAttribute("aria-valuenow", String(cut.frontier[lane]));
      handle.setAttribute("aria-valuetext", `after event ${cut.frontier[lane]} of ${of}`);
    });
  }

  makeHandle() {
    const handle = /** @type {HTMLButtonElement} */ (make("button", "handle", this.pane.drawing));
    handle.type = "button";
    handle.setAttribute("role", "slider");
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
      handle.focus();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const x = event.clientX - this.pane.drawing.getBoundingClientRect().left;
      void this.pane.page.cuts.drag(this.pane, Number(handle.dataset.lane), this.pane.valueAt(x));
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.pane.page.cuts.step(this.pane, Number(handle.dataset.lane), by);
    });
    return handle;
  }
}

/** @returns {Points} */
export function none() {
  return { rows: new Int32Array(0), xs: new Float64Array(0), lanes: [] };
}

/** The rows at which messages were found, else received. @param {{found: Int32Array, receive: Int32Array}} messages */
function foundOrReceived({ found, receive }) {
  return found.map((row, i) => (row >= 0 ? row : receive[i]));
}

/** @param {import("./pane.js").Pane} pane @param {ArrayLike<number>} rows @returns {Promise<Points>} */
async function pointsOf(pane, rows) {
  const xs = await pane.run.positions(pane.view.axis, pane.view.idle, rows);
  return { rows: Int32Array.from(rows), xs, lanes: Array.from(rows, (row) => pane.run.laneOf(row)) };
}

/**
 * Return a row of each lane: of the index asked for, or the nearest there is; another's where the lane is empty.
 * @param {import("./run.js").Run} run @param {number} otherwise @param {(lane: number) => number} index
 */
function clamped(run, otherwise, index) {
  return run.lanes.map((_, lane) => {
    const length = run.lengthOf(lane);
    return length ? run.starts[lane] + Math.max(0, Math.min(length - 1, index(lane))) : otherwise;
  });
}

/** @param {import("./pane.js").Pane} pane */
function seenLanes(pane) {
  return pane.seenPlaces().map((place) => pane.visible[place]);
}

/** @param {import("./pane.js").Pane} pane @param {Cut} cut @param {number} lane */
function edgeX(pane, cut, lane) {
  const x = pane.xOf(cut.edges[lane]);
  if (Number.isNaN(x)) return 0;
  if (cut.frontier[lane] === 0) return x - 9; // before its first event
  if (cut.frontier[lane] === pane.run.lengthOf(lane)) return x + 9; // after its last
  return x;
}

/**
 * Call for every point in view; of many in one pixel of a lane only the first is drawn.
 * @param {import("./pane.js").Pane} pane @param {Points} points @param {(x: number, y: number) => void} act
 */
function forSeen(pane, points, act) {
  let last = -Infinity;
  let lastLane = -1;
  for (let i = 0; i < points.rows.length; i++) {
    const x = pane.xOf(points.xs[i]);
    if (x < -10 || x > pane.width + 10) continue;
    if (points.lanes[i] === lastLane && x - last < 0.5 && x >= last) continue;
    const y = pane.yOf(points.lanes[i]);
    if (Number.isNaN(y) || y < RULER - 10 || y > RULER + pane.lanesHeight + 10) continue;
    last = x;
    lastLane = points.lanes[i];
    act(x, y);
  }
}
