"""A member as stores get them: HQ's columns, balances and count cards as one feed row.

Called by sync.hq.feeds and sync.hq.ranges, so that both give the very same row.
"""

from typing import Any, Final

from agent.domain.ledger import POINTS_ACCOUNT
from sync.hq.db.seam import Connection, Row
from sync.protocol import CardRow, MemberRow

FACTS: Final = (
    "expiring_points", "expiring_day", "birthday", "next_tier_id", "next_tier_growth", "frozen_at_ms", "quarter",
    "quarter_spend_fen", "quarter_visits", "quarter_invites", "points_spent_at_ms", "coupon_used_at_ms",
)  # fmt: skip
"""Columns of `members` that travel under their own names."""
_AS_THEY_ARE: Final = ("member_id", "tier_id", "points", "masked", "sv_principal_fen", "sv_gift_fen", "growth", *FACTS)
_GROWTH: Final = "m.growth + m.grown"
"""What was imported, and what HQ has counted since."""


def _balance(opening: str, account: str) -> str:
    booked = f"SELECT balance FROM accounts a WHERE a.member_id = m.member_id AND a.account = '{account}'"
    return f"m.{opening} + COALESCE(({booked}), 0)"


HAS_CARDS: Final = "EXISTS (SELECT 1 FROM count_cards c WHERE c.member_id = m.member_id)"
MEMBER_SELECT: Final = (
    "SELECT m.feed_no, m.member_id, m.tier_id, m.masked, m.status,"
    f" {_balance('opening_points', POINTS_ACCOUNT)} AS points,"
    f" {_balance('opening_sv_principal', 'sv_principal')} AS sv_principal_fen,"
    f" {_balance('opening_sv_gift', 'sv_gift')} AS sv_gift_fen,"
    f" {HAS_CARDS} AS has_cards, {_GROWTH} AS growth,"
    " m.opening_month, m.opening_month_spend, m.month, m.month_spend_fen, m.first_order, m.ordered, m.frozen,"
    f" {', '.join('m.' + name for name in FACTS)} FROM members m"
)


def _later_month(opening: str, later: str, both: str) -> str:
    which = "CASE WHEN m.opening_month > m.month THEN"
    return f"{which} {opening} WHEN m.opening_month < m.month THEN {later} ELSE {both} END"


PLAIN: Final = {
    **{name: f"m.{name}" for name in ("member_id", "tier_id", "masked", "frozen", *FACTS)},
    "points": _balance("opening_points", POINTS_ACCOUNT),
    "growth": _GROWTH,
    "sv_principal_fen": _balance("opening_sv_principal", "sv_principal"),
    "sv_gift_fen": _balance("opening_sv_gift", "sv_gift"),
    "month": _later_month("m.opening_month", "m.month", "m.month"),
    "month_spend_fen": _later_month(
        "m.opening_month_spend", "m.month_spend_fen", "m.opening_month_spend + m.month_spend_fen"
    ),
    "first_order": "CASE WHEN m.first_order = 1 AND m.ordered = 0 THEN 1 ELSE 0 END",
}
"""The fields of member_row as SQL, for members without count cards: ten million of them go into a snapshot."""


def member_row(connection: Connection, row: Row) -> MemberRow:
    """Write one row of MEMBER_SELECT; of an erased member only the tombstone."""
    if row["status"] == "deleted":
        return MemberRow(
            member_id=row["member_id"], tier_id=row["tier_id"], points=row["points"], masked="", deleted=True
        )
    facts: dict[str, Any] = {name: row[name] for name in _AS_THEY_ARE}
    month = max(row["opening_month"], row["month"])
    spent = {"opening_month": row["opening_month_spend"], "month": row["month_spend_fen"]}
    facts["cards"] = _cards(connection, row["member_id"]) if row["has_cards"] else []
    facts["month"] = month
    facts["month_spend_fen"] = sum(fen for name, fen in spent.items() if row[name] == month)
    facts["first_order"] = bool(row["first_order"]) and not row["ordered"]
    facts["frozen"] = bool(row["frozen"])
    return MemberRow(**facts)


def _cards(connection: Connection, member_id: str) -> list[CardRow]:
    rows = connection.execute(
        "SELECT card_id, name, opening_left + moved AS uses_left, total, price_fen, expires FROM count_cards"
        " WHERE member_id = :member_id ORDER BY card_id",
        {"member_id": member_id},
    )
    return [
        CardRow(
            card_id=row["card_id"],
            name=row["name"],
            left=row["uses_left"],
            total=row["total"],
            price_fen=row["price_fen"],
            expires=row["expires"],
        )
        for row in rows
    ]
