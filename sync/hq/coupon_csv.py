"""The coupon files. Columns, in any order; yuan with at most two decimals, flags 1/0, dates YYYY-MM-DD:

  batches  batch_id, name, type, start, end, [off_yuan], [off_bp] (off the price: 8折 is 2000), [min_yuan], [min_qty],
           [scope] (`;`-separated skus), [max_off_yuan], [priority], [exclusive], [stackable],
           [issuer] (a store: only there, unless [cross_store]), [stores] (`;`-separated, default all of the brand),
           [released] (how many may be issued; empty: leave as it is, no limit at first)
  coupons  coupon_id (4-64 of A-Z a-z 0-9 . _ -, unique for ever), member_number, batch_id,
           [start], [end] (within the batch's; default the batch's), [claimed] (default today), [void] (withdraw it)
  cards    card_id, member_number, name, total, left, [price_yuan], [expires]
Called by sync.hq.importer. What a batch may promise is decided by agent.domain.coupon_batch. Pure but for reading.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from agent.domain.business_day import parse_day
from agent.domain.coupon_batch import faults
from agent.domain.digest import Json
from agent.limits import QTY, TEXT_CHARS
from sync.hq.csv_file import BadValue, Columns, Fault, fen, flag, matching, rows, whole

BATCH_COLUMNS: Final = Columns(
    ("batch_id", "name", "type", "start", "end"),
    ("off_yuan", "off_bp", "min_yuan", "min_qty", "scope", "max_off_yuan", "priority", "exclusive", "stackable",
     "issuer", "cross_store", "stores", "released"),
)  # fmt: skip
COUPON_COLUMNS: Final = Columns(("coupon_id", "member_number", "batch_id"), ("start", "end", "claimed", "void"))
CARD_COLUMNS: Final = Columns(("card_id", "member_number", "name", "total", "left"), ("price_yuan", "expires"))
MEMBER_NUMBER: Final = re.compile(r"[A-Za-z0-9_\-]{1,32}")  # WIRE: the member number of a dynamic code
_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_COUPON = re.compile(r"[A-Za-z0-9._\-]{4,64}")  # WIRE: behind `CP.` in a scan
_YUAN: Final = {"off_yuan": "off_fen", "min_yuan": "min_fen", "max_off_yuan": "max_off_fen"}
_RELEASED: Final = 1_000_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """One batch as the file has it; `released` None leaves the stock as it is."""

    line: int
    batch_id: str
    body: dict[str, Json]
    released: int | None = None


@dataclass(frozen=True, slots=True)
class CouponEntry:
    """One coupon to issue, or to withdraw; empty days are the batch's, an empty `claimed` is today."""

    line: int
    coupon_id: str
    member_number: str = field(repr=False)
    batch_id: str
    start: str = ""
    end: str = ""
    claimed: str = ""
    void: bool = False


@dataclass(frozen=True, slots=True)
class CardEntry:
    """One count card that a member holds, with what is left of it before the first event."""

    line: int
    card_id: str
    member_number: str = field(repr=False)
    name: str
    total: int
    left: int
    price_fen: int
    expires: str


def batch_entries(path: Path) -> Iterator[BatchEntry | Fault]:
    """Read the batches file row by row; a bad row names every fault of it."""
    return _entries(path, BATCH_COLUMNS, _batch)


def coupon_entries(path: Path) -> Iterator[CouponEntry | Fault]:
    """Read the coupons file row by row."""
    return _entries(path, COUPON_COLUMNS, _coupon)


def card_entries(path: Path) -> Iterator[CardEntry | Fault]:
    """Read the count cards file row by row."""
    return _entries(path, CARD_COLUMNS, _card)


def _entries(path: Path, columns: Columns, read: Callable[[int, dict[str, str]], T]) -> Iterator[T | Fault]:
    for line, cells in rows(path, columns):
        if isinstance(cells, Fault):
            yield cells
            continue
        try:
            yield read(line, cells)
        except BadValue as error:
            yield Fault(line, str(error))


def _batch(line: int, cells: dict[str, str]) -> BatchEntry:
    found: dict[str, str] = {}

    def cell(column: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except BadValue as error:
            found[column] = str(error)
            return otherwise

    batch_id = cell("batch_id", partial(matching, "batch_id", cells["batch_id"], _ID, "use A-Z a-z 0-9 . _ : -"), "")
    body: dict[str, Json] = {name: cells[name] for name in ("type", "name", "start", "end")}
    for column in _YUAN:
        if cells[column]:
            body[_YUAN[column]] = cell(column, partial(fen, column, cells[column]), 0)
    for column in ("off_bp", "min_qty", "priority"):
        if cells[column]:
            body[column] = cell(column, partial(whole, column, cells[column], QTY), 0)
    for column in ("exclusive", "stackable", "cross_store"):
        if cell(column, partial(flag, column, cells[column], default=False), False):
            body[column] = True
    if cells["scope"]:
        body["scope"] = [sku.strip() for sku in cells["scope"].split(";") if sku.strip()]
    if cells["stores"]:
        body["stores"] = [store.strip() for store in cells["stores"].split(";") if store.strip()]
    if cells["issuer"]:
        body["issuer"] = cells["issuer"]
    released = None
    if cells["released"]:
        released = cell("released", partial(_not_below, "released", cells["released"], _RELEASED, 0), 0)
    offer = [_in_yuan(fault) for fault in faults(body)]
    every = [*found.values(), *(fault for fault in offer if fault.partition(":")[0] not in found)]
    if every:
        raise BadValue("; ".join(every))
    return BatchEntry(line, batch_id, body, released)


def _in_yuan(fault: str) -> str:
    """Name the file's columns, not the fields of the offer."""
    for column, name in _YUAN.items():
        fault = fault.replace(name, column)
    return fault


def _coupon(line: int, cells: dict[str, str]) -> CouponEntry:
    return CouponEntry(
        line=line,
        coupon_id=check_id(cells["coupon_id"]),
        member_number=_number(cells["member_number"]),
        batch_id=matching("batch_id", cells["batch_id"], _ID, "no batch id"),
        start=day("start", cells["start"]),
        end=day("end", cells["end"]),
        claimed=day("claimed", cells["claimed"]),
        void=flag("void", cells["void"], default=False),
    )


def check_id(text: str) -> str:
    """Check the id of a coupon."""
    return matching("coupon_id", text, _COUPON, "use 4 to 64 of A-Z a-z 0-9 . _ -")


def _card(line: int, cells: dict[str, str]) -> CardEntry:
    name = cells["name"]
    if not 1 <= len(name) <= TEXT_CHARS or not name.isprintable():
        raise BadValue(f"name needs 1 to {TEXT_CHARS} printable characters")
    total = _not_below("total", cells["total"], QTY, 1)
    left = _not_below("left", cells["left"], QTY, 0)
    if left > total:
        raise BadValue(f"left {left}: more than total {total}")
    return CardEntry(
        line=line,
        card_id=matching("card_id", cells["card_id"], _ID, "use 1 to 64 of A-Z a-z 0-9 . _ : -"),
        member_number=_number(cells["member_number"]),
        name=name,
        total=total,
        left=left,
        price_fen=fen("price_yuan", cells["price_yuan"]) if cells["price_yuan"] else 0,
        expires=day("expires", cells["expires"]),
    )


def _number(text: str) -> str:
    return matching("member_number", text, MEMBER_NUMBER, "use 1 to 32 of A-Z a-z 0-9 _ -")


def _not_below(column: str, text: str, bound: int, least: int) -> int:
    number = whole(column, text, bound)
    if number < least:
        raise BadValue(f"{column} {text!r}: at least {least}")
    return number


def day(column: str, text: str) -> str:
    """Check an optional date."""
    try:
        if not text or parse_day(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise BadValue(f"{column} {text!r}: write a date as YYYY-MM-DD")
