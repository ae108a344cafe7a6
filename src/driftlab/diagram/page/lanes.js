/**
 * The names of the lanes beside the diagram: dragged to another place, hidden, pinned to the top.
 * Only the names that are seen are elements of the page; with a thousand lanes, some fifty.
 */

import { PLOTS } from "./format.js";
import { PLOT, RULER, make } from "./pane.js";

const TAIL = 6; // characters of a long name's end, which is always shown

export class LaneNames {
  /** @param {import("./pane.js").Pane} pane */
  constructor(pane) {
    this.pane = pane;
    this.box = make("div", "lanes", pane.side);
    this.box.setAttribute("role", "list");
    this.box.setAttribute("aria-label", "Lanes");
    /** @type {Map<number, HTMLElement>} */
    this.shown = new Map();
    /** @type {HTMLElement[]} */
    this.plotNames = [];
    /** @type {{lane: number, y: number, moved: boolean, mark: HTMLElement} | null} */
    this.dragged = null;
    pane.side.addEventListener(
      "wheel",
      (event) => {
        pane.page.laneActs.scrollBy(pane, event.deltaY);
        event.preventDefault();
      },
      { passive: false },
    );
  }

  /** Put every name beside its lane. */
  place() {
    const { pane } = this;
    this.box.style.top = `${RULER}px`;
    this.box.style.height = `${pane.lanesHeight}px`;
    const every = Math.max(1, Math.ceil(12 / pane.laneHeight)); // names that would overlap are left out
    const seen = new Set();
    let next = this.box.firstElementChild; // names stand in the page as they are seen: for Tab
    for (const place of pane.seenPlaces()) {
      const top = pane.topOf(place);
      const isCovered = place >= pane.pinnedPlaces && top < pane.pinnedHeight - 0.4 * pane.laneHeight;
      if (isCovered || (place % every && place >= pane.pinnedPlaces)) continue;
      const lane = pane.visible[place];
      seen.add(lane);
      const element = this.shown.get(lane) ?? this.makeName(lane);
      const height = Math.max(12, pane.laneHeight);
      element.style.top = `${top + (pane.laneHeight - height) / 2}px`;
      element.style.height = `${height}px`;
      element.classList.toggle("small", pane.laneHeight < 16);
      if (next === element) next = element.nextElementSibling;
      else this.box.insertBefore(element, next);
      element.toggleAttribute("data-pinned", pane.view.pinned[pane.run.number].includes(lane));
      const swatch = /** @type {HTMLElement} */ (element.firstElementChild);
      swatch.style.color = pane.colourOf(lane);
      swatch.style.borderTopStyle = pane.run.lanes[lane].dash?.[1] ? "dashed" : "solid";
    }
    for (const [lane, element] of this.shown) {
      if (seen.has(lane)) continue;
      element.remove();
      this.shown.delete(lane);
    }
    this.namePlots();
    const two = pane.page.panes.length > 1;
    pane.runName.textContent = two
      ? pane.run.title
      : `${pane.visible.length} of ${pane.run.lanes.length} lanes`;
    pane.runName.hidden = !two && pane.visible.length === pane.run.lanes.length;
  }

  /** @param {number} lane */
  makeName(lane) {
    const { pane } = this;
    const info = pane.run.lanes[lane];
    const element = make("div", "lane", this.box);
    element.setAttribute("role", "listitem");
    element.dataset.lane = String(lane);
    make("span", "swatch", element);
    const label = /** @type {HTMLButtonElement} */ (make("button", "label", element));
    label.type = "button";
    const characters = Array.from(info.name); // not halves of them
    const tail = characters.length > 2 * TAIL ? TAIL : 0;
    make("span", "head", label).textContent = characters.slice(0, characters.length - tail).join("");
    if (tail) make("span", "tail", label).textContent = characters.slice(-tail).join("");
    label.title = `${info.name}. Drag, or Alt and the arrow keys, to move it.`;
    label.setAttribute("aria-label", `Lane ${info.name}`);
    const rate = make("span", "rate", element);
    rate.textContent = info.rate ? `${Number(info.rate.toPrecision(3))}/s` : "";
    const actions = make("span", "actions", element);
    this.button(actions, "Pin", `Pin ${info.name} to the top`, () =>
      pane.page.laneActs.pin(pane, lane),
    );
    this.button(actions, "Hide", `Hide ${info.name}`, () =>
      pane.page.laneActs.hide(pane, lane),
    );
    label.addEventListener("keydown", (event) => {
      if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      event.stopPropagation();
      const by = event.key === "ArrowUp" ? -1 : 1;
      pane.page.laneActs.move(pane, lane, pane.placeOf[lane] + by);
      this.shown.get(lane)?.querySelector("button")?.focus();
    });
    element.addEventListener("pointerdown", (event) => this.grab(event, element, lane));
    this.shown.set(lane, element);
    return element;
  }

  /** @param {HTMLElement} parent @param {string} text @param {string} title @param {() => void} act */
  button(parent, text, title, act) {
    const button = /** @type {HTMLButtonElement} */ (make("button", "", parent));
    button.type = "button";
    button.textContent = text;
    button.title = title;
    button.setAttribute("aria-label", title);
    button.addEventListener("pointerdown", (event) => event.stopPropagation());
    button.addEventListener("click", act);
  }

  /** @param {PointerEvent} event @param {HTMLElement} element @param {number} lane */
  grab(event, element, lane) {
    if (event.button !== 0) return;
    const { pane } = this;
    const mark = make("div", "drop", this.box);
    mark.hidden = true;
    const top = this.box.getBoundingClientRect().top;
    const place = (/** @type {PointerEvent} */ e) =>
      Math.max(
        0,
        Math.min(pane.visible.length, Math.round(pane.placeAt(e.clientY - top))),
      );
    let moved = false;
    const move = (/** @type {PointerEvent} */ e) => {
      if (Math.abs(e.clientY - event.clientY) > 4) moved = true;
      element.classList.toggle("dragged", moved);
      mark.hidden = !moved;
      mark.style.top = `${pane.topOf(Math.min(place(e), pane.visible.length - 1)) + (place(e) < pane.visible.length ? 0 : pane.laneHeight) - 1}px`;
    };
    const end = (/** @type {PointerEvent} */ e) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      element.classList.remove("dragged");
      mark.remove();
      if (!moved || e.type === "pointercancel") return;
      const to = place(e);
      pane.page.laneActs.move(pane, lane, to > pane.placeOf[lane] ? to - 1 : to);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  namePlots() {
    const { pane } = this;
    const shown = pane.plots.shown();
    while (this.plotNames.length > shown.length) this.plotNames.pop()?.remove();
    while (this.plotNames.length < shown.length) this.plotNames.push(make("div", "plot-name", pane.side));
    shown.forEach((field, place) => {
      const element = this.plotNames[place];
      element.style.top = `${pane.plots.top(place) + 2}px`;
      element.style.height = `${PLOT - 8}px`;
      const [high, low] = pane.plots.range(field);
      element.replaceChildren();
      make("span", "", element).textContent = high;
      make("b", "", element).textContent = PLOTS[field];
      make("span", "", element).textContent = low;
    });
  }
}
