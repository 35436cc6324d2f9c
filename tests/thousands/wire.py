"""A store's connection, in few instructions: HTTP/1.1 over one TCP connection, kept for as long as httpx would keep it.

Stands below the real HttpHq as httpx's own transport does. Ten thousand stores on the machine that headquarters runs on
must not cost more than headquarters: httpx's needs some 3 ms of processor a call, this one a tenth.
"""

import asyncio
from typing import Final

import httpx

_KEPT_S: Final = 5.0  # httpx's keepalive_expiry


class Wire(httpx.AsyncBaseTransport):
    """One call at a time on one connection; a second one beside it opens another."""

    def __init__(self) -> None:
        self._idle: tuple[asyncio.StreamReader, asyncio.StreamWriter, float] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and read the whole answer, within the client's own timeout."""
        body = await request.aread()
        limit_s = request.extensions["timeout"]["read"]
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(limit_s):
                reader, writer = await self._connection(request.url)
                writer.write(_head(request, body) + body)
                response, keep = await _answer(reader)
        except TimeoutError as error:
            _drop(writer)
            raise httpx.ReadTimeout("", request=request) from error
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            _drop(writer)
            raise (httpx.ReadError if writer else httpx.ConnectError)(type(error).__name__, request=request) from error
        except BaseException:
            _drop(writer)
            raise
        if keep and self._idle is None:
            self._idle = (reader, writer, asyncio.get_running_loop().time())
        else:
            _drop(writer)
        return response

    async def _connection(self, url: httpx.URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        idle, self._idle = self._idle, None
        if idle is not None:
            reader, writer, since_s = idle
            if asyncio.get_running_loop().time() - since_s < _KEPT_S and not reader.at_eof():
                return reader, writer
            _drop(writer)
        return await asyncio.open_connection(url.host, url.port)

    async def aclose(self) -> None:
        """Hang up."""
        if self._idle is not None:
            _drop(self._idle[1])
            self._idle = None


def _drop(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.close()


def _head(request: httpx.Request, body: bytes) -> bytes:
    lines = [f"{request.method} ".encode() + request.url.raw_path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw if name.lower() != b"content-length"]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", b""])


async def _answer(reader: asyncio.StreamReader) -> tuple[httpx.Response, bool]:
    """The answer, and whether the connection may be used again."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head[:-4].split(b"\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    named = {name.lower(): value for name, value in headers}
    content = await reader.readexactly(int(named[b"content-length"]))
    response = httpx.Response(int(status.split(b" ")[1]), headers=headers, stream=httpx.ByteStream(content))
    return response, named.get(b"connection") != b"close"
