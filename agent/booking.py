"""What a paid order becomes: the quote behind it, the evidence weighed, the facts of the event. Called by flow.commit.

It reads books and pricebook and decides nothing but facts; it never writes, prints or sends.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.evidence import Judged, judge, wechat_ids
from agent.domain.ids import random_id
from agent.domain.member import Identification
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.points import earned
from agent.domain.pricing import Item, PriceSource
from agent.domain.sale import CartLine, Discrepancy, Earner, PricedCart, earning_base, price_cart
from agent.domain.sale_event import SaleFacts
from agent.domain.scan import normalise, payment_kind
from agent.identify import Identifier
from agent.ports import Books, Clock, Entropy, Pricebook
from agent.quotes import Quote, QuoteBook
from agent.wording import label

_QUOTE_BYTES = 10
UNSPECIFIED = "UNSPECIFIED"
"""The sku of the one line a sale gets when neither its quote nor its lines are known, and of what must not be kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this till stands."""

    workstation_id: str
    store_id: str
    brand_id: str


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line of an order, and which field of it: refused in a quote, recorded in a sale."""

    field: str
    found: Discrepancy


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

    async def entries(self, lines: Sequence[OrderLine]) -> tuple[list[CartLine], list[LineFault]]:
        """Look up articles; one that is unknown is kept as charged, earns nothing and is reported by its number."""
        entries: list[CartLine] = []
        faults: list[LineFault] = []
        for index, line in enumerate(lines):
            item = await self._pricebook.item(line.code)
            fault = _line_fault(line, item)
            if fault is not None:
                code, field, why = fault
                faults.append(LineFault(f"lines.{index}.{field}", Discrepancy(code, f"line {index + 1}: {why}")))
            if item is None:
                entries.append(_as_charged(line))
            else:  # grams of goods sold by the piece mean nothing: half a kilogram is not half a packet
                entries.append(CartLine(item, line.qty, line.grams if item.by_weight else None, line.charged_fen))
        return entries, faults

    async def without_payment_codes(self, order: SaleOrder) -> SaleOrder:
        """Drop a payment code that was typed or scanned in place of an article: it must never reach the disk."""
        lines = list(order.lines)
        for index, line in enumerate(lines):
            if payment_kind(normalise(line.code)) is not None and await self._pricebook.item(line.code) is None:
                lines[index] = dataclasses.replace(line, code=UNSPECIFIED)
        return dataclasses.replace(order, lines=tuple(lines))

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
        named = set(wechat_ids(order.tenders))
        quote = self.quotes.get(order.quote_id) if order.quote_id is not None else None
        for who in (self.shown(order), quote.identification if quote is not None else None):
            if who is not None and who.payment is not None:
                named.add(who.payment.transaction_id)
        return named

    async def facts(self, order: SaleOrder) -> tuple[SaleFacts, Judged]:
        """Everything the event of a paid order records; raises Refusal when its tenders contradict its total."""
        tendered_fen = sum(tender.amount_fen for tender in order.tenders)
        shown = self.shown(order)
        pinned = self.quotes.get(order.quote_id) if order.quote_id is not None else None
        collected_fen = _collected(order, pinned, tendered_fen)
        quote, found = (pinned, []) if pinned is not None else await self._quote_now(order, shown, tendered_fen)
        if order.identification_id is not None and shown is None:
            found.append(Discrepancy("IDENTIFICATION_EXPIRED", "the sale came after the identification had ended"))
        if collected_fen != quote.cart.payable_fen:
            detail = f"priced {quote.cart.payable_fen} fen, charged {collected_fen} fen"
            found.append(Discrepancy("PRICE_DIFFERS", detail))
        used = {one for one in self.transactions(order) if await self._books.is_used(transaction_id=one)}
        judged = judge(quote.identification, shown, order.tenders, used)
        return self._facts(order, quote, judged, collected_fen, (*found, *judged.discrepancies)), judged

    async def _quote_now(
        self, order: SaleOrder, shown: Identification | None, tendered_fen: int
    ) -> tuple[Quote, list[Discrepancy]]:
        """For a sale whose quote is gone or never was: one made from its own lines, or from the money alone."""
        found: list[Discrepancy] = []
        if order.quote_id is not None:
            found.append(Discrepancy("QUOTE_UNKNOWN", "the quote has ended or was never made here"))
        entries = [_as_charged(OrderLine(UNSPECIFIED, charged_fen=tendered_fen))]
        if order.lines:
            entries, faults = await self.entries(order.lines)
            found += [fault.found for fault in faults]
        quote = await self.priced(entries, shown)
        if any(line.source is PriceSource.CHARGED for line in quote.cart.lines):
            ours = await self.priced([dataclasses.replace(entry, charged_fen=None) for entry in entries], shown)
            found += [
                Discrepancy(
                    "PRICE_DIFFERS", f"line {sold.line}: priced {own.paid_fen} fen, charged {sold.paid_fen} fen"
                )
                for entry, sold, own in zip(entries, quote.cart.lines, ours.cart.lines, strict=True)
                if entry.known and sold.source is PriceSource.CHARGED
            ]
        return quote, found

    def _facts(
        self, order: SaleOrder, quote: Quote, judged: Judged, collected_fen: int, found: Sequence[Discrepancy]
    ) -> SaleFacts:
        at_ms = self._clock.now_ms()
        by = judged.member_by
        member = by.member if by is not None else None
        base_fen = quote.cart.base_fen
        if collected_fen != quote.cart.payable_fen:
            base_fen = earning_base(quote.cart.lines, collected_fen)
        if not judged.earns:
            base_fen = 0
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


def _line_fault(line: OrderLine, item: Item | None) -> tuple[str, str, str] | None:
    """Code, field and reason of what is wrong with a line; the reason never repeats the code that was scanned."""
    if item is None:
        return "ITEM_UNKNOWN", "code", "no item is known by this code"
    if item.by_weight and line.grams is None:
        return "WEIGHT_MISSING", "grams", "this item is sold by weight and the line has no grams"
    if not item.by_weight and line.grams is not None:
        return "NOT_BY_WEIGHT", "grams", "this item is sold by the piece and the line has grams"
    return None


def _as_charged(line: OrderLine) -> CartLine:
    """A line the pricebook cannot price: booked as charged, earns nothing."""
    charged_fen = line.charged_fen or 0
    unit_fen = charged_fen // line.qty if line.grams is None else charged_fen
    name = line.name or (label("unspecified") if line.code == UNSPECIFIED else line.code)
    item = Item(line.code, name, unit_fen, no_member_discount=True, earns=False)  # nothing to promise a member on it
    return CartLine(item, line.qty, line.grams, charged_fen, known=False)


def _collected(order: SaleOrder, quote: Quote | None, tendered_fen: int) -> int:
    """What the customer was charged: `total_fen`, else the living quote's payable, else the sum of the tenders.

    Tenders that do not add up to it are the one thing a sale is refused for: it is not paid yet, or paid twice.
    """
    total_fen = order.total_fen
    if total_fen is None:
        total_fen = quote.cart.payable_fen if quote is not None else tendered_fen
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
