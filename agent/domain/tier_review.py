"""S18, S20: tiers by amount AND visits, reviewed each quarter, with shorter ways up; as a rule set says it.

Pure; a part of agent.domain.rule_set. HQ evaluates (`review`) with its own counts; a till only shows what is missing
(`missing`). What a quarter is: January to March, April to June, and so on, by business days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

from agent.domain.digest import Json
from agent.limits import AMOUNT_FEN, QTY

_KEYS: Final = ("levels", "ways_up")
_LEVEL: Final = ("tier_id", "spend_fen", "visits")
_WAY: Final = ("tier_id", "by", "at", "from")


class By(StrEnum):
    """What a shorter way up counts (S20): fen spent, friends invited, purchases, the first order."""

    SPEND = "spend_fen"
    INVITES = "invites"
    VISITS = "visits"
    FIRST_ORDER = "first_order"


@dataclass(frozen=True, slots=True)
class Level:
    """A tier that a quarter's spend and visits keep: both must be reached."""

    tier_id: str
    spend_fen: int
    visits: int


@dataclass(frozen=True, slots=True)
class WayUp:
    """A shorter way to a tier, at once; `start` where only members of one tier may take it."""

    tier_id: str
    by: By
    at: int
    start: str = ""


@dataclass(frozen=True, slots=True)
class Quarter:
    """What a member did in the quarter: fen spent less refunds, business days with a purchase, friends invited."""

    spend_fen: int = 0
    visits: int = 0
    invites: int = 0


@dataclass(frozen=True, slots=True)
class TierReview:
    """Levels from the lowest to the highest; the lowest needs nothing."""

    levels: tuple[Level, ...] = ()
    ways_up: tuple[WayUp, ...] = ()

    def rank(self, tier_id: str) -> int:
        """A tier's place; -1 for one that is not reviewed."""
        return next((place for place, one in enumerate(self.levels) if one.tier_id == tier_id), -1)


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing to the next tier, in amount and in visits."""

    tier_id: str
    spend_fen: int
    visits: int


def review(rule: TierReview, quarter: Quarter) -> str:
    """The tier a quarter gives: the highest level of which both are reached (S18); "" without levels.

    >>> rule = TierReview((Level("bronze", 0, 0), Level("silver", 50_000, 3), Level("gold", 200_000, 8)))
    >>> review(rule, Quarter(200_000, 3)), review(rule, Quarter(500_000, 2)), review(rule, Quarter(200_000, 8))
    ('silver', 'bronze', 'gold')
    """
    spend_fen, visits = quarter.spend_fen, quarter.visits
    reached = [one.tier_id for one in rule.levels if spend_fen >= one.spend_fen and visits >= one.visits]
    return reached[-1] if reached else ""


def upgraded(rule: TierReview, tier_id: str, quarter: Quarter, *, orders: int = 0) -> str:
    """The tier a member has at once by a shorter way, never a lower one (S20). `orders`: purchases ever made.

    >>> rule = TierReview((Level("silver", 0, 0), Level("gold", 90_000, 5)),
    ...                   (WayUp("gold", By.FIRST_ORDER, 1, "silver"), WayUp("gold", By.INVITES, 3)))
    >>> upgraded(rule, "silver", Quarter()), upgraded(rule, "silver", Quarter(), orders=1)
    ('silver', 'gold')
    """
    best = tier_id
    for way, left in ways_left(rule, tier_id, quarter, orders=orders):
        if not left and rule.rank(way.tier_id) > rule.rank(best):
            best = way.tier_id
    return best


def ways_left(rule: TierReview, tier_id: str, quarter: Quarter, *, orders: int = 0) -> list[tuple[WayUp, int]]:
    """Shorter ways that lead up from a tier, each with what is missing of it; 0: it is reached.

    >>> rule = TierReview((Level("a", 0, 0), Level("b", 90_000, 5)), (WayUp("b", By.INVITES, 3),))
    >>> [left for _, left in ways_left(rule, "a", Quarter(invites=1))], ways_left(rule, "b", Quarter())
    ([2], [])
    """
    done = {
        By.SPEND: quarter.spend_fen, By.INVITES: quarter.invites, By.VISITS: quarter.visits, By.FIRST_ORDER: orders,
    }  # fmt: skip
    return [
        (way, max(0, way.at - done[way.by]))
        for way in rule.ways_up
        if way.start in ("", tier_id) and rule.rank(way.tier_id) > rule.rank(tier_id)
    ]


def missing(rule: TierReview, tier_id: str, quarter: Quarter) -> Missing | None:
    """What is missing to the tier above `tier_id` this quarter; None at the highest, and for tiers not reviewed.

    >>> rule = TierReview((Level("bronze", 0, 0), Level("silver", 50_000, 3)))
    >>> missing(rule, "bronze", Quarter(20_000, 3)), missing(rule, "silver", Quarter())
    (Missing(tier_id='silver', spend_fen=30000, visits=0), None)
    """
    place = rule.rank(tier_id)
    if not 0 <= place < len(rule.levels) - 1:
        return None
    above = rule.levels[place + 1]
    return Missing(above.tier_id, max(0, above.spend_fen - quarter.spend_fen), max(0, above.visits - quarter.visits))


def quarter_of(day: date) -> tuple[date, date]:
    """First and last day of the quarter a business day belongs to.

    >>> quarter_of(date(2026, 11, 22))
    (datetime.date(2026, 10, 1), datetime.date(2026, 12, 31))
    """
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    after = date(day.year + (first.month == 10), (first.month + 3 - 1) % 12 + 1, 1)
    return first, date.fromordinal(after.toordinal() - 1)


def tier_review(raw: Json, tiers: Collection[str], faults: list[str]) -> TierReview:
    """Read `tier_review` of a rule set; every fault joins `faults`."""
    if raw is None:
        return TierReview()
    if not isinstance(raw, dict):
        faults.append("tier_review must be an object")
        return TierReview()
    found = [f"tier_review.{name} is not known" for name in raw if name not in _KEYS]
    levels = [_level(one, place, tiers, found) for place, one in enumerate(_objects(raw, "levels", found))]
    ways = [_way(one, place, tiers, found) for place, one in enumerate(_objects(raw, "ways_up", found))]
    if not levels:
        found.append("tier_review.levels must list at least one level")
    for lower, upper in pairwise(levels):
        if upper.spend_fen < lower.spend_fen or upper.visits < lower.visits:
            found.append(f"tier_review.levels: {upper.tier_id} asks less than {lower.tier_id}")
    if levels and (levels[0].spend_fen or levels[0].visits):
        found.append("tier_review.levels: the lowest level asks nothing")
    if len({one.tier_id for one in levels}) < len(levels):
        found.append("tier_review.levels names a tier twice")
    faults += found
    return TierReview() if found else TierReview(tuple(levels), tuple(ways))


def _level(raw: dict[str, Json], place: int, tiers: Collection[str], faults: list[str]) -> Level:
    where = f"tier_review.levels.{place}"
    faults += [f"{where}.{name} is not known" for name in raw if name not in _LEVEL]
    return Level(
        _tier(raw.get("tier_id"), f"{where}.tier_id", tiers, faults),
        _number(raw.get("spend_fen", 0), f"{where}.spend_fen", 0, AMOUNT_FEN, faults),
        _number(raw.get("visits", 0), f"{where}.visits", 0, QTY, faults),
    )


def _way(raw: dict[str, Json], place: int, tiers: Collection[str], faults: list[str]) -> WayUp:
    where = f"tier_review.ways_up.{place}"
    faults += [f"{where}.{name} is not known" for name in raw if name not in _WAY]
    by = raw.get("by")
    if by not in list(By):
        faults.append(f"{where}.by must be one of {', '.join(By)}")
        by = By.VISITS
    start = raw.get("from", "")
    return WayUp(
        _tier(raw.get("tier_id"), f"{where}.tier_id", tiers, faults),
        By(str(by)),
        _number(raw.get("at", 1), f"{where}.at", 1, AMOUNT_FEN, faults),
        _tier(start, f"{where}.from", tiers, faults) if start else "",
    )


def _objects(raw: dict[str, Json], name: str, faults: list[str]) -> Sequence[dict[str, Json]]:
    said = raw.get(name, [])
    rows = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    if not isinstance(said, list) or len(rows) < len(said):
        faults.append(f"tier_review.{name} must list objects")
    return rows


def _tier(value: Json, where: str, tiers: Collection[str], faults: list[str]) -> str:
    if isinstance(value, str) and value in tiers:
        return value
    faults.append(f"{where} names no tier")
    return ""


def _number(value: Json, where: str, low: int, high: int, faults: list[str]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    faults.append(f"{where} must be an integer from {low} to {high}")
    return low
