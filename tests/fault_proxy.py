"""A relay between the till and HQ that does to HTTP what networks do: cuts, drips, repeats, swallows, lies.

Like agent.demo.cable it sits on a TCP port of its own; unlike it, it reads whole messages, so that a fault falls on a
known place of a known request. One connection per request: every answer says `Connection: close`.
"""

import asyncio
import contextlib
import socket
import struct
from urllib.parse import urlsplit

_PORTAL = b"<html><title>Free Wifi</title><form>Please log in</form></html>"
BROKEN = (
    "reset",
    "cut_request",
    "lost_answer",
    "cut_head",
    "cut_answer",
    "drip",
    "black_hole",
    "500",
    "503",
    "bad_json",
    "portal",
    "portal_302",
    "portal_403",
    "portal_400",
    "garbage",
)
"""Faults after which the caller cannot know whether HQ has booked; `twice` and `ok` give an answer."""


class FaultProxy:
    """Does `plan[0]` to the next request, and so on; an empty plan passes everything on."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.plan: list[str] = []
        self.seen = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "FaultProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            request = await _message(reader)
            self.seen += 1
            await self._do(self.plan.pop(0) if self.plan else "ok", request, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller gave up, as it should
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _do(self, fault: str, request: bytes, writer: asyncio.StreamWriter) -> None:
        match fault:
            case "reset":
                _reset(writer)
            case "cut_request":
                await self._pass(request[: len(request) // 2], whole=False)
                _reset(writer)
            case "black_hole":
                await asyncio.Event().wait()
            case "500" | "503":
                writer.write(_answer(int(fault), b"<html>Bad Gateway</html>"))
            case "bad_json":
                writer.write(_answer(200, b'{"watermark": 1, "gaps": '))
            case "portal" | "portal_302" | "portal_403" | "portal_400":
                writer.write(_answer(int(fault.partition("_")[2] or 200), _PORTAL))
            case "garbage":
                writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            case "lost_answer":
                await self._pass(request)
                _reset(writer)
            case _:
                if fault == "twice":  # replayed bytes, signature and all
                    await self._pass(request)
                answer = await self._pass(request)
                await _give(answer, fault, writer)

    async def _pass(self, request: bytes, *, whole: bool = True) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader) if whole else b""
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _give(answer: bytes, fault: str, writer: asyncio.StreamWriter) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    answer = head + b"\r\nConnection: close\r\n\r\n" + body
    if fault == "cut_head":
        writer.write(answer[: len(head) // 2])
    elif fault == "cut_answer":
        writer.write(answer[: len(answer) - len(body) // 2 - 1])
    elif fault == "drip":  # each byte comes in time; the whole never does
        for byte in answer:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.1)
    else:
        writer.write(answer)
    await writer.drain()


def _answer(status: int, body: bytes) -> bytes:
    location = b"Location: http://portal.example/login\r\n" if status == 302 else b""
    head = b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, location, len(body)) + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One whole HTTP message with its length named in the head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")
