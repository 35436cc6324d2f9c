"""A print stream cut into pieces as it comes: whole commands, runs of text, and the data of long commands in parts.

Pure. The tap's twin of drivers.escpos_tokens over the same rule table: its memory is bounded whatever the stream says,
and any chunking gives the same pieces but for where text and data are divided. What it does not understand it says,
and from there it reads nothing more: a byte that is only taken for a cut must never be one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent import limits
from drivers.escpos_commands import command_length

_LEADERS: Final = frozenset(b"\x1b\x1d\x1c\x10")
_TEXT: Final = re.compile(rb"[\x20-\xff]+")
_KNOWN_CONTROLS: Final = frozenset(b"\x00\x07\x09\x0a\x0c\x0d\x18")  # NUL, BEL, HT, LF, FF, CR, CAN
_WHOLE_BYTES: Final = 64  # a longer command is handed on in parts, once so many of its first bytes are there


class PieceKind(StrEnum):
    """What a piece is."""

    TEXT = "text"
    CONTROL = "control"
    COMMAND = "command"
    """A command; of a long one the first part, with at least 64 bytes."""
    DATA = "data"
    """More of the long command before it."""
    UNKNOWN = "unknown"
    """Something that no table knows; it is the last piece of its stream."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the stream. `name` is the first two bytes of a command, or what is not known."""

    kind: PieceKind
    data: bytes
    name: bytes = b""


class PieceReader:
    """Takes a stream chunk by chunk.

    `extra` gives the argument bytes of commands that no manual has but this shop's POS sends, by their two bytes.
    After an UNKNOWN piece the stream has no more pieces: `feed` gives nothing, and `lost` is true.
    """

    def __init__(self, extra: Mapping[bytes, int] | None = None) -> None:
        self._extra = dict(extra or {})
        self._buffer = bytearray()
        self._data_left = 0
        self.lost = False

    @property
    def inside_command(self) -> bool:
        """Whether the stream stopped within a command: what is sent now would be taken for its data."""
        return bool(self._data_left or self._buffer)

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Give the pieces that these bytes complete; text and long data as far as they came."""
        if self.lost:
            return
        self._buffer += data
        buffer, at = bytes(self._buffer), 0
        try:
            while at < len(buffer):
                piece = self._next(buffer, at)
                if piece is None:
                    break
                at += len(piece.data)
                self.lost = piece.kind is PieceKind.UNKNOWN
                yield piece
                if self.lost:
                    at = len(buffer)
        finally:
            del self._buffer[:at]

    def _next(self, buffer: bytes, at: int) -> Piece | None:
        if self._data_left:
            part = buffer[at : at + self._data_left]
            self._data_left -= len(part)
            return Piece(PieceKind.DATA, part)
        first = buffer[at]
        if first in _LEADERS:
            return self._command(buffer, at)
        if first < 0x20:
            kind = PieceKind.CONTROL if first in _KNOWN_CONTROLS else PieceKind.UNKNOWN
            return Piece(kind, buffer[at : at + 1], buffer[at : at + 1])
        found = _TEXT.match(buffer, at)
        assert found is not None
        return Piece(PieceKind.TEXT, found[0])

    def _command(self, buffer: bytes, at: int) -> Piece | None:
        name = buffer[at : at + 2]
        extra = self._extra.get(name)
        have = len(buffer) - at
        length = command_length(buffer[at : at + _WHOLE_BYTES], 0) if extra is None else 2 + extra
        if length is None and have > _WHOLE_BYTES:
            # LIMIT: definitions of characters and images are walked from their beginning, but no further than this.
            length = command_length(buffer[at : at + limits.TAP_HEAD_BYTES], 0)
        if length is None:
            return Piece(PieceKind.UNKNOWN, name, name) if have >= limits.TAP_HEAD_BYTES else None
        if length == 0:
            return Piece(PieceKind.UNKNOWN, name, name)
        if have < min(length, _WHOLE_BYTES):
            return None
        part = buffer[at : at + length]
        self._data_left = length - len(part)
        return Piece(PieceKind.COMMAND, part, name)
