"""Imports from CSV files: members, items, merchants, coupon batches, coupons, count cards, gifts, slots.

Called by sync.hq.service. A file is read twice: first every row is checked and ALL bad rows are reported with line and
reason; only a file without any (or with `skip_bad`) is then written, in transactions of bounded size, so that stores
are served meanwhile. Importing a file again changes nothing and moves nothing in the feeds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

from agent.domain.gift_rule import GiftMix
from agent.ports import Entropy
from sync.hq.batch_write import BatchTable
from sync.hq.bounds import IMPORT_CHUNK_ROWS, IMPORT_FAULTS
from sync.hq.card_write import CardTable
from sync.hq.coupon_csv import BatchEntry, CardEntry, CouponEntry, batch_entries, card_entries, coupon_entries
from sync.hq.coupon_write import CouponTable
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection
from sync.hq.gift_csv import GiftEntry, gift_entries
from sync.hq.gift_write import GiftTable
from sync.hq.item_csv import RowEntry, item_entries, merchant_entries
from sync.hq.keys import HqKeys
from sync.hq.member_csv import MemberEntry, entries
from sync.hq.member_write import MemberTable
from sync.hq.row_write import ItemTable, MerchantTable, Written
from sync.hq.slot_csv import SlotEntry, slot_entries
from sync.hq.slot_write import SlotTable

T = TypeVar("T")
E = TypeVar("E", MemberEntry, RowEntry, BatchEntry, CouponEntry, CardEntry, GiftEntry, SlotEntry)
E_contra = TypeVar("E_contra", contravariant=True)
Progress: TypeAlias = Callable[[str, int], None]
"""Called on the event loop after every transaction: stage (`check`, then `write`), rows done in it."""


class Write(Protocol):
    """Runs work in one write transaction of the database's owner."""

    async def __call__(self, work: Callable[[Connection], T]) -> T:
        """Give the work's result once it is committed."""
        ...


class Table(Protocol[E_contra]):
    """How the entries of one file meet the database."""

    def check(self, connection: Connection, chunk: Sequence[E_contra]) -> list[Fault]:
        """Name the entries that cannot be written beside what came before them or is in the database."""
        ...

    def write(self, connection: Connection, chunk: Sequence[E_contra]) -> Written:
        """Write checked entries."""
        ...


@dataclass(slots=True)
class ImportReport:
    """What an import did. `rejected`: nothing was written. `faults` lists at most IMPORT_FAULTS of `bad` rows.

    `warnings` are rows that were taken and that a person should look at. `tiers_unchecked`: the brand has no rules yet,
    so nobody could say whether the tiers of these members will exist.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    rejected: bool = False
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    tiers_unchecked: bool = False


async def members(
    write: Write, keys: HqKeys, entropy: Entropy, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None
) -> ImportReport:
    """Import members; ids are random and stay with the member number. Cards and identities are only ever added."""
    table = await write(lambda c: MemberTable.of(c, keys, entropy, brand_id))
    report = await _Run(write, lambda: entries(path), table, skip_bad, progress).run()
    report.tiers_unchecked = table.tier_ids is None
    return report


async def items(write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None) -> ImportReport:
    """Import articles by sku; an article goes by `deleted` 1, never by being absent."""
    table = await write(lambda c: ItemTable.of(c, brand_id))
    return await _Run(write, lambda: item_entries(path), table, skip_bad, progress).run()


async def merchants(write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None) -> ImportReport:
    """Import merchant scopes of the brand's stores."""
    table = await write(lambda c: MerchantTable.of(c, brand_id))
    return await _Run(write, lambda: merchant_entries(path), table, skip_bad, progress).run()


async def batches(
    write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None, at_ms: int
) -> ImportReport:
    """Import coupon batches; a changed batch becomes a new version for coupons yet to be issued."""
    table = await write(lambda c: BatchTable.of(c, brand_id, at_ms))
    return await _Run(write, lambda: batch_entries(path), table, skip_bad, progress, table.lint).run()


async def coupons(
    write: Write, keys: HqKeys, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None, at_ms: int
) -> ImportReport:
    """Issue coupons to members, and withdraw those marked `void`."""
    table = await write(lambda c: CouponTable.of(c, keys, brand_id, at_ms))
    return await _Run(write, lambda: coupon_entries(path), table, skip_bad, progress).run()


async def cards(
    write: Write, keys: HqKeys, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None
) -> ImportReport:
    """Import count cards that members hold; `left` is what was left before the first event."""
    table = await write(lambda c: CardTable.of(c, keys, brand_id))
    return await _Run(write, lambda: card_entries(path), table, skip_bad, progress).run()


async def gifts(
    write: Write, brand_id: str, mix: GiftMix, path: Path, skip_bad: bool, progress: Progress | None
) -> ImportReport:
    """Import gifts that points are exchanged for; one goes by `off` 1, never by being absent."""
    table = await write(lambda c: GiftTable.of(c, brand_id, mix))
    return await _Run(write, lambda: gift_entries(path), table, skip_bad, progress, table.lint).run()


async def slots(
    write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None, at_ms: int
) -> ImportReport:
    """Import slots that members may reserve; one goes by `off` 1, never by being absent."""
    table = await write(lambda c: SlotTable.of(c, brand_id, at_ms))
    return await _Run(write, lambda: slot_entries(path), table, skip_bad, progress).run()


@dataclass(slots=True)
class _Run(Generic[E]):
    """One import: two passes over the file, each in steps on the database's owner."""

    transact: Write
    read: Callable[[], Iterator[E | Fault]]
    table: Table[E]
    skip_bad: bool
    progress: Progress | None
    lint: Callable[[Connection, Sequence[E]], list[Fault]] | None = None
    report: ImportReport = field(default_factory=ImportReport)
    bad_lines: set[int] = field(default_factory=set)

    async def run(self) -> ImportReport:
        await self._pass("check", self._check)
        self.report.bad = len(self.bad_lines)
        self.report.faults.sort(key=lambda fault: fault.line)
        if self.bad_lines and not self.skip_bad:
            self.report.rejected = True
            return self.report
        await self._pass("write", self._write)
        return self.report

    async def _pass(self, stage: str, step: Callable[[Connection, list[E | Fault]], Written]) -> None:
        source, done = self.read(), 0
        chunk: list[E | Fault] = []

        def work(connection: Connection) -> Written:
            if not chunk:  # ORDER: the file is read in this thread, and once, however often the rest is tried
                chunk.extend(islice(source, IMPORT_CHUNK_ROWS))
            return step(connection, chunk)

        while True:
            written = await self.transact(work)
            if not chunk:
                return
            self.report.created += written.created
            self.report.updated += written.updated
            self.report.unchanged += written.unchanged
            done += len(chunk)
            chunk.clear()
            if self.progress is not None:
                self.progress(stage, done)

    def _check(self, connection: Connection, chunk: list[E | Fault]) -> Written:
        self.report.rows += len(chunk)
        good = [entry for entry in chunk if not isinstance(entry, Fault)]
        faults = [entry for entry in chunk if isinstance(entry, Fault)] + self.table.check(connection, good)
        self.bad_lines.update(fault.line for fault in faults)
        self.report.faults.extend(faults[: max(0, IMPORT_FAULTS - len(self.report.faults))])
        if self.lint is not None:
            self.report.warnings += self.lint(connection, good)[: max(0, IMPORT_FAULTS - len(self.report.warnings))]
        return Written()

    def _write(self, connection: Connection, chunk: list[E | Fault]) -> Written:
        good = [entry for entry in chunk if not isinstance(entry, Fault) and entry.line not in self.bad_lines]
        return self.table.write(connection, good)
