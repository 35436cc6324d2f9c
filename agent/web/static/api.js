// The till's API for the pages: calls with the token in memory, and the event stream, read by fetch because it needs
// the Authorization header. Reconnects by itself and takes up where it was.

import { spoken } from './words.js';

export class Problem extends Error {
  constructor(body, status) {
    super(spoken(body) || String(status));
    this.code = body.code || '';
    this.status = status;
    this.hint = body.hint || '';
    this.field = body.field || '';
  }
}

/** No answer came: whether it was done is not known. */
export class NoAnswer extends Error {}

const ANSWER_MS = 10_000;
const SILENCE_MS = 40_000; // the server says something every 15 s
const WAITS_MS = [200, 500, 1_000, 2_000, 5_000];

export class Till {
  #token = '';
  #lastId = '';
  #stream = null;
  onSignedOut = () => {};
  /** Which books the till has open, as its answers say: `real` or `training`; a switch is told once. */
  books = '';
  onBooks = () => {};

  get signedIn() { return this.#token !== ''; }

  /** `books`: the ones that are meant, where not those that are open now. */
  async call(method, path, body, books = this.books) {
    const headers = {};
    if (books && method !== 'GET') headers['Pos-Agent-Books'] = books;
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let answer;
    let read;
    try {
      answer = await fetch(path, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS), cache: 'no-store', credentials: 'omit',
      });
      read = answer.status === 204 ? {} : await answer.json();
    } catch (error) {
      throw new NoAnswer(String(error));
    }
    this.#heed(answer);
    if (answer.ok) return read;
    const problem = new Problem(read, answer.status);
    if (problem.code === 'TOKEN_REFUSED') this.#drop();
    throw problem;
  }

  get(path) { return this.call('GET', path); }

  post(path, body = {}, books = this.books) { return this.call('POST', path, body, books); }

  #heed(answer) {
    const told = answer.headers.get('Pos-Agent-Books');
    if (!told || told === this.books) return;
    const first = this.books === '';
    this.books = told;
    if (!first) this.onBooks(told === 'training');
  }

  async signIn(operator, pin) {
    const session = await this.post('/v1/sign-in', { operator, pin });
    this.#token = session.token;
    return session;
  }

  /** End the session; `quietly`: whoever asks says why themselves. */
  async signOut(quietly = false) {
    try {
      await this.call('DELETE', '/v1/session');
    } finally {
      this.#drop(quietly);
    }
  }

  /** Whoever signs in next hears nothing of this session, and this session nothing more. */
  #drop(quietly = false) {
    this.#token = '';
    this.#lastId = '';
    this.#stream?.abort();
    if (!quietly) this.onSignedOut();
  }

  /** Follow what happens until signed out: `hear(kind, data)`; `connected(true|false)` on edges. */
  async follow(hear, connected) {
    let failures = 0;
    const mine = this.#token;
    while (this.#token && this.#token === mine) {
      try {
        await this.#read(hear, () => { failures = 0; connected(true); });
      } catch { /* the line broke; the loop takes it up again */ }
      if (!this.#token || this.#token !== mine) return;
      connected(false);
      await new Promise((done) => { setTimeout(done, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)]); });
      failures += 1;
    }
  }

  async #read(hear, begun) {
    const stop = new AbortController();
    const mine = this.#token;
    this.#stream = stop;
    let silence = setTimeout(() => stop.abort(), SILENCE_MS);
    try {
      const headers = { Authorization: `Bearer ${this.#token}` };
      if (this.#lastId) headers['Last-Event-ID'] = this.#lastId;
      const answer = await fetch('/v1/events', { headers, signal: stop.signal, cache: 'no-store' });
      this.#heed(answer);
      if (answer.status === 401 && this.#token === mine) this.#drop();
      if (!answer.ok) return;
      begun();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let held = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#token !== mine) return;
        clearTimeout(silence);
        silence = setTimeout(() => stop.abort(), SILENCE_MS);
        held += value;
        let end;
        while ((end = held.indexOf('\n\n')) >= 0) {
          this.#frame(held.slice(0, end), hear);
          held = held.slice(end + 2);
        }
      }
    } finally {
      clearTimeout(silence);
      stop.abort();
    }
  }

  #frame(text, hear) {
    let kind = '';
    let data = '';
    for (const line of text.split('\n')) {
      if (line.startsWith('event: ')) kind = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
      else if (line.startsWith('id: ')) this.#lastId = line.slice(4);
    }
    if (kind && data) hear(kind, JSON.parse(data));
  }
}

/** An id nobody used before; kept with the body it names until an answer came. */
export function fresh(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  return `${prefix}-${Array.from(bytes, (one) => one.toString(16).padStart(2, '0')).join('')}`;
}
