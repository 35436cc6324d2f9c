"""R18: a count card, a tender in units (10 coffees). It earns nothing; a returned use gives its unit back.

Pure. The sale takes units as a tender of their own; the refund of the card pays for the units never used.
"""

from dataclasses import dataclass, replace

from agent.domain.errors import Refusal


@dataclass(frozen=True, slots=True)
class CountCard:
    """`total` units bought for `price_fen`, `remaining` of them left; a refunded card is closed."""

    total: int
    remaining: int
    price_fen: int
    closed: bool = False

    def __post_init__(self) -> None:
        if self.total <= 0 or not 0 <= self.remaining <= self.total or self.price_fen < 0:
            raise ValueError("a count card needs total > 0, 0 <= remaining <= total and price >= 0")


def use(card: CountCard, units: int = 1) -> CountCard:
    """Take units. Beyond what is left: COUNT_INSUFFICIENT, nothing changes.

    >>> use(CountCard(10, 10, 18000), 3).remaining
    7
    """
    if units < 0:
        raise ValueError("a use takes units")
    if units > card.remaining:
        raise Refusal("COUNT_INSUFFICIENT", "the card has fewer units left", field="units")
    return replace(card, remaining=card.remaining - units)


def give_back(card: CountCard, units: int = 1) -> CountCard:
    """Return used units. More than were used is refused COUNT_NOT_USED, a refunded card COUNT_CARD_CLOSED."""
    if units < 0:
        raise ValueError("a return gives units")
    if card.closed:
        raise Refusal("COUNT_CARD_CLOSED", "the card was refunded before")
    if card.remaining + units > card.total:
        raise Refusal("COUNT_NOT_USED", "more units than were used", field="units")
    return replace(card, remaining=card.remaining + units)


def refund_card(card: CountCard) -> tuple[CountCard, int]:
    """Take the card back; gives (card, cash in fen) = `price - price*used//total` (R18). COUNT_CARD_CLOSED.

    >>> refund_card(CountCard(3, 2, 10000))
    (CountCard(total=3, remaining=0, price_fen=10000, closed=True), 6667)
    """
    if card.closed:
        raise Refusal("COUNT_CARD_CLOSED", "the card was refunded before")
    used = card.total - card.remaining
    return replace(card, remaining=0, closed=True), card.price_fen - card.price_fen * used // card.total
