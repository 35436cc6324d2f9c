// The line of chips at the top: HQ, printers, scanners, clock, disk, the page's own line. Colour is never alone: each
// chip says in words how it is.

import { el, show } from './dom.js';
import { reason, say } from './words.js';

export function chips(place, status, connected) {
  const made = [chip('line', connected, say(connected ? 'line_up' : 'line_down'), '')];
  if (status) {
    for (const [name, state] of Object.entries(status.components)) {
      const [kind, ...rest] = name.split(' ');
      const words = say(`chip_${kind}`);
      const how = state.up === null ? 'chip_unknown' : state.up ? 'chip_up' : 'chip_down';
      const known = state.up === true ? '' : reason(state.reason);
      const why = known === state.reason ? '' : `: ${known}`;
      made.push(chip(name, state.up, `${words} ${rest.join(' ')} ${say(how)}${why}`.replace('  ', ' '), state.reason));
    }
    const waiting = status.outbox.pending;
    if (waiting) made.push(chip('outbox', null, say('chip_waiting', { count: waiting }), ''));
  }
  show(place, made);
}

function chip(name, up, text, reason) {
  const kind = up === null ? 'unknown' : up ? 'up' : 'down';
  return el('li', { class: `chip ${kind}`, 'data-name': name, title: reason }, text);
}
