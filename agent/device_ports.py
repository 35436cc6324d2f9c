"""What the application needs from scanners and printers, as Protocols (drivers implement them)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from agent.domain.receipt import Document
from agent.domain.scan import RawScan


class Scanner(Protocol):
    """One QR scanner. `open` raises DeviceUnavailable; `scans` ends or raises DeviceError when it is gone."""

    name: str

    async def open(self) -> None:
        """Take the device."""
        ...

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is lost."""
        ...

    def close(self) -> None:
        """Let go of the device; safe at any time."""
        ...


class PrintVerdict(StrEnum):
    """How a job ended when no exception was raised."""

    SENT = "sent"
    """All bytes were taken by a device that cannot answer: unverified, never called printed."""
    CONFIRMED = "confirmed"
    """The printer itself said that everything before was processed."""


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What the printer says of itself; `verified` False means it cannot answer, which is not the same as fine."""

    verified: bool
    online: bool | None = None
    paper: Literal["ok", "near_end", "out"] | None = None
    cover_open: bool | None = None
    fault: bool | None = None
    """Cutter, paper path, heat: what a person has to look at."""

    @property
    def trouble(self) -> str | None:
        """What keeps it from printing, most useful reason first, as a code of agent.wording; None when nothing known.

        >>> PrinterStatus(True, online=False, cover_open=True).trouble, PrinterStatus(True, paper="near_end").trouble
        ('PRINTER_COVER_OPEN', None)
        """
        if self.cover_open:
            return "PRINTER_COVER_OPEN"
        if self.paper == "out":
            return "PRINTER_PAPER_OUT"
        if self.fault:
            return "PRINTER_ERROR"
        return "PRINTER_OFFLINE" if self.online is False else None


class Printer(Protocol):
    """One receipt printer, owned by one thread behind this port."""

    name: str

    async def print(self, document: Document) -> PrintVerdict:
        """Put a document on paper. DeviceUnavailable: nothing left us. DeviceAmbiguous: bytes may have."""
        ...

    async def status(self) -> PrinterStatus:
        """Ask the printer; raises DeviceUnavailable when it cannot be reached.

        While a job is on its way: what the printer last said, without waiting for the job's end.
        """
        ...

    def distrust(self, document: Document) -> None:
        """Tell it that an earlier process may have broken off in this job: it may still wait for the rest of it."""
        ...

    def close(self) -> None:
        """Abandon the device and its thread."""
        ...
