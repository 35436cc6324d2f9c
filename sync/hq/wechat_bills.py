"""The trade bill against the books: what is missing at either side, and amounts that differ, per merchant and day.

Called by sync.hq.wechat_office inside its transactions. The rows of bills are kept, so that a payment near midnight or
a store that was offline heals by itself when the day is checked again. It alters nothing that was booked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.domain.errors import Refusal
from agent.domain.money import yuan
from sync.hq import wechat_checks
from sync.hq.bounds import DIFFERENCES_LISTED
from sync.hq.db.seam import Connection, Row
from sync.hq.wechat_checks import Check
from sync.wechat.bill import BillRow

NOT_IN_BOOKS: Final = "BILL_NOT_IN_BOOKS"
NOT_IN_BILL: Final = "BOOKS_NOT_IN_BILL"
AMOUNT_DIFFERS: Final = "BILL_AMOUNT_DIFFERS"
REVERSED: Final = "BILL_REVERSED"
MERCHANT_DIFFERS: Final = "BILL_MERCHANT_DIFFERS"
_CODES: Final = (NOT_IN_BOOKS, NOT_IN_BILL, AMOUNT_DIFFERS, REVERSED, MERCHANT_DIFFERS)


@dataclass(frozen=True, slots=True)
class BillReport:
    """What became of one merchant's day."""

    mch_id: str
    day: str
    payments: int
    total_fen: int
    refunds: int
    refund_fen: int
    """Refunds are counted, not matched: the till's returns name the payment, not WeChat's refund."""
    booked: int
    booked_fen: int
    differences: list[dict[str, Any]] = field(default_factory=list)


def keep(connection: Connection, mch_id: str, day: str, rows: Sequence[BillRow], at_ms: int) -> None:
    """Keep a day's bill; one that comes again replaces the first. Refusal WECHAT_BILL_OTHER of another merchant."""
    if any(row.mch_id != mch_id for row in rows):
        raise Refusal("WECHAT_BILL_OTHER", f"this is not a bill of merchant {mch_id}", hint="nothing of it was taken")
    if any(row.day != day for row in rows):
        raise Refusal("WECHAT_BILL_OTHER", f"this is not the bill of {day}", hint="nothing of it was taken")
    connection.execute(
        "DELETE FROM wechat_bill_rows WHERE mch_id = :mch_id AND bill_day = :day", {"mch_id": mch_id, "day": day}
    )
    connection.executemany(
        "INSERT INTO wechat_bill_rows (mch_id, transaction_id, kind, refund_id, bill_day, sub_mch_id, out_trade_no,"
        " total_fen, refund_fen) VALUES (:mch_id, :transaction_id, :kind, :refund_id, :day, :sub_mch_id,"
        " :out_trade_no, :total_fen, :refund_fen) ON CONFLICT DO NOTHING",
        [
            {
                "mch_id": mch_id, "transaction_id": row.transaction_id, "kind": row.kind, "refund_id": row.refund_id,
                "day": day, "sub_mch_id": row.sub_mch_id, "out_trade_no": row.out_trade_no,
                "total_fen": row.total_fen, "refund_fen": row.refund_fen,
            }
            for row in rows
        ],
    )  # fmt: skip
    paid = [row for row in rows if row.kind == "SUCCESS"]
    back = [row for row in rows if row.kind == "REFUND"]
    connection.execute(
        "INSERT INTO wechat_bills (mch_id, bill_day, payments, total_fen, refunds, refund_fen, checked_at_ms)"
        " VALUES (:mch_id, :day, :payments, :total, :refunds, :refund, :at_ms) ON CONFLICT (mch_id, bill_day) DO"
        " UPDATE SET payments = excluded.payments, total_fen = excluded.total_fen, refunds = excluded.refunds,"
        " refund_fen = excluded.refund_fen, checked_at_ms = excluded.checked_at_ms",
        {
            "mch_id": mch_id, "day": day, "payments": len(paid), "total": sum(row.total_fen for row in paid),
            "refunds": len(back), "refund": sum(row.refund_fen for row in back), "at_ms": at_ms,
        },
    )  # fmt: skip


def check(connection: Connection, mch_id: str, day: str, now_ms: int) -> BillReport:
    """Compare a day that was kept with what is booked, and what was open before with what is known now."""
    connection.execute(
        "UPDATE wechat_differences SET state = 'healed' WHERE mch_id = :mch_id AND state = 'open'"
        f" AND day = :day AND code IN ({', '.join(f':c{place}' for place in range(len(_CODES)))})",
        {"mch_id": mch_id, "day": day, **{f"c{place}": code for place, code in enumerate(_CODES)}},
    )
    key = {"mch_id": mch_id, "day": day}
    for row in connection.execute(f"{_BILL_SIDE} WHERE b.mch_id = :mch_id AND b.bill_day = :day", key).fetchall():
        _bill_row(connection, mch_id, day, row, now_ms)
    for row in connection.execute(_BOOK_SIDE, key).fetchall():
        one = _check(row, mch_id)
        ours = f"{yuan(one.amount_fen)}, event {one.seq} of {one.workstation_id}"
        wechat_checks.keep_difference(connection, one, NOT_IN_BILL, ours, "not in the bill", now_ms)
    _heal_midnight(connection, mch_id)
    return _report(connection, mch_id, day)


_BILL_SIDE: Final = (
    "SELECT b.transaction_id, b.kind, b.sub_mch_id AS bill_sub, b.total_fen, k.workstation_id, k.epoch, k.seq,"
    " k.brand_id, k.sub_mch_id, k.amount_fen, k.day, k.tries FROM wechat_bill_rows b"
    " LEFT JOIN wechat_checks k ON k.transaction_id = b.transaction_id"
)
_BOOK_SIDE: Final = (
    "SELECT k.transaction_id, k.workstation_id, k.epoch, k.seq, k.brand_id, k.sub_mch_id, k.amount_fen, k.day, k.tries"
    " FROM wechat_checks k WHERE k.mch_id = :mch_id AND k.day = :day AND NOT EXISTS (SELECT 1 FROM wechat_bill_rows b"
    " WHERE b.mch_id = k.mch_id AND b.transaction_id = k.transaction_id AND b.kind = 'SUCCESS')"
)


def _bill_row(connection: Connection, mch_id: str, day: str, row: Row, now_ms: int) -> None:
    """One row of the bill against the tender of its transaction; refunds are counted elsewhere."""
    theirs = f"{row['kind']} {yuan(row['total_fen'])}, sub_mch_id {row['bill_sub'] or '-'}"
    if row["workstation_id"] is None:
        if row["kind"] == "SUCCESS":
            nobody = Check("", "", 0, row["transaction_id"], "", mch_id, row["bill_sub"], 0, day, 0)
            wechat_checks.keep_difference(connection, nobody, NOT_IN_BOOKS, "not in the books", theirs, now_ms)
        return
    one = _check(row, mch_id, day)
    ours = f"{yuan(one.amount_fen)}, sub_mch_id {one.sub_mch_id or '-'}, event {one.seq} of {one.workstation_id}"
    if row["kind"] == "REVOKED":
        wechat_checks.keep_difference(connection, one, REVERSED, ours, theirs, now_ms)
    elif row["kind"] == "SUCCESS" and row["total_fen"] != one.amount_fen:
        wechat_checks.keep_difference(connection, one, AMOUNT_DIFFERS, ours, theirs, now_ms)
    elif row["kind"] == "SUCCESS" and one.sub_mch_id not in ("", row["bill_sub"]):
        wechat_checks.keep_difference(connection, one, MERCHANT_DIFFERS, ours, theirs, now_ms)


def _check(row: Row, mch_id: str, day: str = "") -> Check:
    return Check(
        row["workstation_id"], row["epoch"], row["seq"], row["transaction_id"], row["brand_id"], mch_id,
        row["sub_mch_id"], row["amount_fen"], day or row["day"], row["tries"],
    )  # fmt: skip


def _heal_midnight(connection: Connection, mch_id: str) -> None:
    """Payments that were missing in one day's bill and stand in another's."""
    connection.execute(
        "UPDATE wechat_differences SET state = 'healed' WHERE mch_id = :mch_id AND state = 'open' AND code = :code"
        " AND EXISTS (SELECT 1 FROM wechat_bill_rows b WHERE b.mch_id = wechat_differences.mch_id"
        " AND b.transaction_id = wechat_differences.transaction_id AND b.kind = 'SUCCESS')",
        {"mch_id": mch_id, "code": NOT_IN_BILL},
    )
    connection.execute(
        "UPDATE wechat_differences SET state = 'healed' WHERE mch_id = :mch_id AND state = 'open' AND code = :code"
        " AND EXISTS (SELECT 1 FROM wechat_checks k WHERE k.transaction_id = wechat_differences.transaction_id)",
        {"mch_id": mch_id, "code": NOT_IN_BOOKS},
    )


def _report(connection: Connection, mch_id: str, day: str) -> BillReport:
    key = {"mch_id": mch_id, "day": day}
    bill = connection.execute(
        "SELECT payments, total_fen, refunds, refund_fen FROM wechat_bills WHERE mch_id = :mch_id AND bill_day = :day",
        key,
    ).fetchone()
    booked = connection.execute(
        "SELECT COUNT(*) AS payments, COALESCE(SUM(amount_fen), 0) AS total_fen FROM wechat_checks"
        " WHERE mch_id = :mch_id AND day = :day",
        key,
    ).fetchone()
    return BillReport(
        mch_id, day, bill["payments"], bill["total_fen"], bill["refunds"], bill["refund_fen"], booked["payments"],
        int(booked["total_fen"]), differences(connection, mch_id, day),
    )  # fmt: skip


def differences(connection: Connection, mch_id: str = "", day: str = "") -> list[dict[str, Any]]:
    """Differences that are open and unexplained, newest first, of a merchant and day or of all."""
    rows = connection.execute(
        "SELECT mch_id, transaction_id, code, workstation_id, epoch, seq, day, ours, theirs, first_seen_ms,"
        " last_seen_ms FROM wechat_differences d WHERE state = 'open' AND (mch_id = :mch_id OR :mch_id = '')"
        f" AND (day = :day OR :day = '') AND {wechat_checks.NOT_EXPLAINED}"
        " ORDER BY last_seen_ms DESC, transaction_id, code LIMIT :limit",
        {"mch_id": mch_id, "day": day, "limit": DIFFERENCES_LISTED},
    ).fetchall()
    return [dict(row) for row in rows]
