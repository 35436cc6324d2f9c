"""A receipt printer with a memory and a mind of its own, in a thread: what it was sent stays in it across connections.

It reads as real ones do: a small buffer, real-time questions answered on arrival, everything else in order and only
while it can print. A command that was broken off eats what comes next. Behind TCP or a pty.
"""

import os
import select
import socket
import struct
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from drivers.escpos_tokens import Token, Tokenizer, TokenKind

BUFFER_BYTES = 4096
_PATIENCE_S = 10


class IllPrinter:
    """`paper` is what was printed, token by token. Set the traits before or while it serves."""

    def __init__(self) -> None:
        self.paper: list[Token] = []
        self.out = self.cover_open = self.near_end = self.offline = False
        self.silent = False
        self.completes = True
        self.lacks: tuple[bytes, ...] = ()
        """Commands by their first two bytes that it does not know, and takes without a word."""
        self.out_after: int | None = None
        """The roll ends after so many processed bytes."""
        self.hang_up_after: int | None = None
        """The connection breaks after so many bytes were read."""
        self.bytes_per_s = 0.0
        self.late: Callable[[int], float] = lambda _question: 0.0
        """Seconds by which the answer to DLE EOT n is late."""
        self._tokenizer = Tokenizer()
        self._waiting = bytearray()
        self._tail = b""
        self._done = 0
        self._read = 0
        self._asb = False
        self._reported = b""
        self._answers: list[tuple[float, bytes]] = []
        self._stop = False
        self._changed = threading.Condition()

    # --- what happens to it -----------------------------------------------------------------------------------------
    def power_cycle(self) -> None:
        """Off and on: it forgets everything that was not printed. A connection that is to break does so first."""
        self.until(lambda: self.hang_up_after is None)
        self._tokenizer, self._asb = Tokenizer(), False
        self._waiting.clear()
        self._answers.clear()

    def new_roll(self) -> None:
        """Put in paper."""
        self.out, self.out_after = False, None

    @property
    def text(self) -> str:
        """The text on paper."""
        kinds = (TokenKind.TEXT, TokenKind.CHINESE)
        return b"".join(token.data for token in self.paper if token.kind in kinds).decode("gbk", "replace")

    def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so; AssertionError when it does not come."""
        with self._changed:
            assert self._changed.wait_for(wanted, _PATIENCE_S), self.paper

    # --- how it works -----------------------------------------------------------------------------------------------
    @property
    def ill(self) -> bool:
        """It does not print now."""
        return self.out or self.cover_open or self.offline

    def serve(self, fd: int) -> None:
        """Work until the other side is gone or stop() was called."""
        last_s = time.monotonic()
        while not self._stop:
            room = BUFFER_BYTES - len(self._waiting)
            if self.bytes_per_s:
                room = min(room, int((time.monotonic() - last_s) * self.bytes_per_s))
            seen = bool(select.select([fd] if room > 0 else [], [], [], 0.005)[0])
            try:
                data = os.read(fd, room) if seen else None
            except OSError:
                return
            if data == b"":
                with suppress(OSError):  # who went did not wait for the answers
                    self._work(fd)
                return
            if data:
                last_s = time.monotonic()
                self._take(data)
            if self.hang_up_after is not None and self._read >= self.hang_up_after:
                with suppress(OSError):
                    self._work(fd)
                with self._changed:
                    self.hang_up_after = None
                    self._changed.notify_all()
                return
            with suppress(OSError):  # a reset while we answer ends the connection at the next read
                self._work(fd)

    def stop(self) -> None:
        """End serve()."""
        self._stop = True

    def go_on(self) -> None:
        """Let serve() work again after a stop()."""
        self._stop = False

    def _take(self, data: bytes) -> None:
        if self.hang_up_after is not None:
            data = data[: self.hang_up_after - self._read]
        self._read += len(data)
        self._waiting += data
        data, self._tail = self._tail + data, (self._tail + data)[-2:]
        at = data.find(b"\x10\x04")  # real-time: seen on arrival, wherever it lies
        while at >= 0 and at + 2 < len(data):
            if not self.silent:
                question = data[at + 2]
                self._answers.append((time.monotonic() + self.late(question), bytes([self._real_time(question)])))
            self._tail = data[max(at + 3, len(data) - 2) :]
            at = data.find(b"\x10\x04", at + 3)

    def _work(self, fd: int) -> None:
        with self._changed:
            while self._waiting and not self.ill:
                step = len(self._waiting)
                if self.out_after is not None:
                    step = min(step, self.out_after - self._done)
                part = bytes(self._waiting[:step])
                del self._waiting[:step]
                self._done += step
                for token in self._tokenizer.feed(part):
                    self._process(token)
                if self.out_after is not None and self._done >= self.out_after:
                    self.out = True
            if self._asb and self._frame() != self._reported:
                self._reported = self._frame()
                self._answer(self._reported)
            now_s = time.monotonic()
            ready = [answer for due_s, answer in self._answers if due_s <= now_s]
            self._answers = [one for one in self._answers if one[0] > now_s]
            self._changed.notify_all()
        if ready:
            os.write(fd, b"".join(ready))

    def _process(self, token: Token) -> None:
        if token.name in self.lacks:
            self.paper.append(token)
        elif token.name == b"\x1dr":
            if self.completes:
                self._answer(b"\x00")
        elif token.data.startswith(b"\x1d(H"):
            if self.completes:
                self._answer(b"\x37\x22" + token.data[7:11] + b"\x00")
        elif token.name == b"\x1da":
            self._asb, self._reported = bool(token.data[2]), b""
            if self._asb:  # switching it on is answered at once
                self._reported = self._frame()
                self._answer(self._reported)
        elif token.name != b"\x10\x04":
            if token.name == b"\x1b@":
                self._asb = False
            self.paper.append(token)

    def _answer(self, data: bytes) -> None:
        if not self.silent:
            self._answers.append((0, data))

    def _real_time(self, question: int) -> int:
        if question == 2:
            return 0x12 | 0x04 * self.cover_open | 0x20 * self.out
        if question == 4:
            return 0x12 | 0x0C * self.near_end | 0x60 * self.out
        return 0x12 | 0x08 * self.ill

    def _frame(self) -> bytes:
        return bytes((0x10 | 0x08 * self.ill | 0x20 * self.cover_open, 0, 0x03 * self.near_end | 0x0C * self.out, 0))


@contextmanager
def on_tcp(printer: IllPrinter) -> Iterator[int]:
    """Serve on a TCP port, one connection after another, until the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            cut = printer.hang_up_after is not None
            with connection:
                printer.serve(connection.fileno())
                if cut and printer.hang_up_after is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        printer.stop()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(_PATIENCE_S)


@contextmanager
def on_pty(printer: IllPrinter) -> Iterator[tuple[str, int]]:
    """Serve on a pty: its path, and the printer's end to whisper stray bytes into."""
    master, slave = os.openpty()
    tty.setraw(slave)
    thread = threading.Thread(target=printer.serve, args=(master,), daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave), master
    finally:
        printer.stop()
        thread.join(_PATIENCE_S)
        os.close(slave)
        os.close(master)
