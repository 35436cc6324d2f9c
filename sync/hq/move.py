"""An embedded headquarters moves to PostgreSQL: its whole books, once, and proven before anybody may use them.

Called by `pos-agent hq move`. Everything happens in one transaction of the server: it holds all of the books, equal row
by row and adding up, or none. The directory stays what it was (hq.key, hq.grants, hq.erasures, snapshots), so tills and
the witness of grants meet the same headquarters; the file is marked before the server commits, and never opened again.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlite_utils

from agent import sqlite
from agent.domain.errors import StorageError
from agent.ports import Clock, Entropy
from sync.hq import claims_audit, lease_audit, own_books, poison, restored
from sync.hq.audit import accounts
from sync.hq.bounds import AUDIT_ACCOUNTS
from sync.hq.db import move_nul, move_rows, moved, partitions
from sync.hq.db.address import Address, record
from sync.hq.db.embedded import EmbeddedConnection
from sync.hq.db.move_nul import Replaced
from sync.hq.db.move_rows import Table, Tally
from sync.hq.db.pool import PostgresEngine
from sync.hq.db.postgres import PgConnection
from sync.hq.db.seam import Connection
from sync.hq.grant_witness import FILE, FileGrantWitness
from sync.hq.keys import HqKeys, open_keys
from sync.hq.places import DATABASE, KEY_FILE
from sync.hq.schema import MIGRATIONS
from sync.proof import Finding

_PATIENT: Final = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
_AUDITED: Final = ("members", "accounts", "hq_postings", "claims")

Progress = Callable[[str, str, int], None]
"""Told what is done (`copying`, `comparing`), of which table, and how many rows of it are."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved."""

    tables: dict[str, Tally] = field(default_factory=dict)
    """By name, in the order they were copied; empty where an earlier call had moved them already."""
    findings: list[Finding] = field(default_factory=list)
    """What does not add up on either side, the same on both: it did not before."""
    replaced: list[Replaced] = field(default_factory=list)
    """Texts that go on under another one; each is kept as a finding."""


async def move(
    data_dir: Path,
    address: Address,
    clock: Clock,
    entropy: Entropy,
    progress: Progress,
    *,
    replace_nul: bool = False,
) -> Moved:
    """Move `data_dir`'s books to a server; safe to call again until it returns.

    `replace_nul`: texts with a NUL (or U+001A) of old rows are moved with U+FFFD in its place (sync.hq.db.move_nul).
    Raises StorageError, having changed nothing, where headquarters serves, the file was moved elsewhere, is older or
    newer than this program or a copy of earlier books, the database is not empty, or the copy is not equal.
    """
    path = data_dir / DATABASE
    if not path.exists():
        raise StorageError(f"{path} does not exist", hint="--data names the directory of the embedded headquarters")
    with _opened(path) as source, sqlite.translated(f"{path}: "):
        keys = open_keys(data_dir / KEY_FILE, entropy, create=False)
        _require_whole(source, keys, data_dir)
        before = moved.destination(source)
        if before is not None and before != address.url:
            raise StorageError(f"{path} was moved to {before}", hint="its books go on there, and nowhere else")
        engine = PostgresEngine(address, clock)
        try:
            task = _Task(source, keys, address.url, clock.now_ms(), progress, replace_nul)
            done = await engine.run(task.work)
        finally:
            await engine.close()
    record(data_dir, address)  # ORDER: last; without it the marked file is refused, and a second call comes here again
    return done


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[EmbeddedConnection]:
    """The file, for ourselves alone and as it is: no step is applied."""
    connection = EmbeddedConnection(str(path), isolation_level=None, check_same_thread=False, timeout=0.5)
    try:
        with sqlite.translated(f"{path}: ", "headquarters must not serve meanwhile: systemctl stop pos-agent-hq"):
            connection.row_factory = sqlite.Row
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        yield connection
    finally:
        connection.close()


def _require_whole(source: EmbeddedConnection, keys: HqKeys, data_dir: Path) -> None:
    """Refuse a file that this program does not know, whose keys are others, or that is a copy of earlier books."""
    database = sqlite_utils.Database(source)
    known = {step.name for step in MIGRATIONS.pending(sqlite_utils.Database(memory=True))}
    applied = {step.name for step in MIGRATIONS.applied(database)}
    where = moved.destination(source)
    unknown = sorted(applied - known - {f"moved to {where}"})
    if unknown:
        raise StorageError(f"the books were written by a newer pos-agent ({', '.join(unknown)})", hint="install that")
    if known - applied:
        raise StorageError(
            f"the books are older than this program ({', '.join(sorted(known - applied))})",
            hint="start headquarters once with this version, stop it, then move",
        )
    held = source.execute("SELECT public_key FROM hq_identity WHERE id = 1").fetchone()
    if held is None or held["public_key"] != keys.public_key:
        raise StorageError("this key file belongs to another database", hint="restore the pair from one backup")
    seen, number = FileGrantWitness(data_dir / FILE).read(), restored.made(source)
    if (number and seen is None) or (seen is not None and seen > number):
        # ORDER: a copy of earlier books says so before it moves; the server would take it for what it always was.
        raise StorageError(
            f"the books have mark {number}, their witness (hq.grants) {'none' if seen is None else seen}: a copy",
            hint="start headquarters once, so that it waits for what tills hold; then stop it and move",
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """One move: from where, whose, to where, and how."""

    source: EmbeddedConnection
    keys: HqKeys
    where: str
    now_ms: int
    progress: Progress
    replace_nul: bool

    def work(self, target: Connection) -> Moved:
        """Do it in one transaction of the server."""
        assert isinstance(target, PgConnection)
        if moved.destination(self.source) is not None and _is_there(target, self.keys):
            return Moved()
        found = move_rows.tables(self.source)
        with target.transaction():
            target.hold("move")
            target.script(_PATIENT)
            move_rows.require_empty(target, found)
            partitions.begin_anew(target, move_rows.months(self.source, self.now_ms))
            replaced = move_nul.replaced(self.source, found) if self.replace_nul else []
            sent = {one.name: self._copied(target, one) for one in found}
            target.script("ANALYZE")
            _require_equal(target, found, sent, self.progress)
            findings = _require_same_findings(self.source, target, sent)
            move_nul.record(target, replaced, self.now_ms)  # ORDER: once both sides were found equal
            # ORDER: before the commit; whatever happens between the two, nobody serves the file beside the server.
            moved.put(self.source, self.where)
        return Moved(sent, findings, replaced)

    def _copied(self, target: PgConnection, table: Table) -> Tally:
        """Send a table; StorageError where the server refuses a row, without its words: they may be a member's."""
        change = move_nul.replacing(table) if self.replace_nul else None
        try:
            return move_rows.copy(self.source, target, table, _told(self.progress, "copying"), change)
        except Exception as error:
            if not poison.is_refused_by_engine(error):
                raise
        way = "" if self.replace_nul else "; `--replace-nul` moves them with U+FFFD in place of the NUL, each recorded"
        raise StorageError(
            f"the server refuses a row of {table.name}: one of its values is not as the books want it;"
            f" {move_nul.named(self.source, table)}",
            hint="nothing was moved, the embedded headquarters goes on; rows with a NUL are of events taken in before"
            f" HQ suspended them{way}",
        )


def _is_there(target: PgConnection, keys: HqKeys) -> bool:
    """Whether an earlier call had come as far as the server's commit."""
    row = target.execute("SELECT public_key FROM hq_identity WHERE id = 1").fetchone()
    return row is not None and row["public_key"] == keys.public_key


def _told(progress: Progress, what: str) -> move_rows.Step:
    return lambda table, rows: progress(what, table, rows)


# --- the proof ------------------------------------------------------------------------------------------------------
def _require_equal(target: PgConnection, found: list[Table], sent: dict[str, Tally], progress: Progress) -> None:
    for table in found:
        held = move_rows.read_back(target, table, _told(progress, "comparing"))
        if held != sent[table.name]:
            raise StorageError(
                f"{table.name} differs: {sent[table.name].rows} rows {sent[table.name].digest} were sent,"
                f" {held.rows} rows {held.digest} are held",
                hint="nothing was moved; look at both machines before anything else",
            )


def _require_same_findings(source: Connection, target: PgConnection, sent: dict[str, Tally]) -> list[Finding]:
    """What headquarters finds in its books must not depend on where they are."""
    rows = max(sent[name].rows for name in _AUDITED)
    there = _findings(target, rows)
    here = _findings(source, rows) if there else []
    if there != here:
        raise StorageError(f"on the server the books do not add up: {there[0]}", hint="nothing was moved")
    return there


def _findings(connection: Connection, rows: int) -> list[Finding]:
    """Audit every account, lot, claim and posting of headquarters; where the audits stood, they stand again."""
    brands = [row["brand_id"] for row in connection.execute("SELECT brand_id FROM brands ORDER BY brand_id").fetchall()]
    audits = [accounts, lease_audit.lots, own_books.audit, *(_claims_of(brand) for brand in brands)]
    found = {}
    connection.execute("SAVEPOINT audits")
    for audit in audits:
        for _ in range(rows // AUDIT_ACCOUNTS + 2):  # the first round ends where the last one before the move did not
            found.update({str(one): one for one in audit(connection)})
    connection.execute("ROLLBACK TO SAVEPOINT audits")
    connection.execute("RELEASE SAVEPOINT audits")
    return [found[name] for name in sorted(found)]


def _claims_of(brand_id: str) -> Callable[[Connection], list[Finding]]:
    return lambda connection: claims_audit.claims(connection, brand_id)
