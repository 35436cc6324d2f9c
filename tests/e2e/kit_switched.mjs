// What test_kit_training does in Python, with agent/kit/pos-agent.js: node kit_switched.mjs <module> <base url> <token>
const [module, baseUrl, token] = process.argv.slice(2);
const { PosAgent, Refused } = await import(module);

const held = new Map();
const keep = {
  getItem: (key) => held.get(key) ?? null,
  setItem: (key, value) => held.set(key, value),
  removeItem: (key) => held.delete(key),
  key: (at) => [...held.keys()][at] ?? null,
  get length() {
    return held.size;
  },
};
const said = [];

async function refusal(call) {
  try {
    await call;
    said.push("no error");
  } catch (error) {
    said.push(error instanceof Refused ? `${error.name} ${error.code}` : error.name);
  }
}

const cart = { lines: [{ code: "10001", qty: 2 }] };
const sale = (name, more = {}) => ({ sale_id: name, ...cart, tenders: [{ type: "cash", amount_fen: 3960 }], ...more });
const till = new PosAgent({ baseUrl, token, keep, timeoutMs: 60000 });

const unsold = (await till.quote(cart)).quote_id;
said.push((await till.sell(sale("k0", { quote_id: (await till.quote(cart)).quote_id }))).outcome);
await refusal(till.sell(sale("k1")));
await refusal(till.quote(cart));
await refusal(till.drawer({ drawer_id: "d1", operator: "101", reason: "换零钱" }));
said.push(await till.acceptBooks());
await refusal(till.sell(sale("k1")));
await refusal(till.sell(sale("k2", { quote_id: unsold })));
await refusal(till.sell(sale("p1")));
said.push(await till.acceptBooks());
said.push(keep.length);
held.delete("pos-agent:/v1/sales:k2");
const later = new PosAgent({ baseUrl, token, keep });
said.push((await later.resend()).map((one) => one.outcome));
said.push(await later.resend());
console.log(JSON.stringify(said));
process.exit(0);
