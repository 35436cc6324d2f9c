"""Lots at HQ: what of a member's balance can be granted now; crediting, debiting, and the order of spending.

Called by sync.hq.leases inside its transactions. A lot of points or stored value is never below zero; what goes beyond
all of them is a lot of its own, `debt`, which every later credit repays first. A coupon or a count card answers for
itself alone: its own lot goes below zero. What HQ imports becomes lots the first time a member's are needed.
"""

from collections.abc import Mapping
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.ledger import (
    COUNT_ACCOUNT,
    COUPON_ACCOUNT,
    DEBT_BUCKET,
    GIFT_ACCOUNT,
    OPENING_BUCKET,
    POINTS_ACCOUNT,
    PRINCIPAL_ACCOUNT,
)
from sync.hq import expiry
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_member

_ORDER: Final = "ORDER BY expires = '', expires, since_ms, bucket"
"""Oldest expiry first, what never expires last, then as it was earned."""
_ALONE: Final = (COUNT_ACCOUNT, COUPON_ACCOUNT)
"""Accounts whose lots are things of their own: one coupon never stands in for another."""


def credit(
    connection: Connection, member_id: str, account: str, bucket: str, amount: int, *, expires: str = "", at_ms: int = 0
) -> None:
    """Put `amount` (above 0) into a lot; the member's debt in this account is repaid first."""
    hold_member(connection, member_id)
    key = {"member_id": member_id, "account": account}
    debt = connection.execute(
        "SELECT available FROM lots WHERE member_id = :member_id AND account = :account AND bucket = 'debt'", key
    ).fetchone()
    repaid = 0 if debt is None else min(amount, -debt["available"])
    if repaid:
        _move(connection, key, DEBT_BUCKET, repaid)
    if amount > repaid:
        connection.execute(
            "INSERT INTO lots (member_id, account, bucket, expires, since_ms, available)"
            " VALUES (:member_id, :account, :bucket, :expires, :at_ms, :amount)"
            " ON CONFLICT (member_id, account, bucket) DO UPDATE SET available = lots.available + excluded.available",
            {**key, "bucket": bucket, "expires": expires, "at_ms": at_ms, "amount": amount - repaid},
        )


def debit(
    connection: Connection,
    member_id: str,
    account: str,
    bucket: str,
    amount: int,
    *,
    day: str,
    now_ms: int,
    expires: str = "",
) -> int:
    """Take `amount` from a lot, then in order from the others that have not ended by `day`; how much was not there.

    `day` is the business day of what debits: nothing is paid with what had ended by then (R10), and what has ended
    since, by HQ's own posting, comes back as far as it was spent. Of a coupon or count
    card nothing else is taken: its own lot, which is made with `expires` where there is none, goes below zero.
    """
    follow_openings(connection, member_id, business_day(now_ms))
    ended = {} if account in _ALONE else expiry.sums(connection, member_id, account)
    if ended:
        _revive(connection, member_id, account, bucket, amount, ended, day=day, now_ms=now_ms)
    return _debit(connection, member_id, account, bucket, amount, expires, day)


def _revive(
    connection: Connection,
    member_id: str,
    account: str,
    bucket: str,
    amount: int,
    ended: Mapping[str, int],
    *,
    day: str,
    now_ms: int,
) -> None:
    """Put back what this debit would have taken had HQ heard of it before the lots ended."""
    rows = connection.execute(
        "SELECT member_id, account, bucket, expires, available FROM lots WHERE member_id = :member_id"
        f" AND account = :account AND (expires = '' OR expires >= :day OR bucket = :bucket) {_ORDER}",
        {"member_id": member_id, "account": account, "bucket": bucket, "day": day},
    ).fetchall()
    rest = amount
    for row in sorted(rows, key=lambda one: one["bucket"] != bucket):
        part = min(rest, max(0, row["available"]) + ended.get(row["bucket"], 0))
        if part > row["available"] and row["bucket"] in ended:
            expiry.revive(connection, dict(row), part - row["available"], now_ms)
        rest -= part


def _debit(
    connection: Connection, member_id: str, account: str, bucket: str, amount: int, expires: str, day: str
) -> int:
    key = {"member_id": member_id, "account": account}
    if account in _ALONE:
        return _debit_alone(connection, key, bucket, amount, expires)
    rows = connection.execute(
        "SELECT bucket, available FROM lots WHERE member_id = :member_id AND account = :account AND available > 0"
        f" AND (expires = '' OR expires >= :day OR bucket = :bucket) {_ORDER}",
        {**key, "bucket": bucket, "day": day},
    ).fetchall()
    rest = amount
    for row in sorted(rows, key=lambda one: one["bucket"] != bucket):
        part = min(rest, row["available"])
        if part:
            _move(connection, key, row["bucket"], -part)
            rest -= part
    if rest:
        connection.execute(
            "INSERT INTO lots (member_id, account, bucket, expires, since_ms, available)"
            " VALUES (:member_id, :account, 'debt', '', 0, :owed)"
            " ON CONFLICT (member_id, account, bucket) DO UPDATE SET available = lots.available + excluded.available",
            {**key, "owed": -rest},
        )
    return rest


def _debit_alone(connection: Connection, key: dict[str, str], bucket: str, amount: int, expires: str) -> int:
    one = {**key, "bucket": bucket}
    connection.execute(
        "INSERT INTO lots (member_id, account, bucket, expires, since_ms, available)"
        " VALUES (:member_id, :account, :bucket, :expires, 0, -:amount)"
        " ON CONFLICT (member_id, account, bucket) DO UPDATE SET available = lots.available + excluded.available",
        {**one, "expires": expires, "amount": amount},
    )
    row = connection.execute(
        "SELECT available FROM lots WHERE member_id = :member_id AND account = :account AND bucket = :bucket", one
    ).fetchone()
    return min(amount, max(0, -int(row["available"])))


def grantable(connection: Connection, member_id: str, account: str, bucket: str, day: str) -> list[Row]:
    """Lots (bucket, expires, available) that may be granted on a business day, in the order of spending."""
    follow_openings(connection, member_id, day)
    return connection.execute(
        "SELECT bucket, expires, available FROM lots WHERE member_id = :member_id AND account = :account"
        " AND available > 0 AND (expires = '' OR expires >= :day) AND (:bucket = '' OR bucket = :bucket)"
        f" {_ORDER}",
        {"member_id": member_id, "account": account, "bucket": bucket, "day": day},
    ).fetchall()


def take(connection: Connection, member_id: str, account: str, bucket: str, amount: int) -> None:
    """Take from one lot exactly; it must hold as much."""
    _move(connection, {"member_id": member_id, "account": account}, bucket, -amount)


def follow_openings(connection: Connection, member_id: str, today: str) -> None:
    """Let lots follow what HQ has imported of a member since it was last looked at; what has ended pays for nothing."""
    hold_member(connection, member_id)
    key = {"member_id": member_id}
    wanted = _openings(connection, key)
    rows = connection.execute("SELECT account, bucket, amount FROM lot_openings WHERE member_id = :member_id", key)
    held = {(row["account"], row["bucket"]): row["amount"] for row in rows}
    for place in wanted.keys() | held.keys():
        amount, expires = wanted.get(place, (0, ""))
        moved = amount - held.get(place, 0)
        if not moved:
            continue
        account, bucket = place
        connection.execute(
            "INSERT INTO lot_openings (member_id, account, bucket, amount)"
            " VALUES (:member_id, :account, :bucket, :amount)"
            " ON CONFLICT (member_id, account, bucket) DO UPDATE SET amount = excluded.amount",
            {**key, "account": account, "bucket": bucket, "amount": amount},
        )
        if moved > 0:
            credit(connection, member_id, account, bucket, moved, expires=expires)
        else:
            _debit(connection, member_id, account, bucket, -moved, expires, today)


def _openings(connection: Connection, key: dict[str, str]) -> dict[tuple[str, str], tuple[int, str]]:
    """(account, bucket) -> amount and expiry of what was imported or issued."""
    member = connection.execute(
        "SELECT opening_points, opening_sv_principal, opening_sv_gift FROM members WHERE member_id = :member_id", key
    ).fetchone()
    if member is None:
        return {}
    found = {
        (POINTS_ACCOUNT, OPENING_BUCKET): (member["opening_points"], ""),
        (PRINCIPAL_ACCOUNT, ""): (member["opening_sv_principal"], ""),
        (GIFT_ACCOUNT, OPENING_BUCKET): (member["opening_sv_gift"], ""),
    }
    for row in connection.execute(
        "SELECT card_id, opening_left, expires FROM count_cards WHERE member_id = :member_id", key
    ):
        found[COUNT_ACCOUNT, row["card_id"]] = (row["opening_left"], row["expires"])
    for row in connection.execute("SELECT coupon_id, state, end_day FROM coupons WHERE member_id = :member_id", key):
        found[COUPON_ACCOUNT, row["coupon_id"]] = (int(row["state"] != "void"), row["end_day"])
    return found


def _move(connection: Connection, key: dict[str, str], bucket: str, amount: int) -> None:
    moved = connection.execute(
        "UPDATE lots SET available = available + :amount"
        " WHERE member_id = :member_id AND account = :account AND bucket = :bucket",
        {**key, "bucket": bucket, "amount": amount},
    )
    assert moved.rowcount == 1, "a lot that is moved exists"
