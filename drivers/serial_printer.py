"""The way to a printer on a serial line (RS-232 or a USB-serial adapter), with flow control and pacing.

Used by drivers.escpos_printer through drivers.transports.Transport. pyserial opens and configures the line; bytes go
through the descriptor, because its write() with a time-out does not say how many bytes were taken.
"""

import contextlib
import termios
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent import limits
from drivers.pacing import Pacer
from drivers.transports import CODES, POLL_S, DescriptorTransport, pause, unavailable, unsent

if TYPE_CHECKING:
    import serial

_BITS_PER_BYTE: Final = 10  # start, eight, stop
_DSR_STEP_BYTES: Final = 64  # LIMIT: printers lower DTR with at least 128 bytes of room left; this much is under way


class Flow(StrEnum):
    """What keeps a slow printer from losing bytes."""

    NONE = "none"
    XONXOFF = "xonxoff"
    """The printer sends XOFF and XON; the kernel obeys."""
    RTSCTS = "rtscts"
    """The printer's line goes to our CTS; the kernel obeys."""
    DTRDSR = "dtrdsr"
    """The printer's DTR goes to our DSR, as most receipt printers are wired. Linux has no such flow control (and
    pyserial's dsrdtr does nothing there, facts/devices.md), so the line is looked at before every few bytes."""


def _dsr(line: "serial.Serial") -> bool:
    return bool(line.dsr)


class SerialTransport(DescriptorTransport):
    """A serial printer. `pacer` feeds it no faster than it prints, where no flow control works."""

    def __init__(
        self,
        path: str,
        baud: int = 9600,
        *,
        flow: Flow = Flow.NONE,
        pacer: Pacer | None = None,
        byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S,
        dsr: "Callable[[serial.Serial], bool]" = _dsr,
    ) -> None:
        super().__init__(path, byte_timeout_s=byte_timeout_s)
        self.bytes_per_s = baud / _BITS_PER_BYTE
        self._baud, self._flow, self._pacer, self._dsr = baud, flow, pacer, dsr
        self._line: serial.Serial | None = None
        self._carried = False

    def open(self) -> None:
        """See Transport. The line is taken exclusively; what the printer said before is thrown away."""
        import serial

        try:
            self._line = serial.Serial(
                self.where,
                self._baud,
                timeout=0,
                write_timeout=self._byte_timeout_s,
                rtscts=self._flow is Flow.RTSCTS,
                xonxoff=self._flow is Flow.XONXOFF,
                exclusive=True,
            )
            self._fd = self._line.fileno()
            self._stay_ready()
            if self._flow is Flow.DTRDSR:
                self._dsr(self._line)
        except (OSError, termios.error) as error:  # SerialException is an OSError, termios.error is not
            self.close()
            code = CODES.get(getattr(error, "errno", None) or 0, "PRINTER_UNREACHABLE")
            raise unavailable(code, f"{self.where}: {error}") from error
        self._sent, self._carried = 0, False
        self._drain_input()

    def finish(self) -> None:
        """Wait until the line has carried everything; tcdrain() would wait for ever behind stopped flow control."""
        waited_s = 0.0
        try:
            left = unsent(self._fd)
            while left:
                pause(POLL_S)
                now_left = unsent(self._fd)
                waited_s = 0.0 if now_left < left else waited_s + POLL_S
                left = now_left
                if waited_s >= self._byte_timeout_s:
                    raise self._broken(f"{self.where}: {left} bytes were never taken")
        except OSError as error:
            raise self._broken(f"{self.where}: {error}") from error
        self._carried = True

    def ready_line(self) -> Flow:
        """Which line the printer holds up now: CTS before DSR, for the kernel obeys it by itself; NONE for neither."""
        assert self._line is not None
        with contextlib.suppress(OSError):  # a port without modem lines
            if self._line.cts:
                return Flow.RTSCTS
            if self._line.dsr:
                return Flow.DTRDSR
        return Flow.NONE

    def close(self) -> None:
        """See Transport. Bytes that nobody takes are dropped first: closing would wait for them.

        Not once finish() saw all of them go: a pty drops then what its other side has not read yet.
        """
        if self._line is None:
            return
        line, self._line, self._fd = self._line, None, -1
        if not self._carried:
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(line.fileno(), termios.TCOFLUSH)
        with contextlib.suppress(OSError, termios.error):
            line.close()

    def _stay_ready(self) -> None:
        """Keep DTR up after close(): a printer that watches it would go off-line between two looks."""
        settings = termios.tcgetattr(self._fd)
        settings[2] &= ~termios.HUPCL
        termios.tcsetattr(self._fd, termios.TCSANOW, settings)

    def _writable(self) -> bool:
        if self._pacer is not None:
            while (wait_s := self._pacer.wait_s()) > 0:
                pause(wait_s)
        if self._flow is Flow.DTRDSR and not self._ready_by_dsr():
            return False
        return super()._writable()

    def _ready_by_dsr(self) -> bool:
        """Wait until the printer is ready and little is under way to it."""
        assert self._line is not None
        waited_s = 0.0
        try:
            while not self._dsr(self._line) or unsent(self._fd) > _DSR_STEP_BYTES:
                if waited_s >= self._byte_timeout_s:
                    return False
                pause(POLL_S)
                waited_s += POLL_S
        except OSError as error:
            raise self._broken(f"{self.where}: {error}") from error
        return True

    def _send(self, part: memoryview) -> int:
        size = len(part)
        if self._flow is Flow.DTRDSR:
            size = min(size, _DSR_STEP_BYTES)
        if self._pacer is None:
            return super()._send(part[:size])
        taken = super()._send(part[: min(size, max(1, self._pacer.room()))])
        self._pacer.took(taken)
        return taken
