"""The two ends of the relay as it sees them: a POS that sends, a printer that takes and answers.

Implemented by drivers.tap.pos_ends, drivers.tap.printer_ends and, for one captured stream, drivers.tap.one_file.
"""

from typing import Protocol

from agent.domain.receipt import Document
from drivers.tap.report import Question


class PosEnd(Protocol):
    """The POS: its connection, its virtual serial line, or a file."""

    async def read(self) -> bytes:
        """Wait for bytes; empty when the POS has ended its stream. Raises OSError when it broke off."""
        ...

    def unread(self, data: bytes) -> None:
        """Nothing more is read in this stream, and `data`, which may be empty, comes too late for it."""
        ...

    def write(self, data: bytes) -> None:
        """Hand back what the printer said; never waits for a POS that does not listen."""
        ...

    def end(self) -> None:
        """Everything was forwarded and the printer has said its last."""
        ...

    def abort(self) -> None:
        """Break off, as a printer that goes away does."""
        ...


class PrinterEnd(Protocol):
    """The printer. After `close` it may be opened again."""

    async def open(self) -> None:
        """Take the printer; raises DeviceUnavailable."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand over bytes, as slowly as the printer takes them; raises DeviceError when it is gone."""
        ...

    async def read(self) -> bytes:
        """Wait for what the printer says; empty when it has closed its side. Raises DeviceError when it is gone."""
        ...

    async def finish(self) -> None:
        """No more bytes follow: wait until the printer has them all, however long. Raises DeviceError."""
        ...

    def close(self) -> None:
        """Let go; safe at any time."""
        ...


class Clock(Protocol):
    """Time that only goes forward (agent.ports.Clock has it too)."""

    def mono_s(self) -> float:
        """Seconds."""
        ...


class Desk(Protocol):
    """Who knows what to append."""

    async def ask(self, question: Question) -> Document | str:
        """The document to append, or why there is none; never raises, and answers within TAP_HOLD_MS."""
        ...
