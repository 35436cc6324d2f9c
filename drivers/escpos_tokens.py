"""A stream of ESC/POS bytes cut into whole commands and runs of text; knows where raster data ends.

Pure. Used by drivers.paper, drivers.simulated and the tap. The tokens of a stream joined again are the stream, for any
bytes at all; an unknown command is a token of its own kind and never an exception.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from drivers.escpos_commands import command_length

_LEADERS: Final = frozenset(b"\x1b\x1d\x1c\x10")
_TEXT: Final = re.compile(rb"[\x20-\xff]+")
_CHINESE: Final = re.compile(rb"(?:[\x81-\xfe][\x40-\x7e\x80-\xfe])+")
_ASCII: Final = re.compile(rb"[\x20-\x80\xff]+")
_PAIRED: Final = re.compile(rb"[\x81-\xfe](?![\x40-\x7e\x80-\xfe])")


class TokenKind(StrEnum):
    """What a token is."""

    TEXT = "text"
    """ANK characters, or bytes of a code page when Chinese mode is off."""
    CHINESE = "chinese"
    """Whole GBK double-byte pairs."""
    CONTROL = "control"
    """One byte: LF, CR, HT, FF, CAN or another control character."""
    COMMAND = "command"
    UNKNOWN = "unknown"
    """A command that is not in the table; its true length is unknown, so a careful reader stops trusting the rest."""
    INCOMPLETE = "incomplete"
    """What is left when the stream ends inside a command."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the stream. `name` is the first two bytes of a command (`ESC @` is b"\\x1b@"), else empty."""

    kind: TokenKind
    data: bytes
    name: bytes = b""

    @property
    def arguments(self) -> bytes:
        """What follows the two bytes that name a command."""
        return self.data[2:]


class Tokenizer:
    """Takes a stream piece by piece. `chinese` is the mode the printer powers up in, and returns to at ESC @."""

    def __init__(self, *, chinese: bool = True) -> None:
        self._power_up = chinese
        self._chinese = chinese
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Token]:
        """Give the tokens that are complete; text is given as far as it came, half a Chinese pair is kept back."""
        self._buffer += data
        return list(self._take(final=False))

    def finish(self) -> list[Token]:
        """Give what is left: the stream has ended."""
        rest = list(self._take(final=True))
        if self._buffer:
            rest.append(Token(TokenKind.INCOMPLETE, bytes(self._buffer), bytes(self._buffer[:2])))
            self._buffer.clear()
        return rest

    @property
    def pending(self) -> int:
        """Bytes held back because their command is not complete."""
        return len(self._buffer)

    def _take(self, *, final: bool) -> Iterator[Token]:
        buffer, at = bytes(self._buffer), 0
        while at < len(buffer):
            first = buffer[at]
            if first in _LEADERS:
                token = self._command(buffer, at)
            elif first < 0x20:
                token = Token(TokenKind.CONTROL, buffer[at : at + 1])
            else:
                token = self._text(buffer, at, final=final)
            if token is None:
                break
            at += len(token.data)
            yield token
        del self._buffer[:at]

    def _command(self, buffer: bytes, at: int) -> Token | None:
        length = command_length(buffer, at)
        if length is None or at + length > len(buffer):
            return None
        name = buffer[at : at + 2]
        if length == 0:
            # The byte after an unknown leader belongs to it, unless it starts a command of its own.
            size = 1 if name[1] in _LEADERS else 2
            return Token(TokenKind.UNKNOWN, buffer[at : at + size], name[:size])
        if name == b"\x1b@":
            self._chinese = self._power_up
        elif name in (b"\x1c&", b"\x1c."):
            self._chinese = name == b"\x1c&"
        return Token(TokenKind.COMMAND, buffer[at : at + length], name)

    def _text(self, buffer: bytes, at: int, *, final: bool) -> Token | None:
        if not self._chinese:
            found = _TEXT.match(buffer, at)
            assert found is not None
            return Token(TokenKind.TEXT, found[0])
        if found := _CHINESE.match(buffer, at):
            return Token(TokenKind.CHINESE, found[0])
        if found := _ASCII.match(buffer, at):
            return Token(TokenKind.TEXT, found[0])
        found = _PAIRED.match(buffer, at)
        assert found is not None
        if at + 1 == len(buffer) and not final:
            return None
        return Token(TokenKind.TEXT, found[0])  # a lead byte without its trail: broken text, never swallows a command


def tokenize(data: bytes, *, chinese: bool = True) -> list[Token]:
    """Cut a whole stream.

    >>> [token.kind.value for token in tokenize("\\x1b@水 1\\n\\x1dV".encode("gbk"))]
    ['command', 'chinese', 'text', 'control', 'incomplete']
    """
    tokenizer = Tokenizer(chinese=chinese)
    return tokenizer.feed(data) + tokenizer.finish()
