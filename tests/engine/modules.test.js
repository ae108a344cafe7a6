// What the offline page relies on: the engine's modules can be put one after another in one script.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../src/driftlab/diagram/page/engine/", import.meta.url);
const SOURCES = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(".js"))
    .map((name) => [name, readFileSync(new URL(name, FOLDER), "utf8")]),
);

/**
 * @param {string} source
 * @returns {string[]} names of the modules that it imports
 */
function importsOf(source) {
  return [...source.matchAll(/^(?:import|export) [^;]*? from "\.\/([\w.]+)";/gms)].map(([, name]) => name);
}

test("modules import one another by name, without cycles", () => {
  /** @type {Set<string>} */
  const done = new Set();
  const visit = (/** @type {string} */ name, /** @type {string[]} */ trail) => {
    assert.ok(!trail.includes(name), `a cycle: ${[...trail, name].join(" -> ")}`);
    if (done.has(name)) return;
    for (const other of importsOf(SOURCES.get(name) ?? "")) {
      assert.ok(SOURCES.has(other), `${name} imports ${other}`);
      visit(other, [...trail, name]);
    }
    done.add(name);
  };
  for (const name of SOURCES.keys()) visit(name, []);
});

test("no two modules have a name of their own in common", () => {
  /** @type {Map<string, string>} */
  const owner = new Map();
  for (const [name, source] of SOURCES) {
    const own = source.matchAll(/^(?:export )?(?:async )?(?:function|class|const|let) (\w+)/gm);
    for (const [, declared] of own) {
      assert.ok(!owner.has(declared), `${declared} is in ${name} and in ${owner.get(declared)}`);
      owner.set(declared, name);
    }
  }
  assert.ok(owner.size > 100);
});

test("the engine knows no document, no network, no clock and no chance", () => {
  for (const [name, source] of SOURCES) {
    const code = source.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, "");
    assert.doesNotMatch(
      code,
      /\b(?:document|window|fetch|XMLHttpRequest|WebSocket|Date|Math\.random)\b/,
      name,
    );
    assert.doesNotMatch(code, /\b(?:import\(|default\b)/, name);
  }
});
