"""The one writer of one database file: a thread that owns its only connection.

Used by every class of this package and by HQ's embedded database. Each call is one BEGIN IMMEDIATE transaction; reads
go the same way, so there is no second connection and no lock of ours.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils.migrations import Migrations

from agent.sqlite import Connection, may_share, open_database, open_reader, transaction
from agent.worker import Worker

T = TypeVar("T")


class Store:
    """An open database and the thread that owns it."""

    def __init__(self, worker: Worker, connection: Connection, path: Path, reader: Connection | None) -> None:
        self._worker = worker
        self._connection = connection
        self._reader = reader
        self.path = path

    @classmethod
    async def open(
        cls,
        path: Path,
        migrations: Migrations,
        *,
        durable: bool = True,
        with_reader: bool = False,
        make_worker: Callable[[str], Worker] = Worker,
    ) -> "Store":
        """Open or create `path` in a thread of its own; raises StorageError.

        `with_reader` gives `glance` a connection on the event loop, where this SQLite allows a second one.
        """
        worker = make_worker(f"db-{path.stem}")
        shared = with_reader and may_share()
        try:
            connection = await worker.call(lambda: open_database(path, migrations, durable=durable, shared=shared))
        except BaseException:
            worker.close(timeout_s=0)
            raise
        return cls(worker, connection, path, open_reader(path) if shared else None)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one write transaction; it commits when `work` returns. Raises StorageError."""

        def in_transaction() -> T:
            with transaction(self._connection):
                return work(self._connection)

        return await self._worker.call(in_transaction)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading `work` without a write transaction."""
        return await self._worker.call(lambda: work(self._connection))

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """Run a look-up of a few microseconds: right here where there is a reader, else as `read`.

        A hop to the thread and back costs ten times what an indexed look-up does.
        """
        return work(self._reader) if self._reader is not None else await self.read(work)

    async def close(self) -> None:
        """Finish queued work, fold the WAL into the file, close."""

        if self._reader is not None:
            self._reader.close()

        def shut() -> None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

        await self._worker.call(shut)
        self._worker.close()
