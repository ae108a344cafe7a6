/** Acts on the lanes: scrolled, made higher, moved, hidden, pinned, put in another order. */

export class LaneActs {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {import("./pane.js").Pane} pane @param {number} by CSS px */
  scrollBy(pane, by) {
    this.scrollTo(pane, pane.scroll() + by);
  }

  /** @param {import("./pane.js").Pane} pane @param {number} y */
  scrollTo(pane, y) {
    const most = Math.max(0, pane.fullHeight - pane.lanesHeight);
    const scroll = [...this.page.state.view.scroll];
    scroll[pane.run.number] = Math.max(0, Math.min(most, y));
    if (scroll[pane.run.number] !== this.page.state.view.scroll[pane.run.number])
      this.page.state.set({ scroll });
  }

  /** @param {number} factor */
  grow(factor) {
    const pane = this.page.activePane();
    if (!pane) return;
    this.page.state.set({
      laneHeight: Math.max(2, Math.min(200, Math.round(pane.laneHeight * factor) || 2)),
    });
  }

  /** @param {"hidden" | "pinned" | "orders"} part @param {import("./pane.js").Pane} pane @param {any} value */
  set(part, pane, value) {
    const list = [...this.page.state.view[part]];
    list[pane.run.number] = value;
    this.page.state.set({ [part]: list });
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane @param {number} place */
  move(pane, lane, place) {
    const order = Array.from(pane.visible).filter((one) => one !== lane);
    order.splice(Math.max(0, Math.min(order.length, place)), 0, lane);
    const pinned = this.page.state.view.pinned[pane.run.number];
    if (pinned.length)
      this.set(
        "pinned",
        pane,
        order.filter((one) => pinned.includes(one) && (one !== lane || place < pinned.length)),
      );
    this.set("orders", pane, order);
    this.page.say(
      `Lane ${pane.run.lanes[lane].name} is now number ${pane.placeOf[lane] + 1} of ${order.length}.`,
    );
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane */
  hide(pane, lane) {
    if (pane.visible.length < 2) return this.page.say("The last lane stays.");
    this.set("hidden", pane, [...this.page.state.view.hidden[pane.run.number], lane]);
    return this.page.say(`Lane ${pane.run.lanes[lane].name} is hidden. H shows all lanes.`);
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane */
  show(pane, lane) {
    this.set(
      "hidden",
      pane,
      this.page.state.view.hidden[pane.run.number].filter((one) => one !== lane),
    );
  }

  /** @param {import("./pane.js").Pane} pane @param {number} lane */
  pin(pane, lane) {
    const pinned = this.page.state.view.pinned[pane.run.number];
    const isPinned = pinned.includes(lane);
    this.set("pinned", pane, isPinned ? pinned.filter((one) => one !== lane) : [...pinned, lane]);
    this.page.say(
      `Lane ${pane.run.lanes[lane].name} is ${isPinned ? "no longer pinned" : "pinned to the top"}.`,
    );
  }

  hideSelected() {
    const one = this.page.selected();
    if (one) this.hide(one.pane, one.pane.run.laneOf(one.row));
  }

  pinSelected() {
    const one = this.page.selected();
    if (one) this.pin(one.pane, one.pane.run.laneOf(one.row));
  }

  /** @param {number} by */
  moveSelected(by) {
    const one = this.page.selected();
    if (!one) return;
    const lane = one.pane.run.laneOf(one.row);
    this.move(one.pane, lane, one.pane.placeOf[lane] + by);
  }

  showAll() {
    this.page.state.set({ hidden: [[], []] });
    this.page.say("All lanes are shown.");
  }

  recorded() {
    this.page.state.set({ orders: [null, null], pinned: [[], []] });
    this.page.say("The lanes are in the order of the log.");
  }

  async fewest() {
    const orders = await Promise.all(
      this.page.panes.map((pane) => pane.run.engine.call("order", "fewest")),
    );
    this.page.state.set({
      orders: orders
        .map((order) => Array.from(order))
        .concat(orders.length < 2 ? [/** @type {any} */ (null)] : []),
    });
    this.page.say("The lanes are ordered so that few arrows cross them.");
  }

  fit() {
    this.page.state.set({
      laneHeight: this.page.panes.some(
        (pane) => pane.laneHeight * pane.visible.length > pane.lanesHeight + 1,
      )
        ? 1
        : null,
    });
  }
}
