/**
 * Search: conditions and patterns are answered by the engine, texts of the log by whoever has
 * them (the server, or the engine offline). Every hit is marked in the diagram and on the strip.
 */

import { count } from "./format.js";
import { byId } from "./page.js";

/** @typedef {{rows: Int32Array, version: string}} Hits */

const NOTHING = { rows: new Int32Array(0), version: "" };

export class Search {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Map<number, Hits>} */
    this.hits = new Map();
    /** @type {Set<number>} runs whose embedded texts the engine has */
    this.opened = new Set();
    this.error = "";
    this.turn = 0;
    this.timer = 0;
    this.input = /** @type {HTMLInputElement} */ (byId("query"));
    this.input.value = page.state.view.query;
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.timer = 0;
        page.state.set({ query: this.input.value.trim() });
      }, 250);
    });
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.timer);
      this.timer = 0;
      const query = this.input.value.trim();
      if (query === page.state.view.query) this.step(1);
      else page.state.set({ query, panel: "search" });
    });
  }

  /** @param {import("./run.js").Run} run @returns {Hits} */
  hitsOf(run) {
    return this.hits.get(run.number) ?? NOTHING;
  }

  clear() {
    this.input.value = "";
    this.page.state.set({ query: "" });
  }

  /** @param {string} query */
  async run(query) {
    const turn = ++this.turn;
    if (document.activeElement !== this.input) this.input.value = query;
    const output = byId("hits");
    if (!query) {
      this.hits.clear();
      this.error = "";
      output.textContent = "";
      if (turn > 1) await this.page.renew();
      return;
    }
    output.textContent = "…";
    let error = "";
    for (const run of this.page.runs) {
      const found = await this.rowsOf(run, query).catch((reason) => {
        error = reason instanceof Error ? reason.message : String(reason);
        return new Int32Array(0);
      });
      if (turn !== this.turn) return;
      this.hits.set(run.number, { rows: found, version: `${turn}` });
    }
    this.error = error;
    const total = [...this.hits.values()].reduce((sum, hits) => sum + hits.rows.length, 0);
    output.textContent = error ? "?" : `${count(total)} ${total === 1 ? "hit" : "hits"}`;
    output.title = error;
    await this.page.renew();
    if (!error) this.page.say(`${count(total)} ${total === 1 ? "hit" : "hits"} of “${query}”.`);
    else this.page.say(error);
  }

  /** @param {import("./run.js").Run} run @param {string} query @returns {Promise<Int32Array>} */
  async rowsOf(run, query) {
    await this.openTexts(run);
    const answer = await run.engine.call("search", query);
    const found = answer.error ? new Int32Array(0) : Int32Array.from(answer.rows);
    // The server has the log's texts: words that the columns do not know may be in them.
    const isAsked = !run.source.isOffline && this.page.info.texts !== false && isPlain(query);
    const texts = isAsked ? await run.source.search(query).catch(() => null) : null;
    if (answer.error && !texts?.length) throw new Error(answer.error);
    return texts?.length ? Int32Array.from(new Set([...found, ...texts])).sort() : found;
  }

  /** An offline page embeds the texts: the engine takes them before the first search. @param {import("./run.js").Run} run */
  async openTexts(run) {
    if (!run.source.isOffline || this.opened.has(run.number)) return;
    this.opened.add(run.number);
    const base64 = run.source.textsBlock();
    if (base64) await run.engine.call("openTexts", { base64 });
  }

  /** Go to the next or the previous hit, from the selected event or the left edge. @param {number} by */
  step(by) {
    const { page } = this;
    const pane = page.selected()?.pane ?? page.panes.find((one) => this.hitsOf(one.run).rows.length);
    if (!pane)
      return page.say(page.state.view.query ? "No event was found." : "Type what to search first (/).");
    const { rows } = this.hitsOf(pane.run);
    if (!rows.length) return page.say("No event was found.");
    const { xs } = pane.marks.hits;
    const order = Array.from(rows.keys()).sort((a, b) => xs[a] - xs[b] || rows[a] - rows[b]);
    const selected = page.selected();
    const at = selected ? order.findIndex((i) => rows[i] === selected.row) : -1;
    const next = at >= 0 ? (at + by + order.length) % order.length : this.nearest(pane, order, xs, by);
    page.state.set({ panel: "search" });
    page.select(pane, rows[order[next]], true);
    return page.say(`Hit ${next + 1} of ${count(rows.length)}: ${pane.run.shortNameOf(rows[order[next]])}.`);
  }

  /** @param {import("./pane.js").Pane} pane @param {number[]} order @param {Float64Array} xs @param {number} by */
  nearest(pane, order, xs, by) {
    const selection = pane.marks.selection?.x;
    const from = selection ?? this.page.span().begin;
    const after = order.findIndex((i) => xs[i] >= from);
    if (by > 0) return after < 0 ? 0 : after;
    return after <= 0 ? order.length - 1 : after - 1;
  }
}

/** Whether a query may match texts of the log: it has no field and is no pattern. @param {string} query */
function isPlain(query) {
  return !/\.\.|->|^\w+:\S/.test(query) || /^\/.*\/$/.test(query);
}
