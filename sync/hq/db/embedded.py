"""The embedded engine: one SQLite file with one connection, which one thread owns.

Opened by sync.hq.main where no PostgreSQL is named. All work is done one after another, so nobody is ever in anybody's
way: hold() has nothing to do. When durability is gone (StorageError) it stops for good: the process has to be
restarted and the file looked at, never retried and acknowledged.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlite_utils.migrations import Migrations

from agent import sqlite
from agent.domain.errors import DiskLow, StorageError
from agent.worker import Worker
from sync.hq.db import moved
from sync.hq.db.seam import Connection, among

T = TypeVar("T")
_ADD_EVENT: Final = (
    "INSERT INTO events (workstation_id, epoch, seq, body, digest, chain, state, code, received_at_ms)"
    " VALUES (:workstation_id, :epoch, :seq, :body, :digest, :chain, :state, :code, :received_at_ms)"
    " ON CONFLICT DO NOTHING"
)
_ADD_POSTING: Final = (
    "INSERT INTO postings (workstation_id, epoch, seq, position, member_id, account, amount, bucket, expires, lease)"
    " VALUES (:workstation_id, :epoch, :seq, :position, :member_id, :account, :amount, :bucket, :expires, :lease)"
    " ON CONFLICT DO NOTHING"
)


class EmbeddedConnection(sqlite.Connection):
    """A SQLite connection as sync.hq.db.seam asks for it."""

    def plain(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """See Connection."""
        cursor = self.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters).fetchall()

    def bulk(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Connection; one by one."""
        if not rows:
            return 0
        columns = ", ".join(f":{name} AS {name}" for name in rows[0])
        return self.executemany(sql.replace("incoming", f"(SELECT {columns})"), rows).rowcount

    def any_of(self, name: str, values: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """See Connection; as a list."""
        places, key = among(name, values) if values else ("", {})
        return f"IN ({places})", key

    def transaction(self) -> AbstractContextManager[object]:
        """See Connection."""
        return sqlite.transaction(self)

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """See Connection."""
        self.execute("SAVEPOINT part")
        try:
            yield
        except Exception:
            self.execute("ROLLBACK TO part")
            self.execute("RELEASE part")
            raise
        self.execute("RELEASE part")

    def snapshot(self, alone: str = "") -> AbstractContextManager[object]:
        """See Connection."""
        return sqlite.transaction(self)

    def hold(self, *names: str, shared: bool = False) -> None:
        """See Connection; one thread does everything, so it is held."""

    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
        """See Connection."""
        return frozenset(row["seq"] for row in rows if self.execute(_ADD_EVENT, row).rowcount == 1)

    def add_postings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """See Connection."""
        self.executemany(_ADD_POSTING, rows)


class EmbeddedEngine:
    """Runs work in the thread that owns the file."""

    def __init__(self, worker: Worker, connection: EmbeddedConnection) -> None:
        self._worker = worker
        self._connection = connection
        self._ill = False
        self.failed = asyncio.Event()

    async def run(self, work: Callable[[Connection], T], *, again: bool = False) -> T:
        """See Engine; StorageError for ever after the first one."""

        def unless_failed() -> T:
            if self._ill:
                raise StorageError(
                    "headquarters stopped after a storage failure", hint="look at the disk, then restart"
                )
            try:
                with sqlite.translated():
                    return work(self._connection)
            except StorageError:
                self._ill = True  # ORDER: in this thread; a batch that waits its turn must not be committed after it
                raise

        try:
            return await self._worker.call(unless_failed)
        except StorageError:
            self.failed.set()
            raise

    async def touch(self) -> None:
        """Commit one page that changes nothing; raises StorageError."""

        def commit(_connection: Connection) -> None:
            with sqlite.transaction(self._connection):
                sqlite.rewrite_header(self._connection)

        with contextlib.suppress(DiskLow):  # calls are answered 503; a restart makes no room
            await self.run(commit)

    async def close(self) -> None:
        """Finish queued work, fold the WAL into the file, close it."""
        await self._worker.call(lambda: sqlite.close_database(self._connection, fold=not self.failed.is_set()))
        self._worker.close()


def open_embedded(path: Path, migrations: Migrations) -> EmbeddedConnection:
    """Open (or create) the file; in the thread that will own it. Raises StorageError."""
    if moved.is_moved(path):
        raise StorageError(
            f"{path} was moved to PostgreSQL", hint="hq.database beside it names the server; the file serves no more"
        )
    connection = sqlite.open_database(path, migrations, factory=EmbeddedConnection)
    assert isinstance(connection, EmbeddedConnection)
    return connection
