"""The network between the stores and HQ: loses, repeats, delays, reorders, breaks for days. An httpx transport each.

A request that got through is served by a task of its own, as a server does: it lives on when its sender dies, and its
answer may find nobody. A duplicate may arrive hours after the original.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import NoReturn, Protocol

import httpx

from agent.limits import HQ_TIMEOUT_S
from tests.simulation.chance import HOUR_S
from tests.simulation.process import Process
from tests.simulation.trace import Trace

_PUSH_TROUBLE = 4  # batches are few beside reads, and it is they that must arrive exactly once
_FAULTS = ("lost_request", "lost_answer", "twice", "slow", "500", "503", "429", "nonsense", "reset")


class Down(Exception):
    """Nobody listens at HQ's address."""


class Server(Protocol):
    """HQ as the network sees it."""

    async def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises Down."""
        ...


@dataclass(slots=True)
class Link:
    """The line of one store."""

    name: str
    chance: random.Random
    fault_rate: float
    broken_until_s: float = 0.0
    requests: int = 0


class Network:
    """All lines, and what is still on its way."""

    def __init__(self, server: Server, trace: Trace) -> None:
        self.server = server
        self.trace = trace
        self._under_way: set[asyncio.Task[httpx.Response]] = set()

    def deliver(
        self, link: Link, request: httpx.Request, delay_s: float, action: str
    ) -> "asyncio.Task[httpx.Response]":
        """Send a copy on its way; the task ends with HQ's answer."""
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        task = asyncio.get_running_loop().create_task(self._arrive(link, copy, delay_s, action))
        self._under_way.add(task)
        task.add_done_callback(self._arrived)
        return task

    async def _arrive(self, link: Link, request: httpx.Request, delay_s: float, action: str) -> httpx.Response:
        await asyncio.sleep(delay_s)
        response = await self.server.serve(request)
        self.trace.note(link.name, action, request.method, request.url.raw_path.decode(), response.status_code)
        return response

    def _arrived(self, task: "asyncio.Task[httpx.Response]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for the answer hears of it; a duplicate's is nobody's


class StoreTransport(httpx.AsyncBaseTransport):
    """What one process of a store sends through; dies with it."""

    def __init__(self, network: Network, link: Link, process: Process) -> None:
        self._network = network
        self._link = link
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, with whatever becomes of it."""
        self._process.check()
        await request.aread()
        link, now_s = self._link, asyncio.get_running_loop().time()
        link.requests += 1
        rate = link.fault_rate * (_PUSH_TROUBLE if request.url.path.endswith("/batches") else 1)
        fault = link.chance.choice(_FAULTS) if link.chance.random() < rate else "ok"
        if now_s < link.broken_until_s:
            fault = link.chance.choice(("lost_request", "reset"))
        try:
            response = await self._send(request, fault)
        except (Down, ConnectionResetError):
            self._network.trace.note(link.name, "request failed", fault)
            raise httpx.ConnectError("refused", request=request) from None
        except httpx.TransportError:
            self._network.trace.note(link.name, "request failed", fault)
            raise
        finally:
            self._process.check()
        content = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)

    async def _send(self, request: httpx.Request, fault: str) -> httpx.Response:
        chance, link = self._link.chance, self._link
        delay_s = min(chance.expovariate(1 / 0.08), 5.0)
        match fault:
            case "lost_request":
                await _give_up(request)
            case "reset":
                await asyncio.sleep(delay_s)
                raise ConnectionResetError
            case "500" | "503" | "429":
                await asyncio.sleep(delay_s)
                return httpx.Response(int(fault), headers={"Retry-After": "7"}, content=b"")
            case "nonsense":
                await asyncio.sleep(delay_s)
                return httpx.Response(200, content=b"<html>please log in to the wifi</html>")
            case "lost_answer":
                self._network.deliver(link, request, delay_s, "served, answer lost")
                await _give_up(request)
            case "twice":
                later_s = chance.choice((0.01, 5.0, 300.0, HOUR_S * 3.0)) * chance.random()
                self._network.deliver(link, request, delay_s + later_s, "served again")
            case "slow":
                delay_s = chance.uniform(1, 2.5 * HQ_TIMEOUT_S)
        answer = self._network.deliver(link, request, delay_s, "served")
        try:
            async with asyncio.timeout(HQ_TIMEOUT_S):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer", request=request) from None


async def _give_up(request: httpx.Request) -> NoReturn:
    await asyncio.sleep(HQ_TIMEOUT_S)
    raise httpx.ReadTimeout("no answer", request=request)
