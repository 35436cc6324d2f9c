"""Framing: the bytes of one serial scanner in, whole codes out. Pure; one `Framer` per device.

Called by drivers.qr_scanner, which hands in monotonic time. It must never deliver a truncated code, never let one bad
frame spoil the next, never sleep or read a clock, and never show a code (it may be a payment code) in repr or a log.
What the text means is the domain's matter; nothing is normalised here.
"""

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.limits import SCAN_DUPLICATES_KEPT, SCAN_FRAME_BYTES, SCAN_IDLE_GAP_MS, SCAN_STALL_MS

_STX: Final = b"\x02"
_TERMINATORS: Final = (b"\r", b"\n", b"\t", b"\x03")
_MARKS: Final = re.compile(rb"([\x02\x03\t\r\n])")
_AIM: Final = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
# One message, two AIM packets (Cino manual): EAN-13/UPC or EAN-8, then its 2-digit (]E1) or 5-digit (]E2) add-on.
_ADD_ON: Final = re.compile(r"(\d{8}|\d{13})\](?:E1 ?(\d{2})|E2 ?(\d{5}))", re.ASCII)
# GS (0x1D) is data: it separates the fields of a GS1 code. Every other control character means line noise.
_CONTROL: Final = re.compile(r"[\x00-\x1c\x1e\x1f\x7f-\x9f]")


class Ending(StrEnum):
    """How a scanner says that a code is complete. A terminator always ends a frame; this is about silence."""

    AUTO = "auto"
    """Silence ends a frame until the device is known to send terminators."""
    TERMINATOR = "terminator"
    """Only a terminator ends a frame; one that stalls is discarded."""
    SILENCE = "silence"
    """Silence ends a frame: the scanner sends no suffix."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One code as the scanner sent it, prefixes stripped. `symbology` is AIM (`Q1`); `add_on` a periodical's digits."""

    text: str = field(repr=False)
    symbology: str | None = None
    add_on: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class FrameCounts:
    """What became of the input since start, in frames."""

    frames: int = 0
    garbage: int = 0
    """Control bytes, undecodable text, a prefix without a code, or bytes cut off by STX."""
    overlong: int = 0
    stalled: int = 0
    """Begun, never terminated, discarded."""


class Framer:
    """Collect bytes until a code is complete.

    The caller feeds what it reads, asks `deadline()` after every feed, and calls `flush_idle` when that time has
    come. `feed` itself never splits on time: after a stall of the event loop the bytes of one code come late together.
    """

    def __init__(
        self,
        *,
        prefix: bytes = b"",
        ending: Ending = Ending.AUTO,
        idle_gap_ms: int = SCAN_IDLE_GAP_MS,
        stall_ms: int = SCAN_STALL_MS,
        max_bytes: int = SCAN_FRAME_BYTES,
    ) -> None:
        """`prefix` is a literal the scanner is set to send; a vendor's code letters cannot be told from payload."""
        self.counts = FrameCounts()
        self._prefix = prefix
        self._ending = ending
        self._idle_gap_s = idle_gap_ms / 1000
        self._stall_s = max(stall_ms, idle_gap_ms) / 1000
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._overlong = False  # while it is set, the buffer stays empty
        self._last_s = 0.0
        self._terminated = ending is Ending.TERMINATOR

    @property
    def terminated(self) -> bool:
        """Whether this device is known to end its codes with a terminator."""
        return self._terminated

    def feed(self, data: bytes, now_s: float) -> list[Frame]:
        """Take bytes in any chunking and give the codes they complete, oldest first; `now_s` is monotonic."""
        if not data:
            return []
        self._last_s = now_s
        frames: list[Frame] = []
        for piece in _MARKS.split(data):
            if piece == _STX:
                self._restart()
            elif piece in _TERMINATORS:
                self._terminated = self._ending is not Ending.SILENCE
                frames.extend(self._complete())
            elif piece:
                self._collect(piece)
        return frames

    def deadline(self) -> float | None:
        """Monotonic seconds at which `flush_idle` is due, None while nothing is pending."""
        if not self._buffer and not self._overlong:
            return None
        return self._last_s + (self._stall_s if self._terminated else self._idle_gap_s)

    def flush_idle(self, now_s: float) -> list[Frame]:
        """Settle what silence leaves behind: a code where silence is the end, else a stalled one is discarded.

        A device found out to have lost its suffix (a readable code stalled) is heard by silence again, so that
        re-programming a scanner costs one scan and not a restart.
        """
        deadline = self.deadline()
        if deadline is None or now_s < deadline:
            return []
        if self._overlong or not self._terminated:
            return self._complete()
        readable = _decode(self._buffer) is not None
        if readable:
            self.counts.stalled += 1
            self._terminated = self._ending is Ending.TERMINATOR
        else:
            self.counts.garbage += 1
        self._buffer.clear()
        return []

    def reset(self) -> None:
        """Forget what is pending and what was learned: behind the same path may now be another scanner."""
        self.counts.stalled += bool(self._buffer)
        self._buffer.clear()
        self._overlong = False
        self._terminated = self._ending is Ending.TERMINATOR

    def _collect(self, piece: bytes) -> None:
        if self._overlong:
            return
        self._buffer += piece
        if len(self._buffer) > self._max_bytes:
            # LIMIT: the rest up to the next end is thrown away with it, so that no tail looks like a code.
            self.counts.overlong += 1
            self._overlong = True
            self._buffer.clear()

    def _restart(self) -> None:
        """STX: what stands before it lost its end, unless it is a prefix sent ahead of STX."""
        if not self._buffer or self._strip(bytes(self._buffer))[1] == b"":
            return
        self.counts.garbage += 1
        self._buffer.clear()

    def _complete(self) -> list[Frame]:
        raw, self._overlong = bytes(self._buffer), False
        self._buffer.clear()
        if not raw:
            return []  # the LF of CRLF, or the end of an overlong frame
        symbology, payload = self._strip(raw)
        text = _decode(payload)
        if not text:
            self.counts.garbage += 1
            return []
        self.counts.frames += 1
        if symbology in ("E0", "E4") and (both := _ADD_ON.fullmatch(text)):
            return [Frame(both[1], symbology, both[2] or both[3])]
        return [Frame(text, symbology)]

    def _strip(self, raw: bytes) -> tuple[str | None, bytes]:
        """Take off the literal prefix and the AIM identifier, in whichever order the scanner sends them."""
        unprefixed = raw.removeprefix(self._prefix)
        aim = _AIM.match(unprefixed)
        if aim is None:
            return None, unprefixed
        payload = unprefixed[aim.end() :]
        if len(unprefixed) == len(raw):
            payload = payload.removeprefix(self._prefix)
        return aim[0][1:].decode("ascii"), payload


class DuplicateFilter:
    """Recognise a code that the same device reads again and again, and never mistake a different one for it.

    Every sighting restarts the window, so a code left lying under a presentation scanner counts once. It outlives a
    replug, after which scanners like to read again. Only digests are kept: a payment code does not stay in memory.
    """

    def __init__(self, window_ms: int, kept: int = SCAN_DUPLICATES_KEPT) -> None:
        self.duplicates = 0
        self._window_s = window_ms / 1000
        self._kept = kept
        self._seen_s: dict[bytes, float] = {}  # digest -> last sighting, oldest first

    def is_duplicate(self, frame: Frame, now_s: float) -> bool:
        """Whether this code was seen less than the window ago (monotonic seconds); counts it if so."""
        # The symbology is left out: the same payload is the same code.
        key = hashlib.blake2b(f"{frame.text}\0{frame.add_on}".encode(), digest_size=16).digest()
        before_s = self._seen_s.pop(key, None)
        self._seen_s[key] = now_s
        while len(self._seen_s) > self._kept:
            del self._seen_s[next(iter(self._seen_s))]
        if before_s is None or now_s - before_s >= self._window_s:
            return False
        self.duplicates += 1
        return True


def _decode(raw: bytes | bytearray) -> str | None:
    """Text of a frame, UTF-8 before GBK (how Chinese scanners are set); None for line noise."""
    for encoding in ("utf-8", "gbk"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text) else text
    return None
