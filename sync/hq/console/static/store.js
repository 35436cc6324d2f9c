// One store: its proofs, what differs with both sides next to each other, what waits for a person, and its leases.

import { proofChart } from './chart.js';
import { ask } from './dialogs.js';
import { el, show, time } from './dom.js';
import { account, act, amount, apart, coded, decided, section, side, table, why } from './parts.js';
import { frozenTable } from './people.js';
import { say } from './words.js';

const named = (one) => `${one.workstation_id} · ${one.seq ?? one.key}`;
const event = (one) => `/events/${[one.workstation_id, one.epoch, one.seq].map(encodeURIComponent).join('/')}`;

function proofs(found) {
  const shown = found.proofs.map((one) => ({ at_ms: one.at_ms, count: one.asked_count, result: one.equal ? 'equal' : 'different' }));
  const table_ = table(['time', 'workstation', 'result', 'side_store', 'side_hq'], found.proofs.slice(0, 10).map((one) => {
    const [store, hq] = ['asked', 'held'].map((whose) => [['count', one[`${whose}_count`]], ['head', one[`${whose}_head`].slice(0, 16)]]);
    const marks = apart(store, hq);
    return [time(one.at_ms), one.workstation_id, el('span', { class: one.equal ? 'good' : 'wrong', text: say(one.equal ? 'proof_equal' : 'proof_different') }),
      side(store, marks), side(hq, marks)];
  }));
  return section('proofs', say('proofs'), shown.length ? proofChart(shown) : null, table_);
}

function discrepancies(found, hq, app) {
  const rows = found.discrepancies.map((one) => {
    const { workstation_id, epoch, side: whose, place, key, code } = one;
    const marks = apart(one.store, one.hq);
    const explain = async () => {
      const said = await why(say('explain_title'));
      const [path, named_] = one.mch_id ? ['/wechat/explain', { mch_id: one.mch_id, transaction_id: key, code }]
        : ['/discrepancies/explain', { workstation_id, epoch, side: whose, place, key, code }];
      if (said) await app.act(() => hq.post(path, { ...named_, why: said.why }));
    };
    return [time(one.last_seen_ms), [coded(code), ` ${workstation_id} · ${place} ${key}`], side(one.store, marks), side(one.hq, marks),
      [decided(one.decision), one.state === 'open' && hq.may('operator') ? act('explain', explain) : null]];
  });
  return section('discrepancies', say('discrepancies'), table(['time', 'what', 'side_store', 'side_hq', 'resolution'], rows));
}

function differences(found, hq, app) {
  const rows = found.differences.map((one) => {
    const { workstation_id, epoch, seq, code } = one;
    const marks = apart(one.store, one.hq);
    const explain = async () => {
      const said = await why(say('explain_title'));
      if (said) await app.act(() => hq.post('/differences/explain', { workstation_id, epoch, seq, code, why: said.why }));
    };
    const open = !one.decision || one.decision.outdated;
    return [time(one.at_ms), [el('strong', { text: code }), ` ${named(one)} `, act('look', () => app.look(event(one)))], side(one.store, marks), side(one.hq, marks),
      [decided(one.decision), open && hq.may('operator') ? act('explain', explain) : null]];
  });
  return section('differences', say('differences'), table(['time', 'what', 'side_store', 'side_hq', 'resolution'], rows));
}

function suspended(found, hq, app) {
  const rows = found.suspended.map((one) => {
    const { workstation_id, epoch, seq } = one;
    const decide = (decision) => async () => {
      const said = await why(say(`${decision}_title`));
      if (said) await app.act(() => hq.post('/suspended/decide', { workstation_id, epoch, seq, decision, why: said.why }));
    };
    const open = hq.may('operator') && one.decision?.decision !== 'released';
    return [time(one.received_at_ms), [el('strong', { text: one.code }), ` ${named(one)}`], side(one.says),
      [decided(one.decision), act('look', () => app.look(event(one))), open ? act('release', decide('release')) : null,
        open && !one.decision ? act('keep', decide('keep')) : null]];
  });
  return section('suspended', say('suspended'), table(['time', 'what', 'side_store', 'resolution'], rows));
}

function forks(found, hq, app) {
  const rows = found.forks.map((one) => {
    const { workstation_id, epoch, seq, digest } = one;
    const marks = apart(one.first, one.other);
    const decide = (decision) => async () => {
      const said = await why(say(`take_${decision}`));
      if (said) await app.act(() => hq.post('/forks/decide', { workstation_id, epoch, seq, digest, decision, why: said.why }));
    };
    const compare = () => app.compare([say('version_first'), one.first_body], [say('version_other'), one.other_body]);
    return [[named(one), ' ', act('look', compare)], side(one.first, marks), side(one.other, marks),
      [decided(one.decision), !one.decision && hq.may('operator') ? [act('take_first', decide('first')), act('take_other', decide('other'))] : null]];
  });
  return section('forks', say('forks'), table(['what', 'version_first', 'version_other', 'resolution'], rows));
}

function leases(found, hq, app) {
  const stations = [...new Set(found.leases.map((one) => one.workstation_id))];
  const rows = stations.map((who) => {
    const held = found.leases.filter((one) => one.workstation_id === who);
    const words = held.map((one) => `${account(one.account)} ${amount(one.account, one.amount)}`);
    const writeOff = async () => {
      const said = await ask(say('write_off_title', { who, amount: words.join(' + ') }), [
        { name: 'typed', label: say('write_off_warn') }, { name: 'why', label: say('why') },
      ], (values) => (values.typed !== who ? say('typed_wrong') : values.why ? '' : say('why_needed')), say('write_off'));
      if (!said) return;
      const seen = held.map((one) => ({ account: one.account, leases: one.leases, amount: one.amount }));
      await app.act(() => hq.post('/write-offs', { workstation_id: who, typed: said.typed, seen, why: said.why }), say('written_off'));
    };
    return [who, String(held.reduce((sum, one) => sum + one.leases, 0)), words.join(' + '), hq.may('operator') ? act('write_off', writeOff, 'danger') : ''];
  });
  return section('leases', say('leases'), table(['workstation', 'lease_count', 'amount_at_risk', ''], rows));
}

export async function storePage(place, hq, app, id) {
  const found = await hq.get(`/stores/${encodeURIComponent(id)}`);
  const { store, standing } = found;
  const parts = [proofs(found), discrepancies(found, hq, app), differences(found, hq, app), suspended(found, hq, app), forks(found, hq, app),
    section('frozen', say('frozen'), frozenTable(found.frozen, hq, app)), leases(found, hq, app)];
  for (const name of ['discrepancies', 'suspended', 'forks', 'differences']) {
    parts.find((one) => one.id === name).classList.toggle('alarm', (standing?.[name] ?? 0) > 0);
  }
  show(place, el('p', {}, el('a', { href: '#stores', text: say('back') })),
    section('store', [`${store.name} ${store.store_id}`, el('small', { text: store.brand_name }),
      standing && el('span', { class: `level l${standing.level}`, text: say(`level_${standing.level}`) })],
    table(['workstation', 'state', 'since'], found.stations.map((one) => [one.workstation_id, say(`state_${one.state}`), one.enrolled_at_ms ? time(one.enrolled_at_ms) : '']))),
    parts);
}
