/**
 * Where a run's data comes from: the server beside the page, or the page itself (offline).
 * Both answer the same questions; what a source cannot answer is null.
 */

/**
 * @typedef {{title: string, live: boolean, bench: boolean, second: string | null, texts?: boolean}} Info
 * @typedef {(done: number, total: number) => void} Progress
 */

/** Return the source of the page's run. */
export function pageSource() {
  const embedded = document.getElementById("offline");
  return embedded ? new OfflineSource(JSON.parse(embedded.textContent ?? "{}"), 0) : new ServedSource("");
}

export class ServedSource {
  /** @param {string} base address of the run, relative to the page, with a slash at its end (or empty) */
  constructor(base) {
    this.base = base;
    this.isOffline = false;
  }

  /** @param {string} name @param {RequestInit} [init] */
  async get(name, init) {
    const response = await fetch(new URL(this.base + name, document.baseURI), init);
    if (!response.ok) throw new Error(await saidBy(response));
    return response;
  }

  /** @returns {Promise<Info>} */
  async info() {
    return (await this.get("info")).json();
  }

  /** @param {Progress} progress @returns {Promise<ArrayBuffer>} */
  async data(progress) {
    return wholeBody(await this.get("data"), progress);
  }

  /** What is known of a long run before its data can be there; null if nothing is. @returns {Promise<ArrayBuffer | null>} */
  async overview() {
    const response = await this.get("overview");
    return response.status === 204 ? null : response.arrayBuffer();
  }

  /** Ask for the verdict until it is there. @returns {Promise<any>} */
  async verdict() {
    for (let pause = 150; ; pause = Math.min(2000, pause * 1.5)) {
      const response = await this.get("verdict");
      if (response.status !== 202) return response.json();
      await response.arrayBuffer();
      await later(pause);
    }
  }

  /** @param {number} row */
  async event(row) {
    return (await this.get(`event/${row}`)).json();
  }

  /** @param {string} query @returns {Promise<Int32Array>} */
  async search(query) {
    const response = await this.get(`search?q=${encodeURIComponent(query)}`);
    return new Int32Array(await response.arrayBuffer());
  }

  async compare() {
    return (await this.get("compare")).json();
  }

  /**
   * Read the frames of a run that is still going, one after another.
   * @param {AbortSignal} signal @param {string} from how many events of each lane are there already, or empty
   * @returns {AsyncGenerator<ArrayBuffer>}
   */
  async *live(signal, from) {
    const response = await this.get(from ? `live?from=${from}` : "live", { signal });
    if (!response.body) throw new Error("The server sent no live data.");
    yield* frames(response.body.getReader());
  }

  /** @param {string} base */
  other(base) {
    return new ServedSource(base);
  }
}

export class OfflineSource {
  /** @param {{info: Info, data: string[], texts?: (string | null)[], deflated?: boolean, compare?: any, view?: string}} page @param {number} number which of its runs */
  constructor(page, number) {
    this.page = page;
    this.number = number;
    this.isOffline = true;
    /** @type {Promise<Map<number, Record<string, string>>> | undefined} */
    this.known = undefined;
  }

  async info() {
    return this.page.info;
  }

  /** @param {Progress} progress */
  async data(progress) {
    const element = document.getElementById(this.page.data[this.number]);
    if (!element) throw new Error("This file is cut off: the run's data is missing.");
    const bytes = fromBase64((element.textContent ?? "").trim());
    element.textContent = ""; // the text is not needed again
    progress(bytes.length, bytes.length);
    if (this.page.deflated === false) return bytes.buffer;
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    try {
      return await new Response(stream).arrayBuffer();
    } catch {
      throw new Error("This file is cut off or damaged: the run's data cannot be unpacked.");
    }
  }

  async overview() {
    return null; // the data is there at once
  }

  async verdict() {
    return null; // in the header
  }

  /** The block of the log's own texts, as it is embedded: base64, deflated; empty where there are none. */
  textsBlock() {
    return document.getElementById(this.page.texts?.[this.number] ?? "")?.textContent?.trim() ?? "";
  }

  /** The texts of a row, by column. @returns {Promise<Map<number, Record<string, string>>>} */
  texts() {
    this.known ??= this.readTexts();
    return this.known;
  }

  async readTexts() {
    const block = this.textsBlock();
    const rows = new Map();
    if (!block) return rows;
    const stream = new Blob([fromBase64(block)]).stream().pipeThrough(new DecompressionStream("deflate"));
    for (const line of (await new Response(stream).text()).split("\n")) {
      if (!line) continue;
      const [row, texts] = JSON.parse(line);
      rows.set(row, texts);
    }
    return rows;
  }

  /** @param {number} row @returns {Promise<any>} */
  async event(row) {
    return { texts: (await this.texts()).get(row) ?? {} };
  }

  async compare() {
    return this.page.compare ?? null;
  }

  /** @param {AbortSignal} _signal @param {string} _from @returns {AsyncGenerator<ArrayBuffer>} */
  async *live(_signal, _from) {
    throw new Error("A file is not live.");
  }

  /** @param {string} _base */
  other(_base) {
    return new OfflineSource(this.page, this.number + 1);
  }
}

/** Wait. @param {number} ms */
export function later(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/** @param {Response} response */
async function saidBy(response) {
  const text = (await response.text().catch(() => "")).trim();
  try {
    const said = JSON.parse(text);
    if (typeof said.error === "string") return said.error;
  } catch {
    // not JSON: as it is
  }
  return text.slice(0, 400) || `The server answered ${response.status}.`;
}

/** @param {Response} response @param {Progress} progress @returns {Promise<ArrayBuffer>} */
async function wholeBody(response, progress) {
  const total = Number(response.headers.get("content-length") ?? 0);
  if (!total || !response.body) return response.arrayBuffer();
  const bytes = new Uint8Array(total);
  const reader = response.body.getReader();
  let done = 0;
  for (;;) {
    const part = await reader.read();
    if (part.done) break;
    if (done + part.value.length > total) throw new Error("The server sent more than it had announced.");
    bytes.set(part.value, done);
    done += part.value.length;
    progress(done, total);
  }
  if (done < total) throw new Error("The data was cut off on its way.");
  return bytes.buffer;
}

/** @param {ReadableStreamDefaultReader<Uint8Array>} reader @returns {AsyncGenerator<ArrayBuffer>} */
async function* frames(reader) {
  let kept = new Uint8Array(0);
  for (;;) {
    const part = await reader.read();
    if (part.done) return;
    const joined = new Uint8Array(kept.length + part.value.length);
    joined.set(kept);
    joined.set(part.value, kept.length);
    let at = 0;
    while (joined.length - at >= 4) {
      const length = new DataView(joined.buffer, at, 4).getUint32(0, true);
      if (joined.length - at - 4 < length) break;
      yield joined.slice(at + 4, at + 4 + length).buffer;
      at += 4 + length;
    }
    kept = joined.slice(at);
  }
}

/** @param {string} text */
function fromBase64(text) {
  const native = /** @type {any} */ (Uint8Array).fromBase64;
  if (native) return /** @type {Uint8Array<ArrayBuffer>} */ (native.call(Uint8Array, text));
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < decoded.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}
