"""One reader of the till's event stream, as a POS reads it: fetch with Authorization, replay by Last-Event-ID."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Heard:
    """One event."""

    id: int
    kind: str
    data: dict[str, Any]


class Ear:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def one(self, kind: str = "", deadline_s: float = 30) -> Heard:
        """The next event (of a kind; others are passed over). Raises TimeoutError, or EOFError when the stream ends."""
        async with asyncio.timeout(deadline_s):
            found: dict[str, str] = {}
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    found[name] = value
                elif found.get("event") and kind in ("", found["event"]):
                    return Heard(int(found["id"]), found["event"], json.loads(found["data"]))
                else:
                    found = {}
        raise EOFError

    async def some(self, count: int) -> list[Heard]:
        """The next `count` events."""
        return [await self.one() for _ in range(count)]


@asynccontextmanager
async def listening(client: httpx.AsyncClient, last_id: int | str | None = None, path: str = "") -> AsyncIterator[Ear]:
    """Open the stream; the listener is in place when this is entered."""
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    async with client.stream("GET", f"/v1/events{path}", headers=headers, timeout=None) as response:
        ear = Ear(response)
        if response.status_code == 200:
            assert await anext(ear._lines) == ": connected"
        else:
            await response.aread()
        yield ear
