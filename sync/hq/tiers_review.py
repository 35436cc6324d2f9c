"""The review of tiers: each quarter by amount and visits (S18), or each month by growth (S15, S16, R14).

Called by sync.hq.members_office in small steps; a run keeps its place, so a restart goes on and a period that was
missed is caught up. Members are judged as of the last day of the period, each once; nothing is priced again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from agent.domain.business_day import business_day, parse_day
from agent.domain.rules import RuleSet
from agent.domain.tier_review import quarter_of
from sync.hq import joint, tier_moves
from sync.hq.bounds import KEEP_STEP_MEMBERS, REVIEW_AFTER_DAYS
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand, touch_members
from sync.hq.member_standing import standings
from sync.hq.tier_moves import Move

RUN: Final = "tiers"


@dataclass(frozen=True, slots=True)
class Period:
    """What is reviewed: a quarter or a month, by business days."""

    name: str
    first: str
    last: str


def period_before(rules: RuleSet, day: date) -> Period | None:
    """The last whole period before a day; None where the rules review nothing.

    >>> from agent.domain.rules import rule_set
    >>> tier = {"tier_id": "n", "pay_rate_bps": 10000}
    >>> rules = rule_set({"version": 1, "join_tier_id": "n", "tiers": [tier], "growth": {"levels": [{"tier_id": "n"}]}})
    >>> period_before(rules, date(2027, 1, 4))
    Period(name='2026-12', first='2026-12-01', last='2026-12-31')
    """
    if rules.review.levels:
        last = quarter_of(day)[0] - timedelta(days=1)
        first = quarter_of(last)[0]
        return Period(f"{last.year}Q{(last.month + 2) // 3}", first.isoformat(), last.isoformat())
    if rules.growth.levels:
        last = day.replace(day=1) - timedelta(days=1)
        return Period(last.isoformat()[:7], last.replace(day=1).isoformat(), last.isoformat())
    return None


def due(rules: RuleSet, now_ms: int) -> Period | None:
    """The period that HQ's schedule reviews by now: REVIEW_AFTER_DAYS after its end, until the next is due."""
    return period_before(rules, parse_day(business_day(now_ms)) - timedelta(days=REVIEW_AFTER_DAYS))


def ended(rules: RuleSet, now_ms: int) -> Period | None:
    """The last period that is over: what a person may have reviewed at once."""
    return period_before(rules, parse_day(business_day(now_ms)))


def place_of(connection: Connection, brand_id: str, what: str, period: str) -> str | None:
    """How far a run has come: the last member; None where it is done."""
    row = connection.execute(
        "SELECT place, done_at_ms FROM member_runs WHERE brand_id = :brand AND what = :what AND period = :period",
        {"brand": brand_id, "what": what, "period": period},
    ).fetchone()
    if row is None:
        return ""
    return None if row["done_at_ms"] is not None else str(row["place"])


def keep_place(
    connection: Connection, brand_id: str, what: str, period: str, place: str, done_ms: int | None
) -> None:  # fmt: skip
    """Remember how far a run has come, or that it is done."""
    connection.execute(
        "INSERT INTO member_runs (brand_id, what, period, place, done_at_ms)"
        " VALUES (:brand, :what, :period, :place, :done) ON CONFLICT (brand_id, what, period) DO UPDATE SET"
        " place = excluded.place, done_at_ms = excluded.done_at_ms",
        {"brand": brand_id, "what": what, "period": period, "place": place, "done": done_ms},
    )


def step(connection: Connection, brand_id: str, rules: RuleSet, period: Period, now_ms: int) -> bool:
    """Review the next members of a brand; False when the period is done."""
    connection.hold(f"review {brand_id}")  # one step after another
    place = place_of(connection, brand_id, RUN, period.name)
    if place is None:
        return False
    hold_brand(connection, brand_id)  # ORDER: before members are read
    moves, last = look(connection, brand_id, rules, period, place)
    today = business_day(now_ms)
    moved = [one.member_id for one in moves if tier_moves.move(connection, brand_id, one, today, now_ms)]
    touch_members(connection, brand_id, moved)
    keep_place(connection, brand_id, RUN, period.name, last or place, None if last else now_ms)
    return bool(last)


def look(
    connection: Connection, brand_id: str, rules: RuleSet, period: Period, after: str
) -> tuple[list[Move], str]:  # fmt: skip
    """What the review does to the next members, and the last of them; "" when none was left. Writes nothing."""
    rows = connection.execute(
        "SELECT member_id, tier_id, growth, ordered, since_day FROM members WHERE brand_id = :brand"
        " AND status = 'active' AND member_id > :after ORDER BY member_id LIMIT :limit",
        {"brand": brand_id, "after": after, "limit": KEEP_STEP_MEMBERS},
    ).fetchall()
    if not rows:
        return [], ""
    ids = [row["member_id"] for row in rows]
    found = standings(connection, ids, period.first, period.last)
    given = _given(connection, ids[0], ids[-1], brand_id, period.first)
    floors = joint.floors(connection, rules, ids)
    moves = [_judged(rules, row, found, period, given, floors.get(row["member_id"], "")) for row in rows]
    return [one for one in moves if one is not None], ids[-1]


def _judged(
    rules: RuleSet, row: Row, found: Mapping[str, tier_moves.Standing], period: Period, given: frozenset[str],
    floor: str,
) -> Move | None:  # fmt: skip
    standing: Any = found.get(row["member_id"], tier_moves.Standing())
    known = row["since_day"] != "" and row["since_day"] <= period.first
    return tier_moves.judged(
        rules, row, standing, period.name, held_up=not known or row["member_id"] in given, floor=floor
    )  # fmt: skip


def _given(connection: Connection, first_id: str, last_id: str, brand_id: str, since: str) -> frozenset[str]:
    """Members to whom a tier was given at once since the period began."""
    rows = connection.execute(
        "SELECT member_id FROM tier_changes WHERE member_id BETWEEN :first AND :last AND brand_id = :brand"
        " AND business_day >= :since AND period LIKE 'up %'",
        {"first": first_id, "last": last_id, "brand": brand_id, "since": since},
    )
    return frozenset(row["member_id"] for row in rows)
