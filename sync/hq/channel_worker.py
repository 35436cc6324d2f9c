"""HQ tells online channels how members stand: each change within 5 s (S64), a few pushes at a time.

Made by sync.hq.members_office, run by sync.hq.server while HQ serves; tests drive `work`. No transaction is open while
a channel is asked, and nobody waits for one that is slow.
"""

import asyncio

import httpx

from agent.domain.errors import DiskLow, StorageError
from agent.ports import Clock
from sync.hq import channel_pushes
from sync.hq.bounds import CHANNEL_AT_ONCE, CHANNEL_LOOK_S, CHANNEL_PUSH_S, HQ_RETRY_S, KEEP_LOOK_S
from sync.hq.channel_pushes import Due
from sync.hq.db.seam import DatabaseAway
from sync.hq.keys import HqKeys
from sync.hq.signed_posts import Address, SignedPosts
from sync.hq.wechat_calls import Books


class ChannelWorker:
    """Pushes what is due; `wake` is set by whoever enters a channel."""

    def __init__(
        self, books: Books, keys: HqKeys, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:  # fmt: skip
        self._books = books
        self._keys = keys
        self._clock = clock
        self._posts = SignedPosts(transport)
        self.wake = asyncio.Event()

    async def work(self) -> bool:
        """Look for changes and push what is due; False when there was nothing."""
        now = self._clock.now_ms()
        looked = await self._books.write(lambda c: channel_pushes.look(c, now))
        found = await self._books.read(lambda c: channel_pushes.due(c, self._keys, now))
        room = asyncio.Semaphore(CHANNEL_AT_ONCE)
        await asyncio.gather(*(self._push(one, room) for one in found))
        return looked or bool(found)

    async def _push(self, one: Due, room: asyncio.Semaphore) -> None:
        async with room:
            body = one.push.model_dump_json().encode()
            code = (await self._posts.post(Address(one.url, one.key), body, CHANNEL_PUSH_S)).fault
        now = self._clock.now_ms()
        if code:
            await self._books.write(lambda c: channel_pushes.failed(c, one, code, now))
        else:
            await self._books.write(lambda c: channel_pushes.told(c, one))

    async def run(self) -> None:
        """Work until cancelled. A full disk, or a server that is away, only makes it wait."""
        while True:
            self.wake.clear()
            pause_s: float = CHANNEL_LOOK_S
            try:
                if not await self._books.read(channel_pushes.listening):
                    pause_s = KEEP_LOOK_S
                elif await self.work():
                    continue
            except (DiskLow, DatabaseAway):
                pause_s = HQ_RETRY_S
            except StorageError:
                return  # whoever serves ends the process
            try:
                async with asyncio.timeout(pause_s):
                    await self.wake.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Let go of the channels."""
        await self._posts.close()
