"""Spending at HQ itself, out of free lots, and putting back into the same lots with their old dates (R10).

Called by sync.hq.channel_events inside its transaction. What an open lease covers is no part of a lot.
"""

from collections.abc import Sequence

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ledger import COUPON_ACCOUNT
from sync.hq import coupon_stores, coupon_write, lots, own_rows, restored
from sync.hq.db.seam import Connection
from sync.hq.own_rows import OF_LOT, OwnPosting


def take(
    connection: Connection, brand_id: str, member_id: str, account: str, bucket: str, amount: int, now_ms: int
) -> list[tuple[str, str, int]]:
    """Take exactly `amount`: (lot, last day, part of it) of each lot that gave.

    Refusal 409 HQ_RESTORED, MEMBER_FROZEN, POINTS_INSUFFICIENT, COUPON_NOT_FREE (a till may hold it),
    COUPON_OTHER_STORE, 404 COUPON_UNKNOWN. The caller calls back what tills hold (`call_back`) once the refusal is out.
    """
    restored.require_told(connection, brand_id)
    day = business_day(now_ms)
    member = connection.execute("SELECT frozen FROM members WHERE member_id = :id", {"id": member_id}).fetchone()
    if member["frozen"]:
        raise Refusal("MEMBER_FROZEN", "headquarters has frozen this member's account", status=409)
    if account == COUPON_ACCOUNT:
        _check_coupon(connection, member_id, bucket, day)
    found = lots.grantable(connection, member_id, account, bucket, day)
    if sum(row["available"] for row in found) < amount:
        code = "COUPON_NOT_FREE" if account == COUPON_ACCOUNT else "POINTS_INSUFFICIENT"
        raise Refusal(code, "not enough is free at headquarters", hint="a till may hold the rest", status=409)
    taken, rest = [], amount
    for row in found:
        part = min(rest, row["available"])
        if part:
            lots.take(connection, member_id, account, row["bucket"], part)
            _post(connection, brand_id, member_id, account, row["bucket"], row["expires"], -part, now_ms)
            taken.append((row["bucket"], row["expires"], part))
            rest -= part
    if account == COUPON_ACCOUNT:
        coupon_write.move(connection, brand_id, {bucket: -1})
    restored.count_grant(connection)
    return taken


def _check_coupon(connection: Connection, member_id: str, coupon_id: str, day: str) -> None:
    held = coupon_write.coupon(connection, coupon_id)
    if held is None or held["member_id"] != member_id:
        raise Refusal("COUPON_UNKNOWN", "this member has no such coupon", field="coupon_id", status=404)
    if not coupon_stores.usable_in(connection, coupon_id, coupon_stores.ONLINE):
        raise Refusal("COUPON_OTHER_STORE", "this coupon is for some stores only", field="coupon_id", status=409)
    if held["state"] != "issued" or not held["start_day"] <= day <= held["end_day"]:
        raise Refusal("COUPON_NOT_FREE", "this coupon is used, withdrawn or not valid today", status=409)


def give_back(
    connection: Connection,
    brand_id: str,
    member_id: str,
    account: str,
    taken: Sequence[tuple[str, str, int]],
    before: int,
    amount: int,
    now_ms: int,
) -> None:
    """Put `amount` back where it came from, latest last day first; `before` of it went back already."""
    rest, skip = amount, before
    for bucket, expires, part in reversed(taken):
        skipped = min(skip, part)
        skip -= skipped
        back = min(rest, part - skipped)
        if back:
            _post(connection, brand_id, member_id, account, bucket, expires, back, now_ms)
            lots.credit(connection, member_id, account, bucket, back, expires=expires, at_ms=now_ms)
            rest -= back
    if account == COUPON_ACCOUNT:
        coupon_write.move(connection, brand_id, {taken[0][0]: 1})


def _post(
    connection: Connection,
    brand_id: str,
    member_id: str,
    account: str,
    bucket: str,
    expires: str,
    amount: int,
    now_ms: int,
) -> None:
    own_rows.insert(
        connection, OwnPosting(brand_id, OF_LOT, "", member_id, account, amount, expires, now_ms), bucket
    )  # fmt: skip


def call_back(connection: Connection, member_id: str, account: str, bucket: str) -> None:
    """Ask tills to give back what they hold of a member and do not use."""
    connection.execute(
        "UPDATE leases SET wanted = 1 WHERE state = 'open' AND settled < amount AND member_id = :member"
        " AND account = :account AND (:bucket = '' OR bucket = :bucket)",
        {"member": member_id, "account": account, "bucket": bucket},
    )
