// The line to the till: asks once, or repeats the very same text until there is an answer. pos-agent.js has the calls.
//
// No answer, 5xx, 429 and IN_FLIGHT say nothing about whether it was booked. Every call that changes something says
// which books it is meant for (Pos-Agent-Books): those that were open when the POS began it.

export const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;
const PREFIX = "pos-agent:";
const BOOKS = "Pos-Agent-Books";
const HELLO = "/v1/hello";
const NOTES = 1000; // quotes and calls whose books are remembered; more than a counter begins within a day
// Paper and a drawer that opens are of use now, not hours later when a training has ended.
const NOT_LATER = ["/v1/print-jobs", "/v1/drawer/open"];

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

/** A training was begun or ended since this POS asked, and nothing was booked: `acceptBooks`, then begin anew. */
export class OtherBooks extends Refused {
  constructor(status, problem) {
    super(status, problem);
    this.name = "OtherBooks";
  }
}

/** The till did not answer: nobody knows whether it was booked. */
export class NoAnswer extends Error {
  constructor(path) {
    super(`${path}: no answer; repeat the very same body later`);
    this.name = "NoAnswer";
  }
}

/** It is meant for the real books, and the till is in a training: kept, as if the till did not answer. */
export class Waiting extends NoAnswer {
  constructor(path) {
    super(path);
    this.name = "Waiting";
    this.message = `${path}: the till is in a training; resend when it has ended`;
  }
}

/** What PosAgent's calls go through. */
export class Line {
  #noted = new Map();

  /** `keep`: a Storage (localStorage) for bodies without an answer, so that they outlive the page. */
  constructor({ baseUrl = "http://127.0.0.1:8787", token = "", keep = null, timeoutMs = 10000, patienceMs = 120000 } = {}) {
    this.baseUrl = baseUrl.replace(/\/$/, "");
    this.token = token;
    this.keep = keep;
    this.timeoutMs = timeoutMs;
    this.patienceMs = patienceMs;
    this.books = null; // which this POS means, as the till first said; "": the till does not say
  }

  /** What was begun in some books stays theirs. */
  note(name, books) {
    if (books && !this.#noted.has(name)) this.#noted.set(name, books);
    if (this.#noted.size > NOTES) this.#noted.delete(this.#noted.keys().next().value);
  }

  /** The text is kept, with the books it is meant for, before the till hears of it. */
  book(path, id, body, quote = "") {
    const name = `${PREFIX}${path}:${id}`;
    const kept = JSON.parse(this.keep?.getItem(name) ?? "{}").books;
    const books = this.#noted.get(name) || kept || this.#noted.get(quote) || this.books || "";
    return this.untilAnswered(this.#put({ name: body.preview ? "" : name, path, text: JSON.stringify(body), books }));
  }

  /** Repeat what an earlier run of this POS was never answered; what waits goes on waiting. */
  async resend() {
    const names = [];
    for (let n = 0; n < (this.keep?.length ?? 0); n += 1) {
      const name = this.keep.key(n);
      if (name.startsWith(PREFIX)) names.push(name);
    }
    const answers = [];
    for (const name of names) {
      const { path, text, books = "" } = JSON.parse(this.keep.getItem(name));
      try {
        answers.push(await this.untilAnswered({ name, path, text, books }));
      } catch (error) {
        if (!(error instanceof Waiting || error instanceof OtherBooks)) throw error;
      }
    }
    return answers;
  }

  async untilAnswered(body) {
    let pauseMs = FIRST_PAUSE_MS;
    let waitedMs = 0;
    for (;;) {
      let refusal = null;
      let askedMs = 0;
      try {
        const answer = (await this.#learn()) ?? (await this.#post(body));
        if (!answer.ok) refusal = await refused(answer);
        if (refusal === null) {
          const said = await answer.json();
          this.#drop(body);
          return said;
        }
        if (metTraining(refusal, answer, body)) refusal = new Waiting(body.path);
        else if (!unknown(refusal)) this.#drop(body);
        askedMs = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
      } catch {
        refusal = null;
      }
      if (refusal !== null && !unknown(refusal)) throw refusal;
      if (waitedMs >= this.patienceMs) throw refusal ?? new NoAnswer(body.path);
      await pause(Math.max(pauseMs, askedMs));
      waitedMs += Math.max(pauseMs, askedMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  async ask(method, path, body) {
    let answer;
    try {
      if (method !== "GET") answer = await this.#learn();
      const text = body === undefined ? undefined : JSON.stringify(body);
      answer ??= await this.#send(method, path, text, method === "GET" ? "" : this.books);
      if (answer.ok) {
        this.#heed(answer);
        return answer.status === 204 ? {} : await answer.json();
      }
    } catch {
      throw new NoAnswer(path);
    }
    throw await refused(answer);
  }

  headers(books = "") {
    const headers = { "Content-Type": "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (books) headers[BOOKS] = books;
    return headers;
  }

  /** Ask once which books are open, before anything is begun; gives an answer only where that was refused. */
  async #learn() {
    if (this.books !== null) return null;
    const answer = await this.#send("GET", HELLO);
    this.#heed(answer);
    return answer.ok ? null : answer;
  }

  #heed(answer) {
    if (this.books === null && answer.ok) this.books = answer.headers.get(BOOKS) ?? "";
  }

  #post(body) {
    if (this.books && !body.books) {
      body.books = this.books;
      this.#put(body);
    }
    return this.#send("POST", body.path, body.text, body.books);
  }

  #put(body) {
    if (!body.name) return body;
    this.note(body.name, body.books);
    const { path, text, books } = body;
    this.keep?.setItem(body.name, JSON.stringify({ path, text, books }));
    return body;
  }

  /** Its books stay noted: repeated all the same, it is still theirs. */
  #drop(body) {
    if (body.name) this.keep?.removeItem(body.name);
  }

  #send(method, path, text, books) {
    const signal = AbortSignal.timeout(this.timeoutMs);
    const headers = this.headers(books);
    return fetch(this.baseUrl + path, { method, body: text, headers, signal, cache: "no-store" });
  }
}

function metTraining(refusal, answer, body) {
  if (!(refusal instanceof OtherBooks) || answer.headers.get(BOOKS) !== "training") return false;
  return body.books === "real" && body.name !== "" && !NOT_LATER.includes(body.path);
}

function unknown(refusal) {
  return refusal.status >= 500 || refusal.status === 429 || refusal.code === "IN_FLIGHT";
}

/** The till's refusal, or that somebody else answered. */
export async function refused(answer) {
  let problem = { code: "", detail: "", hint: "not an answer of the till" };
  try {
    problem = await answer.json();
  } catch {
    /* not JSON */
  }
  return new (problem.code === "MODE_DIFFERS" ? OtherBooks : Refused)(answer.status, problem);
}

export function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
