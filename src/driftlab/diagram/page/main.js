/** Starts the page: says what the browser lacks, then opens the run. */

import { Page } from "./page.js";

const NEEDED = /** @type {[string, boolean][]} */ ([
  ["Web Workers", "Worker" in window],
  ["decompression (DecompressionStream)", "DecompressionStream" in window],
  ["streams", "ReadableStream" in window],
  ["ResizeObserver", "ResizeObserver" in window],
  ["dialogs", "HTMLDialogElement" in window],
]);

function start() {
  const boot = document.getElementById("boot");
  const missing = NEEDED.filter(([, there]) => !there).map(([name]) => name);
  if (missing.length) {
    if (boot)
      boot.textContent = `This browser lacks ${missing.join(", ")}. A Chromium, Firefox or Safari from 2023 on has all that the diagram needs.`;
    return;
  }
  const page = new Page();
  // For tests and measurements only: what is shown, and how long a frame took.
  Object.assign(window, { driftlabPage: page });
  void page.start();
}

start();
