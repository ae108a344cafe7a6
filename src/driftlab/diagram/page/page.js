/**
 * The page: its runs, the span that all panes share, and every act of the user. An act changes
 * the view (state.js); what has to be drawn or asked again follows from what changed.
 */

import { isDark, sheetColours } from "./colours.js";
import { Connection } from "./connection.js";
import { Cuts } from "./cuts.js";
import { AXES, COLOURS, PLOTS, isTime } from "./format.js";
import { fillKeys, listenToKeys } from "./keys.js";
import { LaneActs } from "./lane_acts.js";
import { LiveFeed } from "./live.js";
import { Minimap } from "./minimap.js";
import { Panels } from "./panels.js";
import { Opening } from "./opening.js";
import { Pane } from "./pane.js";
import { axisName } from "./run.js";
import { Search } from "./search.js";
import { later, pageSource } from "./source.js";
import { State } from "./state.js";
import { Telling } from "./telling.js";
import { Tools } from "./tools.js";
import { Verdicts } from "./verdicts.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./state.js").EventRef} EventRef */

const PREPARE_PAUSE = 250; // ms of rest before an index is built ahead
const REDRAWS = new Set([
  "axis",
  "idle",
  "colour",
  "arrow",
  "plots",
  "laneHeight",
  "orders",
  "hidden",
  "pinned",
]);
const MOVES = new Set(["begin", "end", "scroll"]); // what changes in every frame of a pan
const MARKED = new Set(["axis", "idle", "selected", "second", "why", "cut", "violation", "query"]);

export class Page {
  constructor() {
    this.state = new State();
    this.source = pageSource();
    /** @type {Run[]} */
    this.runs = [];
    /** @type {Pane[]} */
    this.panes = [];
    this.dark = isDark();
    this.sheet = sheetColours();
    this.skin = 0; // rises when colours of the sheet change
    /** @type {import("./source.js").Info} */
    this.info = { title: "", live: false, bench: false, second: null };
    /** @type {EventRef | null} */
    this.remembered = null;
    /** @type {{text: string, rows: number[]} | null} */
    this.divergence = null;
    this.compared = false;
    /** @type {Record<string, number>} when the page had what, in ms: for measurements */
    this.marks = {};
    this.isReady = false;
    this.renewing = 0;
    this.telling = new Telling(this);
    this.verdicts = new Verdicts(this);
    this.cuts = new Cuts(this);
    this.laneActs = new LaneActs(this);
    this.panels = new Panels(this);
    this.search = new Search(this);
    this.tools = new Tools(this);
    this.minimap = new Minimap(this, /** @type {HTMLCanvasElement} */ (byId("minimap")));
    this.live = new LiveFeed(this);
    this.connection = new Connection(this);
    listenToKeys(this);
    this.applyTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.applyTheme());
    matchMedia("(forced-colors: active)").addEventListener("change", () => this.applyTheme());
    addEventListener("resize", () => this.laidOut());
    this.state.listen((changed) => this.changed(changed));
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.panes[0]?.canvas.focus();
    });
    /** @type {Promise<void>} settles when nothing is being asked for; for tests */
    this.settled = Promise.resolve();
  }

  async start() {
    const boot = byId("boot");
    const said = /** @type {HTMLElement} */ (boot.firstElementChild);
    const progress = (/** @type {number} */ done, /** @type {number} */ total) => {
      if (total <= 3e6) return;
      const share = `${Math.round((100 * done) / total)} %`;
      if (this.isReady) this.verdicts.say(`reading… ${share}`);
      else said.textContent = `Opening the diagram… ${share}`;
    };
    try {
      const runs = await new Opening(this).all(progress);
      this.marks.opened = performance.now();
      this.checkAxis(runs);
      const { axis, idle } = this.state.view;
      await Promise.all(runs.map((run) => run.measure(axis, idle)));
      this.showPanes(runs);
    } catch (error) {
      const reason = `The run cannot be shown: ${error instanceof Error ? error.message : error}`;
      said.textContent = reason;
      byId("said").textContent = reason;
      boot.querySelector(".late")?.remove();
      if (this.isReady) {
        this.notice("data", `${reason} What is seen are counts by times alone.`);
        this.verdicts.say("not read");
      }
      return;
    }
    await this.renew();
    await this.search.run(this.state.view.query);
    this.marks.ready = performance.now();
    this.performance = this.marks;
    this.telling.whatIsShown();
    if (this.info.live) this.live.start();
    this.connection.start();
    void this.verdicts.ask();
    if (this.runs.length > 1) void this.compare();
    void this.prepare();
  }

  /** Say what the page is of. @param {import("./source.js").Info} info */
  introduce(info) {
    this.info = info;
    this.entitle(info.title);
    byId("bench").hidden = !info.bench;
  }

  /** @param {string} title */
  entitle(title) {
    document.title = `${title} · driftlab`;
    byId("title").textContent = title;
    byId("title").title = title;
  }

  /** Show the runs, as far as they are known. @param {Run[]} runs */
  showPanes(runs) {
    if (!this.panes.length) {
      byId("boot").remove();
      this.runs = runs;
      for (const run of runs) this.panes.push(new Pane(this, run, byId("diagram")));
    }
    if (runs.length > 1) this.entitle(runs.map((run) => run.title).join(" and "));
    this.tools.fill();
    this.isReady = true;
    void this.panels.show().catch(() => {}); // asked again when the data is there
    this.laidOut();
    for (const pane of this.panes) pane.draw(); // tiles are asked for before anything else
  }

  /** Have the engine build its indexes while nothing else is asked of it. */
  async prepare() {
    for (const run of this.runs) {
      for (let isMore = true, pause = PREPARE_PAUSE; isMore && !run.live; await later(pause)) {
        const isBusy = run.engine.waiting.size || this.panes.some((pane) => !pane.tiles.isSharp);
        pause = isBusy ? PREPARE_PAUSE : 0;
        if (isBusy) continue;
        try {
          isMore = await run.engine.call("prepare");
        } catch {
          return; // built when it is needed, then
        }
      }
    }
  }

  /** An axis that no run has, or an address of another run, shows the first axis there is. @param {Run[]} runs */
  checkAxis(runs) {
    const { view } = this.state;
    const has = (/** @type {string} */ axis) => runs.some((run) => run.hasAxis(axis));
    if (!has(view.axis)) view.axis = ["time", "clock", "chain"].find(has) ?? "index";
    for (const ref of [view.selected, view.second]) {
      if (ref && (!runs[ref.run] || (runs[ref.run].rowOf(ref) < 0 && !this.info.live))) {
        view.selected = view.second = null;
        view.why = false;
        this.notice("address", "The event that the address names is not in this run.", { calm: true });
      }
    }
  }

  async compare() {
    try {
      const answer = await this.source.compare();
      const first = answer?.first_divergence;
      this.compared = Boolean(answer);
      if (first) {
        const rows = [
          this.runs[0].rowOf({ run: 0, lane: first.lane, index: first.index }),
          this.runs[1].rowOf({ run: 1, lane: first.other_lane ?? first.lane, index: first.index }),
        ];
        this.divergence = { text: first.text, rows };
        if (this.state.view.panel === "event" && !this.state.view.selected)
          this.state.set({ panel: "violations" });
      }
      await this.renew();
    } catch (error) {
      this.notice(
        "compare",
        `The runs could not be compared: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  /** @param {Run} run */
  divergenceRow(run) {
    return this.divergence?.rows[run.number] ?? -1;
  }

  showDivergence() {
    const pane = this.panes.find((one) => this.divergenceRow(one.run) >= 0);
    if (!pane) return this.say(this.compared ? "The runs do not diverge." : "There are no two runs here.");
    this.select(pane, this.divergenceRow(pane.run), true);
    return this.say(`First divergence: ${this.divergence?.text}`);
  }

  // What is shown of the axis

  /** The extent of the axis over all runs. @returns {[number, number] | null} */
  whole() {
    const extents = this.panes.map((pane) => pane.whole()).filter((extent) => extent !== null);
    if (!extents.length) return null;
    const begin = Math.min(...extents.map((extent) => extent[0]));
    const end = Math.max(...extents.map((extent) => extent[1]));
    return begin < end ? [begin, end] : [begin - 0.5, end + 0.5];
  }

  /** The span that is shown. */
  span() {
    const { view } = this.state;
    if (view.begin !== null && view.end !== null) return { begin: view.begin, end: view.end };
    const whole = this.whole();
    if (!whole) return { begin: 0, end: 1 };
    const margin = (whole[1] - whole[0]) * 0.015;
    return { begin: whole[0] - margin, end: whole[1] + margin };
  }

  /** Show a span: not beyond the run, nor closer than can be distinguished. @param {number} begin @param {number} end @param {boolean} [byHand] */
  show(begin, end, byHand = true) {
    const whole = this.whole();
    if (!whole || !(end > begin)) return;
    const all = whole[1] - whole[0];
    const least = isTime(this.state.view.axis) ? Math.max(1000, all * 1e-11) : Math.max(0.5, all * 1e-9);
    let span = Math.max(least, Math.min(all * 1.3, end - begin));
    let middle = (begin + end) / 2;
    middle = Math.max(whole[0], Math.min(whole[1], middle));
    /** @type {any} */
    const parts = { begin: middle - span / 2, end: middle + span / 2 };
    if (byHand) parts.follow = false;
    this.state.set(parts);
  }

  /** @param {number} share of what is shown */
  pan(share) {
    const { begin, end } = this.span();
    this.show(begin + share * (end - begin), end + share * (end - begin));
  }

  /** @param {number} factor of the span @param {number} at share of the width that stays where it is */
  zoom(factor, at) {
    const { begin, end } = this.span();
    const fixed = begin + at * (end - begin);
    const span = (end - begin) * factor;
    this.show(fixed - at * span, fixed - at * span + span);
  }

  showWhole() {
    this.state.set({ begin: null, end: null, follow: true });
  }

  /** @param {boolean} atBegin */
  toEdge(atBegin) {
    const whole = this.whole();
    const { begin, end } = this.span();
    if (!whole) return;
    const span = end - begin;
    if (atBegin) this.show(whole[0] - span * 0.02, whole[0] + span * 0.98);
    else this.show(whole[1] - span * 0.98, whole[1] + span * 0.02, !this.info.live);
    if (!atBegin && this.info.live) this.state.set({ follow: true });
  }

  /** Where a zoom by key holds still: the selected event if it is seen, else the middle. */
  focusShare() {
    const pane = this.panes.find((one) => one.marks.selection);
    const x = pane?.marks.selection ? pane.xOf(pane.marks.selection.x) / pane.width : 0.5;
    return x >= 0 && x <= 1 ? x : 0.5;
  }

  toggleFollow() {
    if (!this.info.live) return this.say("This run is not live.");
    return this.state.set({ follow: !this.state.view.follow });
  }

  // Events

  activePane() {
    return this.panes.find((pane) => pane.root.contains(document.activeElement)) ?? this.panes[0];
  }

  /** The active pane if its log has the axis that is chosen, else another that has it. */
  paneOnAxis() {
    const active = this.activePane();
    return active?.hasAxis ? active : this.panes.find((pane) => pane.hasAxis);
  }

  /** A click on an event, or beside all. @param {Pane} pane @param {number} row @param {boolean} fresh whether a new selection is wanted */
  chose(pane, row, fresh) {
    const { selected, second } = this.state.view;
    if (row < 0) return;
    const ref = pane.run.refOf(row);
    const isSame =
      selected && selected.run === ref.run && selected.lane === ref.lane && selected.index === ref.index;
    if (isSame && !second) this.state.set({ selected: null, second: null, why: false });
    else if (!selected || second || fresh || selected.run !== ref.run) this.select(pane, row);
    else this.state.set({ second: ref, why: false, panel: "event" });
  }

  /** @param {Pane} pane @param {number} row @param {boolean} [bring] whether it is brought into view */
  select(pane, row, bring = false) {
    this.state.set({
      selected: pane.run.refOf(row),
      second: null,
      why: false,
      panel:
        ["cut", "search", "violations"].includes(this.state.view.panel) && bring
          ? this.state.view.panel
          : "event",
    });
    if (bring) void this.bring(pane, row);
  }

  /** Bring an event into view, if it is not. @param {Pane} pane @param {number} row */
  async bring(pane, row) {
    const { axis, idle } = this.state.view;
    const [x] = await pane.run.positions(axis, idle, [row]);
    const { begin, end } = this.span();
    if (x < begin || x > end) this.show(x - (end - begin) / 2, x + (end - begin) / 2);
    const y = pane.yOf(pane.run.laneOf(row));
    if (Number.isNaN(y)) this.laneActs.show(pane, pane.run.laneOf(row));
    else if (pane.laneAt(y) < 0)
      this.laneActs.scrollTo(pane, pane.tops[pane.placeOf[pane.run.laneOf(row)]] - pane.lanesHeight / 2);
  }

  /** Bring an event to the middle, so close that its neighbours can be distinguished. @param {Pane} pane @param {number} row */
  async centre(pane, row) {
    const { run } = pane;
    const { axis, idle } = this.state.view;
    const lane = run.laneOf(row);
    const near = [Math.max(run.starts[lane], row - 12), Math.min(run.ends[lane] - 1, row + 12)];
    const [x, from, to] = await run.positions(axis, idle, [row, ...near]);
    const { begin, end } = this.span();
    const span = to > from ? Math.min(end - begin, (to - from) * 1.1) : end - begin;
    this.show(x - span / 2, x + span / 2);
    if (run.rowOf(this.state.view.selected) !== row && !this.state.view.second && !this.state.view.why)
      this.select(pane, row);
    void this.bring(pane, row);
  }

  /** The pane and row of the selected event. @returns {{pane: Pane, row: number} | null} */
  selected() {
    const { selected } = this.state.view;
    const pane = selected && this.panes[selected.run];
    const row = pane ? pane.run.rowOf(selected) : -1;
    return pane && row >= 0 ? { pane, row } : null;
  }

  centreSelected() {
    const one = this.selected();
    if (one) void this.centre(one.pane, one.row);
  }

  /** Select the neighbour on the same lane; without a selection, the event nearest to the middle. @param {number} by */
  step(by) {
    const one = this.selected();
    if (!one) return void this.selectMiddle();
    const { pane, row } = one;
    const lane = pane.run.laneOf(row);
    const next = row + by;
    if (next < pane.run.starts[lane] || next >= pane.run.ends[lane])
      return this.say(
        by < 0 ? "That is the first event of the lane." : "That is the last event of the lane.",
      );
    return this.select(pane, next, true);
  }

  async selectMiddle() {
    const pane = this.paneOnAxis();
    if (!pane) return;
    const lane = pane.laneAt(pane.height / 2) < 0 ? pane.visible[0] : pane.laneAt(pane.height / 2);
    const { axis, idle } = this.state.view;
    const row = await pane.run.engine.call("nearest", axis, pane.valueAt(pane.width / 2), lane ?? 0, idle);
    if (row >= 0) this.select(pane, row, true);
  }

  /** Select the nearest event of the lane above or below. @param {number} by */
  async stepLane(by) {
    const one = this.selected();
    if (!one) return this.selectMiddle();
    const { pane, row } = one;
    if (!pane.hasAxis) return this.say("This log does not have the axis that is chosen.");
    const { axis, idle } = this.state.view;
    const [x] = await pane.run.positions(axis, idle, [row]);
    for (
      let place = pane.placeOf[pane.run.laneOf(row)] + by;
      place >= 0 && place < pane.visible.length;
      place += by
    ) {
      const next = await pane.run.engine.call("nearest", axis, x, pane.visible[place], idle);
      if (next >= 0) return this.select(pane, next, true);
    }
    return this.say("There is no lane further on.");
  }

  async followMessage() {
    const one = this.selected();
    if (!one) return;
    const { run } = one.pane;
    const info = await run.engine.call("describe", one.row);
    if (!info.messages.length) return this.say("No message leads from here or to here.");
    const { send, receive } = await run.engine.call("messages", info.messages);
    const other = send[0] === one.row ? receive[0] : send[0];
    return this.select(one.pane, other, true);
  }

  remember() {
    this.remembered = this.state.view.selected;
    const one = this.selected();
    this.say(
      one
        ? `Remembered ${one.pane.run.shortNameOf(one.row)}. Select another event and press c.`
        : "Select an event first.",
    );
  }

  chainToRemembered() {
    const now = this.state.view.selected;
    if (!this.remembered || !now || this.remembered.run !== now.run)
      return this.say("Press b on one event, select another, then press c.");
    return this.state.set({ selected: this.remembered, second: now, why: false, panel: "event" });
  }

  why() {
    if (!this.selected()) return this.say("Select an event first.");
    return this.state.set({ why: !this.state.view.why, second: null, panel: "event" });
  }

  /** Take back the last act: a second event, a chain, the selection, then the cut. */
  clear() {
    const { view } = this.state;
    if (view.second || view.why) this.state.set({ second: null, why: false });
    else if (view.selected) this.state.set({ selected: null });
    else if (view.cut) this.state.set({ cut: null });
    else if (view.query) this.search.clear();
  }

  // Violations and hits

  /** @param {Run} run */
  hitsOf(run) {
    return this.search.hitsOf(run);
  }

  get searchError() {
    return this.search.error;
  }

  /** @param {number} by */
  stepHit(by) {
    this.search.step(by);
  }

  focusSearch() {
    byId("query").focus();
    /** @type {HTMLInputElement} */ (byId("query")).select();
  }

  leaveSearch() {
    this.activePane()?.canvas.focus();
  }

  // Look

  nextAxis() {
    const there = Object.keys(AXES).filter((axis) => this.runs.some((run) => run.hasAxis(axis)));
    this.setAxis(there[(there.indexOf(this.state.view.axis) + 1) % there.length]);
  }

  /** Change the axis, and stay at the events that are in the middle of the picture. @param {string} axis @param {boolean} [idle] */
  async setAxis(axis, idle = this.state.view.idle) {
    const { view } = this.state;
    const pane = this.paneOnAxis();
    const { begin, end } = this.span();
    const isWhole = view.begin === null;
    const idleNow = idle && isTime(axis);
    if (axis === "corrected" && !(await this.askOffsets())) return this.tools.show();
    await Promise.all(this.runs.map((run) => run.measure(axis, idleNow)));
    /** @type {any} */
    const parts = { axis, idle: idleNow, begin: null, end: null };
    if (!isWhole && pane?.run.hasAxis(axis)) {
      const rows = await Promise.all(
        Array.from(pane.visible.slice(0, 40), async (lane) => [
          await pane.run.engine.call("nearest", view.axis, begin, lane, view.idle),
          await pane.run.engine.call("nearest", view.axis, end, lane, view.idle),
        ]),
      );
      const known = rows.flat().filter((row) => row >= 0);
      const xs = Array.from(await pane.run.positions(axis, idleNow, known));
      const [low, high] = [Math.min(...xs), Math.max(...xs)];
      if (high > low) [parts.begin, parts.end] = [low, high];
    }
    this.state.set(parts);
    return this.say(`Axis: ${AXES[axis].name}.`);
  }

  /** The offsets of large logs are worked out only when they are asked for. Whether there are any. */
  async askOffsets() {
    let reason = "no messages go both ways between the machines";
    for (const run of this.runs) {
      await run.recoverOffsets().catch((error) => {
        reason = error instanceof Error ? error.message : String(error);
      });
    }
    const known = this.runs.some((run) => run.hasAxis("corrected"));
    if (!known) this.notice("offsets", `No offsets could be recovered: ${reason}.`, { calm: true });
    return known;
  }

  toggleIdle() {
    if (!isTime(this.state.view.axis)) return this.say("Only axes of time have idle stretches.");
    return void this.setAxis(this.state.view.axis, !this.state.view.idle);
  }

  nextColour() {
    const names = Object.keys(COLOURS);
    const colour = names[(names.indexOf(this.state.view.colour) + 1) % names.length];
    this.state.set({ colour });
    this.say(`Dense lanes show: ${COLOURS[colour]}.`);
  }

  toggleArrow() {
    const arrow = this.state.view.arrow === "found" ? "receive" : "found";
    this.state.set({ arrow });
    this.say(arrow === "found" ? "Arrows end where the message was found." : "Arrows end at the receive.");
  }

  /** @param {string} name */
  togglePlot(name) {
    const plots = this.panes[0]?.plots.shown() ?? [];
    const order = Object.keys(PLOTS);
    const next = plots.includes(name) ? plots.filter((one) => one !== name) : [...plots, name];
    this.state.set({ plots: next.sort((a, b) => order.indexOf(a) - order.indexOf(b)) });
  }

  nextTheme() {
    const order = /** @type {const} */ (["system", "light", "dark"]);
    const theme = order[(order.indexOf(this.state.view.theme) + 1) % 3];
    this.state.set({ theme });
    this.say(`Colours: ${theme === "system" ? "as the system" : theme}.`);
  }

  applyTheme() {
    const { theme } = this.state.view;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId("theme").textContent = `Theme: ${theme}`;
    this.dark = isDark();
    this.sheet = sheetColours();
    this.skin++;
    this.laidOut();
  }

  toggleKeys() {
    const dialog = /** @type {HTMLDialogElement} */ (byId("keys"));
    fillKeys(dialog);
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  async copyAddress() {
    this.state.writeAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("The address of this view is copied.");
    } catch {
      this.say("The address of this view stands in the address line; copy it there.");
    }
  }

  // Drawing and telling

  /** @param {Set<string>} changed */
  changed(changed) {
    if (changed.has("theme")) this.applyTheme();
    if (!this.isReady) return;
    if (changed.has("axis")) this.telling.axisChanged();
    if ([...changed].some((name) => REDRAWS.has(name) || MOVES.has(name)))
      for (const pane of this.panes) pane.pointer.moved();
    if ([...changed].some((name) => REDRAWS.has(name))) this.laidOut();
    else for (const pane of this.panes) pane.redraw();
    if (changed.has("scroll")) for (const pane of this.panes) pane.names.place();
    this.minimap.redraw();
    if ([...changed].some((name) => !MOVES.has(name))) this.tools.show();
    if (changed.has("query")) void this.search.run(this.state.view.query);
    if ([...changed].some((name) => MARKED.has(name))) void this.renew();
    else if (changed.has("panel")) this.track(this.panels.show());
  }

  /** The window or the lanes have another size. */
  laidOut() {
    if (!this.isReady) return;
    for (const pane of this.panes) pane.layOut();
    this.minimap.redraw();
    this.tools.show();
  }

  /** Ask again for what is marked, then tell it. */
  renew() {
    return this.track(this.renewAll());
  }

  /** @param {Promise<any>} work */
  track(work) {
    this.settled = Promise.all([this.settled, work]).then(
      () => {},
      () => {},
    );
    return work;
  }

  async renewAll() {
    const turn = ++this.renewing;
    await Promise.all(this.panes.map((pane) => pane.renew()));
    if (turn !== this.renewing) return;
    this.minimap.redraw();
    await this.panels.show();
    this.tools.show();
    this.telling.selection();
  }

  /** A pane has been drawn. @param {Pane} pane */
  drawn(pane) {
    if (!this.marks.painted && pane.tiles.tiles.size) this.marks.painted = performance.now();
    this.telling.status();
    this.minimap.redraw();
  }

  /** Say something to whoever cannot see it, and below the diagram. @param {string} text */
  say(text) {
    this.telling.say(text);
  }

  /** Put up a notice; an empty text takes it away. @param {string} id @param {string} text @param {{calm?: boolean, act?: [string, () => void]}} [how] */
  notice(id, text, how = {}) {
    this.telling.notice(id, text, how);
  }

  /** What the engine calls the axis. */
  get axis() {
    return axisName(this.state.view.axis, this.state.view.idle);
  }
}

/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no ${id}`);
  return element;
}
