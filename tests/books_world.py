"""Real books in a temporary directory, with a key ring of their own. For tests of agent.db."""

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.db.books import BooksDb
from agent.db.notices import NoticesDb
from agent.db.outbox import OutboxDb
from agent.db.print_jobs import PrintJobsDb
from agent.db.proofs import ProofsDb
from agent.db.schema import books_migrations
from agent.db.store import Store
from agent.db.tokens import TokensDb
from agent.keyring import FileKeyRing, prepare_device_key, save_enrolment
from agent.worker import Worker
from sync.protocol import EnrolAnswer
from tests.stand_ins import CountingEntropy, SteppingClock

T = TypeVar("T")
HQ_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def make_keys(folder: Path) -> FileKeyRing:
    """A key ring whose HQ is HQ_KEY."""
    entropy = CountingEntropy()
    prepare_device_key(folder, entropy)
    save_enrolment(
        folder,
        EnrolAnswer(
            workstation_id="S001-1",
            store_id="S001",
            store_name="店",
            brand_id="b1",
            brand_name="品牌",
            join_url="",
            hq_public_key=base64.b64encode(HQ_KEY.public_key().public_bytes_raw()).decode(),
            index_key=base64.b64encode(bytes(32)).decode(),
            index_key_version=1,
        ),
    )
    return FileKeyRing(folder, entropy)


class BooksWorld:
    """books.db opened for real."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "books.db"
        self.clock = SteppingClock()
        self.keys = make_keys(folder / "keys")
        self._entropy = CountingEntropy()
        self.make_worker: Callable[[str], Worker] = Worker

    async def open(self) -> None:
        """Open the file; its epoch is minted at the first opening."""
        self.store = await Store.open(self.path, books_migrations, make_worker=self.make_worker)
        self.books = BooksDb(self.store, "S001-1", self.keys, self.clock, self._entropy)
        self.outbox = OutboxDb(self.store, "S001-1")
        self.proofs = ProofsDb(self.store, "S001-1", self.keys)
        self.ledger = PrintJobsDb(self.store, self.keys)
        self.notices = NoticesDb(self.store)
        self.tokens = TokensDb(self.store)
        await self.books.ensure_epoch()

    async def __aenter__(self) -> "BooksWorld":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()


async def in_books(folder: Path, work: Callable[[BooksWorld], Awaitable[T]]) -> T:
    """Open books, do the work, close."""
    async with BooksWorld(folder) as world:
        return await work(world)
