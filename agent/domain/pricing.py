"""R3: which price a line gets, and why. Member price, tier rate, promo price and list price never multiply.

Pure and exact. Promotions, coupons and floors are later stages of R2 and live in modules of their own.
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


@dataclass(frozen=True, slots=True)
class Item:
    """One article of the pricebook. Prices are fen per piece, or fen per kilogram when `by_weight`."""

    sku: str
    name: str
    list_fen: int
    member_fen: int | None = None
    promo_fen: int | None = None
    no_member_discount: bool = False
    earns: bool = True
    by_weight: bool = False


@dataclass(frozen=True, slots=True)
class LinePrice:
    """The chosen unit price, its source and the amount of the line (fen)."""

    unit_fen: int
    line_fen: int
    source: PriceSource


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
    return item.list_fen - hu(item.list_fen * (10_000 - pay_rate_bps), 10_000), PriceSource.TIER


def unit_price(item: Item, *, is_member: bool, pay_rate_bps: int | None) -> tuple[int, PriceSource]:
    """Choose the lowest candidate; equal goes to the member price, then promo, then list (R3)."""
    candidates: list[tuple[int, PriceSource]] = []
    member = member_candidate(item, pay_rate_bps) if is_member else None
    if member is not None:
        candidates.append(member)
    if item.promo_fen is not None:
        candidates.append((item.promo_fen, PriceSource.PROMO))
    candidates.append((item.list_fen, PriceSource.LIST))
    return min(candidates, key=lambda candidate: candidate[0])  # min keeps the first of equals: member before promo


def weigh(fen_per_kg: int, grams: int) -> int:
    """Price weighed goods; half a fen goes down, to the customer (R3).

    >>> weigh(1000, 1), weigh(1000, 2), weigh(1500, 1)
    (1, 2, 1)
    """
    return (2 * fen_per_kg * grams + 999) // 2000


def line_price(
    item: Item,
    *,
    qty: int = 1,
    grams: int | None = None,
    is_member: bool,
    pay_rate_bps: int | None,
    tier_round: TierRound = TierRound.UNIT,
) -> LinePrice:
    """Price one line (R3).

    Takes pieces, or grams for goods sold by weight. `pay_rate_bps` None means the tier gives no discount.

    >>> line_price(Item("a", "水", 5), qty=10, is_member=True, pay_rate_bps=9000)
    LinePrice(unit_fen=4, line_fen=40, source=<PriceSource.TIER: 'tier'>)
    >>> line_price(Item("a", "水", 1), qty=10, is_member=True, pay_rate_bps=9000, tier_round=TierRound.LINE).line_fen
    9
    """
    unit_fen, source = unit_price(item, is_member=is_member, pay_rate_bps=pay_rate_bps)
    if grams is not None:
        return LinePrice(unit_fen, weigh(unit_fen, grams), source)
    if tier_round is TierRound.LINE and is_member and pay_rate_bps is not None:
        return _per_line(item, qty, pay_rate_bps, LinePrice(unit_fen, unit_fen * qty, source))
    return LinePrice(unit_fen, unit_fen * qty, source)


def _per_line(item: Item, qty: int, pay_rate_bps: int, per_unit: LinePrice) -> LinePrice:
    if item.no_member_discount or item.member_fen is not None:
        return per_unit
    gross = item.list_fen * qty
    tier_line = gross - hu(gross * (10_000 - pay_rate_bps), 10_000)
    others = [(item.list_fen * qty, PriceSource.LIST, item.list_fen)]
    if item.promo_fen is not None:
        others.insert(0, (item.promo_fen * qty, PriceSource.PROMO, item.promo_fen))
    best, source, unit = min(others, key=lambda candidate: candidate[0])
    if tier_line <= best:
        tier_unit = item.list_fen - hu(item.list_fen * (10_000 - pay_rate_bps), 10_000)
        return LinePrice(tier_unit, tier_line, PriceSource.TIER)
    return LinePrice(unit, best, source)
