"""What customers want besides buying: goods taken back, sales voided, stored value loaded and unloaded, cards used.

Called by the cashier in place of a sale, through the same classes the API calls.
"""

import random
from collections.abc import Awaitable, Callable

from agent.after_ports import LoadOrder, ReturnOrder, UndoOrder, UseOrder
from agent.aftersales import AfterSales
from agent.books_ports import Outcome
from agent.count_cards import CountCards
from agent.count_uses import CountUses
from agent.demo import world as chain
from agent.domain.after_event import COUNT_CARD_SALE, COUNT_RETURN, COUNT_USE, RECHARGE, RECHARGE_CANCEL, RETURN, VOID
from agent.domain.digest import Json
from agent.domain.order import Paper
from agent.domain.sale import TenderLine, TenderType
from agent.purses import Purses
from agent.service_desk import ServiceDesk
from tests.simulation import wealth
from tests.simulation.headquarters import Headquarters
from tests.simulation.patience import Acknowledged, Patience

_WANTS = ("return", "void", "recharge", "cancel recharge", "buy a card", "use a card", "take a use back")
_OFTEN = (30, 8, 25, 8, 6, 15, 8)


class Services:
    """The service desk of one till."""

    def __init__(self, patience: Patience, hq: Headquarters, chance: random.Random) -> None:
        self._patience = patience
        self._hq = hq
        self._chance = chance

    async def serve(self, number: str, member: int) -> None:
        """One customer; `number` names what they do, `member` who they are."""
        chance, paper = self._chance, self._chance.choice((Paper.RECEIPT, Paper.NONE))
        match chance.choices(_WANTS, _OFTEN)[0]:
            case "return":
                await self._take_back(RETURN, number, paper)
            case "void":
                await self._take_back(VOID, number, paper)
            case "recharge":
                fen = chance.choice(wealth.RECHARGES_FEN)
                await self._load(RECHARGE, number, member, fen, paper)
            case "buy a card":
                await self._load(COUNT_CARD_SALE, number, member, wealth.PRODUCT_FEN, paper)
            case "use a card":
                await self._use(number, member, paper)
            case "cancel recharge":
                await self._undo(RECHARGE_CANCEL, RECHARGE, number, paper)
            case _:
                await self._undo(COUNT_RETURN, COUNT_USE, number, paper)

    async def _take_back(self, kind: str, number: str, paper: Paper) -> None:
        sale = self._earlier("sale")
        if sale is None:
            return
        lines = ((self._chance.choice((1, 1, 2)), 1),) if kind == RETURN else ()
        order = ReturnOrder(kind, number, sale.caller_id, lines, paper=paper)
        await self._book(kind, number, order.as_request(), lambda: AfterSales(self._desk).book(order))

    async def _load(self, kind: str, number: str, member: int, fen: int, paper: Paper) -> None:
        code = await self._hq.dynamic_code(chain.member(member).number)
        who = await self._patience.ask(lambda: self._patience.store.till.resolve(code)) if code is not None else None
        if who is None:
            return
        tenders = (TenderLine(TenderType.CASH, fen),)
        if kind == RECHARGE:
            load = LoadOrder(number, who.identification_id, tenders, amount_fen=fen, paper=paper)
            await self._book(kind, number, load.as_request(), lambda: Purses(self._desk).load(load), fen)
        else:
            load = LoadOrder(number, who.identification_id, tenders, product=wealth.PRODUCT, paper=paper)
            await self._book(kind, number, load.as_request(), lambda: CountCards(self._desk).sell(load), fen)

    async def _use(self, number: str, member: int, paper: Paper) -> None:
        code = await self._hq.dynamic_code(chain.member(member).number)
        who = await self._patience.ask(lambda: self._patience.store.till.resolve(code)) if code is not None else None
        if who is None:
            return
        units = self._chance.choice((1, 1, 2, 4))
        order = UseOrder(number, wealth.card(member), who.identification_id, units, paper=paper)
        await self._book(COUNT_USE, number, order.as_request(), lambda: CountUses(self._desk).use(order))

    async def _undo(self, kind: str, of: str, number: str, paper: Paper) -> None:
        earlier = self._earlier(of)
        if earlier is None:
            return
        if kind == RECHARGE_CANCEL:
            undo = UndoOrder(number, earlier.caller_id, paper=paper)
            await self._book(kind, number, undo.as_request(), lambda: Purses(self._desk).cancel(undo))
        else:
            undo = UndoOrder(number, earlier.caller_id, card_id=str(earlier.request["card_id"]), paper=paper)
            await self._book(kind, number, undo.as_request(), lambda: CountUses(self._desk).take_back(undo))

    # --- booking ----------------------------------------------------------------------------------------------------
    async def _book(
        self, kind: str, number: str, request: dict[str, Json], call: Callable[[], Awaitable[Outcome]], *fens: int
    ) -> None:
        """Call until there is an answer; the same call again is answered alike."""
        patience = self._patience
        outcome = await patience.ask(call)
        if outcome is None:
            return
        patience.note(kind, number, request, outcome, tenders_fen=fens)
        if self._chance.random() < 0.2:
            again = await patience.ask(call)
            if again is not None and (again.name, again.answer) != (outcome.name, outcome.answer):
                patience.wrongs.append(f"{patience.store.name}: {kind} {number} was answered differently when repeated")

    @property
    def _desk(self) -> ServiceDesk:
        return self._patience.store.desk

    def _earlier(self, kind: str) -> Acknowledged | None:
        """One of the latest this till has booked."""
        found = [one for one in self._patience.acknowledged if one.kind == kind][-12:]
        return self._chance.choice(found) if found else None
