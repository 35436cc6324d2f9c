// What lies on the counter: lines, who stands there, what they want to use. Makes the bodies of quotes and sales.

import { fresh } from './api.js';

export class Cart {
  constructor() { this.clear(); }

  clear() {
    this.lines = [];
    this.selected = -1;
    this.who = null;
    this.coupons = new Set();
    this.points = 0;
    this.stored = 0;
    this.card = null;
    this.table = '';
    this.cash = false;
    this.override = null;
    this.confirmed = false;
    this.quote = null;
    this.saleId = fresh('page');
  }

  get empty() { return this.lines.length === 0; }

  /** Another piece of the same article joins its line; goods by weight are lines of their own. */
  add({ code, qty, grams }) {
    const same = grams === null ? this.lines.findIndex((one) => one.code === code && one.grams === null) : -1;
    if (same >= 0) {
      this.lines[same].qty += qty;
      this.selected = same;
    } else {
      this.lines.push({ code, qty, grams });
      this.selected = this.lines.length - 1;
    }
    this.#changed();
  }

  change(by) {
    const line = this.lines[this.selected];
    if (!line || line.grams !== null) return;
    line.qty += by;
    if (line.qty < 1) this.remove();
    else this.#changed();
  }

  remove() {
    if (this.selected < 0) return;
    this.lines.splice(this.selected, 1);
    this.selected = Math.min(this.selected, this.lines.length - 1);
    this.#changed();
  }

  move(by) {
    if (this.empty) return;
    this.selected = (this.selected + by + this.lines.length) % this.lines.length;
  }

  identify(who) {
    this.who = who;
    this.coupons.clear();
    this.points = 0;
    this.stored = 0;
    this.card = null;
    this.#changed();
  }

  /** The same member, surer than before: what they want to use stays. */
  verified(who) {
    this.who = who;
    this.#changed();
  }

  toggleCoupon(id) {
    if (!this.coupons.delete(id)) this.coupons.add(id);
    this.#changed();
  }

  ask(name, value) {
    this[name] = value;
    this.#changed();
  }

  /** Lines are kept as they were, for a change that the agent refuses. */
  snapshot() {
    return { ...this, lines: this.lines.map((one) => ({ ...one })), coupons: new Set(this.coupons) };
  }

  restore(before) { Object.assign(this, before); }

  quoteBody() {
    const body = {
      lines: this.#lines(), coupons: [...this.coupons], points: this.points, stored_value: this.stored,
      cash: this.cash, confirmed: this.confirmed,
    };
    if (this.who) body.identification_id = this.who.identification_id;
    if (this.card) body.count_card = this.card;
    if (this.override) body.override = this.override;
    return body;
  }

  /** The same sale_id for the same cart, however often it is sent. */
  saleBody(tenders, operator, payer) {
    const body = {
      sale_id: this.saleId, quote_id: this.quote.quote_id, tenders, operator, paper: 'receipt',
      lines: this.#lines().map((line, index) => ({ ...line, charged_fen: this.quote.lines[index].payable_fen })),
      total_fen: this.quote.due_fen,
    };
    if (payer) body.identification_id = payer;
    if (this.table) body.table = this.table;
    return body;
  }

  #lines() {
    return this.lines.map(({ code, qty, grams }) => (grams === null ? { code, qty } : { code, grams }));
  }

  #changed() {
    this.quote = null;
    this.confirmed = false;
  }
}

/** What a cashier types: `code`, `3*code`, `842g*code`; null where it is nothing. */
export function typed(text) {
  const found = /^(?:(\d{1,6})\s*(g)?\s*[*xX×]\s*)?(\S+)$/.exec(text.trim());
  if (!found) return null;
  const [, count, gram, code] = found;
  return { code, qty: count && !gram ? Number(count) : 1, grams: count && gram ? Number(count) : null };
}

/** Whether that is a mainland mobile number, as people write them; the agent has the last word. */
export function isPhone(text) {
  return /^(\+86|0086|86)?1\d{10}$/.test(text.replace(/[\s()（）－-]/g, ''));
}
