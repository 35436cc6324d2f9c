"""A printer and a scanner made of a TCP server and a pty, for tests and the demo: they behave as devices do, badly too.

Used by agent.demo and tests. Runs on the event loop. The printer strips and answers questions (DLE EOT, GS r) as a real
one does; what is left of each connection is one job in `jobs`.
"""

import asyncio
import contextlib
import os
import socket
import struct
import tty
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path

from drivers.escpos_tokens import Token, Tokenizer, TokenKind


class Fault(StrEnum):
    """What is wrong with the printer."""

    NONE = "none"
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    OFFLINE = "offline"
    NEAR_END = "near_end"
    """Prints, and says that the roll is nearly used up."""
    SILENT = "silent"
    """Takes everything, answers nothing."""
    NO_COMPLETION = "no_completion"
    """Answers DLE EOT and prints, but never answers GS r."""
    STOP_READING = "stop_reading"
    """Takes the connection and reads no more than `take_bytes`."""
    DROP = "drop"
    """Resets the connection after `take_bytes`."""


_STATUS = {  # answers to DLE EOT 1, 2, 3, 4
    Fault.PAPER_OUT: (0x1A, 0x32, 0x12, 0x72),
    Fault.COVER_OPEN: (0x1A, 0x16, 0x12, 0x12),
    Fault.OFFLINE: (0x1A, 0x12, 0x12, 0x12),
    Fault.NEAR_END: (0x12, 0x12, 0x12, 0x1E),
}
_FINE = (0x12, 0x12, 0x12, 0x12)
_SMALL_BUFFER = 4096


class SimulatedPrinter:
    """An ESC/POS printer on a TCP port of this machine. Start it with `async with`, or start() and stop()."""

    def __init__(self, *, port: int = 0) -> None:
        self.jobs: list[bytes] = []
        """Bytes of each job as paper would show them: without real-time questions and GS r."""
        self.raw: list[bytes] = []
        """The same jobs with every byte that arrived."""
        self.fault = Fault.NONE
        self.take_bytes = 0
        self.port = port
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Condition()
        self._stuck = asyncio.Event()
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen; after a stop() the same port is taken again, as after a power cycle."""
        self._stuck = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)  # a printer has little memory
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=_SMALL_BUFFER)

    async def stop(self) -> None:
        """Switch off: connections break, the port refuses."""
        if self._server is None:
            return
        server, self._server = self._server, None
        # ORDER: stop accepting, let a connection that was just accepted appear (it takes some rounds of the loop), then
        # close: asyncio forgets a connection whose server closes before it is set up.
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(4):
            await asyncio.sleep(0)
        server.close()
        self._stuck.set()
        serving = dict(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in serving.values():
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()

    async def __aenter__(self) -> "SimulatedPrinter":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_job(self, number: int, timeout: float = 5) -> bytes:
        """Wait until `number` jobs (1 is the first) have arrived whole and give that one; raises TimeoutError."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: len(self.jobs) >= number)
        return self.jobs[number - 1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving[task] = writer
        task.add_done_callback(lambda done: self._serving.pop(done, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw, paper = bytearray(), bytearray()
        tokenizer = Tokenizer()
        try:
            async for data in self._receive(reader, writer):
                raw += data
                paper += self._work(tokenizer.feed(data), writer)
        except OSError:  # the peer reset the connection: what arrived is still a job
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # switched off
        finally:
            paper += b"".join(token.data for token in tokenizer.finish())
            if paper:
                self.jobs.append(bytes(paper))
                self.raw.append(bytes(raw))
                async with self._arrived:
                    self._arrived.notify_all()
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
        taken = 0
        while True:
            if self.fault in (Fault.STOP_READING, Fault.DROP) and taken >= self.take_bytes:
                if self.fault is Fault.DROP:
                    connection = writer.get_extra_info("socket")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets
                    writer.transport.abort()
                    return
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket transport can
                await self._stuck.wait()
            limited = self.fault in (Fault.STOP_READING, Fault.DROP)
            data = await reader.read(min(_SMALL_BUFFER, self.take_bytes - taken) if limited else _SMALL_BUFFER)
            if not data:
                return
            taken += len(data)
            yield data

    def _work(self, tokens: list[Token], writer: asyncio.StreamWriter) -> bytes:
        """Answer questions; give what remains for the paper."""
        paper = bytearray()
        for token in tokens:
            if token.kind is TokenKind.COMMAND and token.name == b"\x10\x04":
                if self.fault is not Fault.SILENT:
                    answers = _STATUS.get(self.fault, _FINE)
                    writer.write(bytes([answers[min(token.data[2], 4) - 1]]))
            elif token.kind is TokenKind.COMMAND and token.name == b"\x1dr":
                # Processed in order, so a printer that cannot print does not come to it.
                if self.fault in (Fault.NONE, Fault.NEAR_END):
                    writer.write(b"\x00")
            else:
                paper += token.data
        return bytes(paper)


class SimulatedScanner:
    """A serial scanner: a raw pty behind a symlink such as those in /dev/serial/by-id."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = -1
        self._slave = -1
        self.replug()

    @property
    def plugged(self) -> bool:
        """Whether the device is there."""
        return self._master >= 0

    def scan(self, text: str, terminator: str = "\r") -> None:
        """Send one scan as UTF-8; raises OSError when the scanner is unplugged."""
        os.write(self._master, (text + terminator).encode())

    def unplug(self) -> None:
        """Pull the cable: the reader sees a hang-up and the symlink goes."""
        self.link.unlink(missing_ok=True)
        for descriptor in (self._slave, self._master):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1

    def replug(self) -> None:
        """Plug in again: another pty behind the same symlink."""
        self.unplug()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)  # a cooked line would turn CR into LF and echo it
        os.set_blocking(self._master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))

    def close(self) -> None:
        """Unplug for good."""
        self.unplug()
