"""Renews the mark of HQ's books while it serves and when it stops, so that a copy put back is noticed.

Built by sync.hq.service, which tells of what was written; sync.hq.server runs it. A copy is older than the first mark
after the next write, so what may be put back unnoticed is a second, and that only where HQ was killed.
"""

import asyncio
import contextlib
from typing import Final

from agent.domain.errors import DiskLow, StorageError
from agent.ports import Clock
from sync.hq import marks, restored
from sync.hq.bounds import HQ_RETRY_S, MARK_S, MARK_SOON_S
from sync.hq.db.seam import Connection, DatabaseAway
from sync.hq.grant_witness import GrantWitness
from sync.hq.wechat_calls import Books

_ILL: Final = (DiskLow, StorageError)


class Marking:
    """`books` writes without telling this object of it: a mark needs no other mark."""

    def __init__(self, books: Books, clock: Clock, witness: GrantWitness) -> None:
        self._books = books
        self._clock = clock
        self._witness = witness
        self.written = asyncio.Event()
        """Set behind every commit: the books know more than their last mark says."""

    async def renew(self) -> None:
        """Look whether the books are older than their witness, then give both a new mark."""
        self.written.clear()  # ORDER: before the mark is given; what is committed meanwhile asks for the next one
        now = self._clock.now_ms()

        def work(connection: Connection) -> int:
            restored.watch(connection, self._witness, now)
            return marks.renew(connection, now)

        done = False
        try:
            await self.witnessed(await self._books.write(work))  # ORDER: the database first, as with grants
            done = True
        finally:
            if not done:
                self.written.set()  # refused or cut short: what was written has no mark yet

    async def witnessed(self, mark: int) -> None:
        """Write a mark that the database has beside it."""
        await self._books.write(lambda c: self._write(c, mark))

    def _write(self, connection: Connection, mark: int) -> None:
        connection.hold("witness")  # one file
        self._witness.write(mark)

    async def run(self) -> None:
        """Soon after every write, and every minute, until cancelled.

        A full disk, or a server that is away, only makes it wait.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MARK_S):
                    await self.written.wait()
            await asyncio.sleep(MARK_SOON_S)  # one mark for all that is written meanwhile
            try:
                await self.renew()
            except (DiskLow, DatabaseAway):
                await asyncio.sleep(HQ_RETRY_S)
            except StorageError:
                return  # whoever serves ends the process

    async def end(self) -> None:
        """Give what was written last its mark before the database is let go; books that are ill keep what they have."""
        if self.written.is_set():
            with contextlib.suppress(*_ILL):
                await self.renew()
