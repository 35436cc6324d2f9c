"""Files that people give to the console: kept for the import alone, in a directory of HQ's own, then gone.

Called by sync.hq.console.calls. Writing is done in a thread; what is left of a process that died goes at the start.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from agent.domain.errors import Refusal
from sync.hq import console_log as log
from sync.hq.console.people import Reckoner
from sync.hq.importer import ImportReport
from sync.hq.service import HqService
from sync.hq.wechat_bills import BillReport
from sync.wechat import bill

_PART_BYTES: Final = 256 * 1024
KINDS: Final = ("members", "items", "merchants", "batches", "coupons", "cards", "gifts", "slots")


def clear(folder: Path) -> None:
    """Begin with an empty directory that only HQ's user can read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


@dataclass(frozen=True, slots=True)
class Given:
    """A file on its way: what it holds, for which brand, its bytes."""

    what: str
    brand_id: str
    parts: AsyncIterator[bytes]
    skip_bad: bool


def act_of(what: str) -> log.Act:
    """What the log calls the import of such a file. Refusal 404 IMPORT_UNKNOWN."""
    if what not in KINDS:
        raise Refusal("IMPORT_UNKNOWN", f"import one of {', '.join(KINDS)}", status=404)
    return log.Act(f"import.{what}")


async def run(hq: HqService, thread: Reckoner, folder: Path, given: Given) -> ImportReport:
    """Keep a file of one of KINDS, import it, drop it; all faults of rows are in the report."""
    steps = {
        "members": hq.import_members,
        "items": hq.import_items,
        "merchants": hq.import_merchants,
        "batches": hq.import_batches,
        "coupons": hq.import_coupons,
        "cards": hq.import_cards,
        "gifts": hq.import_gifts,
        "slots": hq.import_slots,
    }
    async with kept(thread, folder, given.parts) as path:
        return await steps[given.what](given.brand_id, path, skip_bad=given.skip_bad)


async def check_bill(
    hq: HqService, thread: Reckoner, folder: Path, mch_id: str, day: str, parts: AsyncIterator[bytes]
) -> BillReport:
    """Keep a bill of WeChat's, compare it with the books, drop it. Refusal as WechatOffice.check_bill."""
    await hq.wechat.office.known(mch_id, day)  # ORDER: before a byte of the file is read
    async with kept(thread, folder, parts) as path:
        rows = await thread.call(lambda: bill.read(path.read_bytes()))
    return await hq.wechat.office.compare(mch_id, day, rows)


@asynccontextmanager
async def kept(thread: Reckoner, folder: Path, parts: AsyncIterator[bytes]) -> AsyncIterator[Path]:
    """A file as it came, until the block ends."""
    file, path = await thread.call(lambda: _made(folder))
    try:
        await _keep(thread, file, parts)
        yield path
    finally:
        await thread.call(lambda: path.unlink(missing_ok=True))


def summed(report: ImportReport) -> str:
    """What came of it, for the log: counts only."""
    names = ("rows", "created", "updated", "unchanged", "bad")
    return ", ".join(f"{getattr(report, name)} {name}" for name in names) + (", rejected" if report.rejected else "")


def _made(folder: Path) -> tuple[BinaryIO, Path]:
    handle, name = tempfile.mkstemp(dir=folder, suffix=".csv")
    return os.fdopen(handle, "wb"), Path(name)


async def _keep(thread: Reckoner, file: BinaryIO, parts: AsyncIterator[bytes]) -> None:
    held = bytearray()
    try:
        async for part in parts:
            held += part
            if len(held) >= _PART_BYTES:
                full, held = held, bytearray()
                await thread.call(lambda: file.write(full))  # noqa: B023
        rest = held
        await thread.call(lambda: file.write(rest))
    finally:
        await thread.call(file.close)
