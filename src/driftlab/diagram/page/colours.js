/**
 * The colours that the canvas draws with: the variables of the page's style sheet, and the
 * machines' own, which the engine lightens where they are too dark for a dark ground.
 */

import { laneColour as engineColour } from "./engine/raster.js";

const NAMES = [
  "ground",
  "paper",
  "ink",
  "faint",
  "line",
  "rule",
  "accent",
  "bad",
  "past",
  "future",
  "past-line",
  "future-line",
  "hit",
  "select",
  "shade",
  "wrong",
];

/** Whether the page is shown on a dark ground. */
export function isDark() {
  const asked = document.documentElement.dataset.theme;
  if (asked === "dark" || asked === "light") return asked === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Return the style sheet's colours as the canvas takes them. @returns {Record<string, string>} */
export function sheetColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Return a machine's colour on this ground. @param {{colour: string}} lane @param {boolean} dark */
export function laneColour(lane, dark) {
  const [red, green, blue] = engineColour(lane.colour, dark ? "dark" : "light");
  return `rgb(${red} ${green} ${blue})`;
}
