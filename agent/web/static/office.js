// The panels of the manager page, drawn from answers; what a button does is the manager's.

import { proofChart } from './chart.js';
import { el, time, yuan } from './dom.js';
import { renew } from './renew.js';
import { reason, say } from './words.js';

const heading = (key, ...more) => el('h2', {}, say(key), more);
const act = (key, onclick, kind = '') => el('button', { type: 'button', class: kind, onclick, text: say(key) });

/** `keys`: what each row stands for, where its buttons act on it. */
function table(columns, rows, empty, keys = []) {
  if (!rows.length) return el('p', { class: 'hint', text: say(empty) });
  return el('table', {},
    el('thead', {}, el('tr', {}, columns.map((key) => el('th', { scope: 'col', text: key && say(key) })))),
    el('tbody', {}, rows.map((cells, at) => el('tr', { 'data-key': keys[at] }, cells.map((cell) => el('td', {}, cell))))));
}

export function todayPanel(place, today, status) {
  const facts = [];
  const fact = (words, text) => facts.push(el('div', {}, el('dt', { text: words }), el('dd', { text })));
  for (const [kind, count] of Object.entries(today.events)) {
    const amount = today.payable_fen[kind] ?? 0;
    fact(say(`event_${kind}`), amount ? `${count} / ￥${yuan(amount)}` : String(count));
  }
  for (const [type, amount] of Object.entries(today.tenders_fen)) fact(say(`tender_${type}`), `￥${yuan(amount)}`);
  fact(say('today_members'), `${today.member_sales} / ${today.events.sale ?? 0}`);
  fact(say('today_saved'), `￥${yuan(today.saved_fen)}`);
  fact(say('today_points'), String(today.points_earned));
  fact(say('today_waiting'), String(status.outbox.pending));
  if (status.outbox.suspended + status.outbox.conflict) {
    fact(say('today_suspended'), String(status.outbox.suspended + status.outbox.conflict));
  }
  renew(place, heading('today', el('small', { text: today.business_day })), el('dl', { class: 'figures' }, facts));
}

export function proofsPanel(place, proofs, status, manager) {
  const last = proofs[0];
  const equal = !last || ['equal', 'healed', 'explained'].includes(last.result);
  place.classList.toggle('alarm', !equal);
  renew(place, heading('proofs', act('prove_now', () => manager.reconcile())),
    el('p', { class: equal ? 'good' : 'wrong', text: last ? `${time(last.at_ms)} ${say(`proof_${last.result}`)}` : say('proof_none') }),
    proofChart(proofs),
    el('p', { class: 'hint', text: say('proof_next', { at: time(status.next_proof_at_ms) }) }),
    status.sync_alarm && el('p', { class: 'wrong', text: status.sync_alarm }));
}

export function differencesPanel(place, differences, manager) {
  const open = differences.filter((one) => one.state === 'open').length;
  place.classList.toggle('alarm', open > 0);
  const side = (one, name) => {
    const [amount, points, digest] = ['fen', 'points', 'digest'].map((what) => one[`${name}_${what}`]);
    if (amount === null && points === null && !digest) return el('span', { class: 'hint', text: say('side_missing') });
    return el('span', { class: 'side' },
      [amount !== null && `￥${yuan(amount)}`, points !== null && `${points} ${say('points')}`, digest && digest.slice(0, 12)]
        .filter(Boolean).join(' · '));
  };
  renew(place, heading('differences', act(manager.everything ? 'only_open' : 'also_explained', () => manager.all(!manager.everything))),
    table(['number', 'what', 'side_store', 'side_hq', 'seen', ''], differences.map((one) => [
      String(one.number), [el('strong', { text: one.code }), ' ', one.sale_id || `${one.epoch} ${one.key}`, el('br'), one.detail],
      side(one, 'store'), side(one, 'hq'), time(one.last_seen_ms),
      one.state === 'open' ? act('explain', () => manager.explain(one.number)) : `${one.explained_by}: ${one.why}`,
    ]), 'no_differences', differences.map((one) => one.number)));
}

export function devicesPanel(place, devices, manager) {
  renew(place, heading('devices'), table(['device', 'state', 'since', ''], devices.map((one) => [
    `${say(`chip_${one.kind}`)} ${one.name}`,
    el('span', { class: one.up ? 'good' : 'wrong', text: `${say(one.up === null ? 'chip_unknown' : one.up ? 'chip_up' : 'chip_down')} ${reason(one.reason)}` }),
    time(one.since_at_ms), one.kind === 'printer' ? act('test_page', () => manager.testPrint(one.name)) : '',
  ]), 'no_devices', devices.map((one) => `${one.kind} ${one.name}`)));
}

export function jobsPanel(place, jobs, manager) {
  const again = new Set(['sent', 'confirmed', 'unconfirmed', 'expired']);
  renew(place, heading('print_jobs'), table(['time', 'kind', 'state', ''], jobs.map((one) => [
    time(one.created_at_ms), `${say(`job_${one.kind}`)} ${one.reprint_of ? say('copy') : ''}`,
    el('span', { class: ['unconfirmed', 'failed', 'expired'].includes(one.state) ? 'wrong' : '', text: `${say(one.kind === 'drawer' && one.state === 'confirmed' ? 'state_drawer_opened' : `state_${one.state}`)} ${reason(one.note)}` }),
    again.has(one.state) && one.kind !== 'drawer' ? act('reprint', () => manager.reprint(one.job_id)) : '',
  ]), 'no_jobs', jobs.map((one) => one.job_id)));
}

export function rightsPanel(place, rights) {
  const amount = (account, value) => (account.startsWith('sv_') ? `￥${yuan(value)}` : String(value));
  renew(place, heading('rights'), el('p', { class: 'hint', text: say('rights_hint') }),
    el('dl', {}, Object.entries(rights.sums).map(([account, value]) => el('div', {},
      el('dt', { text: say(`account_${account}`) }), el('dd', { text: amount(account, value) })))),
    table(['member', 'kind', 'left', 'until'], rights.leases.slice(0, 50).map((one) => [
      one.member_id, say(`account_${one.account}`), amount(one.account, one.remaining),
      one.usable_until_ms ? time(one.usable_until_ms) : one.expires || '—',
    ]), 'no_rights'));
}

export function freezesPanel(place, freezes, manager) {
  place.classList.toggle('alarm', freezes.length > 0);
  renew(place, heading('freezes'), table(['member', 'time', 'points', ''], freezes.map((one) => [
    one.member_id, time(one.at_ms), String(one.points), act('lift', () => manager.lift(one.member_id), 'danger'),
  ]), 'no_freezes', freezes.map((one) => one.member_id)));
}

export function tokensPanel(place, tokens, manager) {
  renew(place, heading('tokens', act('pair', () => manager.pair())), table(['program', 'scopes', 'since', ''], tokens.map((one) => [
    one.operator ? `${one.app} (${one.operator})` : one.app, one.scopes.map((scope) => say(`scope_${scope}`)).join(' '),
    time(one.created_at_ms), act('revoke', () => manager.revoke(one), 'danger'),
  ]), 'no_tokens', tokens.map((one) => one.token_id)));
}

export function operatorsPanel(place, operators, manager) {
  renew(place, heading('operators', act('add', () => manager.putOperator())), table(['operator', 'name', 'role', ''], operators.map((one) => [
    one.operator, one.name, say(`role_${one.role}`),
    [act('new_pin', () => manager.putOperator(one)), ' ', act('remove', () => manager.removeOperator(one.operator), 'danger')],
  ]), 'no_operators', operators.map((one) => one.operator)));
}

export function modePanel(place, status, mode, manager) {
  const age = status.snapshot_age_s;
  const held = say(mode.training && mode.real_waiting ? 'mode_held' : 'proof_count', { count: mode.real_waiting });
  place.classList.toggle('alarm', mode.training);
  renew(place, heading('mode', !mode.fixed_by && !mode.changing
    && act(mode.training ? 'training_end' : 'training_begin', () => manager.turn(), mode.training ? 'main' : '')),
  el('dl', {},
    el('div', {}, el('dt', { text: say('mode_now') }), el('dd', { text: say(mode.training ? 'mode_training' : 'mode_real') })),
    el('div', {}, el('dt', { text: say('mode_waiting') }), el('dd', { text: held })),
    el('div', {}, el('dt', { text: say('snapshot_age') }), el('dd', { text: age === null ? say('chip_unknown') : say('minutes', { count: Math.round(age / 60) }) })),
    el('div', {}, el('dt', { text: say('chip_clock') }), el('dd', { text: say(status.clock.trusted ? 'clock_good' : 'clock_bad') })),
  ), mode.fixed_by && el('p', { class: 'hint', text: say(`mode_${mode.fixed_by}`) }),
  mode.changing && el('p', { class: 'hint', text: say('mode_turning') }),
  mode.changes.length > 0 && [el('h3', { text: say('mode_changes') }),
    table(['time', 'mode_now', 'who'], mode.changes.slice(0, 5).map((one) => [
      time(one.at_ms), `${say(one.training ? 'training_begin' : 'training_end')}${one.begun_at_ms === null ? ` (${say('mode_not_begun')})` : ''}`,
      one.operator,
    ]), 'mode_changes')],
  !status.clock.trusted && act('confirm_clock', () => manager.confirmClock(), 'main'));
}
