// Rules: a draft as text, every fault with its line, what it changes, and publishing as a new version.

import { el, show, time } from './dom.js';
import { act, brandChoice, section, table, why } from './parts.js';
import { say } from './words.js';

function changes(lines) {
  if (!lines.length) return el('p', { class: 'hint', text: say('no_changes') });
  const kind = (line) => (line.startsWith('-') ? 'minus' : line.startsWith('+') ? 'plus' : '');
  return el('pre', { id: 'changes' }, lines.map((line) => el('div', { class: kind(line), text: line })));
}

/** The version number in a text, or null; nothing else of it is read here. */
function versionOf(text) {
  try {
    const { version } = JSON.parse(text);
    return Number.isInteger(version) ? version : null;
  } catch {
    return null;
  }
}

export async function rulesPage(place, hq, app) {
  const { brand, choice } = await brandChoice(hq, () => app.draw());
  const asked = encodeURIComponent(brand);
  const { versions, text } = await hq.get(`/rules?brand=${asked}`);
  const draft = el('textarea', { id: 'draft', class: 'draft', spellcheck: 'false', 'aria-label': say('draft') });
  draft.value = text;
  const result = el('div', { id: 'checked', role: 'status' });

  function go(line, column) {
    const before = draft.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0) + column - 1;
    draft.focus();
    draft.setSelectionRange(before, before + 1);
  }

  const faults = (found) => table(['line', 'field', 'fault'], found.map((one) => [
    el('button', { type: 'button', onclick: () => go(one.line, one.column), text: `${one.line}:${one.column}` }), one.field, one.text]));

  async function check() {
    const found = await hq.post('/rules/check', { brand_id: brand, text: draft.value });
    const good = found.faults.length === 0;
    show(result, el('p', { class: good ? 'good' : 'wrong', text: good ? say('no_faults') : say('faults', { n: found.faults.length }) }),
      good ? null : faults(found.faults), found.warnings.length ? [el('h3', { text: say('warnings') }), faults(found.warnings)] : null,
      el('h3', { text: say('changes') }), changes(found.changes));
    return good;
  }

  async function publish() {
    await app.attempt(async () => {
      if (!await check()) return;
      const said = await why(say('publish_title', { n: versionOf(draft.value) }));
      if (!said) return;
      const done = await hq.post('/rules/publish', { brand_id: brand, text: draft.value, why: said.why });
      await app.draw();
      app.say(say('published', { n: done.version }));
    });
  }

  const open = (version) => app.attempt(async () => app.look(`/rules?brand=${asked}&version=${version}`, (found) => found.text));
  show(place, choice,
    section('rules', say('draft'), draft, el('p', { class: 'bar' }, act('check', () => app.attempt(check)),
      hq.may('admin') ? act('publish', publish, 'main') : null), result),
    section('versions', say('versions'), table(['versions', 'time', ''], versions.map((one, index) => [
      `${say('version', { n: one.version })} ${index === 0 ? say('in_force') : ''}`, time(one.created_at_ms), act('look', () => open(one.version)),
    ]))));
}
