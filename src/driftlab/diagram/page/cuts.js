/** Acts on the cut: where it lies, and how its frontier is moved. */

export class Cuts {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {boolean} [before] */
  atSelected(before = false) {
    const one = this.page.selected();
    if (one) void this.at(one.pane, one.row, before);
    else void this.middle();
  }

  /** @param {import("./pane.js").Pane} pane @param {number} row @param {boolean} [before] whether the event itself is left out */
  async at(pane, row, before = false) {
    const frontier = await pane.run.engine.call(before ? "before" : "containing", row);
    this.page.state.set({ cut: { run: pane.run.number, frontier: Array.from(frontier) }, panel: "cut" });
  }

  async middle() {
    const pane = this.page.paneOnAxis();
    if (!pane) return;
    const { axis, idle } = this.page.state.view;
    const frontier = await pane.run.engine.call("frontierAt", axis, pane.valueAt(pane.width / 2), idle);
    this.page.state.set({ cut: { run: pane.run.number, frontier: Array.from(frontier) }, panel: "cut" });
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane @param {number} events inside */
  set(pane, lane, events) {
    const { cut } = this.page.state.view;
    if (!cut || cut.run !== pane.run.number) return;
    const most = pane.run.lengthOf(lane);
    const frontier = pane.run.lanes.map((_, one) => cut.frontier[one] ?? 0);
    frontier[lane] = Math.max(0, Math.min(most, Math.round(events)));
    if (frontier[lane] !== cut.frontier[lane]) this.page.state.set({ cut: { run: cut.run, frontier } });
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane @param {number} by */
  step(pane, lane, by) {
    this.set(pane, lane, (this.page.state.view.cut?.frontier[lane] ?? 0) + by);
  }

  /** Drag the frontier of a lane to a place. @param {import("./pane.js").Pane} pane @param {number} lane @param {number} value */
  async drag(pane, lane, value) {
    const { axis, idle } = this.page.state.view;
    const frontier = await pane.run.engine.latest("drag", "frontierAt", axis, value, idle);
    if (frontier) this.set(pane, lane, frontier[lane]);
  }

  /** Leave out of the cut whatever follows from a send outside it. @param {import("./pane.js").Pane} pane */
  async mend(pane) {
    const { cut } = this.page.state.view;
    if (!cut) return;
    const frontier = pane.run.lanes.map((_, lane) => cut.frontier[lane] ?? 0);
    for (;;) {
      const { violations } = await pane.run.engine.call("cut", Int32Array.from(frontier));
      if (!violations.length) break;
      const { receive } = await pane.run.engine.call("messages", violations);
      for (const row of receive) {
        const { lane, index } = pane.run.refOf(row);
        frontier[lane] = Math.min(frontier[lane], index);
      }
    }
    this.page.state.set({ cut: { run: cut.run, frontier } });
  }
}
