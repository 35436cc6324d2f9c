"""What HQ's schedule does for members, by business days: enter new ones, review tiers, make reminders.

Called by sync.hq.members_office in small steps. What is due is a function of rows and the clock, so nothing is lost by
a restart, and nothing is done twice.
"""

from agent.domain.business_day import business_day
from agent.domain.rules import RuleSet
from sync.hq import joint_links, reminders, tiers_review
from sync.hq.bounds import KEEP_STEP_MEMBERS
from sync.hq.db.seam import Connection, among
from sync.hq.feeds import hold_brand
from sync.hq.keys import HqKeys
from sync.hq.member_standing import newest_rules, refresh
from sync.hq.recompute import RuleBook


def step(connection: Connection, keys: HqKeys, book: RuleBook, now_ms: int) -> bool:
    """Do the next piece of any brand; False when nothing is due."""
    # ORDER: brands that borrow tiers last, so that their members are judged by what the others' have by now (S13).
    for row in connection.execute(
        "SELECT b.brand_id FROM brands b ORDER BY EXISTS (SELECT 1 FROM links l WHERE l.brand_id = b.brand_id"
        " AND l.ended_at_ms = 0), b.brand_id"
    ).fetchall():
        brand_id = row["brand_id"]
        rules = newest_rules(connection, book, brand_id)
        if enter(connection, brand_id, rules, now_ms):
            return True
        period = tiers_review.due(rules, now_ms)
        if period is not None and tiers_review.step(connection, brand_id, rules, period, now_ms):
            return True
        if joint_links.step(connection, brand_id, rules, now_ms):
            return True
        if reminders.step(connection, keys, brand_id, rules, now_ms):
            return True
    return False


def enter(connection: Connection, brand_id: str, rules: RuleSet, now_ms: int) -> bool:
    """Say since when HQ counts members that it does not count yet; tills learn that it does. False: none were left."""
    key = {"brand": brand_id, "limit": KEEP_STEP_MEMBERS}
    query = "SELECT member_id FROM members WHERE brand_id = :brand AND since_day = '' ORDER BY member_id LIMIT :limit"
    if connection.execute(query, key).fetchone() is None:
        return False
    hold_brand(connection, brand_id)  # ORDER: before members are read
    ids = [row["member_id"] for row in connection.execute(query, key).fetchall()]
    if not ids:
        return False
    listed, values = among("member", ids)
    connection.execute(
        f"UPDATE members SET since_day = :today WHERE member_id IN ({listed})",
        {**values, "today": business_day(now_ms)},
    )
    refresh(connection, brand_id, rules, ids, now_ms)
    return True
