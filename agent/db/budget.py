"""The store's risk budget in books.db: what was risked today, and the caps held inside the sale's own transaction.

Called by agent.db.risk and agent.db.lease_rows. What is used is a sum over events: nothing is kept beside them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.db.lease_rules import LIVE
from agent.domain.budget import BUDGET_LEASE
from agent.domain.budget_rule import Used
from agent.domain.lease import short
from agent.domain.sale import Posting
from agent.sqlite import Connection, Row

_RISKED = (
    "SELECT e.epoch, e.seq, p.owner, CAST(json_extract(e.body, '$.budget.fen') AS INTEGER) AS fen FROM postings p"
    " JOIN events e ON e.epoch = p.epoch AND e.seq = p.seq WHERE p.lease = :budget AND p.amount < 0"
    " AND e.business_day = :day GROUP BY e.epoch, e.seq"
)


def used(connection: Connection, member_id: str, day: str) -> Used:
    """What was risked here on a business day, in all and of one member."""
    row = connection.execute(
        "SELECT COALESCE(SUM(fen), 0) AS till, COALESCE(SUM(CASE WHEN owner = :member THEN fen END), 0) AS member"
        f" FROM ({_RISKED})",
        {"budget": BUDGET_LEASE, "day": day, "member": member_id},
    ).fetchone()
    return Used(row["till"], row["member"])


def by_member(connection: Connection, day: str) -> list[Row]:
    """(owner, fen, sales) of a business day, those who risked most first."""
    return connection.execute(
        f"SELECT owner, SUM(fen) AS fen, COUNT(*) AS sales FROM ({_RISKED}) GROUP BY owner ORDER BY fen DESC, owner",
        {"budget": BUDGET_LEASE, "day": day},
    ).fetchall()


def promised(connection: Connection, member_id: str, at_ms: int) -> dict[str, int]:
    """What quotes hold of a member's leases here at `at_ms`, by account."""
    rows = connection.execute(
        "SELECT l.account, SUM(h.amount) AS amount FROM lease_holds h JOIN leases l ON l.lease_id = h.lease_id"
        f" WHERE l.owner = :member AND {LIVE} GROUP BY l.account",
        {"member": member_id, "at": at_ms},
    )
    return {row["account"]: row["amount"] for row in rows}


def require(connection: Connection, event: Mapping[str, Any], postings: Sequence[Posting]) -> None:
    """Refusal LEASE_SHORT where an event, booked already in this transaction, risks more than its caps allow."""
    owners = {one.owner for one in postings if one.lease == BUDGET_LEASE and one.amount < 0}
    said = event.get("budget") or {}
    for owner in owners:
        now = used(connection, owner, str(event["business_day"]))
        fen, till, member = (int(said.get(key, 0)) for key in ("fen", "till_day_fen", "member_day_fen"))
        if now.till_fen > till or now.member_fen > member:
            raise short(fen, max(0, min(till - now.till_fen, member - now.member_fen) + fen))
