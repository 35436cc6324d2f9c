// Every store at a glance: most trouble first, a cell each, told by colour, shape and words. Arrow keys move.

import { el, show, time, yuan } from './dom.js';
import { act } from './parts.js';
import { say } from './words.js';

const COUNTS = ['forks', 'discrepancies', 'suspended', 'differences', 'silent', 'stranded', 'waiting'];
const look = { brand: '', find: '', least: '0' };

function query(after) {
  const asked = new URLSearchParams(look);
  if (after) asked.set('after', `${after.trouble}:${after.store_id}`);
  return `/overview?${asked}`;
}

function risk(one) {
  return [one.risk_fen ? `￥${yuan(one.risk_fen)}` : '', one.risk_points ? `${one.risk_points} ${say('points')}` : '']
    .filter(Boolean).join(' + ');
}

function cell(one) {
  const words = COUNTS.filter((name) => one[name] > 0).map((name) => say(`what_${name}`, { n: one[name] }));
  if (one.proof === 'different') words.unshift(say('proof_different'));
  if (one.stranded && risk(one)) words.push(risk(one));
  const proof = one.proof_ms ? say('proof_at', { at: time(one.proof_ms) }) : say('proof_none');
  return el('li', {}, el('a', { class: `cell l${one.level}`, href: `#store/${encodeURIComponent(one.store_id)}`, tabindex: -1, 'data-id': one.store_id },
    el('strong', { text: one.store_name }), ` ${one.store_id}`,
    el('small', { text: `${say(`level_${one.level}`)} · ${proof}` }), words.length ? el('small', { text: words.join(' · ') }) : null));
}

function arrows(event) {
  const cells = [...event.currentTarget.querySelectorAll('.cell')];
  const here = cells.indexOf(document.activeElement);
  if (here < 0) return;
  const row = cells.filter((one) => one.offsetTop === cells[0].offsetTop).length;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -here, End: cells.length - 1 - here };
  const next = cells[here + (moves[event.key] ?? NaN)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** What WeChat says differently concerns no store alone: it stands above them. */
function ofWechat({ open, troubled }) {
  return open + troubled ? el('p', { class: 'wrong', id: 'of-wechat' }, el('a', { href: '#wechat', text: say('wechat_open', { open, troubled }) })) : null;
}

function ofReads(refused) {
  return refused ? el('p', { class: 'wrong', id: 'of-reads' }, el('a', { href: '#log', text: say('plain_alarm', { n: refused }) })) : null;
}

function levels(brands) {
  const sums = [3, 2, 1, 0].map((level) => [level, brands.reduce((sum, one) => sum + one.levels[level], 0)]);
  return el('ul', { class: 'levels' }, sums.map(([level, count]) => el('li', { class: `level l${level}`, 'data-level': level, text: `${say(`level_${level}`)} ${count}` })));
}

export async function storesPage(place, hq, app) {
  const found = await hq.get(query());
  const shown = found.brands.filter((one) => !look.brand || one.brand_id === look.brand);
  const count = shown.reduce((sum, one) => sum + one.levels.reduce((a, b) => a + b, 0), 0);
  const again = () => app.draw();
  const select = (name, options) => el('select', {
    id: name, onchange: (event) => { look[name] = event.target.value; again(); },
  }, options.map(([value, text]) => el('option', { value, selected: value === look[name], text })));
  const find = el('input', { id: 'find', type: 'search', value: look.find, maxlength: 100 });
  const form = el('form', { class: 'bar', role: 'search', onsubmit: (event) => { event.preventDefault(); look.find = find.value.trim(); again(); } },
    el('label', {}, say('brand'), select('brand', [['', say('all_brands')], ...found.brands.map((one) => [one.brand_id, one.name])])),
    el('label', {}, say('least'), select('least', [0, 1, 2, 3].map((one) => [String(one), say(`least_${one}`)]))),
    el('label', {}, say('find_store'), find), el('button', { type: 'submit', class: 'main', text: say('find') }));
  const cells = el('ul', { class: 'cells', onkeydown: arrows });
  const more = act('more', async () => {
    await app.attempt(async () => {
      const next = await hq.get(query(cells.last));
      add(next.stores);
    });
  });
  function add(stores) {
    cells.append(...stores.map(cell));
    cells.last = stores.at(-1) ?? cells.last;
    more.hidden = stores.length < 500;
  }
  const focused = document.activeElement?.dataset?.id;
  add(found.stores);
  show(place, form, ofWechat(found.wechat), ofReads(found.plain_refused), levels(shown), el('p', { class: 'hint', id: 'as-of', text: found.as_of_ms ? say('as_of', { at: time(found.as_of_ms), count }) : say('reckoning', { count }) }),
    found.stores.length ? cells : el('p', { text: say('no_stores') }), more);
  cells.querySelector('.cell')?.setAttribute('tabindex', '0');
  [...cells.querySelectorAll('.cell')].find((one) => one.dataset.id === focused)?.focus();
}
