/** The details beside the diagram: the event, the cut, the verdict, hits, and the run itself. */

import { button, command, el, facts } from "./dom.js";
import { axisValue, count, counted, duration, isTime } from "./format.js";

const MOST_ROWS = 200; // of a list; how many more there are is said

export class Panels {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("#tabs [role=tab]")]);
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => page.state.set({ panel: tab.dataset.panel }));
      tab.addEventListener("keydown", (event) => this.keyed(event));
    }
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.tabs.findIndex((tab) => tab.dataset.panel === this.page.state.view.panel);
    const next = this.tabs[(at + by + this.tabs.length) % this.tabs.length];
    this.page.state.set({ panel: next.dataset.panel });
    next.focus();
  }

  /** Show the panel that is chosen. */
  async show() {
    const { panel } = this.page.state.view;
    for (const tab of this.tabs) {
      const chosen = tab.dataset.panel === panel;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const body = document.getElementById(`panel-${tab.dataset.panel}`);
      if (body) body.hidden = !chosen;
    }
    const violations = this.page.runs.reduce((sum, run) => sum + (run.verdict?.violations.length ?? 0), 0);
    const tab = document.getElementById("tab-violations");
    if (tab) tab.textContent = violations ? `Verdict ${count(violations)}` : "Verdict";
    const hits = document.getElementById("tab-search");
    const found = this.page.runs.reduce((sum, run) => sum + this.page.hitsOf(run).rows.length, 0);
    if (hits) hits.textContent = found ? `Hits ${count(found)}` : "Hits";
    const turn = ++this.turn;
    const body = document.getElementById(`panel-${panel}`);
    if (!body) return;
    const content = await this.contentOf(panel);
    if (turn !== this.turn) return;
    const kept = focusIn(body);
    body.replaceChildren(...content);
    kept?.();
  }

  /** @param {string} panel @returns {Promise<Node[]>} */
  async contentOf(panel) {
    if (panel === "cut") return this.cut();
    if (panel === "violations") return this.verdicts();
    if (panel === "search") return this.hits();
    if (panel === "run") return this.runs();
    return this.event();
  }

  /** @returns {Promise<Node[]>} */
  async event() {
    const { page } = this;
    const pane = page.panes.find((one) => one.marks.selection);
    const selection = pane?.marks.selection;
    if (!pane || !selection) {
      return [
        el(
          "p",
          { class: "quiet" },
          "Click an event to see what happened before it, after it, and beside it. A second click shows the chain of messages between the two.",
        ),
        legend(),
      ];
    }
    const { run } = pane;
    const { row, info, counts } = selection;
    const text = await this.textsOf(run, row);
    const neighbours = await this.neighbours(pane, row, info);
    const content = [
      el("h2", {}, run.nameOf(row), " ", el("span", { class: "quiet" }, info.kind)),
      facts([
        ["Lamport clock", textOr(text?.clock, Number.isFinite(info.clock) ? count(info.clock) : null)],
        ["Time", Number.isFinite(info.time) ? axisValue("time", info.time) : null],
        ["Own clock", Number.isFinite(info.own) ? axisValue("own", info.own) : null],
        ["Lateness", Number.isFinite(info.late) ? duration(info.late) : null],
        ["Queue", info.queue === null ? null : count(info.queue)],
        ["Tick", info.tick === null ? null : count(info.tick)],
        ["To", (info.targets ?? []).map((/** @type {number} */ lane) => run.lanes[lane]?.name).join(", ")],
        ["Timestamp", text?.timestamp],
        ...Object.entries(text?.texts ?? {}).map(
          ([name, value]) => /** @type {[string, any]} */ ([name, String(value)]),
        ),
        ["Log", text?.file ? `${text.file}${text.line ? `, line ${text.line}` : ""}` : null],
      ]),
      text?.problem
        ? el("p", { class: "quiet" }, `Texts of the log cannot be read: ${text.problem}`)
        : null,
      this.violationsAt(run, row),
      el(
        "div",
        { class: "row" },
        button("Why", () => page.why(), { title: "The chain of messages that led here (w)" }),
        button("Cut here", () => page.cuts.at(pane, row), { title: "The past of this event as a cut (x)" }),
        button("Find", () => page.centre(pane, row), { title: "Bring it to the middle (Enter)" }),
        button("Clear", () => page.clear(), { title: "Select nothing (Escape)" }),
      ),
      this.chain(pane),
      el(
        "table",
        {},
        el("caption", {}, "Events around it"),
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "col" }, "Where"),
            el("th", { scope: "col" }, "Event"),
            el("th", { scope: "col" }, "Kind"),
            el("th", { scope: "col", class: "n" }, "Clock"),
          ),
        ),
        el("tbody", {}, ...neighbours),
      ),
      el(
        "div",
        {},
        el("h3", {}, "Of all events"),
        el("p", {}, el("span", { class: "key-past" }), `${count(counts.past)} happened before it`),
        el("p", {}, el("span", { class: "key-beside" }), `${count(counts.beside)} concurrent with it`),
        el("p", {}, el("span", { class: "key-future" }), `${count(counts.future)} happened after it`),
      ),
    ];
    return content.filter(Boolean);
  }

  /** @param {import("./run.js").Run} run @param {number} row */
  async textsOf(run, row) {
    try {
      return await run.source.event(row);
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  /** @param {import("./pane.js").Pane} pane @param {number} row @param {any} info */
  async neighbours(pane, row, info) {
    const { run } = pane;
    const lane = run.laneOf(row);
    /** @type {[string, number][]} */
    const list = [];
    if (row > run.starts[lane]) list.push(["before", row - 1]);
    list.push(["selected", row]);
    if (row + 1 < run.ends[lane]) list.push(["after", row + 1]);
    const numbers = info.messages ?? [];
    if (numbers.length) {
      const messages = await run.engine.call(
        "messages",
        Int32Array.from(numbers.slice ? numbers.slice(0, 40) : numbers),
      );
      for (let i = 0; i < messages.send.length; i++) {
        if (messages.send[i] === row) {
          list.push(["received by", messages.receive[i]]);
          if (messages.found[i] >= 0 && messages.found[i] !== messages.receive[i])
            list.push(["found at", messages.found[i]]);
        } else if (messages.receive[i] === row) {
          list.push(["sent by", messages.send[i]]);
          if (messages.found[i] >= 0 && messages.found[i] !== row)
            list.push(["found at", messages.found[i]]);
        }
      }
    }
    return Promise.all(
      list.map(async ([where, other]) => {
        const one = other === row ? info : await run.engine.call("describe", other);
        const name = eventLink(run, other, () => this.page.select(pane, other, true));
        return el(
          "tr",
          { "aria-current": other === row ? "true" : null },
          el("td", {}, where),
          el("td", { class: "name" }, other === row ? run.shortNameOf(other) : name),
          el("td", {}, one.kind),
          el("td", { class: "n" }, Number.isFinite(one.clock) ? count(one.clock) : "–"),
        );
      }),
    );
  }

  /** @param {import("./run.js").Run} run @param {number} row */
  violationsAt(run, row) {
    const mine = (run.verdict?.violations ?? []).filter((one) => one.rows.includes(row));
    if (!mine.length) return null;
    return el(
      "div",
      { class: "bad" },
      ...mine.slice(0, 5).map((one) => el("p", {}, el("b", {}, one.rule), " ", one.text)),
    );
  }

  /** @param {import("./pane.js").Pane} pane */
  chain(pane) {
    const { chain } = pane.marks;
    if (!chain) return null;
    const { run } = pane;
    const { view } = this.page.state;
    if (chain.kind === "concurrent") {
      const [a, b] = [run.rowOf(view.selected), run.rowOf(view.second)];
      return el(
        "p",
        {},
        el("b", {}, "Concurrent: "),
        `no chain of messages leads from ${run.shortNameOf(a)} to ${run.shortNameOf(b)}, or back. Neither can have caused the other.`,
      );
    }
    const rows = Array.from(chain.rows);
    const hops = rows.filter((_, i) => i && chain.lanes[i] !== chain.lanes[i - 1]).length;
    const title =
      chain.kind === "why"
        ? `Why ${run.shortNameOf(rows[rows.length - 1])}: its latest causes, ${counted(hops, "message")}`
        : `A chain of ${counted(hops, "message")}`;
    return el(
      "div",
      {},
      el("h3", {}, title),
      el(
        "ol",
        { class: "list" },
        ...rows.slice(0, MOST_ROWS).map((row, i) =>
          el(
            "li",
            {},
            `${i + 1}. `,
            eventLink(run, row, () => this.page.centre(pane, row)),
            el(
              "span",
              { class: "quiet" },
              i === 0
                ? " where it begins"
                : chain.lanes[i] !== chain.lanes[i - 1]
                  ? " by a message"
                  : " later, same lane",
            ),
          ),
        ),
      ),
      rows.length > MOST_ROWS && el("p", { class: "quiet" }, `and ${count(rows.length - MOST_ROWS)} more`),
    );
  }

  /** @returns {Node[]} */
  cut() {
    const { page } = this;
    const pane = page.panes.find((one) => one.marks.cut);
    const cut = pane?.marks.cut;
    if (!pane || !cut) {
      return [
        el(
          "p",
          { class: "quiet" },
          "A cut takes the first events of every lane: what the system may have looked like at one moment. Cut at an event, or in the middle of what is shown; then drag the frontier of each lane.",
        ),
        el(
          "div",
          { class: "row" },
          button("Cut in the middle", () => page.cuts.middle()),
        ),
      ];
    }
    const { run } = pane;
    const wrong = cut.wrongMessages;
    const flying = cut.flyingMessages;
    const item = (/** @type {any} */ list, /** @type {number} */ i) =>
      el(
        "li",
        {},
        eventLink(run, list.send[i], () => page.select(pane, list.send[i], true)),
        " to ",
        eventLink(run, list.receive[i], () => page.select(pane, list.receive[i], true)),
      );
    const listed = (/** @type {any} */ list) =>
      el(
        "ul",
        { class: "list" },
        ...Array.from({ length: Math.min(list.send.length, MOST_ROWS) }, (_, i) => item(list, i)),
        list.all > MOST_ROWS && el("li", { class: "quiet" }, `and ${count(list.all - MOST_ROWS)} more`),
      );
    const lost = cut.undelivered.length;
    return [
      el(
        "p",
        { id: "cut-verdict", class: cut.consistent ? "" : "bad" },
        cut.consistent
          ? "Consistent: the run could have been in this global state."
          : `Not consistent: ${counted(wrong.all, "message is", "messages are")} received inside the cut but sent outside it.`,
      ),
      el(
        "div",
        { class: "row" },
        !cut.consistent && button("Make it consistent", () => page.cuts.mend(pane), { class: "primary" }),
        button("Remove the cut", () => page.state.set({ cut: null })),
      ),
      wrong.all > 0 &&
        el(
          "div",
          {},
          el("h3", { class: "bad" }, "Received before they were sent"),
          listed(wrong),
        ),
      el(
        "div",
        {},
        el("h3", { id: "in-flight" }, `${counted(flying.all, "message")} in flight`),
        listed(flying),
        lost > 0 &&
          el("p", { class: "quiet" }, `${counted(lost, "send")} inside that no receive in the log answers`),
      ),
      el(
        "table",
        { class: "stepper" },
        el("caption", {}, "Frontier"),
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "col" }, "Lane"),
            el("th", { scope: "col" }, "Events inside"),
            el("th", { scope: "col", class: "n" }, "of"),
          ),
        ),
        el(
          "tbody",
          {},
          ...Array.from(pane.visible.slice(0, MOST_ROWS), (lane) =>
            el(
              "tr",
              {},
              el("td", { class: cut.wrongLanes.has(lane) ? "name bad" : "name" }, run.lanes[lane].name),
              el(
                "td",
                {},
                el("input", {
                  type: "number",
                  min: 0,
                  max: run.lengthOf(lane),
                  value: cut.frontier[lane],
                  "data-lane": lane,
                  "aria-label": `Events of ${run.lanes[lane].name} inside the cut`,
                  onchange: (/** @type {any} */ event) =>
                    page.cuts.set(pane, lane, Number(event.target.value)),
                }),
              ),
              el("td", { class: "n" }, count(run.lengthOf(lane))),
            ),
          ),
        ),
      ),
    ].filter(Boolean);
  }

  /** @returns {Node[]} */
  verdicts() {
    const { page } = this;
    const content = [];
    for (const run of page.runs) {
      if (page.runs.length > 1) content.push(el("h2", {}, run.title));
      const { verdict } = run;
      if (!verdict) {
        content.push(
          el(
            "p",
            { class: "quiet" },
            run.live
              ? "Judged when the run has ended."
              : run.source.isOffline
                ? "This file was written without a verdict."
                : "Judging…",
          ),
        );
        continue;
      }
      content.push(el("p", { class: verdict.holds === false ? "bad" : "" }, verdict.headline));
      for (const fault of /** @type {any} */ (verdict).faults ?? [])
        content.push(el("p", {}, String(fault)));
      if (verdict.undecided)
        content.push(
          el("p", { class: "quiet" }, `${counted(verdict.undecided, "question")} left undecided`),
        );
      if (!verdict.violations.length) continue;
      content.push(
        el(
          "div",
          { class: "row" },
          button("Previous", () => page.verdicts.step(-1), { title: "p" }),
          button("Next", () => page.verdicts.step(1), { title: "n" }),
        ),
      );
      const at = page.verdicts.run() === run.number ? page.state.view.violation : null;
      const first = Math.max(0, Math.min(verdict.violations.length - MOST_ROWS, (at ?? 0) - MOST_ROWS / 2));
      content.push(
        el(
          "ol",
          { class: "list" },
          ...verdict.violations.slice(first, first + MOST_ROWS).map((one, i) =>
            el(
              "li",
              { "aria-current": at === first + i ? "true" : null },
              button(one.rule, () => page.verdicts.to(run, first + i), { class: "link" }),
              " ",
              one.text,
            ),
          ),
        ),
      );
      if (verdict.violations.length > MOST_ROWS)
        content.push(el("p", { class: "quiet" }, `${count(verdict.violations.length)} in all`));
    }
    const { divergence } = page;
    if (divergence) {
      content.unshift(
        el(
          "div",
          {},
          el("h3", {}, "First divergence of the two runs"),
          el("p", {}, divergence.text),
          el(
            "div",
            { class: "row" },
            button("Show it", () => page.showDivergence()),
          ),
        ),
      );
    } else if (page.runs.length > 1 && page.compared) {
      content.unshift(
        el("p", {}, "The two runs do not diverge: the same events in the same order on every lane."),
      );
    }
    return content;
  }

  /** @returns {Promise<Node[]>} */
  async hits() {
    const { page } = this;
    const content = [];
    if (page.searchError) content.push(el("p", { class: "bad" }, page.searchError));
    for (const pane of page.panes) {
      const { run } = pane;
      const { rows } = page.hitsOf(run);
      if (!page.state.view.query) continue;
      content.push(
        el(
          "p",
          {},
          `${counted(rows.length, "event")} of ${count(run.events)}${page.runs.length > 1 ? ` in ${run.title}` : ""}`,
        ),
      );
      if (!rows.length) continue;
      content.push(
        el(
          "div",
          { class: "row" },
          button("Previous", () => page.stepHit(-1), { title: "k" }),
          button("Next", () => page.stepHit(1), { title: "j" }),
        ),
      );
      const selected = run.rowOf(page.state.view.selected);
      const near = selected < 0 ? 0 : Math.max(0, lowerBound(rows, selected) - 20);
      const some = Array.from(rows.slice(near, near + 100));
      const infos = await Promise.all(some.map((row) => run.engine.call("describe", row)));
      content.push(
        el(
          "ol",
          { class: "list" },
          ...some.map((row, i) =>
            el(
              "li",
              { "aria-current": row === selected ? "true" : null },
              eventLink(run, row, () => page.select(pane, row, true)),
              " ",
              el(
                "span",
                { class: "quiet" },
                `${infos[i].kind}${Number.isFinite(infos[i].clock) ? `, clock ${count(infos[i].clock)}` : ""}`,
              ),
            ),
          ),
        ),
      );
      if (rows.length > some.length)
        content.push(
          el(
            "p",
            { class: "quiet" },
            `${count(rows.length)} in all; every one is a tick on the strip below`,
          ),
        );
    }
    content.push(
      el(
        "details",
        { open: !page.state.view.query },
        el("summary", {}, "What can be searched"),
        facts([
          ["send", "a kind: send, receive, internal, unsaid"],
          ["A  A:17", "a lane; an event of it"],
          [
            "clock:40..60",
            "a field in a range, or queue:>3, late:>=2ms, jump:>10; also tick, index, time, and of receives delay and wait",
          ],
          ["A->B", "messages from one lane to another; also from:A, to:B"],
          ["violation", "named by the verdict; lost: sent and never received"],
          ["word", "in texts of the log; /regex/; event:word in one column"],
          ["-word", "not; words one after another must all hold"],
          [
            "send A->B .. receive B within 3",
            "a pattern: one caused by the other, the clock at most 3 on; also within 3 events, within 3ms",
          ],
        ]),
      ),
    );
    return content;
  }

  /** @returns {Promise<Node[]>} */
  async runs() {
    const { page } = this;
    const content = [];
    for (const run of page.runs) {
      const { header } = run;
      const { axis } = page.state.view;
      const falls = await run.fallsOf(axis);
      content.push(
        el("h2", {}, run.title || "Run"),
        facts([
          ["Events", count(run.events)],
          ["Messages", count(run.messages)],
          ["Lanes", count(run.lanes.length)],
          [
            "Length",
            run.extents.time && isTime("time") ? duration(run.extents.time[1] - run.extents.time[0]) : null,
          ],
          [
            "Time is",
            header.time_meaning === "own"
              ? "each lane's own clock"
              : header.time_meaning === "scenario"
                ? "scenario time, the same for all lanes"
                : null,
          ],
          [
            "Falls",
            falls ? `${counted(falls, "time")} the axis falls within a lane (marked by a red frame)` : null,
          ],
          ["Scenario", header.scenario],
        ]),
        header.command
          ? el(
              "div",
              {},
              el("h3", {}, "The same from the command line"),
              command(header.command, (said) => page.say(said)),
            )
          : el("span"),
        ...(header.remarks ?? []).map((/** @type {string} */ remark) =>
          el("p", { class: "quiet" }, remark),
        ),
      );
      if (header.lanes?.length && header.lanes.length <= MOST_ROWS)
        content.push(
          el(
            "table",
            {},
            el("caption", {}, "Lanes"),
            el(
              "thead",
              {},
              el(
                "tr",
                {},
                el("th", { scope: "col" }, "Lane"),
                el("th", { scope: "col", class: "n" }, "Events"),
                el("th", { scope: "col", class: "n" }, "Rate"),
              ),
            ),
            el(
              "tbody",
              {},
              ...run.lanes.map((lane, i) =>
                el(
                  "tr",
                  {},
                  el("td", { class: "name" }, lane.name),
                  el("td", { class: "n" }, count(run.lengthOf(i))),
                  el("td", { class: "n" }, lane.rate ? `${Number(lane.rate.toPrecision(4))}/s` : "–"),
                ),
              ),
            ),
          ),
        );
    }
    content.push(
      el(
        "p",
        { class: "row" },
        button("Copy the address of this view", () => page.copyAddress()),
      ),
    );
    return content;
  }
}

/**
 * A button that names an event; a long name is shortened to look at, and whole to listen to.
 * @param {import("./run.js").Run} run @param {number} row @param {() => void} act
 */
function eventLink(run, row, act) {
  const [name, short] = [run.nameOf(row), run.shortNameOf(row)];
  const whole = name === short ? {} : { title: name, "aria-label": name };
  return button(short, act, { class: "link", "data-row": row, ...whole });
}

function legend() {
  return facts([
    ["●", "send"],
    ["■", "receive"],
    ["○", "internal event"],
    ["❘", "event of a kind that the log does not say"],
    ["arrow", "from a send to where the message was found"],
    ["band", "messages waiting in an inbox, as high as the queue"],
    ["dashed", "a message that no receive in the log answers"],
    ["✕", "violation"],
    ["□", "red: the axis falls here, and events keep their order"],
    ["//", "red: events are missing before this one"],
  ]);
}

/** @param {any} first @param {any} second */
function textOr(first, second) {
  return first === undefined || first === null ? second : first;
}

/** @param {Int32Array} rows @param {number} row */
export function lowerBound(rows, row) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Remember which control of a body has the focus, so that a renewed body gives it back. @param {HTMLElement} body */
function focusIn(body) {
  const { activeElement } = document;
  if (!(activeElement instanceof HTMLElement) || !body.contains(activeElement) || activeElement === body)
    return null;
  const all = [...body.querySelectorAll("button, input, a, summary")];
  const label = activeElement.textContent || activeElement.getAttribute("aria-label");
  const at = all.indexOf(activeElement);
  return () => {
    const now = /** @type {HTMLElement[]} */ ([...body.querySelectorAll("button, input, a, summary")]);
    const same =
      now.find((one) => (one.textContent || one.getAttribute("aria-label")) === label) ??
      now[Math.min(at, now.length - 1)];
    (same ?? body).focus({ preventScroll: true });
  };
}
