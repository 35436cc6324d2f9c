"""Count cards used without a sale (a coffee), and a use taken back (R18).

Called by the API through Services. A card sold here may be used here at once; one sold elsewhere needs a lease, asked
of HQ within the deadline. A use is taken back only where it was booked.
"""

from agent.after_ports import UndoOrder, UseOrder
from agent.books_ports import EventDraft, Outcome
from agent.card_shelf import TOLD, CardShelf, card_answer
from agent.domain.after_event import COUNT_CARD_REFUND, COUNT_RETURN, COUNT_USE
from agent.domain.errors import Refusal
from agent.domain.giving_back import refill
from agent.domain.member import HeldCard
from agent.domain.receipts_purse import CardSlip
from agent.domain.sold import postings_in
from agent.service_desk import ServiceDesk


class CountUses:
    """Uses of count cards at one workstation."""

    def __init__(self, desk: ServiceDesk) -> None:
        self._desk = desk
        self._shelf = CardShelf(desk)

    async def use(self, order: UseOrder) -> Outcome:
        """Use units of a member's card without a sale, once. Raises Refusal, and then nothing has changed.

        COUNT_CARD_UNKNOWN (404), COUNT_INSUFFICIENT, COUNT_CARD_EXPIRED (422), LEASE_SHORT, and what forbids spending.
        """
        claims = [("card_id", order.card_id)]
        return await self._desk.once(COUNT_USE, order.caller_id, order.as_request(), claims, lambda: self._use(order))

    async def _use(self, order: UseOrder) -> EventDraft:
        who, member = await self._desk.person(order.identification_id, spends=True)
        rules = await self._desk.ports.replica.rules()
        after = self._desk.after(
            COUNT_USE, order.caller_id, order.card_id, member.member_id, rules.version, operator=order.operator
        )
        has = await self._desk.holdings(member.member_id)
        card = await self._shelf.card(order.card_id, member.member_id, has)
        if card is None:
            hint = "a card sold at another till appears with the next pull"
            raise Refusal("COUNT_CARD_UNKNOWN", "the member holds no such card", hint=hint, status=404)
        if card.expires and card.expires < after.business_day:
            raise Refusal("COUNT_CARD_EXPIRED", f"the card was good until {card.expires}", field="card_id")
        if order.units > card.left:
            raise Refusal("COUNT_INSUFFICIENT", f"{card.left} units are left", field="units")
        left = card.left - order.units
        slip = CardSlip(
            COUNT_USE, order.caller_id, card.name, -order.units, left, card.total, member.masked, expires=card.expires
        )
        return EventDraft(
            kind=COUNT_USE,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body([], {"payable_fen": 0}, card_id=order.card_id, units=-order.units),
            answer={"use_id": order.caller_id, **card_answer(card, order.units, left)},
            postings=await self._shelf.take(member.member_id, order.card_id, order.units, has),
            print_jobs=lambda name: self._shelf.jobs(name, after, slip, order.paper),
            nonces=(who.nonce,) if who.nonce is not None else (),
            told=TOLD,
            at_ms=after.at_ms,
        )

    async def take_back(self, order: UndoOrder) -> Outcome:
        """Return a use booked here, wholly or in part (`units`), once. Raises Refusal, and then nothing has changed.

        COUNT_USE_UNKNOWN, COUNT_NOT_USED, COUNT_CARD_CLOSED (409).
        """
        claims = [("card_id", order.card_id)]
        return await self._desk.once(
            COUNT_RETURN, order.caller_id, order.as_request(), claims, lambda: self._take_back(order)
        )

    async def _take_back(self, order: UndoOrder) -> EventDraft:
        books = self._desk.ports.after
        found = await books.booked(COUNT_USE, order.of_id)
        if found is None or found.event["card_id"] != order.card_id:
            hint = "take it back at the till that booked the use"
            raise Refusal("COUNT_USE_UNKNOWN", "these books hold no such use of the card", hint=hint, status=409)
        if await books.about(order.card_id, (COUNT_CARD_REFUND,)):
            raise Refusal("COUNT_CARD_CLOSED", "the card was refunded before", status=409)
        events = [one.event for one in await books.about(order.card_id, (COUNT_RETURN,))]
        earlier = [one for event in events if event["use_id"] == order.of_id for one in postings_in(event)]
        used = -found.event["units"] - sum(one.amount for one in earlier)
        units = used if order.units is None else order.units
        if not 0 < units <= used:
            raise Refusal("COUNT_NOT_USED", f"{used} units of this use can come back", field="units", status=409)
        member_id = found.event["member"]["member_id"]
        after = self._desk.after(
            COUNT_RETURN, order.caller_id, order.card_id, member_id, found.event["rules_version"],
            operator=order.operator, reason=order.reason,
        )  # fmt: skip
        has = await self._desk.holdings(member_id)
        card = await self._shelf.card(order.card_id, member_id, has)
        card = card if card is not None else HeldCard(order.card_id, order.card_id, 0, 0, 0, "")
        left = card.left + units
        slip = CardSlip(
            COUNT_RETURN, order.caller_id, card.name, units, left, card.total,
            await self._desk.masked(member_id), expires=card.expires,
        )  # fmt: skip
        return EventDraft(
            kind=COUNT_RETURN,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body([], {"payable_fen": 0}, card_id=order.card_id, use_id=order.of_id, units=units),
            answer={"return_id": order.caller_id, "use_id": order.of_id, **card_answer(card, units, left)},
            postings=refill([one for one in postings_in(found.event) if one.amount < 0], earlier, units)[0],
            print_jobs=lambda name: self._shelf.jobs(name, after, slip, order.paper),
            told=TOLD,
            at_ms=after.at_ms,
        )
