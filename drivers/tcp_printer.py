"""The way to a network printer (TCP port 9100).

Used by drivers.escpos_printer through drivers.transports.Transport. Must never close a connection with unread bytes in
it, and never call a job sent that the printer's side has not acknowledged.
"""

import contextlib
import errno
import os
import select
import socket
import struct
from typing import Final

from agent import limits
from drivers.transports import CHUNK, POLL_S, DescriptorTransport, pause, unavailable, unsent, wait_for

_DROP: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() resets and forgets what was not sent


class TcpTransport(DescriptorTransport):
    """A network printer (port 9100): one connection per job, because most units serve one at a time (escpos-php #1182).

    finish() shuts down the sending side, waits until the peer has acknowledged everything, then reads until the
    printer closes: close() with unread status bytes would reset the connection and cut the job (facts/devices.md).
    """

    def __init__(
        self,
        host: str,
        port: int = 9100,
        *,
        connect_s: float = limits.PRINT_CONNECT_S,
        byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S,
        finish_s: float = limits.PRINT_FINISH_S,
    ) -> None:
        super().__init__(f"{host}:{port}", byte_timeout_s=byte_timeout_s)
        self._address = (host, port)
        self._connect_s = connect_s
        self._finish_s = finish_s
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """See Transport."""
        try:
            self._socket = socket.create_connection(self._address, timeout=self._connect_s)
        except OSError as error:
            raise unavailable("PRINTER_UNREACHABLE", f"{self.where}: {error}") from error
        self._socket.setblocking(False)
        self._fd = self._socket.fileno()
        self._sent = 0

    def finish(self) -> None:
        """See Transport."""
        assert self._socket is not None
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._await_acknowledged(self._socket)
            while wait_for(self._fd, select.POLLIN, self._finish_s) and self._socket.recv(CHUNK):
                pass
            self._raise_pending(self._socket)
        except OSError as error:
            raise self._broken(f"{self.where}: {error}") from error

    def close(self) -> None:
        """See Transport. What the kernel still holds of a job that was given up must not come out later."""
        if self._socket is None:
            return
        with contextlib.suppress(OSError):
            if unsent(self._fd):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
        self._socket.close()
        self._socket, self._fd = None, -1

    def _send(self, part: memoryview) -> int:
        assert self._socket is not None
        return self._socket.send(part)

    def _receive(self) -> bytes:
        assert self._socket is not None
        said = self._socket.recv(CHUNK)
        if not said:
            raise ConnectionAbortedError("closed by the printer")
        return said

    def _await_acknowledged(self, connection: socket.socket) -> None:
        """Wait until the kernel's send queue is empty; no progress for the byte timeout is a stopped printer."""
        left, waited_s = unsent(self._fd), 0.0
        while left:
            self._raise_pending(connection)
            pause(POLL_S)
            now_left = unsent(self._fd)
            waited_s = 0.0 if now_left < left else waited_s + POLL_S
            left = now_left
            if waited_s >= self._byte_timeout_s:
                raise OSError(errno.ETIMEDOUT, f"{left} bytes were never taken")

    def _raise_pending(self, connection: socket.socket) -> None:
        """A reset after the peer's own FIN is visible only here: recv() just says end of file."""
        number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
