"""Bodies of stores' calls, read before a call takes a place: a line that stalls keeps no place from those that work.

Called by sync.hq.admission. What is held is bounded in bytes and in calls; beyond either a body that is still on its
way gives way (the largest for bytes, the oldest for calls), so that nobody keeps room by sending slowly.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from sync.hq import door
from sync.hq.bounds import (
    PROOF_REQUEST_BYTES,
    REQUEST_BYTES,
    REQUEST_READ_S,
    STORE_BODIES_ARRIVING,
    STORE_BODIES_BYTES,
)

_BATCHES: Final = "/batches"


class HungUp(Exception):
    """Nobody waits for this answer any more."""


class GaveWay(Exception):
    """There was no room for this body; the caller sends it again later."""


@dataclass(slots=True, eq=False)
class Body:
    """One call's body: what came, and the way to what may still come."""

    receive: Receive
    messages: deque[Message] = field(default_factory=deque)
    size: int = 0
    is_whole: bool = False
    gave_way: bool = False

    async def again(self) -> Message:
        """What was received, to be received once more."""
        return self.messages.popleft() if self.messages else await self.receive()

    async def check_caller(self) -> None:
        """Raise HungUp where the caller of a whole body has gone: work for it would keep HQ from those that wait."""
        if not self.is_whole:
            return  # the application refuses it, unread
        try:
            async with asyncio.timeout(0):  # behind a whole body nothing comes but the end of the connection
                gone = (await self.receive())["type"] == "http.disconnect"
        except TimeoutError:
            return
        if gone:
            raise HungUp


class Bodies:
    """All that are arriving or wait for their turn."""

    def __init__(self, arriving: int = STORE_BODIES_ARRIVING, most_bytes: int = STORE_BODIES_BYTES) -> None:
        self._most = arriving
        self._most_bytes = most_bytes
        self._arriving: dict[Body, asyncio.Timeout] = {}
        self._bytes = 0

    @asynccontextmanager
    async def received(self, scope: Scope, receive: Receive) -> AsyncIterator[Body]:
        """Read a call's body and hold it; one past its bound is left to the application, which refuses it.

        Raises Refusal 408 BODY_TOO_SLOW, GaveWay, HungUp.
        """
        body = Body(receive)
        try:
            await self._read(body, scope)
            yield body
        finally:
            if not body.gave_way:
                self._bytes -= body.size

    async def _read(self, body: Body, scope: Scope) -> None:
        most_bytes = REQUEST_BYTES if scope["path"].endswith(_BATCHES) else PROOF_REQUEST_BYTES
        if door.declares_more(Headers(scope=scope), most_bytes):
            return
        try:
            async with asyncio.timeout(REQUEST_READ_S) as limit:
                self._arriving[body] = limit
                self._make_room()
                while not body.is_whole and not body.gave_way and body.size <= most_bytes:
                    self._take(body, await body.receive())
        except TimeoutError as error:
            if not body.gave_way:
                raise door.too_slow() from error
        finally:
            self._arriving.pop(body, None)
        if body.gave_way:
            raise GaveWay

    def _take(self, body: Body, message: Message) -> None:
        if message["type"] == "http.disconnect":
            raise HungUp
        body.messages.append(message)
        came = len(message.get("body", b""))
        body.size += came
        self._bytes += came
        body.is_whole = not message.get("more_body", False)
        self._make_room()

    def _make_room(self) -> None:
        while len(self._arriving) > self._most:
            self._send_away(next(iter(self._arriving)))
        while self._bytes > self._most_bytes and self._arriving:
            self._send_away(max(self._arriving, key=lambda body: body.size))

    def _send_away(self, body: Body) -> None:
        limit = self._arriving.pop(body)
        body.gave_way = True
        body.messages.clear()
        self._bytes -= body.size
        if not limit.expired():  # else its time has come in this very moment
            limit.reschedule(asyncio.get_running_loop().time())
