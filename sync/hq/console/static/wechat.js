// WeChat Pay: merchants and what ails them, what WeChat and the books say differently, and bills to check.

import { el, show, time, yuan } from './dom.js';
import { act, apart, coded, decided, section, side, table, why } from './parts.js';
import { say } from './words.js';

const look = { mch: '', day: '' };
const money = (count, fen) => `${count} · ￥${yuan(fen)}`;

function trouble(one) {
  if (!one.trouble) return el('span', { class: 'good', text: say('trouble_none') });
  const kind = one.trouble.startsWith("signature of WeChat's") ? 'theirs' : one.trouble.split(':')[0];
  return el('div', {}, el('strong', { class: 'wrong', text: say('trouble_at', { said: one.trouble, at: time(one.trouble_at_ms) }) }),
    el('p', { text: say(`trouble_${kind}`) }), one.rests_until_ms ? el('p', { text: say('rests_until', { at: time(one.rests_until_ms) }) }) : null);
}

function accounts(found) {
  const rows = found.accounts.map((one) => [one.mch_id, one.appid, [one.has_v2 && 'v2', one.has_v3 && 'v3'].filter(Boolean).join(' '),
    one.trusted.join(' ') || say('trusts_nobody'), one.waiting >= 1000 ? '≥1000' : String(one.waiting), trouble(one)]);
  return section('wechat-accounts', say('wechat_accounts'),
    rows.length ? table(['merchant', 'appid', 'keys', 'trusted', 'wechat_waiting', 'trouble'], rows) : el('p', { class: 'hint', text: say('no_accounts') }));
}

function differences(found, hq, app) {
  const rows = found.differences.map((one) => {
    const { mch_id, transaction_id, code } = one;
    const marks = apart(one.store, one.hq);
    const explain = async () => {
      const said = await why(say('explain_title'));
      if (said) await app.act(() => hq.post('/wechat/explain', { mch_id, transaction_id, code, why: said.why }));
    };
    const store = one.store_id ? el('a', { href: `#store/${encodeURIComponent(one.store_id)}`, text: one.store_id }) : '';
    return [el('td', { class: 'day', text: one.day }), [coded(code), el('small', { text: ` ${mch_id} · ${transaction_id} ` }), store], side(one.store, marks), side(one.hq, marks),
      [decided(one.decision), one.state === 'open' && hq.may('operator') ? act('explain', explain) : null]];
  });
  return section('wechat-differences', say('wechat_differences'), table(['bill_day', 'what', 'side_books', 'side_bill', 'resolution'], rows));
}

/** The form and its answer stay while the lists below are drawn anew. */
function billForm(found, hq, app, checked) {
  const merchant = el('select', { id: 'bill-mch' }, found.accounts.map((one) => el('option', { value: one.mch_id, text: one.mch_id })));
  const day = el('input', { id: 'bill-day', type: 'date', required: true });
  const file = el('input', { id: 'bill-file', type: 'file', accept: '.csv,text/csv', required: true });
  const result = el('div', { id: 'bill-result', role: 'status' });
  const start = async (event) => {
    event.preventDefault();
    show(result, say('bill_running'));
    await app.attempt(async () => {
      const path = `/wechat/bills/${encodeURIComponent(merchant.value)}/${encodeURIComponent(day.value)}`;
      const { report } = await hq.upload(path, file.files[0]);
      const equal = report.differences === 0;
      show(result, el('p', { class: equal ? 'good' : 'wrong', text: say(equal ? 'bill_equal' : 'bill_differs', report) }));
      await checked();
    }, () => show(result));
  };
  return section('wechat-bill', say('bill_check'), el('p', { class: 'hint', text: say('bill_hint') }),
    el('form', { class: 'bar', onsubmit: start }, el('label', {}, say('merchant'), merchant), el('label', {}, say('bill_day'), day),
      el('label', {}, say('bill_file'), file), el('button', { type: 'submit', class: 'main', text: say('bill_start') })), result);
}

function bills(found) {
  return section('wechat-bills', say('bills'), table(['bill_day', 'merchant', 'bill_payments', 'bill_refunds', 'checked_at'], found.bills.map((one) => [
    one.bill_day, one.mch_id, money(one.payments, one.total_fen), money(one.refunds, one.refund_fen), time(one.checked_at_ms)])));
}

export async function wechatPage(place, hq, app) {
  const ask = () => hq.get(`/wechat?${new URLSearchParams(look)}`);
  const lists = el('div', { class: 'lists' });
  const drawn = (found) => {
    const differing = differences(found, hq, app);
    differing.classList.toggle('alarm', found.open > 0);
    show(lists, differing, bills(found));
  };
  const again = () => app.attempt(async () => drawn(await ask()));
  const found = await ask();
  const merchants = el('select', { id: 'mch', onchange: () => { look.mch = merchants.value; again(); } },
    [['', say('all_merchants')], ...found.accounts.map((one) => [one.mch_id, one.mch_id])].map(([value, text]) => el('option', { value, selected: value === look.mch, text })));
  const day = el('input', { id: 'day', type: 'date', value: look.day, onchange: () => { look.day = day.value; again(); } });
  drawn(found);
  const top = accounts(found);
  top.classList.toggle('alarm', found.troubled > 0);
  show(place, top, hq.may('operator') && found.accounts.length ? billForm(found, hq, app, async () => drawn(await ask())) : null,
    el('div', { class: 'bar' }, el('label', {}, say('merchant'), merchants), el('label', {}, say('bill_day'), day)), lists);
}
