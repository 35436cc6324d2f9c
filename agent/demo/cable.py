"""A network cable that can be pulled: a TCP relay between the agent and HQ. Used by the demo and by tests."""

import asyncio
import contextlib
from urllib.parse import urlsplit


class Cable:
    """Relays connections to `target` while plugged in; pulled, it breaks them and accepts no new ones."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.Task[None]] = set()
        self._listen_port = 0

    @property
    def url(self) -> str:
        """Where the agent's end is."""
        return f"http://127.0.0.1:{self._listen_port}"

    async def plug(self) -> None:
        """Connect; the port stays the same when plugged in again."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._listen_port)
        self._listen_port = self._server.sockets[0].getsockname()[1]

    async def pull(self) -> None:
        """Break every connection and refuse new ones."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for wire in tuple(self._wires):
                wire.cancel()
            await asyncio.gather(*self._wires, return_exceptions=True)
            await server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._wires.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(self._host, self._port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far))
                group.create_task(_pump(far_reader, writer))
        except OSError:
            pass
        except asyncio.CancelledError:  # pulled: both ends see a broken connection
            writer.transport.abort()
        finally:
            self._wires.discard(task)
            for end in (writer, far):
                if end is not None:
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
