// The hourly proofs as a chart: a bar an hour, as high as the events it proved. How it ended is told by colour, by
// shape (a cross stands over what was not equal) and in words for whoever cannot see it.

import { svg, time } from './dom.js';
import { say } from './words.js';

const WIDTH = 640;
const HEIGHT = 150;
const GROUND = 125;
const COLOURS = { equal: '#0b5d3b', healed: '#0a4fd1', explained: '#6b4700', different: '#a40d0d', unreachable: '#6b7570' };

export function proofChart(proofs) {
  const shown = [...proofs].reverse();
  const most = Math.max(1, ...shown.map((one) => one.count));
  const step = WIDTH / Math.max(24, shown.length);
  const bars = shown.map((one, index) => {
    const height = 6 + (GROUND - 30) * (one.count / most);
    const x = index * step;
    const words = `${time(one.at_ms)} ${say(`proof_${one.result}`)} ${say('proof_count', { count: one.count })}`;
    const parts = [
      svg('title', {}, words),
      svg('rect', { x: x + 1, y: GROUND - height, width: Math.max(2, step - 3), height, fill: COLOURS[one.result] ?? '#000' }),
    ];
    if (one.result === 'different' || one.result === 'unreachable') {
      const middle = x + step / 2;
      const top = GROUND - height - 14;
      parts.push(svg('path', {
        d: `M${middle - 5} ${top}l10 10M${middle + 5} ${top}l-10 10`, stroke: COLOURS[one.result], 'stroke-width': 3,
      }));
    }
    return svg('g', { class: `proof ${one.result}` }, parts);
  });
  const first = shown[0];
  const last = shown.at(-1);
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'chart', role: 'img', 'aria-label': summary(shown) },
    svg('line', { x1: 0, y1: GROUND, x2: WIDTH, y2: GROUND, stroke: '#6b7570' }), bars,
    first && svg('text', { x: 0, y: HEIGHT - 8 }, time(first.at_ms)),
    last && svg('text', { x: WIDTH, y: HEIGHT - 8, 'text-anchor': 'end' }, time(last.at_ms)));
}

function summary(proofs) {
  const counts = new Map();
  for (const one of proofs) counts.set(one.result, (counts.get(one.result) ?? 0) + 1);
  return [...counts].map(([result, count]) => `${say(`proof_${result}`)} ${count}`).join(', ') || say('proof_none');
}
