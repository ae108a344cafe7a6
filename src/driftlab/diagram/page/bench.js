/**
 * The start page: the runs of a folder, and a form that starts another, real or simulated. What
 * the form says is also shown as a command line. Only fields of a scenario are ever sent.
 */

import { button, command, el } from "./dom.js";
import { count } from "./format.js";

/** @type {[string, string, string][]} name, text, hint */
const FIELDS = [
  ["rates", "Ticks per second", "6,3,1 or 1..6"],
  ["seconds", "Seconds", "60"],
  ["faces", "Faces of the die", "10"],
  ["seed", "Seed", "1"],
  ["speed", "Speed", "1"],
  ["topology", "Topology", "mesh, ring, star, A-B,B-C"],
];
/** @type {[string, string, string][]} */
const FURTHER = [
  ["machines", "Machines", "as many as rates"],
  ["latency", "Latency (simulated)", "exponential:0.05"],
  ["clock", "Clock besides Lamport's", "vector, matrix, hybrid"],
  ["phase", "First tick", "random or aligned"],
  ["skew_ppm", "Skew of clocks, ppm", "0,100,-50"],
  ["offset_ms", "Offset of clocks, ms", "0,50,-20"],
];
const REFRESH = 2500; // ms between two looks at the folder

/** @type {Map<string, HTMLInputElement | HTMLSelectElement>} */
const inputs = new Map();
/** @type {any} */
let shown = null;
let lastCommand = "";
let turn = 0;

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} text */
function say(text) {
  byId("said").textContent = text;
}

/** @param {string} name @param {any} body */
async function post(name, body) {
  const response = await fetch(name, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok)
    throw Object.assign(new Error(answer.error ?? `The server answered ${response.status}.`), {
      field: answer.field,
    });
  return answer;
}

/** @param {[string, string, string][]} fields */
function labelled(fields) {
  return fields.map(([name, text, hint]) => {
    const input = el("input", {
      name,
      id: `field-${name}`,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: hint,
    });
    inputs.set(name, input);
    return el("label", { for: `field-${name}` }, text, input);
  });
}

function fillForm() {
  const process = el("select", { name: "process", id: "field-process" });
  inputs.set("process", process);
  byId("fields").append(
    ...labelled(FIELDS),
    el("label", { for: "field-process", class: "whole" }, "Process on each machine", process),
    el("details", {}, el("summary", {}, "More"), el("div", {}, ...labelled(FURTHER))),
  );
  const form = /** @type {HTMLFormElement} */ (byId("form"));
  form.addEventListener("input", () => void showCommand());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void start();
  });
}

/** What the form says, without what is empty. */
function values() {
  const form = new FormData(/** @type {HTMLFormElement} */ (byId("form")));
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, String(value).trim()]).filter(([, value]) => value !== ""),
  );
}

/** @param {Record<string, any>} fields */
function take(fields) {
  for (const [name, input] of inputs) {
    const value = String(fields[name] ?? "");
    if (input instanceof HTMLSelectElement && ![...input.options].some((option) => option.value === value))
      continue;
    input.value = value;
  }
  for (const radio of document.querySelectorAll('input[name="kind"]')) {
    const one = /** @type {HTMLInputElement} */ (radio);
    one.checked = one.value === (fields.kind ?? "simulated");
  }
  void showCommand();
}

/** @param {any} error */
function problem(error) {
  byId("problem").textContent = error ? error.message : "";
  for (const [name, input] of inputs) {
    if (error?.field === name) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

async function showCommand() {
  const mine = ++turn;
  try {
    const answer = await post("command", values());
    if (mine !== turn) return;
    problem(null);
    if (answer.command !== lastCommand) byId("command").replaceChildren(command(answer.command, say));
    lastCommand = answer.command;
  } catch (error) {
    if (mine === turn) problem(error);
  }
}

async function start() {
  const go = /** @type {HTMLButtonElement} */ (byId("start"));
  go.disabled = true;
  say("Starting the run.");
  try {
    const answer = await post("start", values());
    location.href = `diagram/${encodeURIComponent(answer.id)}/`;
  } catch (error) {
    problem(error);
  } finally {
    go.disabled = false;
  }
}

/** @param {any} run */
function row(run) {
  const link = el("a", { href: `diagram/${encodeURIComponent(run.id)}/` }, run.name);
  const again = () => {
    take({ ...run.scenario, seed: String(Math.floor(Math.random() * 1e6)) });
    byId("start").focus();
    say(`The form has the scenario of ${run.name}, with another seed.`);
  };
  const stop = async () => {
    await post(`diagram/${encodeURIComponent(run.id)}/stop`, {}).catch(problem);
    await look();
  };
  const copy = () => {
    byId("command").replaceChildren(command(run.command, say));
    lastCommand = "";
    byId("command").scrollIntoView({ block: "nearest" });
  };
  return el(
    "tr",
    {},
    el("td", {}, link, run.error ? el("p", { class: "bad" }, run.error) : null),
    el("td", {}, run.kind),
    el("td", { class: "n" }, run.events === null ? "–" : count(run.events)),
    el("td", { class: "n" }, run.machines === null ? "–" : count(run.machines)),
    el("td", { class: "n" }, run.seconds === null ? "–" : `${run.seconds} s`),
    el("td", {}, run.when ?? ""),
    el("td", {}, el("span", { class: "state", "data-state": run.state }, run.state)),
    el(
      "td",
      { class: "acts" },
      el(
        "span",
        { class: "row" },
        run.stoppable ? button("Stop", stop, { "aria-label": `Stop ${run.name}` }) : null,
        run.scenario
          ? button("Another seed", again, { "aria-label": `Another seed of ${run.name}` })
          : null,
        run.command ? button("Command", copy, { "aria-label": `Command line of ${run.name}` }) : null,
      ),
    ),
  );
}

function showRuns() {
  const runs = shown?.runs ?? [];
  const box = byId("runs");
  if (!runs.length) {
    box.replaceChildren(
      el(
        "p",
        { class: "quiet" },
        "No run is in this folder yet. Start one with the form, or with the command below it.",
      ),
    );
    return;
  }
  const head = ["Run", "Kind", "Events", "Machines", "Length", "When (UTC)", "State", ""];
  const numbers = new Set(["Events", "Machines", "Length"]);
  const focused = document.activeElement?.getAttribute("aria-label");
  const top = box.scrollTop;
  box.replaceChildren(
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        {},
        el("caption", { class: "unseen" }, "Runs of the folder, the newest first"),
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ...head.map((text) =>
              el(
                "th",
                { scope: "col", class: numbers.has(text) ? "n" : null },
                text || el("span", { class: "unseen" }, "What to do"),
              ),
            ),
          ),
        ),
        el("tbody", {}, ...runs.map(row)),
      ),
    ),
  );
  box.scrollTop = top;
  if (focused)
    for (const one of box.querySelectorAll("button"))
      if (one.getAttribute("aria-label") === focused) one.focus();
}

async function look() {
  const notices = byId("notices");
  try {
    const response = await fetch("runs");
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const answer = await response.json();
    notices.replaceChildren();
    const isFirst = shown === null;
    const isSame = shown && JSON.stringify(shown.runs) === JSON.stringify(answer.runs);
    shown = answer;
    byId("folder").textContent = answer.folder;
    if (isFirst) {
      const process = /** @type {HTMLSelectElement} */ (inputs.get("process"));
      process.append(
        el("option", { value: "" }, "the die of the assignment"),
        ...answer.processes.map((/** @type {string} */ name) => el("option", { value: name }, name)),
      );
      take({ ...answer.defaults });
    }
    if (!isSame) showRuns();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    notices.replaceChildren(
      el(
        "div",
        { class: "notice" },
        el(
          "span",
          {},
          `The server does not answer (${reason}). Start it again; this page goes on by itself.`,
        ),
      ),
    );
  }
}

fillForm();
void look();
setInterval(() => {
  if (!document.hidden) void look();
}, REFRESH);
