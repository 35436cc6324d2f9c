"""What a paid order becomes: the quote behind it, the evidence weighed, the facts of the event. Called by flow.commit.

It reads books and pricebook and decides nothing but facts; it never writes, prints or sends.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.evidence import Judged, judge
from agent.domain.ids import random_id
from agent.domain.member import Identification
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.points import earned
from agent.domain.pricing import Item
from agent.domain.sale import CartLine, Discrepancy, Earner, PricedCart, earning_base, price_cart
from agent.domain.sale_event import SaleFacts
from agent.identify import Identifier
from agent.ports import Books, Clock, Entropy, Pricebook
from agent.quotes import Quote, QuoteBook

_QUOTE_BYTES = 10
UNSPECIFIED = "UNSPECIFIED"
"""The sku of the one line a sale gets when neither its quote nor its lines are known."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this till stands."""

    workstation_id: str
    store_id: str
    brand_id: str


class Booking:
    """Prices carts and turns paid orders into facts."""

    def __init__(
        self, place: Place, identifier: Identifier, pricebook: Pricebook, books: Books, clock: Clock, entropy: Entropy
    ) -> None:
        self._place = place
        self._identifier = identifier
        self._pricebook = pricebook
        self._books = books
        self._clock = clock
        self._entropy = entropy
        self.quotes = QuoteBook(clock)

    async def entries(self, lines: Sequence[OrderLine]) -> tuple[list[CartLine], list[Discrepancy]]:
        """Look up articles; one that is unknown is kept as charged, earns nothing and is reported."""
        entries: list[CartLine] = []
        unknown: list[Discrepancy] = []
        for line in lines:
            item = await self._pricebook.item(line.code)
            if item is None:
                unknown.append(Discrepancy("ITEM_UNKNOWN", f"no item has the code {line.code}"))
                item = Item(line.code, line.name or line.code, (line.charged_fen or 0) // line.qty, earns=False)
            entries.append(CartLine(item, line.qty, line.grams, line.charged_fen))
        return entries, unknown

    async def priced(self, entries: Sequence[CartLine], who: Identification | None) -> Quote:
        """Price a cart for whoever stands there, pinning rules and pricebook."""
        rules = await self._pricebook.rules()
        day = business_day(self._clock.now_ms())
        tier = rules.tier(who.member.tier_id) if who is not None and who.member is not None else None
        may_price = who is not None and who.prices
        cart = price_cart(entries, Earner(price_tier=tier if may_price else None, earn_tier=tier), rules, day)
        quote_id = random_id("quo", self._entropy.token(_QUOTE_BYTES))
        return Quote(quote_id, cart, entries, who, rules, await self._pricebook.version(), day)

    def shown(self, order: SaleOrder) -> Identification | None:
        """The living identification a sale names."""
        return self._identifier.get(order.identification_id) if order.identification_id is not None else None

    def transactions(self, order: SaleOrder) -> set[str]:
        """Every WeChat transaction a sale would use up."""
        named = {tender.transaction_id for tender in order.tenders if tender.transaction_id is not None}
        quote = self.quotes.get(order.quote_id) if order.quote_id is not None else None
        for who in (self.shown(order), quote.identification if quote is not None else None):
            if who is not None and who.payment is not None:
                named.add(who.payment.transaction_id)
        return named

    async def facts(self, order: SaleOrder) -> tuple[SaleFacts, Judged]:
        """Everything the event of a paid order records; raises Refusal when its tenders contradict its total."""
        tendered_fen = sum(tender.amount_fen for tender in order.tenders)
        shown = self.shown(order)
        quote, found = await self._quote_behind(order, shown, tendered_fen)
        collected_fen = _collected(order, quote.cart, tendered_fen)
        if order.identification_id is not None and shown is None:
            found.append(Discrepancy("IDENTIFICATION_EXPIRED", "the sale came after the identification had ended"))
        if collected_fen != quote.cart.payable_fen:
            detail = f"priced {quote.cart.payable_fen} fen, charged {collected_fen} fen"
            found.append(Discrepancy("PRICE_DIFFERS", detail))
        used = {one for one in self.transactions(order) if await self._books.is_used(transaction_id=one)}
        judged = judge(quote.identification, shown, order.tenders, used)
        return self._facts(order, quote, judged, collected_fen, (*found, *judged.discrepancies)), judged

    async def _quote_behind(
        self, order: SaleOrder, shown: Identification | None, tendered_fen: int
    ) -> tuple[Quote, list[Discrepancy]]:
        """The quote a sale was made from; where it is gone, one made now from the sale's own lines."""
        quote = self.quotes.get(order.quote_id) if order.quote_id is not None else None
        if quote is not None:
            return quote, []
        found: list[Discrepancy] = []
        if order.quote_id is not None:
            found.append(Discrepancy("QUOTE_UNKNOWN", "the quote has ended or was never made here"))
        lines = order.lines or (OrderLine(UNSPECIFIED, charged_fen=tendered_fen, name="未列明细"),)
        entries, unknown = await self.entries(lines)
        return await self.priced(entries, shown), found + unknown

    def _facts(
        self, order: SaleOrder, quote: Quote, judged: Judged, collected_fen: int, found: Sequence[Discrepancy]
    ) -> SaleFacts:
        at_ms = self._clock.now_ms()
        by = judged.member_by
        member = by.member if by is not None else None
        base_fen = quote.cart.base_fen
        if collected_fen != quote.cart.payable_fen:
            base_fen = earning_base(quote.cart.lines, collected_fen)
        event_x100 = quote.rules.event_x100(business_day(at_ms))
        tier_x100 = quote.rules.tier(member.tier_id).earn_mult_x100 if member is not None else 0
        return SaleFacts(
            sale_id=order.sale_id,
            brand_id=self._place.brand_id,
            store_id=self._place.store_id,
            workstation_id=self._place.workstation_id,
            at_ms=at_ms,
            business_day=business_day(at_ms),
            operator=order.operator,
            cart=_compared(quote, judged),
            tenders=judged.tenders,
            collected_fen=collected_fen,
            base_fen=base_fen,
            points_earned=earned(base_fen, quote.rules.earn, tier_x100=tier_x100, event_x100=event_x100),
            event_x100=event_x100,
            member=member,
            by=by,
            priced=by is not None and by.prices and by is quote.identification,
            payment=judged.payment,
            rules=quote.rules,
            pricebook_version=quote.pricebook_version,
            claim_sha256=None,
            discrepancies=tuple(found),
        )


def _compared(quote: Quote, judged: Judged) -> PricedCart:
    """R20: a payer known only after the quote is charged as quoted, and compared with their own tier's price."""
    by = judged.member_by
    if by is None or by is quote.identification or by.member is None:
        return quote.cart
    tier = quote.rules.tier(by.member.tier_id)
    own = price_cart(quote.entries, Earner(earn_tier=tier), quote.rules, quote.business_day)
    return dataclasses.replace(quote.cart, member_payable_fen=own.member_payable_fen, member_points=own.member_points)


def _collected(order: SaleOrder, cart: PricedCart, tendered_fen: int) -> int:
    """What the customer was charged: `total_fen`, else the quote's payable, else the sum of the tenders.

    Tenders that do not add up to it are the one thing a sale is refused for: it is not paid yet, or paid twice.
    """
    total_fen = order.total_fen
    if total_fen is None:
        total_fen = cart.payable_fen if order.quote_id is not None and not order.lines else tendered_fen
        if tendered_fen > total_fen:
            total_fen = tendered_fen  # more came in than quoted: recorded, and the difference is a discrepancy
    if total_fen != tendered_fen:
        raise Refusal(
            "TENDERS_INCOMPLETE",
            f"the tenders add up to {tendered_fen} fen, the sale to {total_fen} fen",
            hint="send every tender; if the customer was charged another amount, say so in total_fen",
            field="tenders",
        )
    return total_fen
