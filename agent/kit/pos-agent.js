// The till's API for a POS written in JavaScript: one ES module, fetch only, no dependency. Types: pos-agent.d.ts.
//
// What books is kept and repeated with the very same text until the till has answered: no answer, 5xx, 429 and
// IN_FLIGHT say nothing about whether it was booked.

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;
const ALIVE_MS = 45000; // the till sends a comment every 15 s; three missed mean that the line is dead
const PREFIX = "pos-agent:";
const LAST_EVENT = "pos-agent-last-event";

/** The till said no. Show `detail` to the cashier; `code` is stable. */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.code}: ${problem.detail}`);
    this.name = "Refused";
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? "";
    this.detail = problem.detail ?? "";
    this.hint = problem.hint ?? "";
    this.field = problem.field ?? null;
  }
}

/** The till did not answer: nobody knows whether it was booked. */
export class NoAnswer extends Error {
  constructor(path) {
    super(`${path}: no answer; repeat the very same body later`);
    this.name = "NoAnswer";
  }
}

export class PosAgent {
  /** `keep`: a Storage (localStorage) for bodies without an answer, so that they outlive the page. */
  constructor({ baseUrl = "http://127.0.0.1:8787", token = "", keep = null, timeoutMs = 10000, patienceMs = 120000 } = {}) {
    this.baseUrl = baseUrl.replace(/\/$/, "");
    this.token = token;
    this.keep = keep;
    this.timeoutMs = timeoutMs;
    this.patienceMs = patienceMs;
    const last = keep?.getItem(LAST_EVENT) ?? null;
    this.lastEventId = last === null ? null : Number(last);
  }

  async pair(code, app) {
    this.token = (await this.#ask("POST", "/v1/pair", { code, app })).token;
    return this.token;
  }

  hello() {
    return this.#ask("GET", "/v1/hello");
  }

  status() {
    return this.#ask("GET", "/v1/status");
  }

  resolve(body) {
    return this.#ask("POST", "/v1/members/resolve", body);
  }

  /** The exact text WeChat returned, unchanged. */
  payment(raw) {
    return this.#ask("POST", "/v1/payments/wechat", { raw });
  }

  quote(body) {
    return this.#ask("POST", "/v1/quotes", body);
  }

  async forget(quoteId) {
    await this.#ask("DELETE", `/v1/quotes/${encodeURIComponent(quoteId)}`);
  }

  sell(body) {
    return this.#book("/v1/sales", body.sale_id, body);
  }

  giveBack(body) {
    return this.#book("/v1/returns", body.return_id, body);
  }

  void(saleId, body) {
    return this.#book(`/v1/sales/${encodeURIComponent(saleId)}/void`, body.void_id, body);
  }

  print(body) {
    return this.#book("/v1/print-jobs", body.print_id, body);
  }

  drawer(body) {
    return this.#book("/v1/drawer/open", body.drawer_id, body);
  }

  /** Repeat what an earlier run of this POS was never answered. */
  async resend() {
    const names = [];
    for (let n = 0; n < (this.keep?.length ?? 0); n += 1) {
      const name = this.keep.key(n);
      if (name.startsWith(PREFIX)) names.push(name);
    }
    const answers = [];
    for (const name of names) {
      const { path, text } = JSON.parse(this.keep.getItem(name));
      answers.push(await this.#untilAnswered(path, text, name));
    }
    return answers;
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
      const headers = this.#headers();
      if (this.lastEventId !== null) headers["Last-Event-ID"] = String(this.lastEventId);
      const answer = await fetch(`${this.baseUrl}/v1/events`, { headers, signal: ending.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) throw new Refused(answer.status, await problem(answer));
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

  /** The text is kept before the till hears of it. */
  #book(path, name, body) {
    const text = JSON.stringify(body);
    const kept = this.keep === null || body.preview ? null : `${PREFIX}${path}:${name}`;
    if (kept !== null) this.keep.setItem(kept, JSON.stringify({ path, text }));
    return this.#untilAnswered(path, text, kept);
  }

  async #untilAnswered(path, text, kept) {
    let pauseMs = FIRST_PAUSE_MS;
    let waitedMs = 0;
    for (;;) {
      let refusal = null;
      let askedMs = 0;
      try {
        const answer = await this.#send("POST", path, text);
        if (!answer.ok) refusal = new Refused(answer.status, await problem(answer));
        if (refusal === null || !unknown(refusal)) {
          const said = refusal === null ? await answer.json() : null;
          if (kept !== null) this.keep.removeItem(kept);
          if (refusal === null) return said;
        }
        askedMs = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
      } catch {
        refusal = null;
      }
      if (refusal !== null && !unknown(refusal)) throw refusal;
      if (waitedMs >= this.patienceMs) throw refusal ?? new NoAnswer(path);
      await pause(Math.max(pauseMs, askedMs));
      waitedMs += Math.max(pauseMs, askedMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  async #ask(method, path, body) {
    let answer;
    try {
      answer = await this.#send(method, path, body === undefined ? undefined : JSON.stringify(body));
      if (answer.ok) return answer.status === 204 ? {} : await answer.json();
    } catch {
      throw new NoAnswer(path);
    }
    throw new Refused(answer.status, await problem(answer));
  }

  #send(method, path, text) {
    const signal = AbortSignal.timeout(this.timeoutMs);
    return fetch(this.baseUrl + path, { method, body: text, headers: this.#headers(), signal, cache: "no-store" });
  }

  #headers() {
    const headers = { "Content-Type": "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    return headers;
  }
}

function unknown(refusal) {
  return refusal.status >= 500 || refusal.status === 429 || refusal.code === "IN_FLIGHT";
}

async function problem(answer) {
  try {
    return await answer.json();
  } catch {
    return { code: "", detail: "", hint: "not an answer of the till" };
  }
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

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
