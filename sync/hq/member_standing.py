"""What follows of members' days and travels with their rows: this quarter, growth, the last purchase; tiers at once.

Called by sync.hq.member_counts, channel_events and members_office inside their transactions, for members whose days
changed. It says the same again when nothing changed, and then moves nobody in the feed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.domain.business_day import business_day, parse_day
from agent.domain.rules import NO_RULES, RuleSet
from agent.domain.tier_review import Quarter, quarter_of
from agent.domain.tiers import WINDOW_MONTHS, months_back
from sync.hq import joint, tier_moves
from sync.hq.bounds import KEEP_STEP_MEMBERS
from sync.hq.db.seam import Connection, among
from sync.hq.feeds import touch_members
from sync.hq.recompute import RuleBook
from sync.hq.tier_moves import Standing

_TOLD: Final = (
    "quarter", "quarter_spend_fen", "quarter_visits", "quarter_invites", "grown", "next_tier_id", "next_tier_growth",
)  # fmt: skip


def newest_rules(connection: Connection, book: RuleBook, brand_id: str) -> RuleSet:
    """The rules in force; none before the first."""
    row = connection.execute("SELECT MAX(version) FROM rule_sets WHERE brand_id = :id", {"id": brand_id}).fetchone()
    return book.get(connection, brand_id, row[0] or 0) or NO_RULES


def standings(connection: Connection, member_ids: Sequence[str], first: str, last: str) -> dict[str, Standing]:
    """Count members from `first` (of a quarter) to `last`, and the twelve months up to `last` (R14)."""
    if not member_ids:
        return {}
    listed, values = among("member", member_ids)
    key: dict[str, Any] = {
        **values, "first": first, "last": last,
        "year": months_back(parse_day(last), WINDOW_MONTHS).isoformat(),
    }  # fmt: skip
    days = connection.execute(
        "SELECT member_id, SUM(CASE WHEN business_day >= :first THEN spend_fen ELSE 0 END) AS quarter_fen,"
        " SUM(CASE WHEN business_day >= :first AND spend_fen > 0 THEN 1 ELSE 0 END) AS quarter_visits,"
        " SUM(CASE WHEN business_day > :year THEN spend_fen ELSE 0 END) AS year_fen,"
        " SUM(CASE WHEN business_day > :year AND spend_fen > 0 THEN 1 ELSE 0 END) AS year_visits,"
        " MAX(CASE WHEN spend_fen > 0 THEN business_day ELSE '' END) AS last_day,"
        " SUM(CASE WHEN spend_fen > 0 THEN 1 ELSE 0 END) AS orders"
        f" FROM member_days WHERE member_id IN ({listed}) AND business_day <= :last GROUP BY member_id",
        key,
    ).fetchall()
    invited = connection.execute(
        "SELECT inviter_id, SUM(CASE WHEN paid_day >= :first THEN 1 ELSE 0 END) AS quarter_invites,"
        " SUM(CASE WHEN paid_day > :year THEN 1 ELSE 0 END) AS year_invites FROM referrals"
        f" WHERE inviter_id IN ({listed}) AND state = 'paid' AND paid_day <= :last GROUP BY inviter_id",
        key,
    ).fetchall()
    friends = {row["inviter_id"]: (int(row["quarter_invites"]), int(row["year_invites"])) for row in invited}
    spent = {row["member_id"]: row for row in days}
    return {
        member_id: _standing(spent.get(member_id), friends.get(member_id, (0, 0)))
        for member_id in spent.keys() | friends.keys()
    }


def _standing(row: Any, friends: tuple[int, int]) -> Standing:
    if row is None:
        return Standing(Quarter(invites=friends[0]), year_invites=friends[1])
    return Standing(
        Quarter(int(row["quarter_fen"]), int(row["quarter_visits"]), friends[0]),
        int(row["year_fen"]),
        int(row["year_visits"]),
        friends[1],
        row["last_day"],
        int(row["orders"]),
    )


def refresh(connection: Connection, brand_id: str, rules: RuleSet, member_ids: Sequence[str], now_ms: int) -> None:
    """Write what follows of members' days, raise whom a rule raises at once, and tell tills of whom it changed."""
    wanted = sorted(set(member_ids))
    for start in range(0, len(wanted), KEEP_STEP_MEMBERS):
        _refresh(connection, brand_id, rules, wanted[start : start + KEEP_STEP_MEMBERS], now_ms)


def _refresh(connection: Connection, brand_id: str, rules: RuleSet, member_ids: list[str], now_ms: int) -> None:
    today = business_day(now_ms)
    first = quarter_of(parse_day(today))[0].isoformat()
    found = standings(connection, member_ids, first, today)
    floors = joint.floors(connection, rules, member_ids)
    listed, values = among("member", member_ids)
    rows = connection.execute(
        f"SELECT member_id, tier_id, growth, last_day, ordered, {', '.join(_TOLD)} FROM members"
        f" WHERE member_id IN ({listed}) AND brand_id = :brand_id AND status = 'active' ORDER BY member_id",
        {**values, "brand_id": brand_id},
    ).fetchall()
    touched = []
    for row in rows:
        standing = found.get(row["member_id"], Standing())
        tier_id = tier_moves.raise_at_once(connection, brand_id, rules, row, standing, today, now_ms)
        floor = floors.get(row["member_id"], "")
        tier_id = joint.raised(connection, brand_id, rules, row["member_id"], tier_id, floor, today, now_ms)
        told = _told(rules, tier_id, row, standing, first)
        changed = {name: value for name, value in told.items() if row[name] != value}
        if changed or standing.last_day != row["last_day"]:
            all_of_it = {**{name: row[name] for name in _TOLD}, **told}
            connection.execute(
                f"UPDATE members SET last_day = :last_day, {', '.join(f'{name} = :{name}' for name in _TOLD)}"
                " WHERE member_id = :member_id",
                {**all_of_it, "last_day": standing.last_day, "member_id": row["member_id"]},
            )
        if changed or tier_id != row["tier_id"]:
            touched.append(row["member_id"])
    touch_members(connection, brand_id, touched)


def _told(
    rules: RuleSet, tier_id: str, row: Mapping[str, Any] | Any, standing: Standing, first: str
) -> dict[str, str | int]:
    """What the member's row says from now on; nothing that the brand's rules do not ask for."""
    told: dict[str, str | int] = {}
    if rules.review.levels:
        told |= {
            "quarter": first,
            "quarter_spend_fen": standing.quarter.spend_fen,
            "quarter_visits": standing.quarter.visits,
            "quarter_invites": standing.quarter.invites,
        }
    if rules.growth.levels:
        grown = rules.growth.growth(standing.year_spend_fen, standing.year_visits, standing.year_invites)
        told["grown"] = grown
        told["next_tier_growth"], told["next_tier_id"] = rules.growth.above(tier_id)
    return told
