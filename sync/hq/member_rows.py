"""A member as stores get them: HQ's columns, balances and count cards as one feed row.

Called by sync.hq.feeds and sync.hq.ranges, so that both give the very same row.
"""

from typing import Any, Final

from agent.domain.ledger import POINTS_ACCOUNT
from agent.sqlite import Connection, Row
from sync.protocol import CardRow, MemberRow

FACTS: Final = (
    "expiring_points", "expiring_day", "birthday", "growth", "next_tier_id", "next_tier_growth", "frozen_at_ms",
)  # fmt: skip
"""Columns of `members` that travel under their own names."""


def _balance(opening: str, account: str) -> str:
    booked = f"SELECT balance FROM accounts a WHERE a.member_id = m.member_id AND a.account = '{account}'"
    return f"m.{opening} + COALESCE(({booked}), 0)"


MEMBER_SELECT: Final = (
    "SELECT m.feed_no, m.member_id, m.tier_id, m.masked, m.status,"
    f" {_balance('opening_points', POINTS_ACCOUNT)} AS points,"
    f" {_balance('opening_sv_principal', 'sv_principal')} AS sv_principal_fen,"
    f" {_balance('opening_sv_gift', 'sv_gift')} AS sv_gift_fen,"
    " EXISTS (SELECT 1 FROM count_cards c WHERE c.member_id = m.member_id) AS has_cards,"
    " m.opening_month, m.opening_month_spend, m.month, m.month_spend_fen, m.first_order, m.ordered, m.frozen,"
    f" {', '.join('m.' + name for name in FACTS)} FROM members m"
)


def member_row(connection: Connection, row: Row) -> MemberRow:
    """Write one row of MEMBER_SELECT; of an erased member only the tombstone."""
    if row["status"] == "deleted":
        return MemberRow(
            member_id=row["member_id"], tier_id=row["tier_id"], points=row["points"], masked="", deleted=True
        )
    facts: dict[str, Any] = {name: row[name] for name in FACTS}
    month = max(row["opening_month"], row["month"])
    spent = {"opening_month": row["opening_month_spend"], "month": row["month_spend_fen"]}
    return MemberRow(
        member_id=row["member_id"],
        tier_id=row["tier_id"],
        points=row["points"],
        masked=row["masked"],
        sv_principal_fen=row["sv_principal_fen"],
        sv_gift_fen=row["sv_gift_fen"],
        cards=_cards(connection, row["member_id"]) if row["has_cards"] else [],
        month=month,
        month_spend_fen=sum(fen for name, fen in spent.items() if row[name] == month),
        first_order=bool(row["first_order"]) and not row["ordered"],
        frozen=bool(row["frozen"]),
        **facts,
    )


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
