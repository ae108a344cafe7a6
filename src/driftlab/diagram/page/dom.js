/** Elements from values. A text is always a text node: what a log says never becomes markup. */

/**
 * @param {string} tag @param {Record<string, any>} [props] attributes; `on…` listeners; true sets an empty attribute
 * @param {...(Node | string | number | null | false | undefined)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** @param {string} text @param {() => void} act @param {Record<string, any>} [props] */
export function button(text, act, props = {}) {
  return el("button", { type: "button", onclick: act, ...props }, text);
}

/** A list of facts; those without a value are left out. @param {[string, any][]} pairs */
export function facts(pairs) {
  const list = el("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value === null || value === undefined || value === "") continue;
    list.append(el("dt", {}, name), el("dd", {}, value instanceof Node ? value : String(value)));
  }
  return list;
}

/** A command line with a button that copies it. @param {string} text @param {(said: string) => void} say */
export function command(text, say) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      getSelection()?.selectAllChildren(shown);
      say("Selected: copy it with Ctrl-C.");
    }
  };
  const shown = el("code", { class: "command" }, text);
  return el("div", {}, shown, el("p", { class: "row" }, button("Copy", copy)));
}
