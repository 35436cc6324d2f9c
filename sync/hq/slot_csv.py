"""The file of slots that members may reserve (S11). Columns, in any order; times of Asia/Shanghai:

  slots  slot_id, store_id, service, starts (YYYY-MM-DD HH:MM), minutes, capacity, [off] (1: not offered any more)
Called by sync.hq.importer. Pure but for reading the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.domain.business_day import SHANGHAI
from agent.limits import QTY, TEXT_CHARS
from sync.hq.csv_file import BadValue, Columns, Fault, flag, matching, rows, whole

COLUMNS: Final = Columns(("slot_id", "store_id", "service", "starts", "minutes", "capacity"), ("off",))
_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}")  # WIRE: channels name them (sync.message.Name)
_STARTS: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", re.ASCII)
_MINUTES: Final = 24 * 60
_EARLIEST: Final = 2000


@dataclass(frozen=True, slots=True)
class SlotEntry:
    """One slot as the file has it."""

    line: int
    slot_id: str
    store_id: str
    service: str
    business_day: str
    starts_ms: int
    minutes: int
    capacity: int
    off: bool


def slot_entries(path: Path) -> Iterator[SlotEntry | Fault]:
    """Read the file row by row; a bad row names every fault of it."""
    for line, cells in rows(path, COLUMNS):
        yield cells if isinstance(cells, Fault) else _slot(line, cells)


def _slot(line: int, cells: dict[str, str]) -> SlotEntry | Fault:
    found: list[str] = []

    def number(column: str, high: int) -> int:
        try:
            value = whole(column, cells[column], high)
        except BadValue as error:
            found.append(str(error))
            return 1
        if value < 1:
            found.append(f"{column} {cells[column]!r}: at least 1")
        return value

    def named(column: str) -> str:
        try:
            return matching(column, cells[column], _ID, "use 1 to 64 of A-Z a-z 0-9 . _ : -")
        except BadValue as error:
            found.append(str(error))
            return ""

    slot_id, store_id, service = named("slot_id"), named("store_id"), cells["service"]
    if not 1 <= len(service) <= TEXT_CHARS or not service.isprintable():
        found.append(f"service needs 1 to {TEXT_CHARS} printable characters")
    starts = _instant(cells["starts"])
    if starts is None:
        found.append(f"starts {cells['starts']!r}: write YYYY-MM-DD HH:MM")
    minutes, capacity = number("minutes", _MINUTES), number("capacity", QTY)
    try:
        off = flag("off", cells["off"], default=False)
    except BadValue as error:
        found.append(str(error))
        off = False
    if found or starts is None:
        return Fault(line, "; ".join(found))
    at_ms = int(starts.timestamp()) * 1000
    return SlotEntry(line, slot_id, store_id, service, starts.date().isoformat(), at_ms, minutes, capacity, off)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) if _STARTS.fullmatch(text) else None
    except ValueError:
        return None
    return found if found is not None and found.year >= _EARLIEST else None  # year 1 has no UTC milliseconds to show
