"""Imports from files: members, items, merchants (CSV) and rules (JSON).

Called by sync.hq.service. A file is read twice: first every row is checked and ALL bad rows are reported with line and
reason; only a file without any (or with `skip_bad`) is then written, in transactions of bounded size, so that stores
are served meanwhile. Importing a file again changes nothing and moves nothing in the feeds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

from agent.domain.digest import Json, canonical
from agent.domain.errors import InvariantViolation, Refusal
from agent.domain.rules import rule_set
from agent.ports import Entropy
from agent.sqlite import Connection
from sync.hq.bounds import IMPORT_CHUNK_ROWS, IMPORT_FAULTS
from sync.hq.csv_file import Fault
from sync.hq.feeds import reserve
from sync.hq.item_csv import RowEntry, item_entries, merchant_entries
from sync.hq.keys import HqKeys
from sync.hq.member_csv import MemberEntry, entries
from sync.hq.member_write import MemberTable
from sync.hq.row_write import ItemTable, MerchantTable, Written
from sync.protocol import Feed

T = TypeVar("T")
E = TypeVar("E", MemberEntry, RowEntry)
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
    """What an import did. `rejected`: nothing was written. `faults` lists at most IMPORT_FAULTS of `bad` rows."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    rejected: bool = False
    faults: list[Fault] = field(default_factory=list)


async def members(
    write: Write, keys: HqKeys, entropy: Entropy, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None
) -> ImportReport:
    """Import members; ids are random and stay with the member number. Cards and identities are only ever added."""
    table = await write(lambda c: MemberTable.of(c, keys, entropy, brand_id))
    return await _Run(write, lambda: entries(path), table, skip_bad, progress).run()


async def items(write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None) -> ImportReport:
    """Import articles by sku; an article goes by `deleted` 1, never by being absent."""
    table = await write(lambda c: ItemTable.of(c, brand_id))
    return await _Run(write, lambda: item_entries(path), table, skip_bad, progress).run()


async def merchants(write: Write, brand_id: str, path: Path, skip_bad: bool, progress: Progress | None) -> ImportReport:
    """Import merchant scopes of the brand's stores."""
    table = await write(lambda c: MerchantTable.of(c, brand_id))
    return await _Run(write, lambda: merchant_entries(path), table, skip_bad, progress).run()


def rules(connection: Connection, brand_id: str, body: dict[str, Json], at_ms: int) -> bool:
    """Add a rule set; True when it is new, False when this very version is there already.

    Refusal RULES_INVALID naming every fault; RULES_CHANGED when the version exists with another content or is older
    than the newest: versions are immutable and only go up.
    """
    try:
        version = rule_set(body).version
        text = canonical(body).decode()
    except (ValueError, InvariantViolation) as error:
        raise Refusal("RULES_INVALID", str(error)) from error
    if version < 1:
        raise Refusal("RULES_INVALID", "version must be 1 or more", field="version")
    held = connection.execute(
        "SELECT version, body FROM rule_sets WHERE brand_id = :brand_id AND version >= :version ORDER BY version",
        {"brand_id": brand_id, "version": version},
    ).fetchall()
    if held and (held[0]["version"], held[0]["body"]) == (version, text):
        return False
    if held:
        hint = f"give it version {held[-1]['version'] + 1}"
        raise Refusal("RULES_CHANGED", f"rules version {version} was published before", hint=hint, status=409)
    connection.execute(
        "INSERT INTO rule_sets (brand_id, version, body, created_at_ms, feed_no)"
        " VALUES (:brand_id, :version, :body, :at_ms, :feed_no)",
        {
            "brand_id": brand_id,
            "version": version,
            "body": text,
            "at_ms": at_ms,
            "feed_no": reserve(connection, brand_id, Feed.RULES, 1),
        },
    )
    return True


@dataclass(slots=True)
class _Run(Generic[E]):
    """One import: two passes over the file, each in steps on the database's owner."""

    transact: Write
    read: Callable[[], Iterator[E | Fault]]
    table: Table[E]
    skip_bad: bool
    progress: Progress | None
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

    async def _pass(self, stage: str, step: Callable[[Connection, list[E | Fault]], None]) -> None:
        source, done = self.read(), 0

        def work(connection: Connection) -> int:
            chunk = list(islice(source, IMPORT_CHUNK_ROWS))
            step(connection, chunk)
            return len(chunk)

        while taken := await self.transact(work):
            done += taken
            if self.progress is not None:
                self.progress(stage, done)

    def _check(self, connection: Connection, chunk: list[E | Fault]) -> None:
        self.report.rows += len(chunk)
        good = [entry for entry in chunk if not isinstance(entry, Fault)]
        faults = [entry for entry in chunk if isinstance(entry, Fault)] + self.table.check(connection, good)
        self.bad_lines.update(fault.line for fault in faults)
        self.report.faults.extend(faults[: max(0, IMPORT_FAULTS - len(self.report.faults))])

    def _write(self, connection: Connection, chunk: list[E | Fault]) -> None:
        good = [entry for entry in chunk if not isinstance(entry, Fault) and entry.line not in self.bad_lines]
        written = self.table.write(connection, good)
        self.report.created += written.created
        self.report.updated += written.updated
        self.report.unchanged += written.unchanged
