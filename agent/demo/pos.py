"""A POS that integrates with the agent as a vendor's would: paired token, HTTP and the event stream, nothing else.

Used by agent.demo.customers, and an example of how little a vendor needs.
"""

import asyncio
import json
from typing import Any

import httpx


class Pos:
    """One POS at one till."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=10, trust_env=False
        )
        self._events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def pair(cls, base_url: str, code: str) -> "Pos":
        """Exchange the pairing code for a token and follow the events."""
        async with httpx.AsyncClient(base_url=base_url, trust_env=False) as http:
            answer = await http.post("/v1/pair", json={"code": code, "app": "demo POS"})
            answer.raise_for_status()
        pos = cls(base_url, answer.json()["token"])
        following = asyncio.Event()
        pos._reader = asyncio.create_task(pos._follow(following))
        await following.wait()
        return pos

    @property
    def token(self) -> str:
        """The token, to try the API by hand."""
        return self._http.headers["Authorization"].removeprefix("Bearer ")

    async def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._http.aclose()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """One call: (status, answer); an answer without a body is empty."""
        response = await self._http.request(method, path, json=body)
        return response.status_code, response.json() if response.content else {}

    async def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST and give the answer; raises RuntimeError with the problem when it is refused."""
        status, answer = await self.call("POST", path, body)
        if status >= 400:
            raise RuntimeError(f"{path}: {answer['code']} {answer['detail']} ({answer['hint']})")
        return answer

    async def event(self, kind: str, timeout_s: float = 10) -> dict[str, Any]:
        """The next event of a kind; others before it are passed over."""
        async with asyncio.timeout(timeout_s):
            while True:
                got, data = await self._events.get()
                if got == kind:
                    return data

    def drain(self) -> None:
        """Forget events that nobody waited for."""
        while not self._events.empty():
            self._events.get_nowait()

    async def _follow(self, following: asyncio.Event) -> None:
        async with self._http.stream("GET", "/v1/events", timeout=None) as stream:
            kind = ""
            async for line in stream.aiter_lines():
                following.set()
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    await self._events.put((kind, json.loads(line[6:])))
