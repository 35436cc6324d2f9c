// Questions to the cashier, keyboard only: Enter answers, Esc leaves.

import { el, fen, yuan } from './dom.js';
import { say } from './words.js';

/**
 * Show a dialog with fields; gives their values, or null when it was left. `check` says what is wrong, or ''; `told` are
 * sentences to read first.
 */
export function ask(title, fields, check = () => '', button = say('ok'), told = []) {
  return new Promise((answer) => {
    const inputs = fields.map((one) => el(one.long ? 'textarea' : 'input', {
      id: `ask-${one.name}`, value: one.value ?? '', inputmode: one.inputmode ?? 'text', autocomplete: 'off', rows: 4,
    }));
    inputs.forEach((input, index) => { input.value = fields[index].value ?? ''; });
    const wrong = el('p', { class: 'wrong', role: 'alert' });
    let found = null;
    const dialog = el('dialog', { 'aria-labelledby': 'ask-title' }, el(
      'form', {
        method: 'dialog',
        onsubmit: (event) => {
          const values = Object.fromEntries(fields.map((one, index) => [one.name, inputs[index].value.trim()]));
          const fault = check(values);
          wrong.textContent = fault;
          if (fault) event.preventDefault();
          else found = values;
        },
      },
      el('h2', { id: 'ask-title', text: title }),
      told.length > 0 && el('ul', { class: 'told' }, told.map((text) => el('li', { text }))),
      fields.map((one, index) => [el('label', { for: `ask-${one.name}`, text: one.label }), inputs[index]]),
      wrong,
      el('div', { class: 'buttons' },
        el('button', { type: 'submit', class: 'main', text: button }),
        el('button', { type: 'button', text: say('leave'), onclick: () => dialog.close() })),
    ));
    dialog.addEventListener('close', () => {
      dialog.remove();
      answer(found);
    });
    document.body.append(dialog);
    dialog.showModal();
    inputs[0]?.focus();
    inputs[0]?.select();
  });
}

/** Cash handed over for what is due: fen, or null. */
export async function askCash(dueFen) {
  const found = await ask(say('pay_cash', { amount: yuan(dueFen) }), [
    { name: 'received', label: say('received'), value: yuan(dueFen), inputmode: 'decimal' },
  ], ({ received }) => {
    const amount = fen(received);
    if (amount === null) return say('no_amount');
    return amount < dueFen ? say('too_little') : '';
  }, say('book'));
  return found && fen(found.received);
}

/** WeChat's answer to the payment, where somebody has it as text; '' where not; null: left. */
export async function askWechat(dueFen) {
  const found = await ask(say('pay_wechat', { amount: yuan(dueFen) }), [
    { name: 'raw', label: say('wechat_raw'), long: true },
  ], () => '', say('book'));
  return found && found.raw;
}

export const confirmed = async (title) => (await ask(title, [])) !== null;
