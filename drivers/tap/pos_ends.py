"""The POS as the tap meets it: a TCP connection to port 9100, or the far end of a virtual serial line (a pty).

Used by drivers.tap.service. A pty is faithful for bytes, not for speed, parity and modem lines (facts/devices.md): a
POS that waits for DSR or CTS stalls.
"""

import asyncio
import contextlib
import os
import socket
import struct
import tty
from pathlib import Path
from typing import Final

from agent.domain.errors import ConfigError
from drivers.tap.descriptors import ready

_READ_BYTES: Final = 16 * 1024
_ENDS_NOW: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection


class TcpPosEnd:
    """One connection of a POS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._refused = False

    async def read(self) -> bytes:
        """See PosEnd."""
        return await self._reader.read(_READ_BYTES)

    def unread(self, data: bytes) -> None:
        """See PosEnd: the tap is being stopped. What the POS still sends stays in the kernel, which resets for it."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket transport can
        self._refused = self._refused or bool(data)

    def write(self, data: bytes) -> None:
        """See PosEnd. Status answers are single bytes; a POS that never reads them loses them with its connection."""
        if self._writer.transport.get_write_buffer_size() < _READ_BYTES:
            self._writer.write(data)

    def end(self) -> None:
        """See PosEnd. A POS some of whose bytes were not taken hears a reset, so that it knows."""
        if self._refused:
            self.abort()
        self._writer.close()

    def abort(self) -> None:
        """See PosEnd: a reset, as from a printer that is switched off."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ENDS_NOW)
        self._writer.transport.abort()


class SerialPosEnd:
    """A virtual serial line: the POS opens `link`; what it writes there is read here."""

    def __init__(self, link: Path, *, for_all: bool = False) -> None:
        self._link, self._for_all = link, for_all
        self._master = self._slave = -1
        self._kept = b""

    def open(self) -> None:
        """Make the line and its link; raises ConfigError when that is not possible."""
        self._master, self._slave = os.openpty()  # our own slave end stays open: the line outlives each POS
        tty.setraw(self._slave)  # a cooked line would turn LF into CR LF and echo the receipt
        os.set_blocking(self._master, False)
        name = os.ttyname(self._slave)
        try:
            if self._for_all:
                os.fchmod(self._slave, 0o666)  # no wider than port 9100 on this machine, which anybody may open
            self._link.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._link.with_name(f".{self._link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(name)
            fresh.replace(self._link)
        except OSError as error:
            self.close()
            raise ConfigError([f"listen.serial {self._link}: {error}"]) from error

    async def read(self) -> bytes:
        """See PosEnd; a serial line has no end."""
        kept, self._kept = self._kept, b""
        if kept:
            return kept
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(BlockingIOError):
                return os.read(self._master, _READ_BYTES)
            await ready(self._master, loop.add_reader, loop.remove_reader)

    def unread(self, data: bytes) -> None:
        """See PosEnd: they are the first of the next read."""
        self._kept = data + self._kept

    def write(self, data: bytes) -> None:
        """See PosEnd; what nobody reads is lost, as on a line without flow control."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def end(self) -> None:
        """The line stays."""

    def abort(self) -> None:
        """A serial POS notices nothing but silence."""

    def close(self) -> None:
        """Take the line away."""
        with contextlib.suppress(OSError):
            if self._slave >= 0 and self._link.readlink() == Path(os.ttyname(self._slave)):
                self._link.unlink()
        for descriptor in (self._slave, self._master):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1
