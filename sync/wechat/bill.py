"""WeChat's trade bill (交易账单, type ALL) as rows: a CSV whose every value stands behind a back-tick.

Pure; called by sync.hq.wechat_bills. Strict: a bill that is not exactly what it must be is refused whole, by line
number and column and never by value, and its own totals must add up. Source: facts/wechat.md A.3; the SDK's
tests/fixtures/bill.ALL.csv.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.domain.errors import Refusal
from agent.limits import AMOUNT_FEN
from sync.wechat.fields import ID, ORDER_NO

_TIME, _MCH, _SUB_MCH = "交易时间", "商户号", "特约商户号"
_TRANSACTION, _ORDER, _KIND = "微信订单号", "商户订单号", "交易状态"
_CURRENCY, _TOTAL = "货币种类", "订单金额"
_REFUND, _REFUND_FEN = "微信退款单号", "申请退款金额"
_NEEDED: Final = (_TIME, _MCH, _SUB_MCH, _TRANSACTION, _ORDER, _KIND, _CURRENCY, _TOTAL, _REFUND, _REFUND_FEN)
_SUM_HEAD: Final = "总交易单数"
_SUM_COLUMNS: Final = {_SUM_HEAD: "rows", "订单总金额": "total", "申请退款总金额": "refunds"}
_YUAN: Final = re.compile(r"(0|[1-9][0-9]{0,9})\.([0-9]{1,2})")
_COUNT: Final = re.compile(r"([0-9]{1,9})(?:\.0+)?")
_KINDS: Final = frozenset({"SUCCESS", "REFUND", "REVOKED"})
_COLUMNS: Final = 64  # LIMIT: today's bill has 27


@dataclass(frozen=True, slots=True)
class BillRow:
    """One row. A payment (SUCCESS) has `total_fen`; a refund or reversal `refund_fen` and `refund_id`."""

    day: str
    """Of the transaction's time, Beijing, YYYY-MM-DD."""
    mch_id: str
    sub_mch_id: str
    transaction_id: str
    out_trade_no: str
    kind: str
    total_fen: int
    refund_id: str
    refund_fen: int


def read(content: bytes) -> list[BillRow]:
    """Read a whole bill. Refusal WECHAT_BILL_UNREADABLE, nothing else.

    >>> read("".encode())
    Traceback (most recent call last):
    agent.domain.errors.Refusal: not a WeChat trade bill: it is empty
    """
    fault, text = "", ""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        fault = "it is not UTF-8"
    if fault:
        raise _unreadable(fault)
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines == [""]:
        raise _unreadable("it is empty")
    if len(lines) < 3 or not lines[-2].startswith(_SUM_HEAD):
        raise _unreadable("its totals are missing")
    columns = _columns(lines[0])
    rows = [_row(values, number) for number, values in _values(lines[1:-2], columns, 2)]
    _check_totals(rows, lines[-2], lines[-1], len(lines))
    return rows


def _columns(head: str) -> list[str]:
    columns = head.split(",")
    if len(columns) > _COLUMNS or len(set(columns)) != len(columns):
        raise _unreadable("a column comes twice, or there are too many")
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise _unreadable(f"column {missing[0]} is missing")
    return columns


def _values(lines: Sequence[str], columns: Sequence[str], first: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Split at comma and back-tick together: a name of an article may hold a comma."""
    for number, line in enumerate(lines, start=first):
        if not line.startswith("`"):
            raise _unreadable(f"line {number} does not begin with a back-tick")
        values = line[1:].split(",`")
        if len(values) != len(columns):
            raise _unreadable(f"line {number} has {len(values)} values for {len(columns)} columns")
        yield number, dict(zip(columns, values, strict=True))


def _row(values: dict[str, str], number: int) -> BillRow:
    if values[_KIND] not in _KINDS:
        raise _unreadable(f"line {number}: {_KIND} is none of WeChat's")
    if values[_CURRENCY] != "CNY":
        raise _unreadable(f"line {number}: {_CURRENCY} is not CNY")
    for name, form in ((_MCH, ID), (_SUB_MCH, ID), (_TRANSACTION, ID), (_ORDER, ORDER_NO), (_REFUND, ID)):
        if values[name] and not form.fullmatch(values[name]):
            raise _unreadable(f"line {number}: {name} does not have its form")
    if not values[_TRANSACTION] or not values[_MCH]:
        raise _unreadable(f"line {number}: {_TRANSACTION} or {_MCH} is missing")
    return BillRow(
        day=_day(values[_TIME], number),
        mch_id=values[_MCH],
        sub_mch_id=_some(values[_SUB_MCH]),
        transaction_id=values[_TRANSACTION],
        out_trade_no=values[_ORDER],
        kind=values[_KIND],
        total_fen=_fen(values[_TOTAL], number, _TOTAL),
        refund_id=_some(values[_REFUND]),
        refund_fen=_fen(values[_REFUND_FEN], number, _REFUND_FEN),
    )


def _some(value: str) -> str:
    """WIRE: the bill writes 0 where there is none."""
    return "" if value == "0" else value


def _day(value: str, number: int) -> str:
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").date().isoformat()  # noqa: DTZ007 - Beijing's day
    except ValueError:
        pass
    raise _unreadable(f"line {number}: {_TIME} is not a time")


def _fen(value: str, number: int, column: str) -> int:
    form = _YUAN.fullmatch(value)
    if form is None or (fen := int(form[1]) * 100 + int(form[2].ljust(2, "0"))) > AMOUNT_FEN:
        raise _unreadable(f"line {number}: {column} is no amount in yuan")
    return fen


def _check_totals(rows: Sequence[BillRow], head: str, line: str, number: int) -> None:
    """The bill's last line says how many rows there are and what they come to."""
    columns = head.split(",")
    said = dict(next(_values([line], columns, number))[1])
    missing = [name for name in _SUM_COLUMNS if name not in said]
    if missing:
        raise _unreadable(f"column {missing[0]} is missing")
    count = _COUNT.fullmatch(said[_SUM_HEAD])
    if count is None or int(count[1]) != len(rows):
        raise _unreadable(f"it has {len(rows)} rows, and its totals say otherwise")
    for name, what in (("订单总金额", "total_fen"), ("申请退款总金额", "refund_fen")):
        if _yuan_sum(said[name], number, name) != sum(getattr(row, what) for row in rows):
            raise _unreadable(f"its rows do not add up to {name}")


def _yuan_sum(value: str, number: int, column: str) -> int:
    form = _YUAN.fullmatch(value)
    if form is None:
        raise _unreadable(f"line {number}: {column} is no amount in yuan")
    return int(form[1]) * 100 + int(form[2].ljust(2, "0"))


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "WECHAT_BILL_UNREADABLE",
        f"not a WeChat trade bill: {why}",
        hint="nothing of it was taken; fetch it again, or download the bill of type ALL from the merchant platform",
    )
