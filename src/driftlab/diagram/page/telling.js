/** What the page says: of the selection, of what is shown, and what goes wrong. */

import { el } from "./dom.js";
import { AXES, axisValue, count, counted, duration, isTime } from "./format.js";

const SAID_MS = 4000; // how long what was said stands below the diagram

export class Telling {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    this.saidNow = "";
    this.saidLast = "";
    this.timer = 0;
  }

  selection() {
    const pane = this.page.panes.find((one) => one.marks.selection);
    const cut = this.page.panes.find((one) => one.marks.cut)?.marks.cut;
    const parts = [];
    let [name, short] = ["", ""];
    const { violation } = this.page.state.view;
    const judged = this.page.runs[this.page.verdicts.run()]?.verdict?.violations ?? [];
    if (violation !== null && judged[violation]) {
      parts.push(
        `Violation ${violation + 1} of ${count(judged.length)}: ${judged[violation].rule}. ${judged[violation].text}.`,
      );
    }
    if (pane?.marks.selection) {
      const { row, info, counts } = pane.marks.selection;
      [name, short] = [pane.run.nameOf(row), pane.run.shortNameOf(row)];
      parts.push(
        `${name}, ${info.kind}${info.clock === null ? "" : `, clock ${count(info.clock)}`}. ${count(counts.past)} before it, ${count(counts.beside)} concurrent, ${count(counts.future)} after it.`,
      );
      const { chain } = pane.marks;
      if (chain?.kind === "concurrent") parts.push("Concurrent: neither event happened before the other.");
      else if (chain)
        parts.push(`${chain.kind === "why" ? "Why" : "Chain"}: ${counted(chain.rows.length, "event")}.`);
    }
    if (cut)
      parts.push(
        `Cut: ${cut.consistent ? "consistent" : "not consistent"}, ${counted(cut.flyingMessages.all, "message")} in flight.`,
      );
    const text = parts.join(" ");
    if (text !== this.saidLast) {
      if (text) this.say(text, name ? text.replace(name, () => short) : text);
      else this.say("Nothing is selected.");
    }
    this.saidLast = text;
    this.status();
  }

  whatIsShown() {
    for (const run of this.page.runs) {
      if (!run.events && !run.live) this.notice("empty", "This log has no events.", { calm: true });
      else if (!run.hasAxis("time")) {
        const { axis } = this.page.state.view;
        const instead = run.hasAxis(axis)
          ? `the axis is “${AXES[axis].name}” instead`
          : "choose another axis to see it";
        this.notice(`times-${run.number}`, `${this.nameOf(run)} has no times: ${instead}.`, { calm: true });
      }
    }
  }

  /** Another axis was chosen: what was said of the one before is no longer so. */
  axisChanged() {
    const { axis } = this.page.state.view;
    for (const run of this.page.runs) {
      const text = `${this.nameOf(run)} does not have the axis “${AXES[axis].name}”.`;
      this.notice(`times-${run.number}`, run.hasAxis(axis) ? "" : text, { calm: true });
    }
  }

  /** @param {import("./run.js").Run} run */
  nameOf(run) {
    return this.page.runs.length > 1 ? run.title : "This log";
  }

  /** @param {import("./run.js").Run} run @param {any} info */
  shortly(run, info) {
    const lines = [`${run.shortNameOf(info.row)} · ${info.kind}`];
    if (info.clock !== null) lines.push(`clock ${count(info.clock)}`);
    if (info.time !== null) lines.push(axisValue("time", info.time));
    if (info.queue !== null) lines.push(`queue ${count(info.queue)}`);
    if (info.late !== null && info.late > 0) lines.push(`late ${duration(info.late)}`);
    if (info.targets?.length) {
      const names = info.targets.slice(0, 6).map((/** @type {number} */ lane) => run.lanes[lane]?.name);
      lines.push(
        `to ${names.join(", ")}${info.targets.length > 6 ? ` and ${info.targets.length - 6} more` : ""}`,
      );
    }
    return lines.join("\n");
  }

  spanText() {
    const { axis } = this.page.state.view;
    const pane = this.page.panes[0];
    const { begin, end } = this.page.span();
    const unskipped = (/** @type {number} */ value) => (pane ? pane.unskipped(value) : value);
    if (isTime(axis)) {
      const isShort = Math.max(Math.abs(begin), Math.abs(unskipped(end))) < 1e9;
      const write = (/** @type {number} */ value) =>
        isShort ? duration(value) : axisValue(axis, value, (end - begin) / 100);
      return `${write(unskipped(begin))} to ${write(unskipped(end))}`;
    }
    return `${AXES[axis].short} ${count(begin)} to ${count(end)}`;
  }

  status() {
    const levels = {
      exact: "every event drawn",
      lines: "lines counted per pixel",
      counts: "events counted per pixel",
      "": "",
    };
    const run = this.page.runs[0];
    if (!run) return;
    const parts = [this.spanText()];
    if (isTime(this.page.state.view.axis))
      parts.push(`${duration(this.page.span().end - this.page.span().begin)} shown`);
    const events = this.page.runs.reduce((sum, one) => sum + one.events, 0);
    const messages = this.page.runs.reduce((sum, one) => sum + one.messages, 0);
    parts.push(
      this.page.runs.some((one) => one.isEarly)
        ? `${counted(events, "event")}, counted by their times alone; messages and the rest are being read`
        : `${counted(events, "event")}, ${counted(messages, "message")}`,
    );
    const level = /** @type {Record<string, string>} */ (levels)[this.page.panes[0]?.tiles.level ?? ""];
    if (level) parts.push(level);
    const gaps = this.page.panes[0]?.gaps.length ?? 0;
    if (gaps) parts.push(`${counted(gaps, "idle stretch", "idle stretches")} left out`);
    const text = [this.saidNow, ...parts].filter(Boolean).join(" · ");
    const element = byId("status");
    if (element.textContent !== text) element.textContent = text;
  }

  /** Say something to whoever cannot see it, and below the diagram. @param {string} text @param {string} [short] as long as there is room for below the diagram */
  say(text, short = text) {
    byId("said").textContent = text;
    this.flash(short);
  }

  /** Put up a notice; an empty text takes it away. @param {string} id @param {string} text @param {{calm?: boolean, act?: [string, () => void]}} [how] */
  notice(id, text, how = {}) {
    const box = byId("notices");
    box.querySelector(`[data-id="${id}"]`)?.remove();
    if (!text) return;
    const close = el("button", { type: "button", onclick: () => this.notice(id, "") }, "Close");
    const act = how.act && el("button", { type: "button", onclick: how.act[1] }, how.act[0]);
    box.append(
      el(
        "div",
        { class: `notice${how.calm ? " calm" : ""}`, "data-id": id },
        el("span", {}, text),
        act,
        close,
      ),
    );
  }

  /** Show what was said for a while in the line below the diagram. @param {string} text */
  flash(text) {
    byId("status").title = text;
    clearTimeout(this.timer);
    this.saidNow = text;
    this.timer = setTimeout(() => {
      this.saidNow = "";
      this.status();
    }, SAID_MS);
    this.status();
  }
}

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
