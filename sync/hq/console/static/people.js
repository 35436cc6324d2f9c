// Members: found one at a time, always masked; frozen accounts, who joined, files, and who wants to be forgotten.

import { el, show, time, yuan } from './dom.js';
import { confirmed } from './dialogs.js';
import { account, act, amount, brandChoice, section, table, why } from './parts.js';
import { say } from './words.js';

export function frozenTable(members, hq, app) {
  return table(['member', 'state', 'pending', 'why', ''], members.map((one) => {
    const decide = (frozen, title) => async () => {
      const said = await why(say(title, { who: one.member_id }));
      if (said) await app.act(() => hq.post('/freezes', { brand_id: one.brand_id, member_id: one.member_id, frozen, why: said.why }));
    };
    return [`${one.masked} ${one.member_id}`, say(one.frozen ? 'is_frozen' : 'not_frozen'), String(one.pending), one.reason ?? '',
      hq.may('operator') ? [act('lift', decide(false, 'lift_title'), 'danger'), act('keep_frozen', decide(true, 'keep_frozen'))] : ''];
  }));
}

export async function frozenPage(place, hq, app) {
  const { brand, choice } = await brandChoice(hq, () => app.draw());
  const { frozen } = await hq.get(`/frozen?brand=${encodeURIComponent(brand)}`);
  show(place, choice, section('frozen', say('frozen'), frozenTable(frozen, hq, app)));
}

function memberCard(found, hq, app) {
  const { member } = found;
  const facts = [
    ['masked', found.erased ? say('erased') : member.masked], ['tier', member.tier_id], ['points', member.points],
    ['stored_value', `￥${yuan(member.sv_principal_fen ?? 0)} + ￥${yuan(member.sv_gift_fen ?? 0)}`], ['pending', found.pending],
    ['state', say(member.frozen ? 'is_frozen' : 'not_frozen')],
    ['identities', Object.entries(found.identities).map(([kind, n]) => say(`identity_${kind}`, { n })).join(' · ')],
  ];
  const freeze = async () => {
    const said = await why(say('freeze_title', { who: member.member_id }));
    if (said) await app.act(() => hq.post('/freezes', { brand_id: found.brand_id, member_id: member.member_id, frozen: true, why: said.why }));
  };
  const erase = async () => {
    const said = await why(say('erase_title', { who: member.member_id }));
    if (said) await app.act(() => hq.post('/erasures', { brand_id: found.brand_id, member_id: member.member_id, why: said.why }));
  };
  const plain = (field) => async () => {
    const said = await why(say('plain_title', { what: say(`plain_${field}`), who: member.member_id }));
    if (!said) return;
    await app.attempt(async () => {
      const { values } = await hq.post('/members/plain', { brand_id: found.brand_id, member_id: member.member_id, field, why: said.why });
      app.open(el('div', { class: 'plain' }, el('h3', { text: say(`plain_${field}`) }),
        values.length ? values.map((value) => el('p', { text: value })) : say('nothing')));
    });
  };
  return section('member', `${say('member')} ${member.member_id}`,
    el('dl', {}, facts.map(([key, value]) => el('div', {}, el('dt', { text: say(key) }), el('dd', { text: String(value) })))),
    table(['workstation', 'account', 'amount_at_risk'], found.leases.map((one) => [one.workstation_id, account(one.account), amount(one.account, one.amount)])),
    el('p', {}, found.erased ? null : [act('plain_birthday', plain('birthday')), ' ', act('plain_wechat', plain('wechat')), ' ', act('freeze', freeze, 'danger'), ' ', hq.may('admin') ? act('erase', erase, 'danger') : null]));
}

function imports(brand, hq, app) {
  const kinds = ['members', 'items', 'merchants', 'batches', 'coupons', 'cards', 'gifts', 'slots'];
  const what = el('select', { id: 'import-what' }, kinds.map((one) => el('option', { value: one, text: say(`import_${one}`) })));
  const file = el('input', { id: 'import-file', type: 'file', accept: '.csv,text/csv', required: true });
  const skip = el('input', { id: 'import-skip', type: 'checkbox' });
  const result = el('div', { id: 'import-result', role: 'status' });
  const start = async (event) => {
    event.preventDefault();
    show(result, say('import_running'));
    await app.attempt(async () => {
      const { report } = await hq.upload(`/imports/${what.value}?brand=${encodeURIComponent(brand)}&skip_bad=${skip.checked}`, file.files[0]);
      const words = report.rejected ? say('import_rejected', report) : say('import_done', report);
      show(result, el('p', { class: report.rejected ? 'wrong' : 'good', text: words }),
        report.tiers_unchecked ? el('p', { class: 'wrong', text: say('import_tiers_unchecked') }) : null,
        report.faults.length ? table(['line', 'fault'], report.faults.map((one) => [String(one.line), one.reason])) : null,
        report.warnings.length ? [say('warnings'), table(['line', 'fault'], report.warnings.map((one) => [String(one.line), one.reason]))] : null);
    }, () => show(result));
  };
  return section('imports', say('imports'), el('form', { class: 'bar', onsubmit: start },
    el('label', {}, say('import_what'), what), el('label', {}, say('import_file'), file),
    el('label', {}, say('import_skip'), skip), el('button', { type: 'submit', class: 'main', text: say('import_start') })), result);
}

export async function membersPage(place, hq, app) {
  const { brand, choice } = await brandChoice(hq, () => app.draw());
  const { joins } = await hq.get(`/joins?brand=${encodeURIComponent(brand)}`);
  const code = el('input', { id: 'member-code', autocomplete: 'off', required: true, maxlength: 64 });
  const card = el('div', { id: 'found-member' });
  const find = async (event) => {
    event.preventDefault();
    show(card);
    await app.attempt(async () => show(card, memberCard(await hq.post('/members/find', { brand_id: brand, code: code.value }), hq, app)));
  };
  show(place, el('div', { class: 'bar' }, choice),
    hq.may('operator') ? el('form', { class: 'bar', role: 'search', onsubmit: find }, el('label', {}, say('find_member'), code),
      el('button', { type: 'submit', class: 'main', text: say('find') })) : null,
    card, hq.may('admin') ? imports(brand, hq, app) : null,
    section('joins', say('joins'), table(['time', 'member', '', 'state', 'points'], joins.map((one) => [
      time(one.at_ms), one.member_id, say(one.is_new ? 'new_member' : 'old_member'), `${say(`join_${one.state}`)} ${one.code}`, String(one.points + one.pack_points),
    ]))));
}

export async function erasuresPage(place, hq, app) {
  const { erasures } = await hq.get('/erasures');
  const state = (one) => {
    const spread = one.state !== 'erased' ? '' : one.lacking ? `${say('erasure_lacking', { n: one.lacking })}: ${one.stations.join(', ')}` : say('erasure_done');
    return `${say(`erasure_${one.state}`)} ${spread}`;
  };
  const decide = (one, erase) => async () => {
    if (erase && !await confirmed(say('confirm_title', { who: one.member_id }))) return;
    await app.act(() => hq.post(`/erasures/${encodeURIComponent(one.request_id)}`, { erase, why: '' }));
  };
  show(place, section('erasures', say('nav_erasures'), table(['time', 'member', 'why', 'asked_by', 'decided_by', 'state', ''], erasures.map((one) => [
    time(one.asked_at_ms), one.member_id, one.why, one.asked_by, one.decided_by, state(one),
    one.state === 'asked' && hq.may('admin') ? [act('confirm', decide(one, true), 'danger'), act('refuse', decide(one, false))] : '',
  ]))));
}
