"""HTTP/1.1 by hand, for requests that no honest client would send. One connection, one request."""

import asyncio
from collections.abc import Iterable

import httpx

Headers = Iterable[tuple[str, str]]


async def exchange(port: int, request: bytes, deadline_s: float = 30) -> httpx.Response:
    """Send bytes as they are and read the answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(deadline_s):
            writer.write(request)
            await writer.drain()
            return _parsed(await reader.read())
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def request(method: str, path: str, headers: Headers, body: bytes = b"") -> bytes:
    """Write a request exactly as told; nothing is added but `Connection: close`."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(parts: int, size: int) -> bytes:
    """A chunked body of spaces, legal JSON whitespace, that never says how long it will be."""
    chunk = f"{size:x}\r\n".encode() + b" " * size + b"\r\n"
    return chunk * parts + b"0\r\n\r\n"


def _parsed(raw: bytes) -> httpx.Response:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(line.partition(": ")[0], line.partition(": ")[2]) for line in lines]
    if ("transfer-encoding", "chunked") in headers:
        body = body.partition(b"\r\n")[2]
    return httpx.Response(int(status.split(" ")[1]), headers=headers, content=body)
