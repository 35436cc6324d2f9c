"""The tier that a member's other brand lends them here (S13): a floor beneath what they reach by themselves.

Called by sync.hq.member_standing and sync.hq.tiers_review inside their transactions. Ledgers stay apart: nothing but a
tier is looked up, and nothing of the other brand is written.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.rules import RuleSet
from agent.domain.tier_review import quarter_of
from sync.hq.db.seam import Connection, among
from sync.hq.tier_moves import AT_ONCE, Move, move

JOINT: Final = "joint"


def floors(connection: Connection, rules: RuleSet, member_ids: Sequence[str]) -> Mapping[str, str]:
    """Member -> the tier their home brand's tier is worth here; who has no link, or no such tier, is left out."""
    if not rules.joint or not member_ids:
        return {}
    listed, values = among("member", member_ids)
    rows = connection.execute(
        "SELECT l.member_id, l.brand_id, l.home_brand, h.tier_id FROM links l JOIN members h ON h.member_id = l.home_id"
        f" AND h.status = 'active' WHERE l.member_id IN ({listed}) AND l.ended_at_ms = 0",
        values,
    ).fetchall()
    homes = {brand_id: _named_by(connection, brand_id) for brand_id in sorted({row["home_brand"] for row in rows})}
    worth = {
        row["member_id"]: rules.joint.get(row["home_brand"], {}).get(row["tier_id"], "")
        for row in rows
        if row["brand_id"] in homes[row["home_brand"]]
    }
    return {member_id: tier_id for member_id, tier_id in worth.items() if tier_id}


def _named_by(connection: Connection, brand_id: str) -> Collection[str]:
    """Brands that the newest rules of a home name: where it agrees no more, nothing is lent."""
    row = connection.execute(
        "SELECT body FROM rule_sets WHERE brand_id = :brand ORDER BY version DESC LIMIT 1", {"brand": brand_id}
    ).fetchone()
    return json.loads(row["body"]).get("joint") or {} if row is not None else {}


def rank(rules: RuleSet, tier_id: str) -> int:
    """A tier's place among those that HQ gives; -1 for one that a person gave."""
    return rules.review.rank(tier_id) if rules.review.levels else rules.growth.rank(tier_id)


def raised(
    connection: Connection, brand_id: str, rules: RuleSet, member_id: str, tier_id: str, floor: str, today: str,
    now_ms: int,
) -> str:  # fmt: skip
    """Raise a member to their floor, once a period of reviews; the tier they have now. One a person gave stays."""
    if not floor or rank(rules, tier_id) < 0 or rank(rules, floor) <= rank(rules, tier_id):
        return tier_id
    since = quarter_of(parse_day(today))[0].isoformat() if rules.review.levels else today[:7]
    period = f"{AT_ONCE} {JOINT} {floor} {since}"
    one = Move(member_id, period, tier_id, floor, JOINT, {"rules_version": rules.version})
    return floor if move(connection, brand_id, one, today, now_ms) else tier_id
