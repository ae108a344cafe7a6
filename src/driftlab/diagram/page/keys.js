/** Keys: every act of the page has one, and all of them are listed in a panel (`?`). */

import { button, el } from "./dom.js";

/** @typedef {{keys: string[], text: string, act: (page: import("./page.js").Page, event: KeyboardEvent) => void}} Key */

/** @type {[string, Key[]][]} */
export const GROUPS = [
  [
    "Move and zoom",
    [
      { keys: ["Shift+ArrowLeft"], text: "pan to the left", act: (page) => page.pan(-0.25) },
      { keys: ["Shift+ArrowRight"], text: "pan to the right", act: (page) => page.pan(0.25) },
      {
        keys: ["Shift+ArrowUp"],
        text: "scroll the lanes up",
        act: (page) => page.laneActs.scrollBy(page.activePane(), -80),
      },
      {
        keys: ["Shift+ArrowDown"],
        text: "scroll the lanes down",
        act: (page) => page.laneActs.scrollBy(page.activePane(), 80),
      },
      { keys: ["+", "="], text: "zoom in", act: (page) => page.zoom(0.5, page.focusShare()) },
      { keys: ["-"], text: "zoom out", act: (page) => page.zoom(2, page.focusShare()) },
      { keys: ["0"], text: "the whole run", act: (page) => page.showWhole() },
      { keys: ["Home"], text: "to the beginning", act: (page) => page.toEdge(true) },
      { keys: ["End"], text: "to the end", act: (page) => page.toEdge(false) },
      { keys: ["l"], text: "follow the newest events (live)", act: (page) => page.toggleFollow() },
    ],
  ],
  [
    "Events",
    [
      { keys: ["ArrowLeft"], text: "the event before, on the same lane", act: (page) => page.step(-1) },
      { keys: ["ArrowRight"], text: "the event after", act: (page) => page.step(1) },
      { keys: ["ArrowUp"], text: "the nearest event one lane up", act: (page) => page.stepLane(-1) },
      { keys: ["ArrowDown"], text: "the nearest event one lane down", act: (page) => page.stepLane(1) },
      { keys: ["m"], text: "follow its message to the other end", act: (page) => page.followMessage() },
      {
        keys: ["Enter"],
        text: "bring it to the middle, large enough",
        act: (page) => page.centreSelected(),
      },
      { keys: ["b"], text: "remember it; then select another and press c", act: (page) => page.remember() },
      {
        keys: ["c"],
        text: "the chain of messages from the remembered event",
        act: (page) => page.chainToRemembered(),
      },
      { keys: ["w"], text: "why: the chain that led to it", act: (page) => page.why() },
      { keys: ["Escape"], text: "select nothing; remove chain, then cut", act: (page) => page.clear() },
    ],
  ],
  [
    "Cut, violations, search",
    [
      { keys: ["x"], text: "cut at the event, or in the middle", act: (page) => page.cuts.atSelected() },
      { keys: ["X"], text: "cut just before the event", act: (page) => page.cuts.atSelected(true) },
      { keys: ["n"], text: "next violation", act: (page) => page.verdicts.step(1) },
      { keys: ["p"], text: "previous violation", act: (page) => page.verdicts.step(-1) },
      { keys: ["/"], text: "search", act: (page) => page.focusSearch() },
      { keys: ["j"], text: "next hit", act: (page) => page.stepHit(1) },
      { keys: ["k"], text: "previous hit", act: (page) => page.stepHit(-1) },
      { keys: ["v"], text: "first divergence of two runs", act: (page) => page.showDivergence() },
    ],
  ],
  [
    "Look",
    [
      { keys: ["a"], text: "next axis", act: (page) => page.nextAxis() },
      { keys: ["i"], text: "leave out idle time", act: (page) => page.toggleIdle() },
      { keys: ["d"], text: "next colouring of dense lanes", act: (page) => page.nextColour() },
      { keys: ["r"], text: "arrows to where found, or to the receive", act: (page) => page.toggleArrow() },
      { keys: ["1"], text: "plot of clocks", act: (page) => page.togglePlot("clock") },
      { keys: ["2"], text: "plot of drift", act: (page) => page.togglePlot("drift") },
      { keys: ["3"], text: "plot of queues", act: (page) => page.togglePlot("queue") },
      { keys: ["4"], text: "plot of lateness", act: (page) => page.togglePlot("late") },
      { keys: ["t"], text: "light, dark, as the system", act: (page) => page.nextTheme() },
      { keys: ["?"], text: "this list", act: (page) => page.toggleKeys() },
    ],
  ],
  [
    "Lanes",
    [
      { keys: ["["], text: "lower lanes", act: (page) => page.laneActs.grow(0.8) },
      { keys: ["]"], text: "higher lanes", act: (page) => page.laneActs.grow(1.25) },
      { keys: ["h"], text: "hide the lane of the event", act: (page) => page.laneActs.hideSelected() },
      { keys: ["H"], text: "show all lanes", act: (page) => page.laneActs.showAll() },
      { keys: ["P"], text: "pin its lane to the top", act: (page) => page.laneActs.pinSelected() },
      { keys: ["f"], text: "order with the fewest crossings", act: (page) => void page.laneActs.fewest() },
      {
        keys: ["Alt+ArrowUp"],
        text: "move its lane up (also on its name)",
        act: (page) => page.laneActs.moveSelected(-1),
      },
      { keys: ["Alt+ArrowDown"], text: "move its lane down", act: (page) => page.laneActs.moveSelected(1) },
    ],
  ],
];

const BY_KEY = new Map(
  GROUPS.flatMap(([, keys]) => keys.flatMap((key) => key.keys.map((name) => [name, key]))),
);

/** @param {import("./page.js").Page} page */
export function listenToKeys(page) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("keys"));
    if (dialog.open) {
      if (event.key === "?") dialog.close();
      return;
    }
    if (target.id === "query") {
      if (event.key === "Escape") page.leaveSearch();
      return;
    }
    if (
      /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) &&
      !(target instanceof HTMLInputElement && target.type === "checkbox" && event.key !== " ")
    )
      return;
    const presses = /^(BUTTON|A|SUMMARY)$/.test(target.tagName);
    if (presses && (event.key === "Enter" || event.key === " ")) return;
    const inPanel = target.closest("#panel") !== null && /^(Arrow|Home|End|Page)/.test(event.key);
    if (inPanel && !event.shiftKey) return; // its own scrolling
    const named =
      (event.shiftKey && event.key.length > 1 ? "Shift+" : "") + (event.altKey ? "Alt+" : "") + event.key;
    const key = BY_KEY.get(named);
    if (!key) return;
    event.preventDefault();
    key.act(page, event);
  });
}

/** Fill the list of keys. @param {HTMLDialogElement} dialog */
export function fillKeys(dialog) {
  if (dialog.childElementCount) return;
  const named = (/** @type {string} */ key) =>
    key
      .replace("Arrow", "")
      .replace("Left", "←")
      .replace("Right", "→")
      .replace("Up", "↑")
      .replace("Down", "↓");
  dialog.append(
    el(
      "div",
      { class: "row" },
      el("h2", { id: "keys-title" }, "Keys"),
      button("Close", () => dialog.close()),
    ),
    el(
      "p",
      { class: "quiet" },
      "Mouse: drag to pan, wheel to zoom, Shift and drag to choose a span, Alt and wheel to scroll the lanes, double click for the whole run. A click selects an event; a second click shows the chain between the two. Fingers: drag and pinch.",
    ),
    el(
      "div",
      { class: "columns" },
      ...GROUPS.map(([title, keys]) =>
        el(
          "section",
          {},
          el("h3", {}, title),
          el(
            "dl",
            {},
            ...keys.flatMap((key) => [
              el("dt", {}, ...key.keys.slice(0, 1).map((name) => el("kbd", {}, named(name)))),
              el("dd", {}, key.text),
            ]),
          ),
        ),
      ),
    ),
  );
}
