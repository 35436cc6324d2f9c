// The cashier page. One input, always in focus; everything else by function keys.

import { NoAnswer, Problem, Till, fresh } from './api.js';
import { Cart, isPhone, typed } from './cart.js';
import { chips } from './chips.js';
import { ask, askCash, askWechat, confirmed } from './dialogs.js';
import { wire } from './keys.js';
import { cartPanel, memberPanel, soldPanel, totalPanel } from './panels.js';
import { signIn } from './signin.js';
import { giveWay, verifiable, verified } from './verify.js';
import { loadWords, reason, say } from './words.js';

const AGAIN_MS = 1_000;
const NO_CODE = ['MEMBER_UNKNOWN', 'CODE_UNREADABLE'];
const STATUS_MS = 30_000;
const at = (id) => document.getElementById(id);

class Cashier {
  constructor(till, screen) {
    this.till = till;
    this.screen = screen;
    this.cart = new Cart();
    this.sold = null;
    this.status = null;
    this.connected = true;
    this.busy = false;
    this.session = null;
    this.asked = 0;
    this.turn = Promise.resolve();
  }

  /** One thing after another: a scan that comes while another is being priced waits for it. */
  serial(work) {
    this.turn = this.turn.then(work, work);
    return this.turn;
  }

  begin(session) {
    this.session = session;
    at('counter').hidden = false;
    at('who-am-i').textContent = `${session.name || session.operator}`;
    this.draw();
    this.look();
    this.till.follow((kind, data) => this.hear(kind, data), (up) => {
      this.connected = up;
      if (up) this.look();
      this.drawChips();
    });
  }

  // --- what happens -------------------------------------------------------------------------------------------------
  async hear(kind, data) {
    if (kind === 'member.resolved') {
      if (data.may_spend) giveWay();
      await this.change(() => this.cart.identify(data));
    } else if (kind === 'scan.item') await this.enter(data.text);
    else if (kind === 'scan.coupon') await this.coupon(data.text);
    else if (kind === 'scan.payment_code' && data.auth_code) await this.payer({ auth_code: data.auth_code });
    else if (kind === 'scan.refused') this.say(say(`refused_${data.code}`), true);
    else if (kind === 'scan.unreadable') this.say(say('unreadable'), true);
    else if (/^(device|sync|storage|clock)\./.test(kind)) this.look();
    else if (kind === 'mode.changing') this.say(say('mode_turning'));
    else if (kind === 'print.state' && data.reason) this.say(`${say('printer')}: ${reason(data.reason)}`, true);
  }

  async look() {
    try {
      this.status = await this.till.get('/v1/status');
    } catch { /* the chip of the line says it */ }
    this.drawChips();
  }

  // --- the cart -----------------------------------------------------------------------------------------------------
  async enter(text) {
    if (/^MC\d\./.test(text)) return this.resolve({ code: text });
    if (/^CP\./.test(text)) return this.coupon(text);
    const line = typed(text);
    if (!line) return this.say(say('not_understood'), true);
    return this.change(() => this.cart.add(line));
  }

  resolve(body, otherwise = null) {
    return this.serial(async () => {
      try {
        const who = await this.till.post('/v1/members/resolve', body).catch((error) => {
          if (!otherwise || !NO_CODE.includes(error.code)) throw error;
          return this.till.post('/v1/members/resolve', otherwise);
        });
        await this.apply(() => this.cart.identify(who));
      } catch (error) {
        this.fail(error);
      }
    });
  }

  /** By what a customer says: a number or card; where no member has it and it is a phone's, headquarters is asked. */
  named(text) { return this.resolve({ code: text }, isPhone(text) ? { phone: text } : null); }

  /** Whoever pays names themselves only where nobody did: a better identification is never thrown out. */
  payer(body) {
    return this.cart.who?.member || this.sold ? null : this.resolve(body);
  }

  change(make) { return this.serial(() => this.apply(make)); }

  coupon(id) { return this.spend(() => !this.cart.coupons.has(id), () => this.cart.toggleCoupon(id)); }

  /** A change that spends, or no longer does: a member who is not sure enough for it is verified first. */
  spend(begins, make) {
    return this.serial(async () => {
      if (begins() && verifiable(this.status, this.cart.who)) {
        const sure = await verified(this.till, this.cart.who);
        if (!sure || !await this.apply(() => this.cart.verified(sure))) return;
      }
      await this.apply(make);
    });
  }

  /** Make a change and price it; one that the agent refuses is taken back. Says whether it stands. */
  async apply(make) {
    if (this.sold) this.next();
    const before = this.cart.snapshot();
    make();
    if (await this.price()) return true;
    this.cart.restore(before);
    this.draw();
    if (!before.quote) await this.price();
    return false;
  }

  async price() {
    const mine = ++this.asked;
    this.draw();
    if (this.cart.empty) return true;
    try {
      const quote = await this.till.post('/v1/quotes', this.cart.quoteBody());
      if (mine !== this.asked) return true;
      this.cart.quote = { ...quote, books: this.till.books };
      this.say('');
      this.draw();
      return true;
    } catch (error) {
      if (mine !== this.asked) return true;
      if (error instanceof Problem && await this.allowed(error)) return this.price();
      this.fail(error);
      return error instanceof NoAnswer;
    }
  }

  /** Refusals that a person can lift. */
  async allowed(problem) {
    if (problem.code === 'REDEMPTION_NEEDS_CONFIRMATION' && await confirmed(problem.message)) {
      this.cart.confirmed = true;
      return true;
    }
    if (problem.code !== 'PRICE_BELOW_70' || this.cart.override) return false;
    const found = await ask(problem.message, [
      { name: 'operator', label: say('supervisor') }, { name: 'reason', label: say('why') },
    ], (values) => (values.operator && values.reason ? '' : say('both_needed')));
    this.cart.override = found;
    return found !== null;
  }

  // --- paying -------------------------------------------------------------------------------------------------------
  payCash() { return this.serial(() => this.takeCash()); }

  payWechat() { return this.serial(() => this.takeWechat()); }

  async takeCash() {
    if (!await this.ready(true)) return;
    const due = this.cart.quote.due_fen;
    const received = due ? await askCash(due) : 0;
    if (received === null) return this.apply(() => this.cart.ask('cash', false));
    const tenders = due ? [{ type: 'cash', amount_fen: due, received_fen: received }] : [];
    return this.book(this.cart.saleBody(tenders, this.session.operator), received - due);
  }

  async takeWechat() {
    if (!await this.ready(false)) return;
    const due = this.cart.quote.due_fen;
    const raw = await askWechat(due);
    if (raw === null) return;
    const tender = { type: 'wechat', amount_fen: due };
    let payer = null;
    if (raw) {
      try {
        const paid = await this.till.post('/v1/payments/wechat', { raw });
        tender.transaction_id = paid.payment.transaction_id;
        if (!this.cart.who) payer = paid.identification_id;
      } catch (error) {
        this.fail(error);
        return;
      }
    }
    await this.book(this.cart.saleBody([tender], this.session.operator, payer), 0);
  }

  async ready(cash) {
    if (this.cart.empty || this.sold) return false;
    if (this.cart.cash !== cash) await this.apply(() => this.cart.ask('cash', cash));
    return this.cart.quote !== null || await this.price();
  }

  /** Book it, asking again with the very same body until there is an answer. */
  async book(body, changeFen) {
    const { books } = this.cart.quote;
    this.busy = true;
    this.draw();
    try {
      for (;;) {
        try {
          const sale = await this.till.post('/v1/sales', body, books);
          await this.finish(sale, changeFen);
          return;
        } catch (error) {
          const again = error instanceof NoAnswer || error.status >= 500 || error.code === 'IN_FLIGHT';
          this.say(again ? say('asking_again') : error.message, true);
          if (!again) return;
          await new Promise((done) => { setTimeout(done, AGAIN_MS); });
        }
      }
    } finally {
      this.busy = false;
      this.draw();
    }
  }

  async finish(sale, changeFen) {
    let joinSvg = null;
    if (sale.join) {
      try {
        joinSvg = (await this.till.post('/v1/qr', { payload: sale.join.url })).svg;
      } catch { /* it stands on paper too */ }
    }
    this.sold = { sale, changeFen, joinSvg };
    this.cart = new Cart();
    this.say('');
  }

  next() {
    this.sold = null;
    this.cart = new Cart();
  }

  /** The till opened other books: what lay on the counter belongs to neither; what is being booked ends first. */
  turned(training) {
    at('training').hidden = !training;
    if (!this.busy) this.say(say(training ? 'now_training' : 'now_real'));
    this.serial(async () => {
      this.next();
      try {
        this.screen = await loadWords(this.till);
      } catch { /* the join code of before stays until the page is loaded again */ }
      this.draw();
    });
  }

  /** Clear the cart when asked; never while it is being booked. */
  leave() {
    if (this.busy) return null;
    return this.serial(async () => {
      if (!this.cart.empty && !await confirmed(say('clear_cart'))) return;
      const quote = this.cart.quote;
      this.next();
      if (quote) this.till.call('DELETE', `/v1/quotes/${quote.quote_id}`).catch(() => { /* it ends by itself */ });
    });
  }

  async drawer() {
    const found = await ask(say('open_drawer'), [{ name: 'reason', label: say('why') }],
      ({ reason }) => (reason ? '' : say('why_needed')));
    if (!found) return;
    try {
      await this.till.post('/v1/drawer/open', {
        drawer_id: fresh('page'), operator: this.session.operator, reason: found.reason,
      });
      this.say(say('drawer_asked'));
    } catch (error) {
      this.fail(error);
    }
  }

  // --- drawing ------------------------------------------------------------------------------------------------------
  draw() {
    document.body.classList.toggle('busy', this.busy);
    cartPanel(at('cart'), this.cart);
    totalPanel(at('total'), this.cart);
    if (this.sold) soldPanel(at('member'), this.sold.sale, this.sold.changeFen, this.sold.joinSvg);
    else memberPanel(at('member'), this.cart, this.screen.join_svg);
    at('table').textContent = this.cart.table ? say('table', { table: this.cart.table }) : '';
    if (!document.querySelector('dialog')) this.listen();
  }

  /** The input hears the keys. A dialog that closes gives it the focus without its caret: typing would go nowhere. */
  listen() {
    const input = at('input');
    input.focus();
    input.setSelectionRange(input.selectionStart, input.selectionEnd);
  }

  drawChips() { chips(at('chips'), this.status, this.connected); }

  say(text, wrong = false) {
    at('said').textContent = text;
    at('said').className = wrong ? 'wrong' : '';
  }

  fail(error) { this.say(error instanceof NoAnswer ? say('no_answer') : error.message, true); }
}

async function start() {
  const till = new Till();
  const screen = await loadWords(till);
  document.title = `${screen.store_name} ${say('cashier')}`;
  at('shop').textContent = screen.store_name;
  at('training').hidden = !screen.training;
  at('training').textContent = say('training');
  at('input').placeholder = say('input');
  at('input').setAttribute('aria-label', say('input'));
  at('sign-out').textContent = say('sign_out');
  at('cart').setAttribute('aria-label', say('cart'));
  at('member').setAttribute('aria-label', say('nobody'));
  const cashier = new Cashier(till, screen);
  till.onBooks = (training) => cashier.turned(training);
  wire(cashier);
  const enter = () => signIn(till, at('door'), screen.store_name, 'sell', (session) => cashier.begin(session));
  till.onSignedOut = () => {
    document.querySelector('dialog')?.close();
    at('counter').hidden = true;
    enter();
  };
  at('sign-out').addEventListener('click', () => till.signOut());
  setInterval(() => till.signedIn && cashier.look(), STATUS_MS);
  enter();
}

start();
