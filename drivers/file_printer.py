"""A plain file in a printer's place, for tests and the demo; chosen by its kind `file`, never a fall-back.

Used by drivers.escpos_printer through drivers.transports.Transport.
"""

import os
from pathlib import Path

from drivers.transports import FAST_BYTES_PER_S, OnStall, ambiguous, unavailable


class FileTransport:
    """A plain file that collects jobs, job after job."""

    opens_freely = False
    bytes_per_s = FAST_BYTES_PER_S

    def __init__(self, path: Path) -> None:
        self.on_stall: OnStall | None = None
        self._path = path
        self._file = -1

    def open(self) -> None:
        """See Transport."""
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unavailable("PRINTER_UNREACHABLE", f"{self._path}: {error}") from error

    def write(self, data: bytes) -> int:
        """See Transport."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as error:
            raise ambiguous("PRINT_INTERRUPTED", f"{self._path}: {error}", done) from error
        return done

    def read(self, timeout_s: float) -> bytes:
        """A file says nothing."""
        return b""

    def finish(self) -> None:
        """Nothing is left to wait for."""

    def close(self) -> None:
        """See Transport."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
