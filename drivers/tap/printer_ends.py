"""The printer as the tap reaches it: over TCP, or a character device or serial line behind drivers.transports.

Used by drivers.tap.service. Writes and the end of a stream wait as long as the printer lets them: out of paper is no
error for a POS either. Only who cancels them, because the tap is being stopped, ends the wait.
"""

import asyncio
import os
import select
import socket
from collections.abc import Callable
from typing import Final, Protocol

from agent import limits
from agent.domain.errors import DeviceUnavailable
from agent.worker import Worker
from drivers.pacing import Pacer
from drivers.tap.descriptors import ready
from drivers.transports import CHUNK, GONE, POLL_S, Transport, unavailable, unsent, wait_for

_LOOK_S: Final = 1.0
_LAST_WORDS_S: Final = 0.2
_EMPTY_PACKET_S: Final = 0.02  # some USB printers answer a read with nothing, at once and again
_LOOK_LEAST_OFTEN_S: Final = 0.5  # at a printer that has not taken everything, which may be a matter of hours


async def _all_taken(fd: int, check: Callable[[], None]) -> None:
    """Wait until a tty has carried, or the peer of a socket has acknowledged, every byte.

    `check` raises OSError when the way there is broken: then the kernel may hold nothing because it threw it away.
    """
    pause_s = POLL_S
    while True:
        check()
        left = unsent(fd)
        check()
        if not left:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LOOK_LEAST_OFTEN_S)


class TcpPrinterEnd:
    """A printer on the network; its answers come back on the same connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._where = f"{host}:{port}"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """See PrinterEnd."""
        try:
            async with asyncio.timeout(limits.PRINT_CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise unavailable("PRINTER_UNREACHABLE", f"{self._where}: {str(error) or 'no answer'}") from error
        self._writer.transport.set_write_buffer_limits(high=CHUNK)

    async def write(self, data: bytes) -> None:
        """See PrinterEnd."""
        assert self._writer is not None
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise self._lost(error) from error

    async def read(self) -> bytes:
        """See PrinterEnd."""
        assert self._reader is not None
        try:
            return await self._reader.read(CHUNK)
        except OSError as error:
            raise self._lost(error) from error

    async def finish(self) -> None:
        """See PrinterEnd. The sending side is shut; what the printer still says can be read until it closes.

        Closing before all is acknowledged would leave the rest to the kernel, which answers the printer's next status
        byte with a reset: the printer then throws away what it has not printed.
        """
        assert self._writer is not None
        try:
            self._writer.write_eof()
            self._writer.transport.set_write_buffer_limits(high=0)
            await self._writer.drain()
            await _all_taken(self._writer.get_extra_info("socket").fileno(), self._check)
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """See PrinterEnd."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    def _check(self) -> None:
        """Raise OSError when the connection is broken; behind the printer's own end of stream only SO_ERROR tells."""
        if self._writer is None or self._writer.is_closing():
            raise ConnectionAbortedError("broken off")
        connection: socket.socket = self._writer.get_extra_info("socket")
        number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    def _lost(self, error: OSError) -> DeviceUnavailable:
        return unavailable("PRINTER_UNREACHABLE", f"{self._where}: {error}")


class Way(Transport, Protocol):
    """A transport with a descriptor that the event loop can wait for."""

    where: str

    def fileno(self) -> int:
        """The open descriptor."""
        ...


class DescriptorPrinterEnd:
    """A printer behind a descriptor: usblp or a serial line. `answers`: it can be read. `pacer` as SerialTransport."""

    def __init__(self, way: Way, *, answers: bool, pacer: Pacer | None = None) -> None:
        self._way = way
        self._answers = answers
        self._pacer = pacer
        self._worker = Worker(f"tap-{way.where}")
        self._fd = -1
        self._finished = asyncio.Event()

    async def open(self) -> None:
        """See PrinterEnd. Opening may hang in the driver: a thread does it, and is abandoned then."""
        self._finished.clear()
        await self._worker.call(self._way.open)
        self._fd = self._way.fileno()

    async def write(self, data: bytes) -> None:
        """See PrinterEnd."""
        view, done, loop = memoryview(data), 0, asyncio.get_running_loop()
        while done < len(view):
            room = CHUNK
            if self._pacer is not None:
                await asyncio.sleep(self._pacer.wait_s())
                room = min(CHUNK, max(1, self._pacer.room()))
            try:
                taken = os.write(self._fd, view[done : done + room])
                done += taken
                if self._pacer is not None:
                    self._pacer.took(taken)
            except BlockingIOError:
                await ready(self._fd, loop.add_writer, loop.remove_writer)
            except OSError as error:
                raise self._lost(error) from error

    async def read(self) -> bytes:
        """See PrinterEnd. Ends when everything was sent and the printer has been silent for a moment."""
        loop, silent_s = asyncio.get_running_loop(), 0.0
        if not self._answers:
            await self._finished.wait()
            return b""
        while True:
            patience_s = _LAST_WORDS_S if self._finished.is_set() else _LOOK_S
            try:
                said = os.read(self._fd, CHUNK)
                if said:
                    return said
                if wait_for(self._fd, select.POLLIN, 0) & GONE:
                    raise ConnectionAbortedError("hung up")
                await asyncio.sleep(_EMPTY_PACKET_S)
                silent_s = silent_s + _EMPTY_PACKET_S if self._finished.is_set() else 0.0
                if silent_s >= _LAST_WORDS_S:
                    return b""
            except BlockingIOError:
                try:
                    async with asyncio.timeout(patience_s):
                        await ready(self._fd, loop.add_reader, loop.remove_reader)
                except TimeoutError:
                    if patience_s == _LAST_WORDS_S:
                        return b""
            except OSError as error:
                raise self._lost(error) from error

    async def finish(self) -> None:
        """See PrinterEnd. usblp can be written to again when its last transfer has ended; a tty is asked."""
        loop = asyncio.get_running_loop()
        try:
            if not wait_for(self._fd, select.POLLOUT, 0):
                await ready(self._fd, loop.add_writer, loop.remove_writer)
            if os.isatty(self._fd):
                await _all_taken(self._fd, self._check)
            self._check()
        except OSError as error:
            raise self._lost(error) from error
        self._finished.set()

    def close(self) -> None:
        """See PrinterEnd."""
        self._fd = -1
        self._way.close()

    def _check(self) -> None:
        if wait_for(self._fd, 0, 0) & GONE:
            raise ConnectionAbortedError("hung up")

    def _lost(self, error: OSError) -> DeviceUnavailable:
        return unavailable("PRINTER_UNREACHABLE", f"{self._way.where}: {error}")
