/** The tool bar: what is chosen there is the view, and shows it when it changes otherwise. */

import { el } from "./dom.js";
import { AXES, COLOURS, PLOTS, isTime } from "./format.js";
import { byId } from "./page.js";

export class Tools {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    this.axis = select("axis");
    this.colour = select("colour");
    this.arrow = select("arrow");
    this.lanes = select("lanes");
    this.idle = /** @type {HTMLInputElement} */ (byId("idle"));
    /** @type {Map<string, HTMLInputElement>} */
    this.plots = new Map();
    const on = (/** @type {string} */ id, /** @type {() => void} */ act) =>
      byId(id).addEventListener("click", act);
    on("theme", () => page.nextTheme());
    on("help", () => page.toggleKeys());
    on("zoom-in", () => page.zoom(0.5, page.focusShare()));
    on("zoom-out", () => page.zoom(2, page.focusShare()));
    on("whole", () => page.showWhole());
    on("cut", () => page.cuts.atSelected());
    on("live", () => page.toggleFollow());
    this.axis.addEventListener("change", () => void page.setAxis(this.axis.value));
    this.idle.addEventListener("change", () => void page.setAxis(page.state.view.axis, this.idle.checked));
    this.colour.addEventListener("change", () => page.state.set({ colour: this.colour.value }));
    this.arrow.addEventListener("change", () =>
      page.state.set({ arrow: this.arrow.value === "receive" ? "receive" : "found" }),
    );
    this.lanes.addEventListener("change", () => this.order());
  }

  /** Fill the choices with what the runs have. */
  fill() {
    const { runs } = this.page;
    this.axis.replaceChildren();
    this.colour.replaceChildren();
    for (const input of this.plots.values()) input.parentElement?.remove();
    this.plots.clear();
    const has = (/** @type {string} */ name) =>
      runs.some((run) => run.live || run.header.has?.[name] !== false);
    for (const [name, { name: text }] of Object.entries(AXES)) {
      if (
        runs.some(
          (run) =>
            run.hasAxis(name) ||
            (run.live && name === "time") ||
            (name === "corrected" && run.mayHaveOffsets()),
        )
      )
        this.axis.append(el("option", { value: name }, text));
    }
    const needs = /** @type {Record<string, string>} */ ({ queue: "queue", late: "late", jump: "clock" });
    for (const [name, text] of Object.entries(COLOURS)) {
      if (!needs[name] || has(needs[name])) this.colour.append(el("option", { value: name }, text));
    }
    const box = byId("plots");
    for (const [name, text] of Object.entries(PLOTS)) {
      if (!has(name === "drift" ? "clock" : name)) continue;
      const input = el("input", { type: "checkbox", onchange: () => this.page.togglePlot(name) });
      this.plots.set(name, input);
      box.append(el("label", {}, input, text));
    }
    box.hidden = !this.plots.size;
    byId("arrow-label").hidden = !runs.some((run) => run.live || run.header.has?.found);
    byId("live").hidden = !this.page.info.live;
    this.show();
  }

  /** A live run has ended. */
  ended() {
    byId("live").hidden = true;
    this.fill();
  }

  /** Show what the view says. */
  show() {
    const { view } = this.page.state;
    this.axis.value = view.axis;
    this.colour.value = view.colour;
    this.arrow.value = view.arrow;
    this.idle.checked = view.idle;
    this.idle.disabled = !isTime(view.axis);
    for (const [name, input] of this.plots)
      input.checked = this.page.panes.some((pane) => pane.plots.shown().includes(name));
    const live = byId("live");
    live.setAttribute("aria-pressed", String(view.follow));
    const hidden = view.hidden[0].length + view.hidden[1].length;
    const all = /** @type {HTMLOptionElement} */ (this.lanes.querySelector('[value="all"]'));
    all.textContent = hidden ? `show all (${hidden} hidden)` : "show all";
    all.disabled = !hidden;
    this.lanes.options[0].textContent = hidden ? `${hidden} hidden` : "as they are";
  }

  /** Carry out what was chosen for the lanes; the choice itself is an act, not a state. */
  order() {
    const { page } = this;
    const act = {
      recorded: () => page.laneActs.recorded(),
      fewest: () => void page.laneActs.fewest(),
      all: () => page.laneActs.showAll(),
      fit: () => page.laneActs.fit(),
    }[this.lanes.value];
    this.lanes.value = "";
    act?.();
  }
}

/** @param {string} id */
function select(id) {
  return /** @type {HTMLSelectElement} */ (byId(id));
}
