"""Quotes that were given and not yet used: pinned prices, rules and identification, for fifteen minutes.

Called by flow. Held in memory and bounded; a sale whose quote is gone is still booked from its own lines.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.member import Identification
from agent.domain.rules import RuleSet
from agent.domain.sale import CartLine, Discrepancy, PricedCart
from agent.limits import QUOTE_TTL_S, QUOTES
from agent.ports import Clock


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart with everything that decided it."""

    quote_id: str
    cart: PricedCart
    entries: Sequence[CartLine]
    identification: Identification | None
    rules: RuleSet
    pricebook_version: int
    business_day: str
    discrepancies: Sequence[Discrepancy] = ()


class QuoteBook:
    """Open quotes by id; the oldest go when there are too many, each after QUOTE_TTL_S of monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[str, tuple[float, Quote]] = OrderedDict()

    def add(self, quote: Quote) -> None:
        """Keep a quote."""
        self._open[quote.quote_id] = (self._clock.mono_s() + QUOTE_TTL_S, quote)
        while len(self._open) > QUOTES:
            self._open.popitem(last=False)

    def get(self, quote_id: str) -> Quote | None:
        """Give an open quote, None when it is unknown or too old."""
        kept = self._open.get(quote_id)
        if kept is None:
            return None
        expires_s, quote = kept
        if expires_s <= self._clock.mono_s():
            del self._open[quote_id]
            return None
        return quote

    def discard(self, quote_id: str) -> bool:
        """Forget a quote; whether it was there."""
        return self._open.pop(quote_id, None) is not None
