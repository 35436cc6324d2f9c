// Headquarters' calls: the token stays in memory, errors carry their code, files come as blobs.

import { known, say } from './words.js';

const ROOT = '/console/api';
const ANSWER_MS = 30_000;
const FILE_MS = 700_000;

export class Problem extends Error {
  constructor(body, status) {
    const words = `refused_${body.code}`;
    super(known(words) ? say(words) : [body.detail || body.code || String(status), body.hint].filter(Boolean).join(' · '));
    this.code = body.code || '';
    this.detail = body.detail || '';
  }
}

/** No answer came: whether it was done is not known. */
export class NoAnswer extends Error {}

export class Hq {
  #token = '';
  onSignedOut = () => {};
  name = '';
  role = '';

  get signedIn() { return this.#token !== ''; }

  async #send(method, path, options, wait) {
    const headers = { ...options.headers };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    try {
      return await fetch(ROOT + path, {
        ...options, method, headers, signal: AbortSignal.timeout(wait), cache: 'no-store', credentials: 'omit',
      });
    } catch (error) {
      throw new NoAnswer(String(error));
    }
  }

  async #refuse(answer) {
    let body = {};
    try { body = await answer.json(); } catch { /* an answer without a body */ }
    const problem = new Problem(body, answer.status);
    if (problem.code === 'TOKEN_REFUSED') this.#drop();
    throw problem;
  }

  async call(method, path, body) {
    const options = body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await this.#send(method, path, options, ANSWER_MS);
    if (!answer.ok) await this.#refuse(answer);
    return answer.json();
  }

  get(path) { return this.call('GET', path); }

  post(path, body) { return this.call('POST', path, body); }

  async upload(path, file) {
    const answer = await this.#send('POST', path, { headers: { 'Content-Type': 'text/csv' }, body: file }, FILE_MS);
    if (!answer.ok) await this.#refuse(answer);
    return answer.json();
  }

  async download(path, name) {
    const answer = await this.#send('GET', path, {}, FILE_MS);
    if (!answer.ok) await this.#refuse(answer);
    const address = URL.createObjectURL(await answer.blob());
    const link = document.createElement('a');
    link.href = address;
    link.download = name;
    link.click();
    URL.revokeObjectURL(address);
  }

  async signIn(name, password) {
    const session = await this.post('/sign-in', { name, password });
    this.#token = session.token;
    this.name = session.name;
    this.role = session.role;
  }

  async signOut() {
    try {
      await this.call('DELETE', '/session');
    } finally {
      this.#drop();
    }
  }

  may(role) {
    const ranks = ['viewer', 'operator', 'admin'];
    return ranks.indexOf(this.role) >= ranks.indexOf(role);
  }

  #drop() {
    this.#token = '';
    this.onSignedOut();
  }
}
