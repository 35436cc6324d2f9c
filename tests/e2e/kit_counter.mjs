// Drives agent/kit/pos-agent.js at a running till: node kit_counter.mjs <module> <base url> <pairing code> <ready file>
import { writeFileSync } from "node:fs";

const [module, baseUrl, code, ready] = process.argv.slice(2);
const { PosAgent, Refused } = await import(module);

class Shelf {
  #held = new Map();
  get length() {
    return this.#held.size;
  }
  key(n) {
    return [...this.#held.keys()][n];
  }
  getItem(name) {
    return this.#held.get(name) ?? null;
  }
  setItem(name, text) {
    this.#held.set(name, text);
  }
  removeItem(name) {
    this.#held.delete(name);
  }
}

const keep = new Shelf();
const till = new PosAgent({ baseUrl, keep, timeoutMs: 3000, patienceMs: 5000 });
await till.pair(code, "node POS");
const ending = new AbortController();
const listening = new Promise((done) => {
  const real = globalThis.fetch;
  globalThis.fetch = async (...call) => {
    const answer = await real(...call);
    if (String(call[0]).endsWith("/v1/events")) done();
    return answer;
  };
});
const events = till.events({ signal: ending.signal });
const met = (async () => {
  for await (const event of events) if (event.kind === "member.resolved") return event;
})();
// The till announces to those who listen; the answer's head means that we do.
await listening;
writeFileSync(ready, "");
const event = await met;
const quote = await till.quote({ identification_id: event.data.identification_id, lines: [{ code: "10001", qty: 2 }] });
let refused = "";
try {
  await till.quote({ lines: [{ code: "nothing" }] });
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  refused = error.code;
}
const sale = await till.sell({
  sale_id: "js-1", quote_id: quote.quote_id, tenders: [{ type: "cash", amount_fen: quote.due_fen }],
});
const kept = keep.length;
const back = await till.giveBack({ return_id: "js-r1", sale_id: "js-1", lines: [{ line: 1, qty: 1 }] });
const gone = await till.void("js-1", { void_id: "js-v1" });
const page = await till.print({ print_id: "js-p1", blocks: [{ kind: "text", text: "厨房单" }] });
const drawer = await till.drawer({ drawer_id: "js-d1", operator: "小李", reason: "换零钱" });
ending.abort();
console.log(
  JSON.stringify({ event, quote, refused, sale, back, gone, page, drawer, kept, last: till.lastEventId, left: keep.length }),
);
process.exit(0);
