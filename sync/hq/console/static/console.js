// The console: sign-in, pages by their address (#stores, #store/S001 ...), and what every act has in common.

import { Hq, NoAnswer, Problem } from './call.js';
import { el, show } from './dom.js';
import { logPage, sealsPage, usersPage } from './office.js';
import { act } from './parts.js';
import { erasuresPage, frozenPage, membersPage } from './people.js';
import { rulesPage } from './rules.js';
import { storePage } from './store.js';
import { storesPage } from './stores.js';
import { wechatPage } from './wechat.js';
import { loadWords, say } from './words.js';

const PAGES = {
  stores: [storesPage, 'viewer'], frozen: [frozenPage, 'viewer'], members: [membersPage, 'viewer'], erasures: [erasuresPage, 'viewer'],
  wechat: [wechatPage, 'viewer'], rules: [rulesPage, 'viewer'], seals: [sealsPage, 'viewer'], log: [logPage, 'viewer'], users: [usersPage, 'admin'],
};
const LOOK_MS = 15_000;
const at = (id) => document.getElementById(id);

class App {
  constructor(hq) {
    this.hq = hq;
    this.drawing = 0;
  }

  async draw() {
    const [name, id] = location.hash.slice(1).split('/');
    const page = name === 'store' ? storePage : (PAGES[name] ?? PAGES.stores)[0];
    for (const link of at('nav').children) {
      const here = link.hash === `#${name === 'store' || !PAGES[name] ? 'stores' : name}`;
      if (here) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const mine = this.drawing += 1;
    await this.attempt(async () => {
      await page(this.onlyIf(() => mine === this.drawing), this.hq, this, id && decodeURIComponent(id));
    });
  }

  /** The page's place, unless another page was asked for meanwhile. */
  onlyIf(still) {
    return { replaceChildren: (...children) => { if (still() && this.hq.signedIn) at('page').replaceChildren(...children); } };
  }

  async attempt(work, failed = () => {}) {
    try {
      this.say('');
      return await work();
    } catch (error) {
      failed();
      if (!(error instanceof NoAnswer || error instanceof Problem)) throw error;
      this.say(error instanceof NoAnswer ? say('no_answer') : [error.message, error.detail !== error.message && error.detail].filter(Boolean).join(' · '), true);
      return null;
    }
  }

  /** Do it, draw the page anew, say that it was done. */
  act(work, done = say('noted')) {
    return this.attempt(async () => {
      await work();
      await this.draw();
      this.say(done);
    });
  }

  look(path, text = (found) => JSON.stringify(JSON.parse(found.body), null, 2)) {
    return this.attempt(async () => this.open(el('pre', { text: text(await this.hq.get(path)) })));
  }

  compare(...versions) {
    const pretty = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };
    this.open(el('div', { class: 'versions' }, versions.map(([title, body]) => el('div', {}, el('h3', { text: title }), el('pre', { text: pretty(body) })))));
  }

  open(content) {
    const dialog = el('dialog', {}, content, el('div', { class: 'buttons' }, act('ok', () => dialog.close(), 'main')));
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  say(text, wrong = false) {
    at('said').textContent = text;
    at('said').className = wrong ? 'wrong' : 'good';
  }
}

function door(hq, done) {
  const name = el('input', { id: 'name', autocomplete: 'username', required: true, maxlength: 64 });
  const password = el('input', { id: 'password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 200 });
  const wrong = el('p', { class: 'wrong', role: 'alert' });
  const button = el('button', { type: 'submit', class: 'main', text: say('sign_in') });
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = '';
    try {
      await hq.signIn(name.value.trim(), password.value);
      show(at('door'));
      done();
    } catch (error) {
      wrong.textContent = error instanceof NoAnswer ? say('no_answer') : error.message;
      password.value = '';
      password.focus();
    } finally {
      button.disabled = false;
    }
  };
  show(at('door'), el('form', { class: 'sign-in', onsubmit: submit, 'aria-labelledby': 'sign-in-title' },
    el('h1', { id: 'sign-in-title', text: say('console') }),
    el('label', { for: 'name', text: say('name') }), name, el('label', { for: 'password', text: say('password') }), password,
    wrong, button, el('p', { class: 'hint', text: say('sign_in_hint') })));
  name.focus();
}

async function start() {
  const hq = new Hq();
  await loadWords(hq);
  document.title = say('console');
  at('title').textContent = say('console');
  at('sign-out').textContent = say('sign_out');
  at('nav').setAttribute('aria-label', say('nav'));
  const app = new App(hq);
  const begin = () => {
    at('office').hidden = false;
    at('who-am-i').textContent = `${hq.name} · ${say(`role_${hq.role}`)}`;
    show(at('nav'), Object.entries(PAGES).filter(([, [, role]]) => hq.may(role)).map(([name]) => el('a', { href: `#${name}`, text: say(`nav_${name}`) })));
    app.draw();
  };
  hq.onSignedOut = () => {
    at('office').hidden = true;
    show(at('page'));
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    door(hq, begin);
  };
  at('sign-out').addEventListener('click', () => hq.signOut());
  addEventListener('hashchange', () => { if (hq.signedIn) app.draw(); });
  const overview = () => hq.signedIn && ['', '#stores'].includes(location.hash) && !document.hidden;
  const busy = () => document.querySelector('dialog, form :focus') !== null || document.querySelectorAll('.cell').length > 500;
  setInterval(() => { if (overview() && !busy()) app.draw(); }, LOOK_MS);
  door(hq, begin);
}

start();
