/**
 * Follow a run while it goes: frames from the server are added to the engine's columns, and the
 * picture keeps the newest event at its right edge until the user pans. Lost connections are reported
 * and tried again from where the page stopped.
 */

import { count, duration } from "./format.js";
import { later } from "./source.js";

const SHOWN = 12e9; // ns of real time shown while following, at first

export class LiveFeed {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    this.connection = new AbortController();
    this.hasEnded = false;
    this.received = 0; // events, in all frames
    this.newestAge = NaN; // ms from an event's being sent to the page having it, last
    /** @type {number | null} when the newest frame was read, in ms since 1970 */
    this.newestMs = null;
  }

  start() {
    void this.follow();
  }

  async follow() {
    const { page } = this;
    const run = page.runs[0];
    for (let pause = 400; !this.hasEnded; pause = Math.min(5000, pause * 1.7)) {
      try {
        this.connection = new AbortController();
        const from = run.lanes.map((_, lane) => run.lengthOf(lane)).join(",");
        for await (const frame of page.source.live(this.connection.signal, run.events ? from : "")) {
          page.notice("live", "");
          pause = 400;
          await this.take(frame);
          if (this.hasEnded) break;
        }
        if (!this.hasEnded) throw new Error("the server closed the connection");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        page.notice("live", `Not connected: ${reason}. What was received stays; trying again.`);
        page.say("The connection to the server is lost.");
        await later(pause);
      }
    }
    await this.finish();
  }

  /** @param {ArrayBuffer} frame */
  async take(frame) {
    const { page } = this;
    const run = page.runs[0];
    const { ended, at_ms: at, lane_rows: rows } = headerOf(frame);
    await run.append(frame);
    const { axis, idle } = page.state.view;
    await run.measure(axis, idle);
    for (const [, , events] of rows ?? []) this.received += events;
    if (typeof at === "number") {
      this.newestAge = Date.now() - at;
      this.newestMs = at;
    }
    this.keepUp();
    for (const pane of page.panes) {
      if (pane.visible.length !== run.lanes.length && !pane.view.hidden[0].length) pane.layOut();
      pane.redraw();
    }
    if (page.state.view.selected || page.state.view.cut) void page.renew();
    if (ended) this.hasEnded = true;
  }

  /** Keep the newest events at the right edge; at first, room for some seconds is left beside them. */
  keepUp() {
    const { page } = this;
    const { view } = page.state;
    const whole = page.whole();
    if (!view.follow || !whole) return;
    const isFirst = view.begin === null || view.end === null;
    const all = whole[1] - whole[0];
    const span = !isFirst
      ? Number(view.end) - Number(view.begin)
      : view.axis === "time" || view.axis === "own"
        ? SHOWN * this.speed()
        : Math.max(100, all);
    const end = Math.max(whole[1] + span * 0.015, whole[0] + span * 0.985);
    page.state.set({ begin: end - span, end });
  }

  /** How many seconds of the run pass in one, as its command says. */
  speed() {
    const said = /--speed[ =]([\d.]+)/.exec(String(this.page.runs[0].header.command ?? ""));
    return Number(said?.[1]) || 1;
  }

  /** The run has ended: exact matching and the verdict come with the whole of it. */
  async finish() {
    const { page } = this;
    const run = page.runs[0];
    try {
      const buffer = await run.source.data(() => {});
      await run.open(buffer);
      run.live = false;
      page.info = { ...page.info, live: false };
      for (const pane of page.panes) pane.tiles.clear();
      page.tools.ended();
      page.laidOut();
      page.notice(
        "live",
        `The run has ended: ${count(run.events)} events in ${duration((run.extents.time?.[1] ?? NaN) - (run.extents.time?.[0] ?? NaN))}.`,
        { calm: true, act: ["Show the whole", () => page.showWhole()] },
      );
      page.say("The run has ended.");
      await page.search.run(page.state.view.query);
      await page.renew();
      await page.verdicts.ask();
      await page.prepare();
    } catch (error) {
      page.notice(
        "live",
        `The run has ended; the whole of it could not be read again: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

/** @param {ArrayBuffer} frame */
function headerOf(frame) {
  try {
    const length = new DataView(frame, 8, 4).getUint32(0, true);
    return JSON.parse(new TextDecoder().decode(new Uint8Array(frame, 12, length)));
  } catch {
    return {};
  }
}
