"""R3: which price a line gets, and why. Member price, tier rate, promo price and list price never multiply.

Pure and exact; called by the pipeline (agent.domain.evaluate). A member's price stops at the floor of R4, and what
that takes from the customer is told as lost. Promotions and coupons are later stages of R2, in modules of their own.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.money import hu


class PriceSource(StrEnum):
    """Which candidate won; the receipt and the quote name it."""

    MEMBER_FIXED = "member_fixed"
    TIER = "tier"
    PROMO = "promo"
    LIST = "list"
    CHARGED = "charged"
    """What the POS had already charged, where it differs from ours: recorded as sold."""


class TierRound(StrEnum):
    """Where the tier discount is rounded: per unit, as on the shelf tag, or per line for goods below a jiao."""

    UNIT = "unit"
    LINE = "line"


class Route(StrEnum):
    """Where a line's amount comes from; the two can differ by one fen, so the route is recorded (R3)."""

    UNIT = "unit"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Item:
    """One article of the pricebook. Prices are fen per piece, or fen per kilogram when `by_weight`.

    `min_fen` is the shop's own minimum of a unit, `market_fen` the market price of S54; None where there is none (R4).
    """

    sku: str
    name: str
    list_fen: int
    member_fen: int | None = None
    promo_fen: int | None = None
    no_member_discount: bool = False
    earns: bool = True
    by_weight: bool = False
    min_fen: int | None = None
    market_fen: int | None = None


@dataclass(frozen=True, slots=True)
class LinePrice:
    """The chosen unit price, its source, the amount of the line, and what the floor took from the customer (fen)."""

    unit_fen: int
    line_fen: int
    source: PriceSource
    route: Route = Route.UNIT
    lost_fen: int = 0


def member_candidate(item: Item, pay_rate_bps: int | None) -> tuple[int, PriceSource] | None:
    """Give the member's unit price: the fixed one replaces the percentage even when dearer (R3).

    >>> member_candidate(Item("a", "水", 5), 9000)
    (4, <PriceSource.TIER: 'tier'>)
    """
    if item.no_member_discount:
        return None
    if item.member_fen is not None:
        return item.member_fen, PriceSource.MEMBER_FIXED
    if pay_rate_bps is None:
        return None
    return _at_rate(item.list_fen, pay_rate_bps), PriceSource.TIER


def weigh(fen_per_kg: int, grams: int) -> int:
    """Price weighed goods; half a fen goes down, to the customer (R3).

    >>> weigh(1000, 1), weigh(1000, 2), weigh(1500, 1)
    (1, 2, 1)
    """
    return (2 * fen_per_kg * grams + 999) // 2000


def amount_at(item: Item, unit_fen: int, pieces: int, grams: int | None = None, label_fen: int | None = None) -> int:
    """Amount of a line at a unit price: of pieces, of grams, or of what a scale's label says at list price (R3).

    What a price below list saves on a label is taken on its amount, rounded half-up like every discount.

    >>> amount_at(Item("a", "樱桃", 3990), 3591, 1, label_fen=1819)
    1637
    """
    if label_fen is not None:
        if unit_fen >= item.list_fen:
            return label_fen
        return label_fen - hu(label_fen * (item.list_fen - unit_fen), item.list_fen)
    if grams is not None:
        return weigh(unit_fen, grams)
    return unit_fen * pieces


def line_price(
    item: Item,
    *,
    qty: int = 1,
    grams: int | None = None,
    label_fen: int | None = None,
    is_member: bool,
    pay_rate_bps: int | None,
    tier_round: TierRound = TierRound.UNIT,
    floor_unit_fen: int = 0,
) -> LinePrice:
    """Price one line (R3): the lowest candidate; equal goes to the member price, then promo, then list.

    Takes pieces, grams for goods sold by weight, or the amount of a scale's label. `pay_rate_bps` None means the tier
    gives no discount. The member's price stops at the floor (R4); a floor above the list price raises nothing.

    >>> line_price(Item("a", "水", 5), qty=10, is_member=True, pay_rate_bps=9000).line_fen
    40
    >>> line_price(Item("a", "水", 1), qty=10, is_member=True, pay_rate_bps=9000, tier_round=TierRound.LINE).line_fen
    9
    >>> line_price(Item("a", "酒", 1000), is_member=True, pay_rate_bps=5000, floor_unit_fen=700).lost_fen
    200
    """
    list_fen, promo_fen = item.list_fen, item.promo_fen
    unit_fen, source = list_fen, PriceSource.LIST
    if promo_fen is not None and promo_fen <= list_fen:
        unit_fen, source = promo_fen, PriceSource.PROMO
    route = Route.UNIT if label_fen is None else Route.LABEL
    member = member_candidate(item, pay_rate_bps) if is_member else None
    if member is None:
        return LinePrice(unit_fen, amount_at(item, unit_fen, qty, grams, label_fen), source, route)
    wanted_unit, kind = member
    floor = min(floor_unit_fen, list_fen)
    member_unit = max(wanted_unit, floor)
    on_line = label_fen is not None or (tier_round is TierRound.LINE and grams is None)
    if on_line and kind is PriceSource.TIER and pay_rate_bps is not None:
        best = amount_at(item, unit_fen, qty, grams, label_fen)
        wanted = _at_rate(amount_at(item, list_fen, qty, grams, label_fen), pay_rate_bps)
        given = max(wanted, amount_at(item, floor, qty, grams, label_fen)) if floor else wanted
        if given <= best:
            return LinePrice(member_unit, given, kind, route, given - wanted)
        return LinePrice(unit_fen, best, source, route, max(0, best - wanted))
    if member_unit <= unit_fen:
        unit_fen, source = member_unit, kind
    line_fen = amount_at(item, unit_fen, qty, grams, label_fen)
    lost_fen = line_fen - amount_at(item, wanted_unit, qty, grams, label_fen) if wanted_unit < unit_fen else 0
    return LinePrice(unit_fen, line_fen, source, route, lost_fen)


def _at_rate(amount_fen: int, pay_rate_bps: int) -> int:
    return amount_fen - hu(amount_fen * (10_000 - pay_rate_bps), 10_000)
