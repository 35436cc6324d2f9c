"""The file of gifts that points are exchanged for (S30). Columns, in any order; dates and yuan there are none:

  gifts  gift_id, name, kind (virtual or physical), points (what one costs), [stock] (how many may go out in all; empty:
         without end), [batch_id] (of a virtual gift: a coupon of this batch is issued), [off] (1: not offered any more)
Called by sync.hq.importer. Pure but for reading the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.limits import POINTS, TEXT_CHARS
from sync.hq.csv_file import BadValue, Columns, Fault, flag, matching, rows, whole

COLUMNS: Final = Columns(("gift_id", "name", "kind", "points"), ("stock", "batch_id", "off"))
KINDS: Final = ("virtual", "physical")
_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}")  # WIRE: channels name them (sync.message.Name)
_STOCK: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class GiftEntry:
    """One gift as the file has it."""

    line: int
    gift_id: str
    name: str
    kind: str
    points: int
    stock: int | None
    batch_id: str
    off: bool


def gift_entries(path: Path) -> Iterator[GiftEntry | Fault]:
    """Read the file row by row; a bad row names every fault of it."""
    for line, cells in rows(path, COLUMNS):
        yield cells if isinstance(cells, Fault) else _gift(line, cells)


def _gift(line: int, cells: dict[str, str]) -> GiftEntry | Fault:
    found: list[str] = []

    def number(column: str, low: int, high: int) -> int:
        try:
            value = whole(column, cells[column], high)
        except BadValue as error:
            found.append(str(error))
            return low
        if value < low:
            found.append(f"{column} {cells[column]!r}: at least {low}")
        return value

    def named(column: str) -> str:
        try:
            return matching(column, cells[column], _ID, "use 1 to 64 of A-Z a-z 0-9 . _ : -")
        except BadValue as error:
            found.append(str(error))
            return ""

    gift_id, name, kind = named("gift_id"), cells["name"], cells["kind"]
    if not 1 <= len(name) <= TEXT_CHARS or not name.isprintable():
        found.append(f"name needs 1 to {TEXT_CHARS} printable characters")
    if kind not in KINDS:
        found.append(f"kind {kind!r}: write virtual or physical")
    points = number("points", 1, POINTS)
    stock = number("stock", 0, _STOCK) if cells["stock"] else None
    batch_id = named("batch_id") if cells["batch_id"] else ""
    if batch_id and kind == "physical":
        found.append("batch_id: a coupon is a virtual gift")
    try:
        off = flag("off", cells["off"], default=False)
    except BadValue as error:
        found.append(str(error))
        off = False
    return (
        Fault(line, "; ".join(found)) if found else GiftEntry(line, gift_id, name, kind, points, stock, batch_id, off)
    )
