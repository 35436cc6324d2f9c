// The keys of the cashier page: what each does, the line of buttons that shows them, and the one input.

import { ask } from './dialogs.js';
import { el, show } from './dom.js';
import { say } from './words.js';

const at = (id) => document.getElementById(id);

function keys(cashier) {
  const toggle = (name) => cashier.spend(
    () => !cashier.cart[name], () => cashier.cart.ask(name, cashier.cart[name] ? 0 : 'max'),
  );
  const member = async () => {
    const found = await ask(say('member_code'), [{ name: 'code', label: say('member_code') }]);
    if (found?.code) await cashier.named(found.code);
  };
  const coupon = async () => {
    const coupons = cashier.cart.who?.member?.coupons ?? [];
    const found = await ask(say('coupon_number'), [{ name: 'number', label: say('coupon_number'), inputmode: 'numeric' }],
      ({ number }) => (coupons[Number(number) - 1] || /^CP\./.test(number) ? '' : say('no_coupon')));
    const id = coupons[Number(found?.number) - 1]?.coupon_id ?? found?.number;
    if (id) await cashier.coupon(id);
  };
  const card = () => {
    const held = cashier.cart.who?.member?.count_cards.find((one) => one.left > 0);
    const line = cashier.cart.selected + 1;
    return held && cashier.spend(() => !cashier.cart.card, () => cashier.cart.ask(
      'card', cashier.cart.card ? null : { card_id: held.card_id, units: 1, line },
    ));
  };
  const table = async () => {
    const found = await ask(say('table_number'), [{ name: 'table', label: say('table_number'), value: cashier.cart.table }]);
    if (found) cashier.cart.table = found.table;
    cashier.draw();
  };
  return {
    F2: member, F3: coupon, F4: () => toggle('points'), F6: () => toggle('stored'), F7: card,
    F8: cashier.screen.tables ? table : null, F9: () => cashier.payCash(), F10: () => cashier.payWechat(),
    F12: () => cashier.drawer(), F5: () => {},
  };
}

/** Bind keyboard, buttons and input to a cashier. */
export function wire(cashier) {
  const acts = keys(cashier);
  const names = { F2: 'member', F3: 'coupon', F4: 'points', F6: 'stored', F7: 'card', F8: 'table', F9: 'cash', F10: 'wechat', F12: 'drawer' };
  show(at('keys'), Object.entries(names).filter(([key]) => acts[key]).map(([key, name]) => el(
    'button', { type: 'button', 'data-key': key, onclick: () => acts[key]() }, el('kbd', { text: key }), say(`key_${name}`),
  )), el('p', { class: 'hint', text: say('keys_hint') }));
  document.addEventListener('keydown', (event) => {
    if (at('counter').hidden || document.querySelector('dialog')) return;
    const input = at('input');
    const act = acts[event.key] ?? {
      ArrowUp: () => cashier.cart.move(-1), ArrowDown: () => cashier.cart.move(1),
      '+': !input.value && (() => cashier.change(() => cashier.cart.change(1))),
      '-': !input.value && (() => cashier.change(() => cashier.cart.change(-1))),
      Delete: () => cashier.change(() => cashier.cart.remove()),
      Escape: () => cashier.leave(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    Promise.resolve(act()).finally(() => cashier.draw());
  });
  at('entry').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = at('input').value.trim();
    at('input').value = '';
    if (text) cashier.enter(text);
  });
}
