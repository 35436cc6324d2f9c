"""The way to a printer on a serial line (RS-232 or a USB-serial adapter).

Used by drivers.escpos_printer through drivers.transports.Transport. pyserial opens and configures the line; bytes go
through the descriptor, because its write() with a time-out does not say how many bytes were taken.
"""

import contextlib
import termios
from typing import TYPE_CHECKING

from agent import limits
from drivers.transports import CODES, POLL_S, DescriptorTransport, pause, unavailable, unsent

if TYPE_CHECKING:
    import serial


class SerialTransport(DescriptorTransport):
    """A serial printer. `xonxoff` / `rtscts` are the flow control that keeps a slow printer from losing bytes."""

    def __init__(
        self,
        path: str,
        baud: int = 9600,
        *,
        rtscts: bool = False,
        xonxoff: bool = False,
        byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S,
    ) -> None:
        super().__init__(path, byte_timeout_s=byte_timeout_s)
        self._baud, self._rtscts, self._xonxoff = baud, rtscts, xonxoff
        self._line: serial.Serial | None = None

    def open(self) -> None:
        """See Transport. The line is taken exclusively; what the printer said before is thrown away."""
        import serial

        try:
            self._line = serial.Serial(
                self.where,
                self._baud,
                timeout=0,
                write_timeout=self._byte_timeout_s,
                rtscts=self._rtscts,
                xonxoff=self._xonxoff,
                exclusive=True,
            )
            self._fd = self._line.fileno()
        except (OSError, termios.error) as error:  # SerialException is an OSError, termios.error is not
            code = CODES.get(getattr(error, "errno", None) or 0, "PRINTER_UNREACHABLE")
            raise unavailable(code, f"{self.where}: {error}") from error
        self._sent = 0
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

    def close(self) -> None:
        """See Transport. Bytes that nobody takes are dropped first: closing would wait for them."""
        if self._line is None:
            return
        line, self._line, self._fd = self._line, None, -1
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(line.fileno(), termios.TCOFLUSH)
        with contextlib.suppress(OSError, termios.error):
            line.close()
