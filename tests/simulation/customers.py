"""The customers of one store and its cashier: who comes when, what they show, what they spend of their own.

A sale is acknowledged when the POS got an answer. Until then the cashier repeats the very same call, whatever happens
to the agent meanwhile; what was acknowledged is written down and must be in the books for ever.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agent.books_ports import Outcome, OutcomeKind
from agent.demo import wechat
from agent.demo import world as chain
from agent.domain.asks import NOTHING_ASKED, Amount, Asks, CardUse
from agent.domain.business_day import local_time
from agent.domain.errors import Refusal
from agent.domain.member import Identification
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from tests.simulation import wealth
from tests.simulation.chance import DAY_S, HOUR_S, generator
from tests.simulation.headquarters import Headquarters
from tests.simulation.patience import GaveUp, Patience, Quoted
from tests.simulation.services import Services
from tests.simulation.store import SimulatedStore

_KINDS, _OFTEN = ("nobody", "static", "dynamic", "wechat member", "wechat stranger"), (14, 10, 58, 12, 6)
_OPENS_H, _CLOSES_H = 8, 22
_SERVICES = 0.2
"""Of all customers: they do not buy."""


class Cashier:
    """One cashier at one till."""

    def __init__(self, store: SimulatedStore, hq: Headquarters, seed: int, *, members: int, sales_a_day: int) -> None:
        self._store = store
        self._hq = hq
        self._chance = generator(seed, store.name, "customers")
        self._members = members
        self._sales_a_day = sales_a_day
        self._last = 0
        self.begins_s = 0.0
        """Customers of earlier hours were served elsewhere."""
        self.patience = Patience(store)
        self._services = Services(self.patience, hq, generator(seed, store.name, "services"))
        self.on_shown: Callable[[SimulatedStore, str, int, bool], None] = lambda _store, _member, _points, _still: None
        """Called when a member's balance was shown, and whether the replica stood still meanwhile."""

    async def run(self, days: int) -> None:
        """Serve everybody of so many days."""
        loop, store = asyncio.get_running_loop(), self._store
        for day in range(days):
            opens_s, span_s = day * DAY_S + _OPENS_H * HOUR_S, (_CLOSES_H - _OPENS_H) * HOUR_S
            for number, at_s in enumerate(sorted(self._chance.random() * span_s for _ in range(self._sales_a_day))):
                if opens_s + at_s < self.begins_s:
                    continue
                await asyncio.sleep(max(0.0, opens_s + at_s - loop.time()))
                if store.closed:
                    return
                try:
                    await self._serve(f"{store.name}-{day:02d}{number:04d}")
                except GaveUp:
                    store.trace.note(store.name, "customer left", number)

    # --- one customer -----------------------------------------------------------------------------------------------
    async def _serve(self, sale_id: str) -> None:
        chance, till = self._chance, self._store
        kind = chance.choices(_KINDS, _OFTEN)[0]
        # Some come back before HQ's word of their first sale does.
        self._last = self._last if chance.random() < 0.3 else chance.randrange(self._members)
        if chance.random() < _SERVICES:
            await self._services.serve(sale_id, self._last)
            return
        who = chain.member(self._last)
        code, shown = await self._identify(kind, who)
        lines = tuple(OrderLine(**line) for line in chain.cart(chance.randrange(100)))  # type: ignore[arg-type]
        quoted = await self._agree(lines, shown, self._last if kind == "dynamic" else None)
        if quoted is None:
            return
        tender, identification = TenderLine(TenderType.CASH, quoted.due_fen, None, quoted.due_fen + 500), None
        if kind.startswith("wechat") and quoted.due_fen > 0:
            paid = self._pay(sale_id, quoted.due_fen, who if kind == "wechat member" else None)
            identification = await self.patience.ask(lambda: self._resolve_payment(paid))
            tender = TenderLine(TenderType.WECHAT, quoted.due_fen, _transaction(sale_id))
        order = SaleOrder(
            sale_id=sale_id,
            tenders=(tender,) if quoted.due_fen else (),
            quote_id=quoted.quote_id,
            identification_id=identification.identification_id if identification is not None else None,
            lines=lines,
            total_fen=quoted.due_fen,
            operator=chance.choice(("小李", "小王", None)),
            paper=chance.choice((Paper.RECEIPT, Paper.RECEIPT, Paper.JOIN_PROMPT, Paper.NONE)),
        )
        await asyncio.sleep(chance.choice((0.1, 2.0, 30.0)) * chance.random())
        outcome = await self._pay_pressed(order, code)
        if quoted.spends:
            till.trace.note(till.name, "spent", sale_id)
        await self._afterwards(order, outcome, code)

    async def _identify(self, kind: str, who: chain.DemoMember) -> tuple[str | None, Identification | None]:
        """Show a code: (the dynamic one that was taken, who it is). One that has ended is shown afresh."""
        if kind == "static":
            return None, await self.patience.ask(lambda: self._resolve(who.number))
        for _ in range(2 if kind == "dynamic" else 0):
            code = await self._hq.dynamic_code(who.number)
            shown = await self.patience.ask(partial(self._resolve, code)) if code is not None else None
            if shown is not None:
                return code, shown
        return None, None

    # --- what they spend --------------------------------------------------------------------------------------------
    async def _agree(
        self, lines: tuple[OrderLine, ...], shown: Identification | None, member: int | None
    ) -> Quoted | None:
        """A quote the customer agrees to: with what they wish to spend, or without it where that is refused."""
        chance = self._chance
        asks = self._asks(member, len(lines)) if member is not None and shown is not None else NOTHING_ASKED
        quoted = await self.patience.ask(lambda: self._quote(lines, shown, asks))
        if quoted is None and asks.spends:
            less = replace(asks, points="max" if asks.points else 0, coupons=(), count_card=None, confirmed=True)
            asks = less if chance.random() < 0.5 else NOTHING_ASKED
            quoted = await self.patience.ask(lambda: self._quote(lines, shown, asks))
            quoted = quoted or await self.patience.ask(lambda: self._quote(lines, shown, NOTHING_ASKED))
        if quoted is not None and quoted.spends and chance.random() < 0.15:  # changes their mind
            if chance.random() < 0.7:
                quote_id = quoted.quote_id
                await self.patience.ask(lambda: self._store.till.cancel_quote(quote_id))
            if chance.random() < 0.3:
                return None
            quoted = await self.patience.ask(lambda: self._quote(lines, shown, NOTHING_ASKED))
        return quoted

    def _asks(self, member: int, lines: int) -> Asks:
        chance = self._chance
        amounts: tuple[Amount, ...] = (0, "max", "max", chance.randrange(1, 2000))
        points, stored = chance.choice(amounts), chance.choice(amounts)
        coupon, card = chance.choice(wealth.coupons(member)), CardUse(wealth.card(member), 1, chance.randint(1, lines))
        return Asks(
            coupons=(coupon,) if chance.random() < 0.3 else (),
            points=points,
            stored_value=stored,
            count_card=card if chance.random() < 0.15 else None,
            cash=chance.random() < 0.5,
            hold=chance.random() < 0.5,
            confirmed=chance.random() < 0.9,
        )

    # --- paying -----------------------------------------------------------------------------------------------------
    async def _pay_pressed(self, order: SaleOrder, code: str | None = None) -> Outcome:
        """Press pay, sometimes twice at once, until there is an answer."""
        pressed, patience = 2 if self._chance.random() < 0.05 else 1, self.patience
        answers = await asyncio.gather(
            *(patience.ask(lambda: self._commit(order), for_ever=True) for _ in range(pressed))
        )
        outcomes = [one for one in answers if one is not None]
        if not outcomes:
            if order.tenders:  # with none the spends are the payment: no goods for nothing
                patience.wrongs.append(f"{self._store.name}: {order.sale_id} was paid and is refused")
            raise GaveUp
        first = outcomes[0]
        for other in outcomes:
            self._same(order, first, other)
        if [one.kind for one in outcomes].count(OutcomeKind.CREATED) > 1:
            patience.wrongs.append(f"{self._store.name}: {order.sale_id} was created twice")
        used = code if first.answer.get("certainty") == "dynamic" else None
        fens = tuple(tender.amount_fen for tender in order.tenders)
        patience.note("sale", order.sale_id, order.as_request(), first, tenders_fen=fens, dynamic_code=used)
        return first

    async def _afterwards(self, order: SaleOrder, outcome: Outcome, code: str | None) -> None:
        """What also happens at a till: the same call again, another content under its id, the same code again."""
        chance, patience = self._chance, self.patience
        if chance.random() < 0.05:
            await asyncio.sleep(chance.choice((0.0, 60.0)))
            again = await patience.ask(lambda: self._commit(order))
            if again is not None:
                self._same(order, outcome, again)
        if chance.random() < 0.03:
            other = replace(order, operator="小张")
            answer = await patience.ask(lambda: self._commit(other))
            if answer is not None and (answer.kind is not OutcomeKind.CONFLICT or answer.field != "operator"):
                patience.wrongs.append(f"{self._store.name}: {order.sale_id} with another operator was {answer.kind}")
        if code is not None and chance.random() < 0.5 and outcome.answer.get("certainty") == "dynamic":
            if chance.random() < 0.4 and self._store.up.is_set():  # what only memory knew is gone
                self._store.process.kill("killed before the code is shown again")
            again_shown = await patience.ask(lambda: self._resolve(code))
            if again_shown is not None:
                patience.wrongs.append(f"{self._store.name}: a dynamic code was accepted again after {order.sale_id}")
        if [one.type for one in order.tenders] == [TenderType.WECHAT] and chance.random() < 0.2:
            await self._second_sale_on_one_payment(order, outcome)

    async def _second_sale_on_one_payment(self, order: SaleOrder, outcome: Outcome) -> None:
        """A cashier who lost track books one payment under a second sale id: booked, but nobody earns on it."""
        again = replace(order, sale_id=f"{order.sale_id}-b", quote_id=None, identification_id=None)
        answer = await self._pay_pressed(again)
        if answer.answer["points_earned"] and answer.answer["member"] is not None:
            self.patience.wrongs.append(f"{self._store.name}: {again.sale_id} earned on the payment of {order.sale_id}")
        assert outcome.name != answer.name

    def _same(self, order: SaleOrder, first: Outcome, other: Outcome) -> None:
        if (other.name, other.answer) != (first.name, first.answer) or other.kind is OutcomeKind.CONFLICT:
            self.patience.wrongs.append(f"{self._store.name}: {order.sale_id} was answered differently when repeated")

    # --- calls ------------------------------------------------------------------------------------------------------
    async def _resolve(self, code: str) -> Identification:
        till, before = self._store.till, self._store.replica_changes()
        who = await till.resolve(code)
        await self._show(who, before)
        return who

    async def _resolve_payment(self, raw: str) -> Identification:
        till, before = self._store.till, self._store.replica_changes()
        who = await till.resolve_payment(raw)
        await self._show(who, before)
        return who

    async def _show(self, who: Identification, before: int) -> None:
        view = await self._store.till.view(who)
        member = view["member"]
        if isinstance(member, dict) and self._store.up.is_set():
            still = self._store.replica_changes() == before
            self.on_shown(self._store, str(member["member_id"]), int(str(member["points"])), still)

    async def _quote(self, lines: tuple[OrderLine, ...], who: Identification | None, asks: Asks) -> Quoted:
        till = self._store.till
        self._store.holds += asks.hold
        try:
            quote = await till.quote(lines, who.identification_id if who is not None else None, asks)
        except Refusal as refusal:
            if refusal.code != "IDENTIFICATION_EXPIRED":
                raise
            who = None  # the agent died between the scan and the quote
            quote = await till.quote(lines, None)
        return Quoted(quote.quote_id, quote.cart.due_fen, who, bool(quote.spends))

    async def _commit(self, order: SaleOrder) -> Outcome:
        return await self._store.till.commit(order)

    def _pay(self, sale_id: str, payable_fen: int, who: chain.DemoMember | None) -> str:
        """WeChat always says yes."""
        number = chain.pick("stranger", sale_id) % 50
        payer = (who.openid, who.sub_openid) if who is not None else _stranger(number)
        result = wechat.v2_result if self._chance.random() < 0.5 else wechat.v3_result
        moment = local_time(self._store.clock.true_ms())
        return result(_transaction(sale_id), sale_id, payable_fen, *payer, moment)


def _stranger(number: int) -> tuple[str, str]:
    return chain.openid("oStranger_", number), chain.openid("oStrange_", number)


def _transaction(sale_id: str) -> str:
    return f"42000{chain.pick('transaction', sale_id) % 10**14:014d}{chain.pick(sale_id) % 10**9:09d}"
