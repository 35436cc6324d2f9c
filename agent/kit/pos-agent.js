// The till's API for a POS written in JavaScript: two ES modules, fetch only, no dependency. Types: pos-agent.d.ts.
//
// pos-agent-line.js asks and repeats; only what a POS calls is here.

import { FIRST_PAUSE_MS, Line, Refused, pause, refused } from "./pos-agent-line.js";

export { NoAnswer, OtherBooks, Refused, Waiting } from "./pos-agent-line.js";

const ALIVE_MS = 45000; // the till sends a comment every 15 s; three missed mean that the line is dead
const LAST_EVENT = "pos-agent-last-event";

export class PosAgent extends Line {
  constructor(options = {}) {
    super(options);
    const last = this.keep?.getItem(LAST_EVENT) ?? null;
    this.lastEventId = last === null ? null : Number(last);
  }

  async pair(code, app) {
    this.token = (await this.ask("POST", "/v1/pair", { code, app })).token;
    return this.token;
  }

  hello() {
    return this.ask("GET", "/v1/hello");
  }

  status() {
    return this.ask("GET", "/v1/status");
  }

  /** After OtherBooks: what is begun from now on is meant for the books that are open, `real` or `training`. */
  async acceptBooks() {
    this.books = (await this.hello()).training ? "training" : "real";
    return this.books;
  }

  resolve(body) {
    return this.ask("POST", "/v1/members/resolve", body);
  }

  /** The exact text WeChat returned, unchanged. */
  payment(raw) {
    return this.ask("POST", "/v1/payments/wechat", { raw });
  }

  async quote(body) {
    const answer = await this.ask("POST", "/v1/quotes", body);
    this.note(quoteName(answer.quote_id), this.books);
    return answer;
  }

  async forget(quoteId) {
    await this.ask("DELETE", `/v1/quotes/${encodeURIComponent(quoteId)}`);
  }

  sell(body) {
    return this.book("/v1/sales", body.sale_id, body, quoteName(body.quote_id));
  }

  giveBack(body) {
    return this.book("/v1/returns", body.return_id, body);
  }

  void(saleId, body) {
    return this.book(`/v1/sales/${encodeURIComponent(saleId)}/void`, body.void_id, body);
  }

  print(body) {
    return this.book("/v1/print-jobs", body.print_id, body);
  }

  drawer(body) {
    return this.book("/v1/drawer/open", body.drawer_id, body);
  }

  /** What happens, for ever: reconnects by itself, and goes on behind the last event that was given out. */
  async *events({ signal } = {}) {
    while (!signal?.aborted) {
      try {
        yield* this.#stream(signal);
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
      if (!signal?.aborted) await pause(FIRST_PAUSE_MS);
    }
  }

  async *#stream(signal) {
    const ending = new AbortController();
    const stop = () => ending.abort();
    signal?.addEventListener("abort", stop);
    let alive = setTimeout(stop, ALIVE_MS);
    try {
      const headers = this.headers();
      if (this.lastEventId !== null) headers["Last-Event-ID"] = String(this.lastEventId);
      const answer = await fetch(`${this.baseUrl}/v1/events`, { headers, signal: ending.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) throw await refused(answer);
      if (!answer.ok) return;
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of chunks(answer.body)) {
        clearTimeout(alive);
        alive = setTimeout(stop, ALIVE_MS);
        text += decoder.decode(chunk, { stream: true });
        const frames = text.split("\n\n");
        text = frames.pop();
        for (const frame of frames) {
          const event = parsed(frame);
          if (event.data !== null) yield event; // without data the stream says where it stands
          this.#mark(event.id);
        }
      }
    } finally {
      clearTimeout(alive);
      signal?.removeEventListener("abort", stop);
      ending.abort();
    }
  }

  #mark(id) {
    if (id === null) return;
    this.lastEventId = id;
    this.keep?.setItem(LAST_EVENT, String(id));
  }
}

/** What a quote is noted by: a sale belongs to the books of its quote. */
function quoteName(id) {
  return `quote:${id ?? ""}`;
}

async function* chunks(body) {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function parsed(frame) {
  let id = null;
  let kind = "";
  let data = null;
  for (const line of frame.split("\n")) {
    if (line.startsWith("id: ")) id = Number(line.slice(4));
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data = JSON.parse(line.slice(6));
  }
  return { id, kind, data };
}
