// Pieces that every page of the console is made of.

import { ask } from './dialogs.js';
import { el, time, yuan } from './dom.js';
import { known, say } from './words.js';

export const act = (key, onclick, kind = '') => el('button', { type: 'button', class: kind, onclick, text: say(key) });

export const section = (id, title, ...content) => el('section', { id }, el('h2', {}, title), content);

export function table(columns, rows) {
  if (!rows.length) return el('p', { class: 'hint', text: say('nothing') });
  return el('table', {},
    el('thead', {}, el('tr', {}, columns.map((key) => el('th', { scope: 'col', text: key && say(key) })))),
    el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => (
      cell instanceof HTMLTableCellElement ? cell : el('td', {}, cell)))))));
}

/** One side of what differs, as a cell; labels in `apart` are marked. */
export function side(said, apart = new Set()) {
  return el('td', { class: 'side' }, el('dl', {}, said.map(([label, value]) => el('div', { class: apart.has(label) ? 'apart' : '' },
    el('dt', { text: known(`side_${label}`) ? say(`side_${label}`) : label }),
    el('dd', { text: label === 'payable' ? `￥${yuan(value)}` : String(value) })))));
}

/** A code, with its meaning where the words have one. */
export const coded = (code) => [el('strong', { text: code }), known(`code_${code}`) ? ` ${say(`code_${code}`)}` : ''];

/** Labels whose values are not the same on both sides. */
export function apart(left, right) {
  const held = new Map(right.map(([label, value]) => [label, String(value)]));
  return new Set(left.filter(([label, value]) => held.has(label) && held.get(label) !== String(value)).map(([label]) => label));
}

export const why = (title, ...fields) => ask(title, [...fields, { name: 'why', label: say('why') }],
  (values) => (values.why ? '' : say('why_needed')));

export function decided(one) {
  if (!one) return null;
  return el('span', { class: one.outdated ? 'wrong' : '' },
    one.outdated ? say('outdated') : '', `${say(`decision_${one.decision}`)}: ${one.name}, ${time(one.at_ms)}: ${one.why}`);
}

export const amount = (account, value) => (account.startsWith('sv_') ? `￥${yuan(value)}` : String(value));

export const account = (name) => (known(`account_${name}`) ? say(`account_${name}`) : name);

/** The brand that is looked at, as a select; remembered while the page lives. */
let chosen = '';

export async function brandChoice(hq, changed) {
  const { brands } = await hq.get('/overview?least=3');
  if (!brands.some((one) => one.brand_id === chosen)) chosen = brands[0]?.brand_id ?? '';
  const select = el('select', {
    id: 'brand', onchange: () => { chosen = select.value; changed(); },
  }, brands.map((one) => el('option', { value: one.brand_id, selected: one.brand_id === chosen, text: one.name })));
  return { brand: chosen, choice: el('label', {}, say('brand'), select) };
}
