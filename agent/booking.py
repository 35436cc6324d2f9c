"""What a paid order becomes: the quote behind it, the evidence weighed, the facts of the event. Called by flow.commit.

It reads books, pricebook and what a member holds, and decides nothing but facts; it never writes, prints or sends.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from agent.books_ports import Books
from agent.carts import UNSPECIFIED, LineFault, as_charged, entries_of, without_payment_codes
from agent.domain.asks import NOTHING_ASKED, Asks, Planned, prepaid_tenders, unspent
from agent.domain.business_day import business_day
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.errors import Refusal
from agent.domain.evidence import Judged, judge, wechat_ids
from agent.domain.holdings import NOTHING_HELD
from agent.domain.ids import random_id
from agent.domain.member import Identification
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.points import earned
from agent.domain.pricing import PriceSource
from agent.domain.sale import Ask, CartLine, Discrepancy, Earner, PricedCart, booked_base, price_cart
from agent.domain.sale_event import SaleFacts
from agent.domain.validity import is_birthday
from agent.identify import Identifier
from agent.ports import Clock, Entropy
from agent.quotes import Quote, QuoteBook, Rights
from agent.remarks import charged_otherwise, not_booked, remarks
from agent.replica_ports import Pricebook
from agent.risk_ports import Risk
from agent.spending import Spending
from agent.tendered import order_fen, require_whole

_QUOTE_BYTES = 10
_NO_RIGHTS = Rights()
_LOOK_FIRST = "look whether the other books have it; else sell it again with a quote of now"


@dataclass(frozen=True, slots=True)
class Place:
    """Where this till stands."""

    workstation_id: str
    store_id: str
    brand_id: str


@dataclass(frozen=True, slots=True)
class BookingPorts:
    """What it reads."""

    identifier: Identifier
    pricebook: Pricebook
    books: Books
    spending: Spending
    risk: Risk
    clock: Clock
    entropy: Entropy


class Booking:
    """Prices carts and turns paid orders into facts."""

    def __init__(self, place: Place, ports: BookingPorts) -> None:
        self._place = place
        self._ports = ports
        self.quotes = QuoteBook(ports.clock)

    async def entries(self, lines: Sequence[OrderLine]) -> tuple[list[CartLine], list[LineFault]]:
        """Look up articles (agent.carts)."""
        return await entries_of(self._ports.pricebook, lines)

    async def without_payment_codes(self, order: SaleOrder) -> SaleOrder:
        """Drop payment codes in place of articles (agent.carts)."""
        return await without_payment_codes(self._ports.pricebook, order)

    def today(self) -> str:
        """The business day of now."""
        return business_day(self._ports.clock.now_ms())

    async def priced(
        self,
        entries: Sequence[CartLine],
        who: Identification | None,
        asks: Asks = NOTHING_ASKED,
        *,
        coupons: tuple[HeldCoupon, ...] = (),
        rights: Rights = _NO_RIGHTS,
        sold: bool = False,
    ) -> Quote:
        """Price a cart for whoever stands there, pinning rules and pricebook; `sold`: it is charged, refuse nothing."""
        rules = await self._ports.pricebook.rules()
        undated = not self._ports.risk.clock().trusted
        if undated:
            rules = rules.undated()
        quote = Quote(
            quote_id=random_id("quo", self._ports.entropy.token(_QUOTE_BYTES)),
            entries=entries,
            identification=who,
            rules=rules,
            pricebook_version=await self._ports.pricebook.version(),
            business_day=self.today(),
            asks=asks,
            coupons=coupons,
            rights=rights,
            undated=undated,
        )
        return quote.priced(None if sold else quote.ask)

    def shown(self, order: SaleOrder) -> Identification | None:
        """The living identification a sale names."""
        return self._ports.identifier.get(order.identification_id) if order.identification_id is not None else None

    def pinned(self, order: SaleOrder) -> Quote | None:
        """The quote that a sale is booked with: open, or ended and paid to the fen; None where there is neither."""
        return None if order.quote_id is None else self.quotes.sold(order.quote_id, order_fen(order))

    def is_late(self, order: SaleOrder) -> bool:
        """Whether that quote had ended: what it planned must be planned again."""
        return order.quote_id is not None and self.quotes.get(order.quote_id) is None

    def transactions(self, order: SaleOrder) -> set[str]:
        """Every WeChat transaction a sale would use up."""
        named = set(wechat_ids(order.tenders))
        quote = self.pinned(order)
        for who in (self.shown(order), quote.identification if quote is not None else None):
            if who is not None and who.payment is not None:
                named.add(who.payment.transaction_id)
        return named

    async def facts(self, order: SaleOrder, planned: Planned | None = None) -> tuple[SaleFacts, Judged]:
        """Everything the event of a paid order records; raises Refusal when its tenders contradict its total.

        QUOTE_UNKNOWN (409) where nothing was tendered and no quote says that nothing was due.
        `planned` replaces the spends that the quote had planned, where its leases did not cover them any more.
        """
        tendered_fen = order_fen(order)
        shown = self.shown(order)
        pinned = self.pinned(order)
        require_whole(order, pinned, tendered_fen)
        quote, found = (pinned, []) if pinned is not None else await self._quote_now(order, shown, tendered_fen)
        if pinned is not None and self.is_late(order):
            found.append(Discrepancy("QUOTE_ENDED", "booked as quoted and paid; the quote had ended"))
        if order.identification_id is not None and shown is None:
            found.append(Discrepancy("IDENTIFICATION_EXPIRED", "the sale came after the identification had ended"))
        if tendered_fen != quote.cart.due_fen:
            found.append(Discrepancy("PRICE_DIFFERS", f"priced {quote.cart.due_fen} fen, charged {tendered_fen} fen"))
        used = {one for one in self.transactions(order) if await self._ports.books.is_used(transaction_id=one)}
        judged = judge(quote.identification, shown, order.tenders, used)
        if planned is None or pinned is None:
            planned = Planned(quote.spends)
        found += [*judged.discrepancies, *remarks(order, quote, planned)]
        return await self._facts(order, quote, judged, planned, found), judged

    async def _quote_now(
        self, order: SaleOrder, shown: Identification | None, tendered_fen: int
    ) -> tuple[Quote, list[Discrepancy]]:
        """For a sale whose quote is gone or never was: one made from its own lines, or from the money alone."""
        found: list[Discrepancy] = []
        if order.quote_id is not None:
            if self.quotes.may_be_of_the_other_mode(order.quote_id):
                raise Refusal("MODE_DIFFERS", "priced before the mode was switched", hint=_LOOK_FIRST, status=409)
            found.append(Discrepancy("QUOTE_UNKNOWN", "the quote has ended or was never made here"))
            ended = self.quotes.ended(order.quote_id)
            if ended is not None and ended.wants:
                found.append(not_booked(ended.wants))
        entries = [as_charged(OrderLine(UNSPECIFIED, charged_fen=tendered_fen))]
        if order.lines:
            entries, faults = await self.entries(order.lines)
            found += [fault.found for fault in faults]
        quote = await self.priced(entries, shown, sold=True)
        if any(line.source is PriceSource.CHARGED for line in quote.cart.lines):
            free = [dataclasses.replace(entry, charged_fen=None) for entry in entries]
            found += charged_otherwise(entries, quote, await self.priced(free, shown, sold=True))
        return quote, found

    async def _facts(
        self, order: SaleOrder, quote: Quote, judged: Judged, planned: Planned, found: list[Discrepancy]
    ) -> SaleFacts:
        at_ms = self._ports.clock.now_ms()
        day = business_day(at_ms)
        by = judged.member_by
        member = by.member if by is not None else None
        count_card = quote.asks.count_card.card_id if quote.asks.count_card is not None else ""
        has = None
        if member is not None:
            has = await self._ports.spending.holdings(member.member_id, day, lots=count_card != "")
        cart = unspent(_compared(quote, judged), planned.dropped)
        tenders = (*judged.tenders, *prepaid_tenders(cart, count_card))
        collected_fen = sum(tender.amount_fen for tender in tenders)
        base_fen = booked_base(cart, collected_fen) if judged.earns else 0
        birthday = member is not None and is_birthday(day, member.birthday)
        event_x100 = quote.rules.event_x100(day, birthday=birthday)
        tier_x100 = quote.rules.tier_of(member, day).earn_mult_x100 if member is not None else 0
        points = earned(base_fen, quote.rules.earn, tier_x100=tier_x100, event_x100=event_x100)
        pending = False
        if member is not None and points:
            pending = (await self._ports.risk.points_verdict(member.member_id, points, at_ms)).pending
        if pending:
            found.append(Discrepancy("POINTS_FROZEN", f"{points} points wait for a person"))
        return SaleFacts(
            sale_id=order.sale_id,
            brand_id=self._place.brand_id,
            store_id=self._place.store_id,
            workstation_id=self._place.workstation_id,
            at_ms=at_ms,
            business_day=day,
            operator=order.operator,
            table=order.table,
            cart=cart,
            tenders=tenders,
            collected_fen=collected_fen,
            base_fen=base_fen,
            points_earned=points,
            event_x100=event_x100,
            member=member,
            by=by,
            priced=by is not None and by.prices and by is quote.identification,
            payment=judged.payment,
            rules=quote.rules,
            pricebook_version=quote.pricebook_version,
            claim_sha256=None,
            discrepancies=tuple(found),
            spent=planned.postings,
            unbooked=planned.dropped,
            coupons=quote.coupons,
            count_card=count_card,
            overrides=(quote.asks.override,) if quote.asks.override is not None and cart.below_market else (),
            has=has or NOTHING_HELD,
            pending=pending,
            clock=self._ports.risk.clock().row(),
            due_fen=quote.cart.due_fen,
            inputs=dataclasses.replace(
                quote.inputs,
                debt=(has or NOTHING_HELD).debt,
                birthday=birthday,
                earns=judged.earns,
                unbooked=planned.dropped,
            ),
        )


def _compared(quote: Quote, judged: Judged) -> PricedCart:
    """R20: a payer known only after the quote is charged as quoted, and compared with their own tier's price."""
    by = judged.member_by
    if by is None or by is quote.identification or by.member is None:
        return quote.cart
    earner = Earner(earn_tier=quote.rules.tier_of(by.member, quote.business_day))
    ask = Ask(cash=quote.asks.cash, below_market_ok=True)
    own = price_cart(quote.entries, earner, quote.rules, quote.business_day, ask)
    lines = tuple(
        dataclasses.replace(line, member_fen=theirs.member_fen)
        for line, theirs in zip(quote.cart.lines, own.lines, strict=True)
    )
    return dataclasses.replace(
        quote.cart, lines=lines, member_payable_fen=own.member_payable_fen, member_points=own.member_points
    )
