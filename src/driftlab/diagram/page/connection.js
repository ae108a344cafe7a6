/**
 * Whether the server still answers. What the page holds it can draw without it; texts of events,
 * verdicts and live events need it. That it is gone is said, and taken back when it answers again.
 */

const PAUSE = 5000; // ms between two looks while it answers
const RETRY = 1200; // ms while it does not

export class Connection {
  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
    this.isThere = true;
    this.timer = 0;
  }

  start() {
    if (this.page.source.isOffline) return;
    addEventListener("online", () => void this.look());
    addEventListener("offline", () => void this.look());
    this.plan();
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), this.isThere ? PAUSE : RETRY);
  }

  async look() {
    if (this.isThere && document.hidden) return this.plan();
    try {
      await this.page.source.info();
      if (!this.isThere) {
        this.isThere = true;
        this.page.notice("server", "");
        this.page.say("The server answers again.");
        void this.page.verdicts.ask();
      }
    } catch (error) {
      const reason =
        error instanceof TypeError
          ? "it does not answer"
          : error instanceof Error
            ? error.message
            : String(error);
      if (this.isThere) this.page.say("The server does not answer.");
      this.isThere = false;
      this.page.notice("server", lost(reason));
    }
    return this.plan();
  }
}

/** What is said when the server is lost. @param {string} reason */
function lost(reason) {
  const kept = "The diagram stays, without texts of events and verdicts";
  // A server that was started anew has another token, and answers that it does not know this one.
  if (reason.includes("token"))
    return `Not connected: the server at this address was started anew. ${kept}; open the address that it printed. What stands after # in this page's address shows the same view there.`;
  return `Not connected to the server: ${reason}. ${kept} until it answers again.`;
}
