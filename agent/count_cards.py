"""Count cards (R18) sold and refunded. Using one without a sale is agent.count_uses; within a sale it is a tender.

Called by the API through Services. The units of a card sold here may be used here at once. It is refunded only here.
"""

from agent.after_ports import LoadOrder, UndoOrder
from agent.books_ports import EventDraft, Outcome
from agent.card_shelf import TOLD, CardShelf, card_answer
from agent.domain.after_event import (
    COUNT_CARD_REFUND,
    COUNT_CARD_SALE,
    paid_rows,
    refund_answer,
    refund_rows,
    tenders_in,
)
from agent.domain.count_card import CountCard, refund_card
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.ledger import COUNT_ACCOUNT, OWN_LOT
from agent.domain.member import HeldCard
from agent.domain.purse_rules import last_day
from agent.domain.receipts_purse import CardSlip
from agent.domain.refund_shares import tender_shares
from agent.domain.sale import Posting
from agent.service_desk import ServiceDesk, check_paid

_CARD_BYTES = 15


class CountCards:
    """Count cards on sale at one workstation."""

    def __init__(self, desk: ServiceDesk) -> None:
        self._desk = desk
        self._shelf = CardShelf(desk)

    async def sell(self, order: LoadOrder) -> Outcome:
        """Sell a card of the rule set, once. Raises Refusal, and then nothing has changed.

        COUNT_PRODUCT_UNKNOWN, TENDERS_INCOMPLETE (422), TRANSACTION_USED (409), and what forbids identifying.
        """
        return await self._desk.once(
            COUNT_CARD_SALE, order.caller_id, order.as_request(), [], lambda: self._sell(order)
        )

    async def _sell(self, order: LoadOrder) -> EventDraft:
        ports = self._desk.ports
        who, member = await self._desk.person(order.identification_id, spends=False)
        rules = await ports.replica.rules()
        product = rules.purse.product(order.product)
        if product is None:
            hint = "the rule set in force lists what is on sale"
            raise Refusal("COUNT_PRODUCT_UNKNOWN", "no such count card is on sale", hint=hint, field="product")
        check_paid(order.tenders, product.price_fen)
        card_id = random_id("cc", ports.entropy.token(_CARD_BYTES))
        after = self._desk.after(
            COUNT_CARD_SALE, order.caller_id, card_id, member.member_id, rules.version, operator=order.operator
        )
        expires, units = last_day(after.business_day, product.valid_days), product.total
        card = HeldCard(card_id, product.name, units, units, product.price_fen, expires)
        said: dict[str, Json] = {
            "owner": member.member_id,
            "card_id": card_id,
            "product": product.product_id,
            "name": product.name,
            "total": units,
            "price_fen": product.price_fen,
            "expires": expires,
        }
        slip = CardSlip(
            COUNT_CARD_SALE, order.caller_id, product.name, units, units, units, member.masked, product.price_fen,
            [(one.type.value, one.amount_fen) for one in order.tenders], expires,
        )  # fmt: skip
        return EventDraft(
            kind=COUNT_CARD_SALE,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body(paid_rows(order.tenders), {"payable_fen": product.price_fen}, card=said),
            answer={
                "card_sale_id": order.caller_id,
                "price_fen": product.price_fen,
                **card_answer(card, units, units),
            },
            postings=(Posting(COUNT_ACCOUNT, member.member_id, units, card_id, expires, OWN_LOT),),
            print_jobs=lambda name: self._shelf.jobs(name, after, slip, order.paper),
            transaction_ids=await self._desk.transactions(who, order.tenders),
            nonces=(who.nonce,) if who.nonce is not None else (),
            told=TOLD,
            at_ms=after.at_ms,
        )

    async def refund(self, order: UndoOrder) -> Outcome:
        """Refund a card sold here, once: price - price * used // total, and its units are void (R18).

        COUNT_CARD_NOT_HERE, COUNT_CARD_CLOSED, COUNT_CARD_EXPIRED after its last day, and LEASE_SHORT where
        HQ holds its units and cannot be asked (409).
        """
        claims = [("card_id", order.card_id)]
        return await self._desk.once(
            COUNT_CARD_REFUND, order.caller_id, order.as_request(), claims, lambda: self._refund(order)
        )

    async def _refund(self, order: UndoOrder) -> EventDraft:
        found = await self._shelf.sale_of(order.card_id)
        if found is None:
            hint = "refund it at the till that sold it"
            raise Refusal("COUNT_CARD_NOT_HERE", "these books hold no sale of this card", hint=hint, status=409)
        if await self._desk.ports.after.about(order.card_id, (COUNT_CARD_REFUND,)):
            raise Refusal("COUNT_CARD_CLOSED", "the card was refunded before", status=409)
        owner = found.event["card"]["owner"]
        after = self._desk.after(
            COUNT_CARD_REFUND, order.caller_id, order.card_id, owner, found.event["rules_version"],
            operator=order.operator, reason=order.reason,
        )  # fmt: skip
        has = await self._desk.holdings(owner)
        card = await self._shelf.card(order.card_id, owner, has)
        assert card is not None, "a card that these books sold is known"
        if card.expires and after.business_day > card.expires:
            why = f"the card was good until {card.expires}"
            raise Refusal("COUNT_CARD_EXPIRED", why, hint="units that ended are not paid back", status=409)
        _, cash_fen = refund_card(CountCard(card.total, card.left, card.price_fen))
        tenders = tenders_in(found.event)
        fens = tender_shares([one.amount_fen for one in tenders], cash_fen)
        slip = CardSlip(
            COUNT_CARD_REFUND, order.caller_id, card.name, -card.left, 0, card.total, await self._desk.masked(owner),
            cash_fen, [(one.type, fen) for one, fen in zip(tenders, fens, strict=True) if fen],
        )  # fmt: skip
        more: dict[str, Json] = {
            "card_id": order.card_id,
            "units": -card.left,
            "of": {"epoch": found.name.epoch, "seq": found.name.seq},
            "sale_day": found.event["business_day"],
        }
        return EventDraft(
            kind=COUNT_CARD_REFUND,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body(refund_rows(tenders, fens), {"payable_fen": -cash_fen}, **more),
            answer={
                "refund_id": order.caller_id,
                "cash_back_fen": cash_fen,
                "tenders": refund_answer(tenders, fens),
                **card_answer(card, card.left, 0),
            },
            postings=await self._shelf.take(owner, order.card_id, card.left, has) if card.left else (),
            print_jobs=lambda name: self._shelf.jobs(name, after, slip, order.paper),
            told=(*TOLD, "cash_back_fen"),
            at_ms=after.at_ms,
        )
