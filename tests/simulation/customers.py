"""The customers of one store and its cashier: who comes when, what they show, how a cashier goes on after a cut.

A sale is acknowledged when the POS got an answer. Until then the cashier repeats the very same call, whatever happens
to the agent meanwhile; what was acknowledged is written down and must be in the books for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.demo import wechat
from agent.demo import world as chain
from agent.domain.business_day import local_time
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.member import Identification
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from agent.ports import Outcome, OutcomeKind
from agent.worker import WorkerClosed
from tests.simulation.chance import DAY_S, HOUR_S, generator
from tests.simulation.headquarters import Headquarters
from tests.simulation.process import Killed
from tests.simulation.store import SimulatedStore

T = TypeVar("T")
_KINDS = ("nobody", "static", "dynamic", "wechat member", "wechat stranger")
_OPENS_H, _CLOSES_H = 8, 22
_PATIENCE_S = 4 * HOUR_S


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A sale whose POS got an answer."""

    store: str
    order: SaleOrder
    name: EventName
    answer: dict[str, Json]
    dynamic_code: str | None = None


class GaveUp(Exception):
    """The agent was down for too long: the customer left without paying."""


class Cashier:
    """One cashier at one till."""

    def __init__(self, store: SimulatedStore, hq: Headquarters, seed: int, *, members: int, sales_a_day: int) -> None:
        self._store = store
        self._hq = hq
        self._chance = generator(seed, store.name, "customers")
        self._members = members
        self._sales_a_day = sales_a_day
        self._last = 0
        self.acknowledged: list[Acknowledged] = []
        self.wrongs: list[str] = []
        self.on_shown: Callable[[SimulatedStore, str, int, bool], None] = lambda _store, _member, _points, _still: None
        """Called when a member's balance was shown, and whether the replica stood still meanwhile."""

    async def run(self, days: int) -> None:
        """Serve everybody of so many days."""
        loop = asyncio.get_running_loop()
        for day in range(days):
            opens_s, span_s = day * DAY_S + _OPENS_H * HOUR_S, (_CLOSES_H - _OPENS_H) * HOUR_S
            for number, at_s in enumerate(sorted(self._chance.random() * span_s for _ in range(self._sales_a_day))):
                await asyncio.sleep(max(0.0, opens_s + at_s - loop.time()))
                try:
                    await self._serve(f"{self._store.name}-{day:02d}{number:04d}")
                except GaveUp:
                    self._store.trace.note(self._store.name, "customer left", number)

    # --- one customer -----------------------------------------------------------------------------------------------
    async def _serve(self, sale_id: str) -> None:
        chance, till = self._chance, self._store
        kind = chance.choices(_KINDS, (30, 25, 15, 20, 10))[0]
        # Some come back before HQ's word of their first sale does.
        self._last = self._last if chance.random() < 0.3 else chance.randrange(self._members)
        who = chain.member(self._last)
        code: str | None = who.number if kind == "static" else None
        if kind == "dynamic":
            code = await self._hq.dynamic_code(who.number)
        shown = await self._patiently(lambda: self._resolve(code)) if code is not None else None
        bought = chain.cart(chance.randrange(100))
        lines = tuple(OrderLine(**line) for line in bought)  # type: ignore[arg-type]
        quote = await self._patiently(lambda: self._quote(lines, shown))
        if quote is None:
            return
        quote_id, payable_fen, shown = quote
        tender, identification = TenderLine(TenderType.CASH, payable_fen, None, payable_fen + 500), None
        if kind.startswith("wechat") and payable_fen > 0:
            paid = self._pay(sale_id, payable_fen, who if kind == "wechat member" else None)
            identification = await self._patiently(lambda: self._resolve_payment(paid))
            tender = TenderLine(TenderType.WECHAT, payable_fen, _transaction(sale_id))
        order = SaleOrder(
            sale_id=sale_id,
            tenders=(tender,),
            quote_id=quote_id,
            identification_id=identification.identification_id if identification is not None else None,
            lines=lines,
            total_fen=payable_fen,
            operator=chance.choice(("小李", "小王", None)),
            paper=chance.choice((Paper.RECEIPT, Paper.RECEIPT, Paper.JOIN_PROMPT, Paper.NONE)),
        )
        await asyncio.sleep(chance.choice((0.1, 2.0, 30.0)) * chance.random())
        outcome = await self._pay_pressed(order)
        used = code if kind == "dynamic" and outcome.answer.get("certainty") == "dynamic" else None
        self.acknowledged.append(Acknowledged(till.name, order, outcome.name, outcome.answer, used))
        await self._afterwards(order, outcome, code if kind == "dynamic" else None)

    async def _pay_pressed(self, order: SaleOrder) -> Outcome:
        """Press pay, sometimes twice at once, until there is an answer."""
        pressed = 2 if self._chance.random() < 0.05 else 1
        answers = await asyncio.gather(
            *(self._patiently(lambda: self._commit(order), for_ever=True) for _ in range(pressed))
        )
        outcomes = [one for one in answers if one is not None]
        if not outcomes:
            self.wrongs.append(f"{self._store.name}: {order.sale_id} was paid and is refused")
            raise GaveUp
        first = outcomes[0]
        for other in outcomes:
            self._same(order, first, other)
        if [one.kind for one in outcomes].count(OutcomeKind.CREATED) > 1:
            self.wrongs.append(f"{self._store.name}: {order.sale_id} was created twice")
        self._store.trace.note(self._store.name, "sold", order.sale_id, first.kind, first.name.epoch, first.name.seq)
        return first

    async def _afterwards(self, order: SaleOrder, outcome: Outcome, code: str | None) -> None:
        """What also happens at a till: the same call again, another content under its id, the same code again."""
        chance = self._chance
        if chance.random() < 0.05:
            await asyncio.sleep(chance.choice((0.0, 60.0)))
            again = await self._patiently(lambda: self._commit(order))
            if again is not None:
                self._same(order, outcome, again)
        if chance.random() < 0.03:
            other = replace(order, operator="小张")
            answer = await self._patiently(lambda: self._commit(other))
            if answer is not None and (answer.kind is not OutcomeKind.CONFLICT or answer.field != "operator"):
                self.wrongs.append(f"{self._store.name}: {order.sale_id} with another operator was {answer.kind}")
        if code is not None and chance.random() < 0.5 and outcome.answer.get("certainty") == "dynamic":
            if chance.random() < 0.4 and self._store.up.is_set():  # what only memory knew is gone
                self._store.process.kill("killed before the code is shown again")
            again_shown = await self._patiently(lambda: self._resolve(code))
            if again_shown is not None:
                self.wrongs.append(f"{self._store.name}: a dynamic code was accepted again after {order.sale_id}")
        wechat_tender = order.tenders[0].type is TenderType.WECHAT
        if wechat_tender and chance.random() < 0.2:
            await self._second_sale_on_one_payment(order, outcome)

    async def _second_sale_on_one_payment(self, order: SaleOrder, outcome: Outcome) -> None:
        """A cashier who lost track books one payment under a second sale id: booked, but nobody earns on it."""
        again = replace(order, sale_id=f"{order.sale_id}-b", quote_id=None, identification_id=None)
        answer = await self._pay_pressed(again)
        self.acknowledged.append(Acknowledged(self._store.name, again, answer.name, answer.answer))
        if answer.answer["points_earned"] and answer.answer["member"] is not None:
            self.wrongs.append(f"{self._store.name}: {again.sale_id} earned on the payment of {order.sale_id}")
        assert outcome.name != answer.name

    def _same(self, order: SaleOrder, first: Outcome, other: Outcome) -> None:
        if (other.name, other.answer) != (first.name, first.answer) or other.kind is OutcomeKind.CONFLICT:
            self.wrongs.append(f"{self._store.name}: {order.sale_id} was answered differently when repeated")

    # --- calls ------------------------------------------------------------------------------------------------------
    async def _patiently(self, call: Callable[[], Awaitable[T]], *, for_ever: bool = False) -> T | None:
        """Call the till until it answers; a refusal is None. Raises GaveUp when it is down too long."""
        store, loop = self._store, asyncio.get_running_loop()
        until_s = loop.time() + _PATIENCE_S
        while True:
            process = store.process
            try:
                return await call()
            except Refusal as refusal:
                store.trace.note(store.name, "refused", refusal.code)
                if refusal.code != "IN_FLIGHT":
                    return None
                await asyncio.sleep(0.5)
            except (Killed, WorkerClosed):
                pass
            except Exception:
                if not process.dead.is_set():  # else a call that died with its process in whatever way
                    raise
            if loop.time() > until_s and not for_ever:
                raise GaveUp
            await store.up.wait()
            await asyncio.sleep(0.2)

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

    async def _quote(
        self, lines: tuple[OrderLine, ...], who: Identification | None
    ) -> tuple[str, int, Identification | None]:
        till = self._store.till
        try:
            quote = await till.quote(lines, who.identification_id if who is not None else None)
        except Refusal as refusal:
            if refusal.code != "IDENTIFICATION_EXPIRED":
                raise
            who = None  # the agent died between the scan and the quote
            quote = await till.quote(lines, None)
        return quote.quote_id, quote.cart.payable_fen, who

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
