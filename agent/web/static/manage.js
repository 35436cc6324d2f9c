// The manager page: what the till did today, whether HQ holds the same books, what waits for a person.

import { NoAnswer, Till } from './api.js';
import { chips } from './chips.js';
import { ask, confirmed } from './dialogs.js';
import { show } from './dom.js';
import {
  devicesPanel, differencesPanel, freezesPanel, jobsPanel, modePanel, operatorsPanel, proofsPanel, rightsPanel,
  todayPanel, tokensPanel,
} from './office.js';
import { signIn } from './signin.js';
import { loadWords, say } from './words.js';

const LOOK_MS = 15_000;
const SOON_MS = 300;
const at = (id) => document.getElementById(id);

class Manager {
  constructor(till, screen) {
    this.till = till;
    this.screen = screen;
    this.connected = true;
    this.everything = false;
    this.isTurning = false;
    this.mode = null;
    this.soon = null;
  }

  begin(session) {
    at('office').hidden = false;
    at('who-am-i').textContent = session.name || session.operator;
    this.look();
    this.till.follow((kind) => this.hear(kind), (up) => {
      this.connected = up;
      this.look();
    });
  }

  /** Many events come together: one look serves them all. */
  hear(kind) {
    if (kind === 'mode.changing') this.turning();
    if (kind.startsWith('scan.') || this.soon) return;
    this.soon = setTimeout(() => {
      this.soon = null;
      this.look();
    }, SOON_MS);
  }

  async look() {
    if (!this.till.signedIn) return;
    try {
      const [status, today, proofs, differences, devices, jobs, rights, freezes, tokens, operators, mode] = await Promise.all([
        '/v1/status', '/v1/manage/today', '/v1/manage/proofs',
        `/v1/manage/differences?everything=${this.everything}`, '/v1/manage/devices', '/v1/print-jobs?limit=30',
        '/v1/manage/leases', '/v1/manage/freezes', '/v1/manage/tokens', '/v1/manage/operators',
        '/v1/manage/training',
      ].map((path) => this.till.get(path)));
      chips(at('chips'), status, this.connected);
      todayPanel(at('today'), today, status);
      proofsPanel(at('proofs'), proofs.proofs, status, this);
      differencesPanel(at('differences'), differences.differences, this);
      devicesPanel(at('devices'), devices.devices, this);
      jobsPanel(at('print-jobs'), jobs.jobs, this);
      rightsPanel(at('rights'), rights);
      freezesPanel(at('freezes'), freezes.freezes, this);
      tokensPanel(at('tokens'), tokens.tokens, this);
      operatorsPanel(at('operators'), operators.operators, this);
      this.mode = mode;
      modePanel(at('mode'), status, mode, this);
      this.isTurning &&= mode.changing;
    } catch (error) {
      if (!this.isTurning || !(error instanceof NoAnswer)) this.fail(error);
    }
  }

  // --- acts: asked for, done, looked at again ------------------------------------------------------------------------
  async act(work, done = '') {
    try {
      this.say(done);
      await work();
    } catch (error) {
      this.fail(error);
    }
    await this.look();
  }

  reconcile() {
    return this.act(async () => {
      const run = await this.till.post('/v1/manage/reconcile');
      this.say(say(`proof_${run.result}`), !run.equal);
    });
  }

  async explain(number) {
    const found = await ask(say('explain_title', { number }), [{ name: 'why', label: say('explain_why') }],
      ({ why }) => (why ? '' : say('why_needed')));
    if (found) await this.act(() => this.till.post(`/v1/manage/differences/${number}/explain`, found), say('noted'));
  }

  all(everything) {
    this.everything = everything;
    return this.look();
  }

  testPrint(name) {
    return this.act(() => this.till.post(`/v1/manage/printers/${encodeURIComponent(name)}/test`), say('test_queued'));
  }

  async reprint(jobId) {
    if (await confirmed(say('reprint_title'))) {
      await this.act(() => this.till.post(`/v1/print-jobs/${encodeURIComponent(jobId)}/reprint`), say('reprinted'));
    }
  }

  async lift(memberId) {
    const found = await ask(say('lift_title', { member: memberId }), [{ name: 'why', label: say('why') }],
      ({ why }) => (why ? '' : say('why_needed')));
    if (found) await this.act(() => this.till.post(`/v1/manage/freezes/${encodeURIComponent(memberId)}/lift`, found), say('lifted'));
  }

  async pair() {
    try {
      const made = await this.till.post('/v1/manage/pairing-codes');
      await ask(say('pairing_title', { code: made.code }), []);
      await this.look();
    } catch (error) {
      this.fail(error);
    }
  }

  async revoke(token) {
    if (await confirmed(say('revoke_title', { app: token.app }))) {
      await this.act(() => this.till.call('DELETE', `/v1/manage/tokens/${token.token_id}`), say('revoked'));
    }
  }

  async putOperator(known = {}) {
    const found = await ask(say('operator_title'), [
      { name: 'operator', label: say('operator'), value: known.operator },
      { name: 'name', label: say('name'), value: known.name },
      { name: 'role', label: say('role_label'), value: known.role === 'manager' ? '2' : '1', inputmode: 'numeric' },
      { name: 'pin', label: say('new_pin'), inputmode: 'numeric' },
    ], (values) => (values.operator && values.name && values.pin && /^[12]$/.test(values.role) ? '' : say('all_needed')));
    if (!found) return;
    const role = found.role === '2' ? 'manager' : 'cashier';
    await this.act(() => this.till.post('/v1/manage/operators', { ...found, role }), say('noted'));
  }

  async removeOperator(operator) {
    if (await confirmed(say('remove_title', { operator }))) {
      await this.act(() => this.till.call('DELETE', `/v1/manage/operators/${encodeURIComponent(operator)}`), say('noted'));
    }
  }

  /** Begin or end a training, after saying exactly what happens. */
  async turn() {
    const { training, real_waiting: count } = this.mode;
    const on = !training;
    const told = on
      ? ['training_books', 'training_sends', 'training_paper', 'training_same', count > 0 && 'training_waits', 'training_restart']
      : ['training_gone', 'training_again', count > 0 && 'training_then', 'training_restart'];
    const sentences = told.filter(Boolean).map((key) => say(key, { count }));
    const found = await ask(say(on ? 'training_begin_title' : 'training_end_title'), [], () => '',
      say(on ? 'training_begin' : 'training_end'), sentences);
    if (!found) return;
    try {
      await this.till.post('/v1/manage/training', { on });
      this.turning();
    } catch (error) {
      this.fail(error);
      await this.look();
    }
  }

  /** The line breaks now and comes back; that is no fault to tell. */
  turning() {
    this.isTurning = true;
    this.say(say('mode_turning'));
  }

  turned(training) {
    at('training').hidden = !training;
    this.say(say(training ? 'mode_training' : 'mode_real'));
    this.look();
  }

  async confirmClock() {
    const now = new Date().toLocaleString('zh-CN', { timeZone: 'Asia/Shanghai' });
    if (await confirmed(say('clock_title', { now }))) {
      await this.act(() => this.till.post('/v1/manage/clock/confirm'), say('noted'));
    }
  }

  say(text, wrong = false) {
    at('said').textContent = text;
    at('said').className = wrong ? 'wrong' : 'good';
  }

  fail(error) {
    this.connected = this.connected && !(error instanceof NoAnswer);
    this.say(error instanceof NoAnswer ? say('no_answer') : error.message, true);
  }
}

async function start() {
  const till = new Till();
  const screen = await loadWords(till);
  document.title = `${screen.store_name} ${say('manager')}`;
  at('shop').textContent = screen.store_name;
  at('training').hidden = !screen.training;
  at('training').textContent = say('training');
  at('sign-out').textContent = say('sign_out');
  const manager = new Manager(till, screen);
  till.onBooks = (training) => manager.turned(training);
  const enter = () => signIn(till, at('door'), `${screen.store_name} ${say('manager')}`, 'manage', (one) => manager.begin(one));
  till.onSignedOut = () => {
    at('office').hidden = true;
    for (const section of document.querySelectorAll('#office section')) show(section);
    enter();
  };
  at('sign-out').addEventListener('click', () => till.signOut());
  setInterval(() => manager.look(), LOOK_MS);
  enter();
}

start();
