"""Quotes that were given and not yet used: pinned prices, rules, identification and planned spends, for 15 minutes.

Called by flow. Held in memory and bounded; a paid sale whose quote is gone is still booked from its own lines. A quote
that was asked to hold its rights is kept in the books too (agent.quote_rows), so that it survives a restart.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.domain.asks import NOTHING_ASKED, Asks, Want, wanted
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.holdings import Holdings
from agent.domain.member import Identification
from agent.domain.rules import RuleSet
from agent.domain.sale import Ask, CartLine, Earner, Posting, PricedCart, price_cart
from agent.domain.sale_inputs import Inputs
from agent.domain.validity import is_birthday
from agent.limits import QUOTE_TTL_S, QUOTES
from agent.ports import Clock


@dataclass(frozen=True, slots=True)
class Rights:
    """What of points (points) and stored value (fen) a quote was priced with."""

    points: int = 0
    principal_fen: int = 0
    gift_fen: int = 0


_UNPRICED = PricedCart((), 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart with everything that decided it, and the spends that it plans."""

    quote_id: str
    entries: Sequence[CartLine]
    identification: Identification | None
    rules: RuleSet
    pricebook_version: int
    business_day: str
    cart: PricedCart = _UNPRICED
    asks: Asks = NOTHING_ASKED
    coupons: tuple[HeldCoupon, ...] = ()
    rights: Rights = Rights()
    spends: tuple[Posting, ...] = ()
    has: Holdings = Holdings()
    """What the member had when it was given."""
    undated: bool = False
    """No clock was to be believed: `rules` has no offers bound to a date (R15)."""
    held_until_ms: int = 0
    """Until when its rights are promised; 0: they are not."""

    @property
    def wants(self) -> tuple[Want, ...]:
        """What it spends."""
        return wanted(self.cart, self.asks.count_card)

    @property
    def inputs(self) -> Inputs:
        """What decided it, for the sale that it becomes."""
        return Inputs(
            entries=self.entries,
            business_day=self.business_day,
            undated=self.undated,
            asks=self.asks,
            coupons=self.coupons,
            points=self.rights.points,
            principal_fen=self.rights.principal_fen,
            gift_fen=self.rights.gift_fen,
        )

    @property
    def ask(self) -> Ask:
        """What the pipeline is asked."""
        return replace(self.inputs.ask(self.rules), below_market_ok=self.asks.override is not None)

    def priced(self, ask: Ask | None) -> "Quote":
        """The same with its cart; `ask` None refuses nothing, because the goods are sold. Raises Refusal."""
        who = self.identification
        member = who.member if who is not None else None
        tier = self.rules.tier_of(member, self.business_day) if member is not None else None
        earner = Earner(
            price_tier=tier if who is not None and who.prices else None,
            earn_tier=tier,
            points=self.rights.points,
            birthday=member is not None and is_birthday(self.business_day, member.birthday),
        )
        return replace(self, cart=price_cart(self.entries, earner, self.rules, self.business_day, ask))


class QuoteBook:
    """Open quotes by id, each for QUOTE_TTL_S of monotonic time; the oldest go when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Quote]] = OrderedDict()
        self._given_s: float | None = None
        self._turned_until_s = 0.0

    def add(self, quote: Quote, for_s: float = QUOTE_TTL_S) -> None:
        """Keep a quote for its whole life, or what is left of it."""
        self._given_s = self._clock.mono_s()
        self._kept[quote.quote_id] = (self._given_s + for_s, quote)
        while len(self._kept) > QUOTES:
            self._kept.popitem(last=False)

    def get(self, quote_id: str) -> Quote | None:
        """Give an open quote, None when it is unknown or too old."""
        kept = self._kept.get(quote_id)
        return kept[1] if kept is not None and self._clock.mono_s() < kept[0] else None

    def turned(self, before_s: float) -> None:
        """The mode was switched so long before: for a quote's life, one unknown here may be of the other mode."""
        left_s = min(QUOTE_TTL_S, QUOTE_TTL_S - before_s)
        self._turned_until_s = self._clock.mono_s() + left_s

    def may_be_of_the_other_mode(self, quote_id: str) -> bool:
        """Whether a quote that nobody gave here may have been given before the switch."""
        return quote_id not in self._kept and self._clock.mono_s() < self._turned_until_s

    def is_busy(self, within_s: float) -> bool:
        """Whether a quote was given within the last seconds and nothing was sold or forgotten since: a customer waits.

        Only the latest counts: a cart that is priced again with each article leaves many behind.
        """
        return self._given_s is not None and self._clock.mono_s() - self._given_s < within_s

    def holds(self, nonce: str) -> bool:
        """Whether an open quote holds rights on the dynamic code of this nonce."""
        return any(
            quote.held_until_ms and quote.identification is not None and quote.identification.nonce == nonce
            for quote_id, (_, quote) in self._kept.items()
            if self.get(quote_id) is not None
        )

    def ended(self, quote_id: str) -> Quote | None:
        """Give a quote that has ended, as long as it is remembered: the customer may have paid it in time."""
        kept = self._kept.get(quote_id)
        return kept[1] if kept is not None and self._clock.mono_s() >= kept[0] else None

    def sold(self, quote_id: str, tendered_fen: int) -> Quote | None:
        """Give the quote that a sale is booked with: an open one, or an ended one that was paid to the fen.

        Without money beside it an ended quote is nobody's purchase: what it would have spent may be gone.
        """
        ended = self.ended(quote_id)
        if ended is not None and tendered_fen and tendered_fen == ended.cart.due_fen:
            return ended
        return self.get(quote_id)

    def discard(self, quote_id: str) -> bool:
        """Forget a quote; whether it was open."""
        was_open = self.get(quote_id) is not None
        self._given_s = None
        self._kept.pop(quote_id, None)
        return was_open
