"""The one writer of one database file: a thread that owns its only connection.

Used by every class of this package and by HQ's embedded database. Each call is one BEGIN IMMEDIATE transaction; reads
go the same way, so there is no second connection and no lock of ours.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils.migrations import Migrations

from agent.domain.errors import DiskLow, StorageError
from agent.room import DiskRoom
from agent.sqlite import (
    Connection,
    DatabaseError,
    close_database,
    may_share,
    open_database,
    open_reader,
    transaction,
    translated,
)
from agent.worker import Worker

T = TypeVar("T")


class Store:
    """An open database and the thread that owns it. Once durability is gone it answers nothing any more."""

    def __init__(
        self,
        worker: Worker,
        connection: Connection,
        path: Path,
        reader: Connection | None,
        room: DiskRoom | None,
        on_failed: Callable[[str], None],
    ) -> None:
        self._worker = worker
        self._connection = connection
        self._reader = reader
        self._room = room
        self._on_failed = on_failed
        self._failed = ""
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
        room: DiskRoom | None = None,
        on_failed: Callable[[str], None] = lambda _: None,
    ) -> "Store":
        """Open or create `path` in a thread of its own; raises StorageError.

        `with_reader` gives `glance` a connection on the event loop, where this SQLite allows a second one. `room` is
        the disk's: its ballast is spent where the disk is full. `on_failed` hears why durability is gone.
        """
        worker = make_worker(f"db-{path.stem}")
        shared = with_reader and may_share()
        try:
            connection = await worker.call(lambda: open_database(path, migrations, durable=durable, shared=shared))
        except BaseException:
            worker.close(timeout_s=0)
            raise
        return cls(worker, connection, path, open_reader(path) if shared else None, room, on_failed)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one write transaction; it commits when `work` returns. Raises StorageError, DiskLow.

        On a full disk the ballast is spent and `work` runs a second time, on a transaction of its own: what was begun
        is finished, and no more money is taken.
        """

        def in_transaction() -> T:
            with transaction(self._connection):
                return work(self._connection)

        try:
            return await self._call(in_transaction)
        except DiskLow:
            if self._room is None or not self._room.spend():
                raise
        return await self._call(in_transaction)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading `work` without a write transaction. Raises StorageError."""

        def reading() -> T:
            with translated():
                return work(self._connection)

        return await self._call(reading)

    def has_room(self) -> bool:
        """Whether the disk has room to promise what money needs."""
        return self._room is None or self._room.has_room()

    def require_room(self) -> None:
        """Raise DiskLow where it has not."""
        if self._room is not None:
            self._room.require()

    async def _call(self, work: Callable[[], T]) -> T:
        def unless_failed() -> T:
            if self._failed:
                raise StorageError(self._failed, hint="look at the disk; the daemon restarts")
            try:
                return work()
            except StorageError as error:
                # A field that does not open is one row's trouble; an error of the engine's is the disk's. After a
                # failed fsync the next commit would report success, so this thread ends all of them first.
                if isinstance(error.__cause__, DatabaseError):
                    self._failed = error.message
                raise

        try:
            return await self._worker.call(unless_failed)
        except StorageError:
            if self._failed:
                self._on_failed(self._failed)
            raise

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """Run a look-up of a few microseconds: right here where there is a reader, else as `read`.

        A hop to the thread and back costs ten times what an indexed look-up does.
        """
        return work(self._reader) if self._reader is not None else await self.read(work)

    async def close(self) -> None:
        """Finish queued work, fold the WAL into the file, close."""
        if self._reader is not None:
            self._reader.close()

        await self._worker.call(lambda: close_database(self._connection, fold=not self._failed))
        self._worker.close()
