"""What disagrees in a paid sale, for the shop and HQ: recorded with it, never a reason to refuse it.

Pure functions, called by agent.booking. A detail never repeats what was scanned.
"""

from collections.abc import Sequence

from agent.domain.asks import Planned, Want
from agent.domain.order import SaleOrder
from agent.domain.pricing import PriceSource
from agent.domain.sale import CartLine, Discrepancy, TenderType
from agent.quotes import Quote


def remarks(order: SaleOrder, quote: Quote, planned: Planned) -> list[Discrepancy]:
    """What HQ must hear: spends that no right covered, prices under 70 % that nobody allowed, 抹零 without cash."""
    found = [not_booked(planned.dropped)] if planned.dropped else []
    if quote.cart.below_market and quote.asks.override is None:
        lines = ", ".join(map(str, quote.cart.below_market))
        found.append(Discrepancy("PRICE_BELOW_70", f"lines {lines} are under 70 % of the market price"))
    if quote.cart.rounding_off_fen and all(tender.type is not TenderType.CASH for tender in order.tenders):
        found.append(Discrepancy("ROUNDED_WITHOUT_CASH", f"{quote.cart.rounding_off_fen} fen off, and no cash came"))
    return found


def not_booked(wants: Sequence[Want]) -> Discrepancy:
    """Name what was granted and could not be taken."""
    return Discrepancy("SPEND_NOT_BOOKED", ", ".join(want.words() for want in wants)[:200])


def charged_otherwise(entries: Sequence[CartLine], quote: Quote, ours: Quote) -> list[Discrepancy]:
    """Lines that were charged otherwise than we price them."""
    return [
        Discrepancy("PRICE_DIFFERS", f"line {sold.line}: priced {own.paid_fen} fen, charged {sold.paid_fen} fen")
        for entry, sold, own in zip(entries, quote.cart.lines, ours.cart.lines, strict=True)
        if entry.known and sold.source is PriceSource.CHARGED
    ]
