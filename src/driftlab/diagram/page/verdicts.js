/** The verdicts of the runs: asked for, shown in a word, and their violations stepped through. */

export class Verdicts {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
  }

  async ask() {
    if (this.page.runs.some((run) => !run.live && !run.verdict)) this.say("judging…");
    for (const run of this.page.runs) {
      if (run.live) continue;
      try {
        const verdict = run.verdict ?? (await run.source.verdict());
        if (!verdict) continue;
        await run.judge({ ...verdict, violations: verdict.violations ?? [] });
      } catch (error) {
        this.page.notice("verdict", `No verdict: ${error instanceof Error ? error.message : error}`, {
          calm: true,
        });
      }
    }
    this.show();
    await this.page.renew();
  }

  show() {
    const chip = byId("verdict");
    const judged = this.page.runs.map((run) => run.verdict).filter((verdict) => verdict !== null);
    chip.hidden = !judged.length;
    if (!judged.length) return;
    this.say(judged.map((verdict) => verdict.headline).join(" · "));
    chip.dataset.holds = judged.some((v) => v.holds === false)
      ? "no"
      : judged.every((v) => v.holds)
        ? "yes"
        : "open";
    chip.onclick = () => this.page.state.set({ panel: "violations" });
  }

  /** Say in a word how far it is, before there is a verdict. @param {string} text */
  say(text) {
    const chip = byId("verdict");
    chip.hidden = false;
    chip.textContent = text;
    chip.title = text;
    chip.dataset.holds = "open";
  }

  /** The run whose violations are stepped through. */
  run() {
    return this.page.runs.findIndex((run) => run.verdict?.violations.length);
  }

  /** @param {number} by */
  step(by) {
    const run = this.page.runs[this.run()];
    const all = run?.verdict?.violations ?? [];
    if (!run || !all.length)
      return this.page.say(
        run?.verdict || this.page.runs[0]?.verdict ? "No violation was found." : "There is no verdict yet.",
      );
    const now = this.page.state.view.violation;
    return this.to(
      run,
      now === null ? (by > 0 ? 0 : all.length - 1) : (now + by + all.length) % all.length,
    );
  }

  /** @param {import("./run.js").Run} run @param {number} number */
  to(run, number) {
    const one = run.verdict?.violations[number];
    if (!one) return;
    this.page.state.set({ violation: number, panel: "violations" });
    const pane = this.page.panes[run.number];
    if (one.rows.length) {
      this.page.state.set({ selected: run.refOf(one.rows[0]), second: null, why: false });
      void this.centreIfCrowded(pane, one.rows[0]);
    }
  }

  /** Bring an event into view, and closer where single events cannot be distinguished. @param {import("./pane.js").Pane} pane @param {number} row */
  async centreIfCrowded(pane, row) {
    if (pane.tiles.level === "counts" || pane.tiles.level === "lines") await this.page.centre(pane, row);
    else await this.page.bring(pane, row);
  }
}

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
