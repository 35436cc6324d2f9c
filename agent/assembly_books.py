"""The half of the composition root that opens databases: the till's own books, those of a training, the replica.

Called by agent.assembly. The till's own books are open in a training too: who may call, who read what and who opened
the drawer stands there in both modes, and no other process takes them meanwhile. No sale of a training gets there.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from agent import logs
from agent.config import Settings
from agent.db.notices import NoticesDb, TrainingNotices
from agent.db.replica_swap import REPLICA, ReplicaStore
from agent.db.schema import books_migrations
from agent.db.store import Store
from agent.devices import Outside
from agent.domain.errors import DiskLow, StorageError
from agent.limits import NOTICES_DOUBT
from agent.room import DiskRoom
from agent.training import BOOKS, TRAINING_BOOKS, throw_away


@dataclass(frozen=True, slots=True)
class Stores:
    """What is open. `real` and `books` are the same outside a training."""

    real: Store
    books: Store
    replica: ReplicaStore
    notices: NoticesDb
    after_training: bool
    """A training ended before this start."""


async def open_stores(
    settings: Settings, outside: Outside, room: DiskRoom, closing: AsyncExitStack, on_failed: Callable[[str], None]
) -> Stores:
    """Open all of them; `closing` closes what was opened. Raises StorageError, and DiskLow for a training only."""
    training = settings.workstation.training

    async def opened(name: str) -> Store:
        store = await Store.open(
            settings.state / name, books_migrations, make_worker=outside.make_worker, room=room, on_failed=on_failed
        )
        closing.push_async_callback(store.close)
        return store

    real = await opened(BOOKS)
    notices = NoticesDb(real)
    ended = False
    try:
        ended = await _end_training(settings, outside, notices)
    except DiskLow:  # the till's own books open on a full disk; what is left of the training waits for the next start
        if training:
            raise
    books = real
    if training:
        books = await opened(TRAINING_BOOKS)
        notices = TrainingNotices(books, NoticesDb(real))
        await notices.go_on_behind(await NoticesDb(real).newest())
    replica = await ReplicaStore.open(settings.state / REPLICA, make_worker=outside.make_worker, on_failed=on_failed)
    closing.push_async_callback(replica.close)
    return Stores(real, books, replica, notices, ended)


async def _end_training(settings: Settings, outside: Outside, real: NoticesDb) -> bool:
    """Let the till's own notices go on behind those of the last training and throw its books away; whether there were
    any.
    """
    path = settings.state / TRAINING_BOOKS
    if not path.exists():
        return False
    try:
        store = await Store.open(path, books_migrations, make_worker=outside.make_worker)
        try:
            newest = await NoticesDb(store).newest()
        finally:
            await store.close()
    except StorageError as error:
        newest = await real.newest() + NOTICES_DOUBT
        logs.get().warning("training.unreadable", reason=error.message)
    # ORDER: first the numbers, durably, then the files: cut in between, the next start does both again.
    await real.go_on_behind(newest)
    try:
        throw_away(settings.state)
    except OSError as error:
        if settings.workstation.training:
            raise StorageError(f"{path}: {error.strerror}", hint="remove it by hand") from error
        logs.get().warning("training.not_removed", reason=str(error.strerror))
    return True
