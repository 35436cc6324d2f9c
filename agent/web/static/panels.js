// What the cashier sees: the cart with its reasons, who stands there, what it comes to, what was sold.

import { el, show, yuan } from './dom.js';
import { reason, say } from './words.js';

export function cartPanel(place, cart) {
  if (cart.empty) {
    show(place, el('p', { class: 'empty', text: say('cart_empty') }));
    return;
  }
  const rows = cart.lines.map((line, index) => row(cart, line, index));
  show(place, el(
    'table', {},
    el('thead', {}, el('tr', {}, ['item', 'qty', 'unit_price', 'amount'].map(
      (key) => el('th', { scope: 'col', text: say(`col_${key}`) }),
    ))),
    el('tbody', {}, rows),
  ));
  place.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
}

function row(cart, line, index) {
  const priced = cart.quote?.lines[index];
  const count = line.grams === null ? `×${line.qty}` : `${line.grams} g`;
  const name = el('td', {}, el('span', { class: 'name', text: priced?.name ?? line.code }));
  if (priced) {
    for (const text of reasons(cart, priced)) name.append(el('span', { class: 'reason', text }));
  }
  return el(
    'tr', { 'aria-current': index === cart.selected && 'true' }, name,
    el('td', { class: 'number', text: count }),
    el('td', { class: 'number' }, priced && priced.unit_fen !== priced.list_unit_fen
      ? [el('s', { text: yuan(priced.list_unit_fen) }), ' ', yuan(priced.unit_fen)] : priced && yuan(priced.unit_fen)),
    el('td', { class: 'number amount', text: priced ? yuan(priced.payable_fen) : '…' }),
  );
}

function reasons(cart, priced) {
  const found = [];
  const tier = cart.who?.member?.tier.name ?? '';
  if (priced.reason !== 'list') found.push(say(`reason_${priced.reason}`, { tier }));
  for (const offer of priced.offers) found.push(`${offer.name} -${yuan(offer.off_fen)}`);
  if (priced.points_off_fen) {
    found.push(say('reason_points', { points: priced.points_used, amount: yuan(priced.points_off_fen) }));
  }
  if (priced.rounding_off_fen) found.push(say('reason_rounding', { amount: yuan(priced.rounding_off_fen) }));
  return found;
}

export function totalPanel(place, cart) {
  const quote = cart.quote;
  if (!quote) {
    show(place);
    return;
  }
  const rows = [];
  const line = (key, value, kind = '') => rows.push(el('div', { class: kind }, el('dt', { text: say(key) }), el('dd', { text: value })));
  if (quote.saved_fen) line('total_list', yuan(quote.list_fen));
  if (quote.saved_fen) line('total_saved', `-${yuan(quote.saved_fen)}`, 'saved');
  if (quote.payable_fen !== quote.due_fen) line('total_payable', yuan(quote.payable_fen));
  const prepaid = quote.prepaid.principal_fen + quote.prepaid.gift_fen;
  if (prepaid) line('total_stored', `-${yuan(prepaid)}`);
  line('total_due', `￥${yuan(quote.due_fen)}`, 'due');
  if (quote.lost_fen) line('total_lost', yuan(quote.lost_fen), 'lost');
  if (cart.who?.member) line('total_earns', String(quote.points_to_earn));
  else if (quote.as_member.payable_fen < quote.payable_fen) {
    line('total_as_member', yuan(quote.as_member.payable_fen), 'saved');
  }
  show(place, el('dl', {}, rows));
}

export function memberPanel(place, cart, joinSvg) {
  const who = cart.who;
  if (!who) {
    show(place, el('h2', { text: say('nobody') }), el('p', { text: say('nobody_hint') }), joinCode(joinSvg));
    return;
  }
  if (!who.member) {
    show(place, el('h2', { text: say('not_member') }), el('p', { text: say('not_member_hint') }), joinCode(joinSvg));
    return;
  }
  const m = who.member;
  const facts = [];
  const fact = (key, text) => facts.push(el('div', {}, el('dt', { text: say(key) }), el('dd', { text })));
  if (m.points !== null) fact('points', m.points.toLocaleString('zh-CN'));
  if (m.points_expiring) fact('points_expiring', `${m.points_expiring.points} · ${m.points_expiring.day}`);
  if (m.stored_value) fact('stored_value', `￥${yuan(m.stored_value.total_fen)}`);
  for (const card of m.count_cards) fact('count_card', `${card.name} ${card.left}/${card.total}`);
  if (m.next_tier) fact('next_tier', `${m.next_tier.name} ${m.next_tier.growth}/${m.next_tier.at_growth}`);
  show(
    place, el('h2', { text: m.masked }), el('p', { class: 'tier', text: tierWords(m.tier) }),
    m.birthday_today && el('p', { class: 'birthday', text: say('birthday') }),
    el('p', { class: 'certainty', text: say(`certainty_${who.by === 'payment_code' ? who.by : who.certainty}`) }),
    m.spending_refused && el('p', { class: 'wrong', text: say(`refused_${m.spending_refused}`) }),
    el('dl', {}, facts), couponList(cart, m),
  );
}

function joinCode(joinSvg) {
  if (!joinSvg) return null;
  return el('figure', { class: 'join' },
    el('img', { src: joinSvg, alt: say('join_alt') }), el('figcaption', { text: say('join_caption') }));
}

/** 8800 is 88折: pay 88 %. */
function tierWords(tier) {
  const rate = tier.pay_rate_bps % 1000 ? tier.pay_rate_bps / 100 : tier.pay_rate_bps / 1000;
  const words = tier.pay_rate_bps < 10000 ? say('tier_rate', { rate, percent: tier.pay_rate_bps / 100 }) : '';
  const points = tier.earn_mult_x100 !== 100 ? say('tier_points', { times: tier.earn_mult_x100 / 100 }) : '';
  return [tier.name, words, points].filter(Boolean).join(' · ');
}

function couponList(cart, member) {
  if (!member.coupons.length) return null;
  const told = new Map((cart.quote?.coupons ?? []).map((one) => [one.id, one]));
  return el('ol', { class: 'coupons', 'aria-label': say('coupons') }, member.coupons.map((one) => {
    const used = cart.coupons.has(one.coupon_id);
    const outcome = told.get(one.coupon_id);
    const note = outcome && !outcome.applied ? say(`why_${outcome.why}`) : outcome ? `-${yuan(outcome.off_fen)}` : '';
    return el('li', { 'aria-current': used && 'true', class: one.usable_today ? '' : 'unusable' },
      el('span', { text: one.name }), el('small', { text: one.usable_today ? note || one.end : say('not_today') }));
  }));
}

export function soldPanel(place, sale, changeFen, joinSvg) {
  const facts = [];
  const fact = (key, text, kind = '') => facts.push(el('div', { class: kind }, el('dt', { text: say(key) }), el('dd', { text })));
  fact('sold_collected', `￥${yuan(sale.collected_fen)}`, 'due');
  if (changeFen) fact('sold_change', `￥${yuan(changeFen)}`, 'due');
  if (sale.points_earned) fact('sold_points', `+${sale.points_earned}`);
  if (sale.points_balance !== null) fact('points', sale.points_balance.toLocaleString('zh-CN'));
  if (sale.foregone_fen) fact('sold_foregone', yuan(sale.foregone_fen));
  show(
    place, el('h2', { text: say(sale.outcome === 'created' ? 'sold' : 'sold_before') }), el('dl', {}, facts),
    sale.points_pending && el('p', { class: 'wrong', text: say('points_pending') }),
    sale.discrepancies.map((one) => el('p', { class: 'wrong', text: reason(one.code) })),
    joinCode(joinSvg),
  );
}
