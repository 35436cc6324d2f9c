"""Files that people give to the console: kept for the import alone, in a directory of HQ's own, then gone.

Called by sync.hq.console.calls. Writing is done in a thread; what is left of a process that died goes at the start.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from agent.domain.errors import Refusal
from sync.hq.console.people import Reckoner
from sync.hq.importer import ImportReport
from sync.hq.service import HqService

_PART_BYTES: Final = 256 * 1024
KINDS: Final = ("members", "items", "merchants", "batches", "coupons", "cards")


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


async def run(hq: HqService, thread: Reckoner, folder: Path, given: Given) -> ImportReport:
    """Keep a file, import it, drop it. Refusal 404 IMPORT_UNKNOWN; all faults of rows are in the report."""
    steps = {
        "members": hq.import_members,
        "items": hq.import_items,
        "merchants": hq.import_merchants,
        "batches": hq.import_batches,
        "coupons": hq.import_coupons,
        "cards": hq.import_cards,
    }
    if given.what not in steps:
        raise Refusal("IMPORT_UNKNOWN", f"import one of {', '.join(KINDS)}", status=404)
    file, path = await thread.call(lambda: _made(folder))
    try:
        await _keep(thread, file, given.parts)
        return await steps[given.what](given.brand_id, path, skip_bad=given.skip_bad)
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
