"""Stands between a POS and the till: passes HTTP on, writes down every request, and does the faults it is told to.

Called by the conformance kit and `--serve-faults`; never part of a till that sells. One request for each connection:
every answer says `Connection: close`. Host is rewritten, because the till's door knows its own port only.
"""

import asyncio
import contextlib
import json
import re
import socket
import struct
from typing import Any

import httpx

from agent.kit.faults import PASS, Act, Decide, Kind
from agent.kit.record import Exchange, Record
from agent.ports import Clock
from agent.wording import sentence

_HEAD_S = 30.0
_BODY_BYTES = 4 << 20  # LIMIT: four times what the till takes, so that its own refusal is seen
_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "expect", "keep-alive", "accept-encoding"}
)
_EVENT_ID = re.compile(rb"^id: (\d+)$", re.M)
Headers = list[tuple[str, str]]
NEWER_FIELD = "x_newer_version"
_NEWER_EVENT = b'event: x.newer_version\ndata: {"at_ms":0,"x_newer_version":true}\n\n'


class Relay:
    """Listens on loopback; `target` may change while it runs (the till restarts on another port)."""

    def __init__(self, target: str, clock: Clock, decide: Decide = lambda _: PASS) -> None:
        self.target, self.decide = target, decide
        self.newer = False
        """Give answers and events the fields of a version that does not exist yet."""
        self.record = Record()
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(30, read=None), trust_env=False)
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listen; raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=1 << 16)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Hang up."""
        self._server.close()
        self.hang_up()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await self._http.aclose()

    def hang_up(self) -> None:
        """Break every connection, as a till that ends does."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        exchange: Exchange | None = None
        try:
            async with asyncio.timeout(_HEAD_S):
                exchange = await self._read(reader, writer)
            await self._do(exchange, writer)
        except asyncio.CancelledError:
            _reset(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, httpx.TransportError):
            _reset(writer)  # the POS gave up, or the till is down: it sees a broken line
        finally:
            self._tasks.discard(task)
            if exchange is not None:
                exchange.ended_s = self._clock.mono_s()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines) if name
        }
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, headers)
        exchange = Exchange(len(self.record) + 1, self._clock.mono_s(), method, path.partition("?")[0], headers, body)
        self.record.exchanges.append(exchange)
        return exchange

    async def _do(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        act = self.decide(exchange)
        exchange.done = act.kind
        if act.before is not None:
            await act.before(exchange)
        if act.kind is Kind.RESET:
            _reset(writer)
        elif act.kind is Kind.PROBLEM:
            await self._refuse(exchange, act, writer)
        elif exchange.path == "/v1/events":
            await self._stream(exchange, writer)
        else:
            await self._pass(exchange, act, writer)

    async def _pass(self, exchange: Exchange, act: Act, writer: asyncio.StreamWriter) -> None:
        answer = await self._http.request(
            exchange.method, self.target + exchange.path, content=exchange.body, headers=_onward(exchange)
        )
        exchange.till_status, exchange.till_answer = answer.status_code, answer.content
        if act.after is not None:
            await act.after(exchange)
        if act.kind is Kind.LOST:
            _reset(writer)
            return
        if act.kind is Kind.SLOW:
            await asyncio.sleep(act.delay_s)
        content = _newer(answer.content) if self.newer else answer.content
        await self._give(exchange, answer.status_code, list(answer.headers.items()), content, writer)

    async def _refuse(self, exchange: Exchange, act: Act, writer: asyncio.StreamWriter) -> None:
        problem = {
            "type": f"urn:pos-agent:problem:{act.code.lower()}", "title": act.code, "status": act.status,
            "code": act.code, "detail": sentence(act.code), "hint": "from the kit's relay",
        }  # fmt: skip
        headers = [("content-type", "application/problem+json")]
        if act.retry_after_s is not None:
            headers.append(("retry-after", str(act.retry_after_s)))
        if "origin" in exchange.headers:
            headers.append(("access-control-allow-origin", exchange.headers["origin"]))
        await self._give(exchange, act.status, headers, json.dumps(problem, ensure_ascii=False).encode(), writer)

    async def _give(
        self,
        exchange: Exchange,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        writer: asyncio.StreamWriter,
    ) -> None:
        writer.write(_head(status, headers) + b"content-length: %d\r\n\r\n" % len(content) + content)
        await writer.drain()
        exchange.pos_status = status

    async def _stream(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        url = self.target + exchange.path
        async with self._http.stream("GET", url, headers=_onward(exchange)) as answer:
            exchange.till_status = exchange.pos_status = answer.status_code
            writer.write(_head(answer.status_code, list(answer.headers.items())) + b"\r\n")
            async for chunk in answer.aiter_raw():
                writer.write(chunk)
                if self.newer:
                    writer.write(_NEWER_EVENT)
                await writer.drain()
                for number in _EVENT_ID.findall(chunk):
                    exchange.last_event = int(number)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            if len(body) + size > _BODY_BYTES:
                raise ValueError("the body is too large")
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return body
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY_BYTES:
        raise ValueError("the body is too large")
    return await reader.readexactly(length)


def _onward(exchange: Exchange) -> dict[str, str]:
    return {name: value for name, value in exchange.headers.items() if name not in _HOP} | {
        "accept-encoding": "identity"
    }


def _head(status: int, headers: Headers) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers if name.lower() not in _HOP]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "connection: close", ""]).encode("latin-1")


def _newer(content: bytes) -> bytes:
    """An answer as a later version may give it: one more field in every object."""
    try:
        return json.dumps(_with_field(json.loads(content)), ensure_ascii=False).encode()
    except ValueError:
        return content


def _with_field(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_field(one) for name, one in value.items()} | {NEWER_FIELD: {"nested": [1, "two"]}}
    return [_with_field(one) for one in value] if isinstance(value, list) else value


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: no answer, not an empty one."""
    peer: socket.socket | None = writer.get_extra_info("socket")
    if peer is not None and peer.fileno() >= 0:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
