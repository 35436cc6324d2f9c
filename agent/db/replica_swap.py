"""replica.db as something that is replaced while the till sells: the calls of a Store, over whichever file it is.

Opened by the composition root; swapped by sync.snapshot_load when a whole new replica is ready. A look-up is answered
by the old file or by the new one, never by half of either. A kill at any point leaves one good replica under the name.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from agent.db.schema_replica import replica_migrations
from agent.db.scratch import is_unreadable, open_unchanging
from agent.db.store import Store
from agent.domain.errors import StorageError
from agent.sqlite import Connection, may_share
from agent.worker import Worker

T = TypeVar("T")
REPLICA: Final = "replica.db"
_TAILS: Final = ("-wal", "-shm")


class Access(Protocol):
    """How the classes over replica.db reach it: a Store, or one that is swapped."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one write transaction."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading `work`."""
        ...

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """Run a look-up of a few microseconds."""
        ...


class ReplicaStore:
    """The open replica. `run` and `read` wait while it is swapped (some milliseconds); `glance` does not."""

    def __init__(self, path: Path, store: Store, reopen: Callable[[Path], "asyncio.Future[Store]"]) -> None:
        self.path = path
        self._store = store
        self._reopen = reopen
        self._between: Connection | None = None
        self._steady = asyncio.Event()
        self._steady.set()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        make_worker: Callable[[str], Worker] = Worker,
        on_failed: Callable[[str], None] = lambda _: None,
    ) -> "ReplicaStore":
        """Open or create the replica. One that is damaged, or of a newer program, is thrown away: HQ has it all.

        Raises StorageError for anything else.
        """

        def opened(at: Path) -> "asyncio.Future[Store]":
            opening = Store.open(
                at, replica_migrations, durable=False, with_reader=True, make_worker=make_worker, on_failed=on_failed
            )
            return asyncio.ensure_future(opening)

        try:
            store = await opened(path)
        except StorageError as error:
            if not is_unreadable(error):
                raise
            remove(path)
            store = await opened(path)
        return cls(path, store, opened)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """See Store."""
        await self._steady.wait()
        return await self._store.run(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See Store."""
        await self._steady.wait()
        return await self._store.read(work)

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """See Store; during a swap the new file answers."""
        if self._between is not None:
            return work(self._between)
        if not self._steady.is_set():
            await self._steady.wait()
        return await self._store.glance(work)

    async def swap(self, ready: Path, forget: Callable[[], None]) -> None:
        """Let the closed file `ready` take this replica's place; `forget` drops what was remembered of the old one.

        Raises StorageError when `ready` was not folded; then nothing has changed.
        """
        if _wal_bytes(ready):
            raise StorageError(f"{ready.name} was not closed in order", hint="it is made again")
        self._steady.clear()
        # ORDER: whoever is cancelled meanwhile (a stop), the exchange is carried through, and `close` waits for it.
        await asyncio.shield(asyncio.ensure_future(self._exchange(ready, forget)))

    async def _exchange(self, ready: Path, forget: Callable[[], None]) -> None:
        folded = False
        try:
            # ORDER: from here on look-ups read the new file, which no name is needed for; then the old one is closed,
            # so that its WAL is gone before another file has its name: a WAL is replayed into whatever bears it.
            if may_share():
                self._between = open_unchanging(ready)
            await self._store.close()
            folded = _wal_bytes(self.path) == 0
            if folded:
                await _replace(ready, self.path)
            self._store = await self._reopen(self.path)
            forget()
        finally:
            between, self._between = self._between, None
            self._steady.set()
            if between is not None:
                between.close()
        if not folded:
            raise StorageError(f"{self.path.name} could not be folded", hint="is the disk full? tried again later")

    async def close(self) -> None:
        """See Store."""
        await self._steady.wait()
        await self._store.close()


def remove(path: Path) -> None:
    """Remove a database with its WAL, the WAL last: without its file it is nothing."""
    for name in (path, *(path.with_name(path.name + tail) for tail in _TAILS)):
        name.unlink(missing_ok=True)


def _wal_bytes(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


async def _replace(ready: Path, path: Path) -> None:
    """Rename in a thread: letting go of a file of gigabytes takes the disk a while."""

    def work() -> None:
        for tail in _TAILS:
            path.with_name(path.name + tail).unlink(missing_ok=True)
        ready.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    worker = Worker("replica-swap")
    try:
        await worker.call(work)
    finally:
        worker.close(timeout_s=0)
