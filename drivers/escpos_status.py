"""What a printer says back: DLE EOT answers, automatic status (ASB), GS r answers and block data, told apart.

Pure. Used by drivers.escpos_session. Every kind has its own bit pattern (Epson DLE EOT, GS a, GS r, GS ( H):
a byte that does not fit what was asked is never read as its answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from agent.device_ports import PrinterStatus

_BLOCK_HEADERS: Final = (0x37, 0x5F)  # GS ( H and the like; GS I, whose letters would read as status
_BLOCK_MAX: Final = 64  # LIMIT: printer ids are shorter; a lost NUL must not swallow every later answer


Paper = Literal["ok", "near_end", "out"]


class ReplyKind(StrEnum):
    """Which conversation a reply belongs to."""

    REAL_TIME = "dle_eot"
    ASB = "asb"
    GS_R = "gs_r"
    BLOCK = "block"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the printer, whole."""

    kind: ReplyKind
    data: bytes


class ReplyReader:
    """Splits what comes back into replies; keeps an unfinished one until the rest arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes as they come and give the replies that are complete.

        >>> [reply.kind.value for reply in ReplyReader().feed(bytes([0x12, 0x10, 0, 0, 0, 0x00, 0xFF]))]
        ['dle_eot', 'asb', 'gs_r', 'noise']
        """
        self._buffer += data
        return list(self._take())

    def _take(self) -> Iterator[Reply]:
        buffer = self._buffer
        while buffer:
            first = buffer[0]
            if first & 0x93 == 0x12:
                size, kind = 1, ReplyKind.REAL_TIME
            elif first & 0x93 == 0x10:
                size, kind = self._asb()
            elif first in _BLOCK_HEADERS:
                end = buffer.find(0, 1)
                if end < 0 and len(buffer) <= _BLOCK_MAX:
                    return
                size, kind = (end + 1, ReplyKind.BLOCK) if end > 0 else (1, ReplyKind.NOISE)
            elif first & 0x90 == 0:
                size, kind = 1, ReplyKind.GS_R
            else:
                size, kind = 1, ReplyKind.NOISE
            if size == 0:
                return
            reply = Reply(kind, bytes(buffer[:size]))
            del buffer[:size]
            yield reply

    def _asb(self) -> tuple[int, ReplyKind]:
        """Four bytes, the last three with bits 4 and 7 clear; otherwise the first one was cut off from its rest."""
        for at in range(1, 4):
            if at >= len(self._buffer):
                return 0, ReplyKind.ASB
            if self._buffer[at] & 0x90:
                return 1, ReplyKind.NOISE
        return 4, ReplyKind.ASB


def is_real_time(byte: int) -> bool:
    """Tell whether a byte can be an answer to DLE EOT n: bits 0 and 7 clear, 1 and 4 set.

    >>> is_real_time(0x12), is_real_time(0x10), is_real_time(0x00), is_real_time(0x16)
    (True, False, False, True)
    """
    return byte & 0x93 == 0x12


def status_of(printer: int | None, offline: int | None = None, paper: int | None = None) -> PrinterStatus:
    """Read the answers to DLE EOT 1, 2 and 4 together; None where no fitting answer came.

    A printer that answered nothing is not verified, and nothing is claimed of it (pains 19).

    >>> status_of(0x12, 0x12, 0x12)
    PrinterStatus(verified=True, online=True, paper='ok', cover_open=False, fault=False)
    >>> status_of(0x1A, 0x36, 0x72).paper, status_of(None).verified
    ('out', False)
    """
    answers = (printer, offline, paper)
    if any(answer is not None and not is_real_time(answer) for answer in answers):
        raise ValueError("not an answer to DLE EOT")
    if all(answer is None for answer in answers):
        return PrinterStatus(verified=False)
    state: Paper | None = None
    if paper is not None:
        state = "out" if paper & 0x60 else "near_end" if paper & 0x0C else "ok"
    if offline is not None and offline & 0x20:  # printing stopped because the paper ended
        state = "out"
    return PrinterStatus(
        verified=True,
        online=None if printer is None else not printer & 0x08,
        paper=state,
        cover_open=None if offline is None else bool(offline & 0x04),
        fault=None if offline is None else bool(offline & 0x40),
    )


def status_of_asb(frame: bytes) -> PrinterStatus:
    """Read the four bytes of automatic status (GS a).

    >>> status_of_asb(bytes((0x10, 0, 3, 0))).paper, status_of_asb(bytes((0x38, 0, 0x0C, 0))).cover_open
    ('near_end', True)
    """
    printer, faults, paper, _ = frame
    return PrinterStatus(
        verified=True,
        online=not printer & 0x08,
        paper="out" if paper & 0x0C else "near_end" if paper & 0x03 else "ok",
        cover_open=bool(printer & 0x20),
        fault=bool(faults & 0x6C),
    )
