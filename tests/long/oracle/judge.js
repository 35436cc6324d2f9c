// Cuts ESC/POS streams with npos, which we did not write. One stream as hex a line on stdin; one JSON answer a line:
// {"error": text or null, "text": hex of everything that is no command, "commands": [[hex of opening, offset, length]]}
'use strict';
const npos = require('npos');

// GS ( fn pL pH ..., GS V m [n], GS v 0 ...: what npos lacks or cuts short. Lengths as in Epson's reference.
const little = (raw, at) => raw[at] + 256 * raw[at + 1];
const GS = npos.rules[0x1d];
GS['(k'] = (raw, at) => 2 + little(raw, at);
GS['(H'] = (raw, at) => 2 + little(raw, at);
GS['r'] = 1;
const ESC = npos.rules[0x1b];
ESC['(A'] = (raw, at) => 2 + little(raw, at);

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
for (const line of lines) {
  const raw = Buffer.from(line, 'hex');
  const ast = new npos.Parser(npos.rules).analyze(raw);
  const nodes = ast.tree || [];
  const text = Buffer.concat(nodes.filter((one) => one.code === 2).map((one) => raw.slice(one.offset, one.offset + one.length)));
  const commands = nodes.filter((one) => one.code !== 2).map((one) => [one.hex + ' ' + (one.fn || ''), one.offset, one.length]);
  console.log(JSON.stringify({ error: ast.error ? String(ast.error) : null, text: text.toString('hex'), commands }));
}
