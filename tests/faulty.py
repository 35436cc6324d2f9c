"""A transport that misbehaves on command: lost requests, lost answers, duplicates, 5xx, nonsense. For tests."""

import asyncio
from collections.abc import Callable

import httpx


class FaultyTransport(httpx.AsyncBaseTransport):
    """Passes requests on, unless told otherwise for the next ones."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.plan: list[str] = []
        """Faults for the next requests, in order: ok, lost_request, lost_answer, twice, 500, 503, 429, nonsense."""
        self.refuse: Callable[[httpx.Request, bytes], int | None] = lambda _, __: None
        """Answer with this status instead of passing on, decided by request and body."""
        self.seen = 0
        self.next_request = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        self.seen += 1
        self.next_request.set()
        body = await request.aread()
        status = self.refuse(request, body)
        if status is not None:
            return httpx.Response(status, json={"code": "REFUSED", "detail": "for the test"}, request=request)
        fault = self.plan.pop(0) if self.plan else "ok"
        match fault:
            case "lost_request":
                raise httpx.ConnectError("cable out", request=request)
            case "lost_answer":
                await self._pass(request, body)
                raise httpx.ReadTimeout("no answer", request=request)
            case "twice":
                await self._pass(request, body)
            case "500" | "503" | "429":
                return httpx.Response(int(fault), headers={"Retry-After": "7"}, request=request)
            case "nonsense":
                return httpx.Response(200, text="<html>please log in to the wifi</html>", request=request)
        return await self._pass(request, body)

    async def _pass(self, request: httpx.Request, body: bytes) -> httpx.Response:
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        response = await self._inner.handle_async_request(copy)
        await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=response.content, request=request)
