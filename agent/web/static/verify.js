// Whoever stands there proves to be the member: by their PIN, or by the code on their phone. One dialog, keyboard only.
// What was typed goes into one call and leaves the page with it; only headquarters can say whether it is right.

import { NoAnswer } from './api.js';
import { el, show } from './dom.js';
import { say } from './words.js';

const SIX = /^\d{6}$/;
const WRONG = ['MEMBER_PIN_WRONG', 'SMS_CODE_WRONG'];
const STEPS = {
  pin: { button: 'go', others: ['phone'], input: { type: 'password', inputmode: 'numeric', maxlength: 6 } },
  phone: { button: 'send', others: ['pin'], input: { type: 'text', inputmode: 'tel', maxlength: 32 } },
  code: { button: 'go', others: ['phone', 'pin'], input: { type: 'text', inputmode: 'numeric', maxlength: 6 } },
};

class Verification {
  constructor(till, who, done) {
    this.till = till;
    this.who = who;
    this.waiting = false;
    this.wrongs = 0;
    this.minutes = 0;
    this.sure = null;
    this.form = el('form', { method: 'dialog', onsubmit: (event) => this.submit(event) });
    this.dialog = el('dialog', { id: 'verify', 'aria-labelledby': 'verify-title' }, this.form);
    this.dialog.addEventListener('close', () => {
      this.dialog.remove();
      done(this.sure);
    });
    document.body.append(this.dialog);
    this.show('pin');
    this.dialog.showModal();
    this.input.focus();
  }

  show(step) {
    this.step = step;
    const { button, others, input } = STEPS[step];
    this.input = el('input', { id: 'verify-input', autocomplete: 'off', 'aria-describedby': 'verify-hint', ...input });
    this.told = el('p', { class: 'wrong', role: 'alert' });
    show(
      this.form,
      el('h2', { id: 'verify-title', text: say('verify_title', { member: this.who.member.masked }) }),
      el('label', { for: 'verify-input', text: say(`verify_${step}`) }), this.input,
      el('p', { id: 'verify-hint', class: 'hint', text: say(`verify_${step}_hint`, { minutes: this.minutes }) }),
      this.told,
      el('div', { class: 'buttons' },
        el('button', { type: 'submit', class: 'main', text: say(`verify_${button}`) }),
        others.map((to) => el('button', {
          type: 'button', 'data-to': to, text: say(`verify_by_${to}`), onclick: () => this.waiting || this.show(to),
        })),
        el('button', { type: 'button', text: say('leave'), onclick: () => this.dialog.close() })),
    );
    this.input.focus();
  }

  async submit(event) {
    event.preventDefault();
    if (this.waiting) return;
    const text = this.input.value.trim();
    if (this.step !== 'phone' && !SIX.test(text)) {
      this.input.value = '';
      this.told.textContent = say('verify_six');
      return;
    }
    if (this.step !== 'phone') this.input.value = '';
    this.waiting = true;
    this.told.textContent = say('verify_waiting');
    try {
      await this.asked(text);
    } catch (error) {
      this.told.textContent = this.reason(error);
      this.input.focus();
    } finally {
      this.waiting = false;
    }
  }

  /** One call; the phone number stays in its field until it was sent to, because a failed message is asked for again. */
  async asked(text) {
    const body = { identification_id: this.who.identification_id };
    if (this.step === 'phone') {
      const sent = await this.till.post('/v1/members/verify/sms', { ...body, phone: text });
      this.minutes = Math.floor(sent.expires_in_s / 60);
      this.show('code');
      return;
    }
    const secret = this.step === 'pin' ? { pin: text } : { sms_code: text };
    const sure = await this.till.post('/v1/members/verify', { ...body, ...secret });
    if (!this.dialog.open) return;
    this.sure = sure;
    this.dialog.close();
  }

  reason(error) {
    if (error instanceof NoAnswer) return say('no_answer');
    if (!WRONG.includes(error.code)) return error.message;
    this.wrongs += 1;
    return say('verify_wrong', { why: error.message, count: this.wrongs });
  }
}

/** Whether that is a member who may not spend yet, and this till can have them verified; `status` holds what hello says. */
export function verifiable(status, who) {
  if (!who?.member || who.may_spend || who.member.spending_refused) return false;
  return status?.capabilities.includes('members.verify') ?? false;
}

/** Ask for the proof; gives an identification that may spend, or null when the dialog was left. */
export function verified(till, who) {
  return new Promise((done) => { new Verification(till, who, done); });
}

/** Close the dialog where it stands: a fresh member code came meanwhile. */
export function giveWay() { document.getElementById('verify')?.close(); }
