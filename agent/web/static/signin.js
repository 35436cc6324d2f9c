// Sign-in by operator and PIN. The token stays in memory: a page that is loaded again asks again.

import { el, show } from './dom.js';
import { NoAnswer } from './api.js';
import { say } from './words.js';

export function signIn(till, place, title, needs, done) {
  const operator = el('input', { id: 'operator', autocomplete: 'off', required: true, maxlength: 32 });
  const pin = el('input', {
    id: 'pin', type: 'password', inputmode: 'numeric', autocomplete: 'off', required: true, maxlength: 12,
  });
  const wrong = el('p', { class: 'wrong', role: 'alert' });
  const button = el('button', { type: 'submit', class: 'main', text: say('sign_in') });

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = '';
    try {
      const session = await till.signIn(operator.value.trim(), pin.value);
      if (!session.scopes.includes(needs)) {
        await till.signOut(true);
        throw new Error(say('not_allowed'));
      }
      show(place);
      done(session);
    } catch (error) {
      wrong.textContent = error instanceof NoAnswer ? say('no_answer') : error.message;
      pin.value = '';
      pin.focus();
    } finally {
      button.disabled = false;
    }
  }

  show(place, el(
    'form', { class: 'sign-in', onsubmit: submit, 'aria-labelledby': 'sign-in-title' },
    el('h1', { id: 'sign-in-title', text: title }),
    el('label', { for: 'operator', text: say('operator') }), operator,
    el('label', { for: 'pin', text: say('pin') }), pin,
    wrong, button, el('p', { class: 'hint', text: say('sign_in_hint') }),
  ));
  operator.focus();
}
