"""Tiers that HQ gives and takes: at once where a rule says so, down only by a review; each change kept with its reason.

Called by sync.hq.member_standing (`raise_at_once`) and sync.hq.tiers_review (`judge`, `move`) inside their
transactions. A change is made once per member and period; tills learn of it with the member's row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json, canonical
from agent.domain.rules import RuleSet
from agent.domain.tier_review import By, Quarter, quarter_of, review, upgraded, ways_left
from agent.domain.tiers import tier_at
from sync.hq.db.seam import Connection, Row

QUARTER: Final = "quarter"
GROWTH: Final = "growth"
AT_ONCE: Final = "up"


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's counts up to a day: of its quarter, and of the twelve months up to it."""

    quarter: Quarter = Quarter()
    year_spend_fen: int = 0
    year_visits: int = 0
    year_invites: int = 0
    last_day: str = ""
    """Last business day with a purchase that did not come back."""
    orders: int = 0
    """Business days with a purchase, ever."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a member's tier. `period` names the review, or of what is given at once `up ...`: the tier and its
    quarter or month, or that it was the first order."""

    member_id: str
    period: str
    from_tier: str
    to_tier: str
    reason: str
    """`quarter`, `growth`, or the way up: spend_fen, invites, visits, first_order."""
    inputs: Mapping[str, Json]


def raise_at_once(
    connection: Connection, brand_id: str, rules: RuleSet, row: Row, standing: Standing, today: str, now_ms: int
) -> str:
    """Give a member the tier that a shorter way (S20) or growth (S15) has reached; the tier they have now."""
    tier_id, reason = str(row["tier_id"]), ""
    if rules.review.levels:
        orders = 1 if standing.orders or row["ordered"] else 0
        tier_id = upgraded(rules.review, row["tier_id"], standing.quarter, orders=orders)
        if tier_id != row["tier_id"]:
            left = ways_left(rules.review, row["tier_id"], standing.quarter, orders=orders)
            reason = next(way.by.value for way, missing in left if way.tier_id == tier_id and not missing)
    elif rules.growth.levels:
        reached = tier_at(rules.growth.levels, row["growth"] + grown(rules, standing))
        if rules.growth.rank(reached) > rules.growth.rank(tier_id) >= 0:
            tier_id, reason = reached, GROWTH
    if not reason:
        return tier_id
    period = _at_once(reason, tier_id, today)
    one = Move(row["member_id"], period, row["tier_id"], tier_id, reason, inputs_of(rules, standing, row["growth"]))
    return tier_id if move(connection, brand_id, one, today, now_ms) else str(row["tier_id"])


def _at_once(reason: str, tier_id: str, today: str) -> str:
    """A first order there is once; other ways may be gone again in another quarter, growth in another month."""
    if reason == By.FIRST_ORDER:
        return f"{AT_ONCE} {reason}"
    since = today[:7] if reason == GROWTH else quarter_of(parse_day(today))[0].isoformat()
    return f"{AT_ONCE} {tier_id} {since}"


def judged(
    rules: RuleSet, row: Row, standing: Standing, period: str, *, held_up: bool, floor: str = ""
) -> Move | None:  # fmt: skip
    """What the review of a period does to a member; None where they keep their tier.

    `held_up`: something was given at once in the period, or HQ has not counted all of it, so nothing is taken.
    `floor`: the tier that another brand lends (S13), "" where none does.
    """
    tier_id = str(row["tier_id"])
    if rules.review.levels:
        rank, reached, reason = rules.review.rank, review(rules.review, standing.quarter), QUARTER
    else:
        rank, reason = rules.growth.rank, GROWTH
        reached = tier_at(rules.growth.levels, row["growth"] + grown(rules, standing))
    if rank(floor) > rank(reached):
        reached = floor
    if rank(tier_id) < 0 or reached == tier_id or (held_up and rank(reached) < rank(tier_id)):
        return None  # a tier that is not reviewed was given by a person
    return Move(row["member_id"], period, tier_id, reached, reason, inputs_of(rules, standing, row["growth"]))


def grown(rules: RuleSet, standing: Standing) -> int:
    """Growth that HQ has counted in the twelve months (S16)."""
    return rules.growth.growth(standing.year_spend_fen, standing.year_visits, standing.year_invites)


def inputs_of(rules: RuleSet, standing: Standing, opening_growth: int) -> dict[str, Json]:
    """All that decided."""
    return {
        "rules_version": rules.version,
        "quarter_spend_fen": standing.quarter.spend_fen,
        "quarter_visits": standing.quarter.visits,
        "quarter_invites": standing.quarter.invites,
        "year_spend_fen": standing.year_spend_fen,
        "year_visits": standing.year_visits,
        "year_invites": standing.year_invites,
        "opening_growth": opening_growth,
        "orders": standing.orders,
    }


def move(connection: Connection, brand_id: str, one: Move, today: str, now_ms: int) -> bool:
    """Keep and carry out a change, once per member and period; the caller tells tills. False: it was made before."""
    kept = connection.execute(
        "INSERT INTO tier_changes (member_id, period, brand_id, from_tier, to_tier, reason, inputs, business_day,"
        " at_ms) VALUES (:member_id, :period, :brand_id, :from_tier, :to_tier, :reason, :inputs, :today, :now)"
        " ON CONFLICT (member_id, period) DO NOTHING",
        {
            "member_id": one.member_id, "period": one.period, "brand_id": brand_id, "from_tier": one.from_tier,
            "to_tier": one.to_tier, "reason": one.reason, "inputs": canonical(dict(one.inputs)).decode(),
            "today": today, "now": now_ms,
        },
    )  # fmt: skip
    if kept.rowcount != 1:
        return False
    connection.execute(
        "UPDATE members SET tier_id = :tier WHERE member_id = :id", {"tier": one.to_tier, "id": one.member_id}
    )
    return True


def changes(connection: Connection, brand_id: str, first: str, last: str, limit: int) -> list[dict[str, Any]]:
    """Changes of a brand from one business day to another, newest first."""
    rows = connection.execute(
        "SELECT * FROM tier_changes WHERE brand_id = :brand AND business_day BETWEEN :first AND :last"
        " ORDER BY at_ms DESC, member_id LIMIT :limit",
        {"brand": brand_id, "first": first, "last": last, "limit": limit},
    ).fetchall()
    return [dict(row) for row in rows]
