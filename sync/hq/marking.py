"""Renews the mark of HQ's books while it serves, so that a copy put back is noticed where nothing was granted since.

Built by sync.hq.service; sync.hq.main runs it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from agent.domain.errors import DiskLow, StorageError
from sync.hq import marks, restored
from sync.hq.bounds import MARK_S
from sync.hq.db.seam import Connection, DatabaseAway
from sync.hq.grant_witness import GrantWitness
from sync.hq.parts import Parts


class Marking:
    """`witnessed` writes a mark beside the database."""

    def __init__(self, parts: Parts, witness: GrantWitness, witnessed: Callable[[int], Awaitable[None]]) -> None:
        self._books = parts.books
        self._clock = parts.clock
        self._witness = witness
        self._witnessed = witnessed

    async def renew(self) -> None:
        """Look whether the books are older than their witness, then give both a new mark."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> int:
            restored.watch(connection, self._witness, now)
            return marks.renew(connection, now)

        await self._witnessed(await self._books.write(work))  # ORDER: the database first, as with grants

    async def run(self) -> None:
        """Every minute until cancelled. A full disk, or a server that is away, only makes it wait."""
        while True:
            await asyncio.sleep(MARK_S)
            try:
                await self.renew()
            except (DiskLow, DatabaseAway):
                continue
            except StorageError:
                return  # whoever serves ends the process
