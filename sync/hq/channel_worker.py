"""HQ tells online channels how members stand: each change within 5 s (S64), a few pushes at a time.

Made by sync.hq.members_office, run by sync.hq.server while HQ serves; tests drive `work`. No transaction is open while
a channel is asked, and nobody waits for one that is slow.
"""

import asyncio
import hashlib
import hmac
from typing import Final

import httpx

from agent.domain.errors import DiskLow, StorageError
from agent.ports import Clock
from sync.hq import channel_pushes
from sync.hq.bounds import CHANNEL_AT_ONCE, CHANNEL_LOOK_S, CHANNEL_PUSH_S, HQ_RETRY_S, KEEP_LOOK_S
from sync.hq.channel_pushes import Due
from sync.hq.db.seam import DatabaseAway
from sync.hq.keys import HqKeys
from sync.hq.wechat_calls import Books

SIGNATURE_HEADER: Final = "Pos-Agent-Signature"


class ChannelWorker:
    """Pushes what is due; `wake` is set by whoever enters a channel."""

    def __init__(
        self, books: Books, keys: HqKeys, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:  # fmt: skip
        self._books = books
        self._keys = keys
        self._clock = clock
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
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
            code = await self._send(one)
        now = self._clock.now_ms()
        if code:
            await self._books.write(lambda c: channel_pushes.failed(c, one, code, now))
        else:
            await self._books.write(lambda c: channel_pushes.told(c, one))

    async def _send(self, one: Due) -> str:
        """Make one push; why it failed, "" where any 2xx came back."""
        if self._client is None:  # made at the first push: most HQs never make one
            self._client = httpx.AsyncClient(
                transport=self._transport, trust_env=False, follow_redirects=False, timeout=CHANNEL_PUSH_S
            )
        body = one.push.model_dump_json().encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: hmac.new(one.key, body, hashlib.sha256).hexdigest(),
        }
        try:
            async with (
                asyncio.timeout(CHANNEL_PUSH_S),
                self._client.stream("POST", one.url, content=body, headers=headers) as response,
            ):
                return "" if response.is_success else f"HTTP_{response.status_code}"
        except TimeoutError:
            return "TIMEOUT"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return type(error).__name__

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
        if self._client is not None:
            await self._client.aclose()
