"""A virtual serial port on which a POS reads codes as from a scanner of its own: a pty behind a stable link.

Fed by the composition root. Nobody may be there to read: what waits is bounded, the oldest goes first, and `on_edge`
hears when codes begin to be lost and when they arrive again. It must never block, and never keep a code for a POS
that opens the port later. A pty has no speed, parity or modem lines (facts/devices.md, pass-through).
"""

import asyncio
import errno
import grp
import os
import select
import stat
import termios
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.limits import PASSTHROUGH_CODES

ENDINGS: Final = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "tab": b"\t", "none": b""}
_READ_BYTES: Final = 4096

OnEdge = Callable[[bool, str], object]
"""`(up, reason)`: whether codes reach the POS, and why not."""


class Passthrough:
    """One port. Everything runs on the event loop's thread."""

    def __init__(
        self, link: Path, ending: bytes, *, group: str = "", on_edge: OnEdge = lambda up, reason: None
    ) -> None:
        self._link, self._ending, self._group, self._on_edge = link, ending, group, on_edge
        self._waiting: deque[bytes] = deque(maxlen=PASSTHROUGH_CODES)
        self._begun = b""  # what is left of a code of which the POS has the first part
        self._master = -1
        self._device = ""
        self._up: bool | None = None
        self._writing = False
        self._lost = 0

    def open(self) -> bool:
        """Make the port if it is not there; False, with an edge, when it cannot be made. It is tried at each code."""
        if self._master >= 0 and self._link_holds():
            return True
        try:
            if self._master < 0:
                self._make()
            self._put_link()
        except (OSError, KeyError) as error:
            self._tell(False, f"{self._link} cannot be made: {error}")
            return False
        return True

    def send(self, text: str) -> None:
        """Hand a code to the POS; never waits."""
        if not self.open():
            self._lost += 1
            return
        self._drain()
        if self._nobody_there():
            self._lost += 1
            self._lose_all()
            return
        if len(self._waiting) == self._waiting.maxlen:
            self._lost += 1
            self._tell(False, f"the program that has {self._link} open does not read")
        self._waiting.append(text.encode("utf-8") + self._ending)
        self._flush()

    def close(self) -> None:
        """Take the port away; safe at any time."""
        if self._master < 0:
            return
        self._stop_writing()
        if self._link_holds():
            with suppress(OSError):
                self._link.unlink()
        os.close(self._master)
        self._master = -1
        self._lost += len(self._waiting) + bool(self._begun)
        self._waiting.clear()
        self._begun = b""

    def counters(self) -> dict[str, int]:
        """`lost`: codes that never reached the POS."""
        return {"lost": self._lost}

    # --- the pty ----------------------------------------------------------------------------------------------------
    def _make(self) -> None:
        master, slave = os.openpty()
        try:
            tty.setraw(slave)
            self._device = os.ttyname(slave)
            os.set_blocking(master, False)
            if self._group:
                os.chown(self._device, -1, grp.getgrnam(self._group).gr_gid)
            else:
                os.chown(self._device, -1, os.getegid())
            Path(self._device).chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP)
        except BaseException:
            os.close(master)
            raise
        finally:
            # Held by the POS alone, so that its absence is seen; the settings stay while the master is open.
            os.close(slave)
        self._master = master

    def _put_link(self) -> None:
        """Point the link at the port in one step; what is no link of ours is left alone."""
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(errno.EEXIST, "something else is in its place", str(self._link))
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._device)
        fresh.replace(self._link)

    def _link_holds(self) -> bool:
        try:
            return str(self._link.readlink()) == self._device
        except OSError:
            return False

    def _nobody_there(self) -> bool:
        watch = select.poll()
        watch.register(self._master, 0)
        return any(event & select.POLLHUP for _, event in watch.poll(0))

    def _drain(self) -> None:
        """What the POS sends to its scanner (acknowledgements, beeps) goes nowhere, and must not stop the POS."""
        with suppress(OSError):  # EAGAIN: nothing there; EIO: nobody there
            while os.read(self._master, _READ_BYTES):
                pass

    # --- writing ----------------------------------------------------------------------------------------------------
    def _flush(self) -> None:
        while self._begun or self._waiting:
            self._begun = self._begun or self._waiting.popleft()
            try:
                self._begun = self._begun[os.write(self._master, self._begun) :]
            except BlockingIOError:
                self._write_later()
                return
            if not self._begun:
                self._tell(True, "")
        self._stop_writing()

    def _lose_all(self) -> None:
        self._lost += len(self._waiting) + bool(self._begun)
        self._waiting.clear()
        self._begun = b""
        # The kernel keeps what the last program left unread, and would give it to the next.
        with suppress(OSError, termios.error):
            slave = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                termios.tcflush(slave, termios.TCIFLUSH)
            finally:
                os.close(slave)
        self._tell(False, f"no program has {self._link} open")

    def _write_later(self) -> None:
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().add_writer(self._master, self._on_writable)

    def _on_writable(self) -> None:
        if self._nobody_there():  # a hung-up descriptor is writable for ever
            self._lose_all()
        self._flush()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            with suppress(RuntimeError):  # no loop is running any more
                asyncio.get_running_loop().remove_writer(self._master)

    def _tell(self, up: bool, reason: str) -> None:
        if self._up is not up:
            self._up = up
            self._on_edge(up, reason)
