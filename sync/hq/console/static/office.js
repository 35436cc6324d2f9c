// Seals to download, the log of what people did, and who may sign in.

import { ask, confirmed } from './dialogs.js';
import { el, show, time } from './dom.js';
import { act, section, table } from './parts.js';
import { known, say } from './words.js';

export async function sealsPage(place, hq, app) {
  const { seals } = await hq.get('/seals');
  const file = (format, name) => () => app.attempt(() => hq.download(`/seals/file?format=${format}`, name));
  show(place, section('seals', [say('seals'), act('download_csv', file('csv', 'seals.csv'), 'main'), act('download_jsonl', file('jsonl', 'seals.jsonl'))],
    table(['time', 'workstation', 'number', 'range', 'detail'], seals.map((one) => [
      time(one.at_ms), one.workstation_id, String(one.number), `${one.epoch} ${one.first}–${one.last}`, one.hour,
    ]))));
}

const DETAIL_TOLD = ['sign-in.refused', 'user.put', 'member.plain', 'member.plain.refused'];  // within the sentence

function sentence(one) {
  const word = [`role_${one.detail}`, `field_${one.detail}`].find(known);
  return say(`act_${one.act}`, { who: one.name, object: one.object || say('log_nobody'), detail: word ? say(word) : one.detail });
}

const detail = (one) => (DETAIL_TOLD.includes(one.act) || (one.act === 'member.look' && !one.object) ? '' : one.detail);

export async function logPage(place, hq, app) {
  const rows = [];
  const body = el('div', {});
  const more = act('more', () => app.attempt(add));
  async function add() {
    const { log } = await hq.get(`/log?before=${rows.at(-1)?.number ?? ''}`);
    rows.push(...log);
    more.hidden = log.length < 100;
    show(body, table(['time', 'act', 'why', 'detail'], rows.map((one) => [time(one.at_ms), sentence(one), one.why, detail(one)])));
  }
  await add();
  show(place, section('log', say('log'), body, more));
}

export async function usersPage(place, hq, app) {
  const { users } = await hq.get('/users');
  const roles = ['viewer', 'operator', 'admin'];
  const put = async (known = {}) => {
    const said = await ask(say('add_user'), [
      { name: 'name', label: say('name'), value: known.name },
      { name: 'role', label: say('role_hint'), value: String(roles.indexOf(known.role ?? 'viewer') + 1), inputmode: 'numeric' },
      { name: 'password', label: say('password') },
    ], (values) => (values.name && values.password && /^[123]$/.test(values.role) ? '' : say('refused_PASSWORD_WEAK')));
    if (said) await app.act(() => hq.post('/users', { ...said, role: roles[Number(said.role) - 1] }));
  };
  const remove = (name) => async () => {
    if (await confirmed(say('remove_title', { who: name }))) await app.act(() => hq.call('DELETE', `/users/${encodeURIComponent(name)}`));
  };
  show(place, section('users', [say('users'), act('add_user', () => put())], table(['name', 'role', 'since', ''], users.map((one) => [
    one.name, say(`role_${one.role}`), time(one.created_at_ms), [act('add_user', () => put(one)), act('remove', remove(one.name), 'danger')],
  ]))));
}
