/**
 * The engine, seen from the page: every call is a message to its worker and returns a promise.
 * Of two calls with the same slot only the newer one is answered; the other resolves to null.
 */

/** @typedef {{resolve: (value: any) => void, reject: (reason: Error) => void}} Waiting */

export class Engine {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.next = 1;
    worker.onmessage = (event) => this.answered(event.data);
    worker.onerror = (event) => this.failed(event.message || "The engine could not be started.");
  }

  /** Call a function of the engine. @param {string} call @param {any[]} args */
  call(call, ...args) {
    return this.post({ call, args });
  }

  /** Call it, and give up an older call of the same slot. @param {string} slot @param {string} call @param {any[]} args */
  latest(slot, call, ...args) {
    return this.post({ call, args, slot });
  }

  /** Call it and hand a buffer over instead of copying it. @param {ArrayBuffer} buffer @param {string} call @param {any[]} args */
  give(buffer, call, ...args) {
    return this.post({ call, args: [buffer, ...args] }, [buffer]);
  }

  /** @param {{call: string, args: any[], slot?: string}} message @param {Transferable[]} [transfer] @returns {Promise<any>} */
  post(message, transfer = []) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  /** @param {{id: number, result?: any, error?: string, cancelled?: boolean}} message */
  answered(message) {
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (message.error !== undefined) waiting.reject(new Error(message.error));
    else waiting.resolve(message.cancelled ? null : message.result);
  }

  /** @param {string} reason */
  failed(reason) {
    for (const waiting of this.waiting.values()) waiting.reject(new Error(reason));
    this.waiting.clear();
  }

  stop() {
    this.worker.terminate();
    this.waiting.clear();
  }
}

/** Start an engine: from the server's file, or from the text that an offline page embeds. */
export function startEngine() {
  const embedded = document.getElementById("worker");
  if (embedded) {
    const blob = new Blob([embedded.textContent ?? ""], { type: "text/javascript" });
    return new Engine(new Worker(URL.createObjectURL(blob))); // one script: a file may not load modules
  }
  return new Engine(new Worker(new URL("./engine/worker.js", import.meta.url), { type: "module" }));
}
