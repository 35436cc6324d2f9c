"""Lots that ended: HQ posts what was left of them, so that balances show what can be spent (S27, R10, ADR 0010).

`step` is called by sync.hq.desk in small parts between other work; sync.hq.lots calls `sums` and `revive`. What an open
lease covers is no part of a lot and stays until the lease is closed. Of when HQ gets round to it nothing depends: what
was spent before the end and is heard of after it is taken from what had ended.
"""

from collections.abc import Mapping
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.ledger import GIFT_ACCOUNT, POINTS_ACCOUNT
from sync.hq import own_rows
from sync.hq.bounds import EXPIRY_STEP_LOTS
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand, hold_member
from sync.hq.own_rows import OwnPosting

EXPIRE: Final = "expire"


def step(connection: Connection, now_ms: int) -> bool:
    """Post the next few lots of points and gift whose last day is over; False when none was left.

    Coupons and count cards say their end themselves and have no balance that it would change. Not while HQ waits for
    what it has forgotten: who holds the right to a lot is not known then.
    """
    if connection.execute("SELECT 1 FROM restorations WHERE done_at_ms IS NULL LIMIT 1").fetchone() is not None:
        return False
    rows = connection.execute(
        "SELECT l.member_id, m.brand_id, l.account, l.bucket, l.expires, l.available FROM lots l"
        " JOIN members m ON m.member_id = l.member_id WHERE l.available > 0 AND l.expires <> '' AND l.expires < :today"
        " AND l.account IN (:points, :gift) ORDER BY l.expires, l.member_id, l.account, l.bucket LIMIT :limit",
        {
            "today": business_day(now_ms), "points": POINTS_ACCOUNT, "gift": GIFT_ACCOUNT, "limit": EXPIRY_STEP_LOTS,
        },
    ).fetchall()  # fmt: skip
    for row in rows:
        hold_brand(connection, row["brand_id"])
        hold_member(connection, row["member_id"])
        left = _left(connection, row)  # ORDER: read again once it is held; a lot spent meanwhile has nothing to end
        if left > 0:
            _post(connection, row["brand_id"], row, -left, now_ms)
    return bool(rows)


def _left(connection: Connection, lot: Mapping[str, str] | Row) -> int:
    """What a lot holds, now that nobody else moves it."""
    row = connection.execute(
        "SELECT available FROM lots WHERE member_id = :member_id AND account = :account AND bucket = :bucket",
        {key: lot[key] for key in ("member_id", "account", "bucket")},
    ).fetchone()
    return int(row["available"])


def sums(connection: Connection, member_id: str, account: str) -> dict[str, int]:
    """Lot -> what has ended of it unspent, so far as HQ has posted it."""
    rows = connection.execute(
        "SELECT bucket, -SUM(amount) AS ended FROM hq_postings WHERE kind = 'expire' AND member_id = :member"
        " AND account = :account GROUP BY bucket HAVING SUM(amount) < 0",
        {"member": member_id, "account": account},
    )
    return {row["bucket"]: int(row["ended"]) for row in rows}


def revive(connection: Connection, lot: Mapping[str, str], amount: int, now_ms: int) -> None:
    """Put back what ended, of a `lot` (member_id, account, bucket, expires): it had been spent before its end."""
    row = connection.execute(
        "SELECT brand_id FROM members WHERE member_id = :member_id", {"member_id": lot["member_id"]}
    ).fetchone()
    _post(connection, row["brand_id"], lot, amount, now_ms)


def _post(connection: Connection, brand_id: str, lot: Mapping[str, str], amount: int, now_ms: int) -> None:
    posting = OwnPosting(brand_id, EXPIRE, "", lot["member_id"], lot["account"], amount, lot["expires"], now_ms)
    own_rows.insert(connection, posting, lot["bucket"])
    connection.execute(
        "UPDATE lots SET available = available + :amount"
        " WHERE member_id = :member_id AND account = :account AND bucket = :bucket",
        {**{key: lot[key] for key in ("member_id", "account", "bucket")}, "amount": amount},
    )
