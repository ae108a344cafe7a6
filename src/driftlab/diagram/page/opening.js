/**
 * Opening: the data of all runs is fetched and read. Of a long run the server knows after a moment
 * how its events are spread over time; that is painted while the events are still being read.
 */

import { Run } from "./run.js";

/** @typedef {import("./source.js").Progress} Progress */

export class Opening {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Run[]} */
    this.runs = [];
    this.isOver = false;
  }

  /** Open all runs. Throws where one cannot be read. @param {Progress} progress @returns {Promise<Run[]>} */
  async all(progress) {
    const { page } = this;
    // The engine starts and the data comes while the page still asks what it is of.
    const first = new Run(page.source, 0);
    const looks = [reportedLater(page.source.overview())];
    const opened = [this.open(first, progress)];
    page.introduce(await page.source.info());
    first.live = page.info.live;
    this.runs = [first];
    if (page.info.second) {
      const second = new Run(page.source.other(page.info.second), 1);
      this.runs.push(second);
      looks.push(reportedLater(second.source.overview()));
      opened.push(this.open(second, progress));
    }
    void this.look(looks).catch(() => {}); // the data itself says what is wrong
    try {
      await Promise.all(opened);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const run of this.runs) void run.engine.call("giveUp", reason).catch(() => {});
      throw error;
    } finally {
      this.isOver = true;
    }
    return this.runs;
  }

  /** @param {Run} run @param {Progress} progress */
  open(run, progress) {
    const opened = run.source.data(progress).then((/** @type {ArrayBuffer} */ buffer) => {
      this.page.marks.received = performance.now();
      return run.open(buffer);
    });
    return reportedLater(opened);
  }

  /** Paint what is known of all runs before their data is there. @param {Promise<ArrayBuffer | null>[]} asked */
  async look(asked) {
    const { view } = this.page.state;
    if (view.axis !== "time" || view.idle) return;
    const known = await Promise.all(asked);
    if (this.isOver) return;
    const taken = await Promise.all(this.runs.map((run, at) => known[at] && run.look(known[at])));
    if (this.isOver || !taken.every(Boolean)) return;
    this.page.verdicts.say("reading…");
    this.page.showPanes(this.runs);
  }
}

/**
 * A promise that may fail before anybody waits for it: it is no error of the page's own.
 * @template T
 * @param {Promise<T>} promise
 */
function reportedLater(promise) {
  promise.catch(() => {});
  return promise;
}
