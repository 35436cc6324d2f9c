"""The rule table of ESC/POS: how long each command is, by its first bytes.

Pure data and arithmetic, used by drivers.escpos_tokens only. Sources: Epson's command reference, and manuals of Chinese
units for ESC B, ESC C, ESC Z and ESC 9. Must never guess: what is not in the table is unknown to the tokenizer.
"""

from collections.abc import Callable
from typing import Final

Length = Callable[[bytes, int], "int | None"]
"""Given the buffer and where a command starts: its whole length, or None when the bytes that tell are not there yet.
0 means that this is no command after all."""


def _table(prefix: int, rows: dict[str, int]) -> dict[bytes, int]:
    """Expand `{"arguments": characters}` rows: each character is a command of that many argument bytes."""
    return {bytes((prefix, ord(char))): count for chars, count in rows.items() for char in chars}


# Commands of fixed length: argument bytes after the two bytes of the command.
FIXED: Final[dict[bytes, int]] = {
    **_table(0x1B, {"@2<LSimqv\x0c": 0, " !%-39=?EGJKMNRTUVadertu{": 1, "$\\Bfc": 2, "pC": 3, "W": 8}),
    **_table(0x1D, {":<c\x05\x0c": 0, "!#/BEHITabfhjnrw|": 1, "$LPWA\\": 2, "^z": 3}),
    **_table(0x1C, {"&.": 0, "!-CWr": 1, "Sp": 2}),
}


def _arguments(count: int) -> Length:
    return lambda _buffer, _at: 2 + count


def _little(buffer: bytes, at: int, size: int) -> int | None:
    """Read a little-endian number; None when it is not all there."""
    return int.from_bytes(buffer[at : at + size], "little") if len(buffer) >= at + size else None


def _counted(offset: int, size: int, *, head: int, unit: int = 1) -> Length:
    """Length is `head` plus `unit` times the number of `size` bytes that stands at `offset`."""

    def length(buffer: bytes, at: int) -> int | None:
        count = _little(buffer, at + offset, size)
        return None if count is None else head + unit * count

    return length


def _product(first: int, second: int, *, size: int, head: int, unit: int = 1) -> Length:
    """Length is `head` plus the product of two numbers of `size` bytes at these offsets."""

    def length(buffer: bytes, at: int) -> int | None:
        x, y = _little(buffer, at + first, size), _little(buffer, at + second, size)
        return None if x is None or y is None else head + unit * x * y

    return length


def _until_nul(start: int, limit: int) -> Length:
    def length(buffer: bytes, at: int) -> int | None:
        end = buffer.find(0, at + start, at + start + limit)
        if end >= 0:
            return end + 1 - at
        return None if len(buffer) < at + start + limit else 0

    return length


def _tab_stops(buffer: bytes, at: int) -> int | None:
    """ESC D n1..nk NUL: at most 32 ascending stops; a stop that does not ascend ends the list and is plain data."""
    for index in range(33):
        here = at + 2 + index
        if here >= len(buffer):
            return None
        if buffer[here] == 0:
            return 3 + index
        if index == 32 or (index and buffer[here] <= buffer[here - 1]):
            return 2 + index
    return 0


def _bit_image(buffer: bytes, at: int) -> int | None:
    """ESC * m nL nH: n columns of one byte (m 0, 1) or three (m 32, 33); no other m has a known length."""
    if len(buffer) > at + 2 and buffer[at + 2] not in (0, 1, 32, 33):
        return 0
    count = _little(buffer, at + 3, 2)
    return None if count is None else 5 + count * (3 if buffer[at + 2] in (32, 33) else 1)


def _user_characters(buffer: bytes, at: int) -> int | None:
    """ESC & y c1 c2 [x d1..d(y*x)]...: each character names its own width."""
    if len(buffer) < at + 5:
        return None
    height, first, last = buffer[at + 2 : at + 5]
    end = at + 5
    for _ in range(first, last + 1):
        if end >= len(buffer):
            return None
        end += 1 + height * buffer[end]
    return end - at


def _cut(buffer: bytes, at: int) -> int | None:
    """GS V m, with a feed n only for m = 65, 66, 97, 98, 103, 104."""
    if len(buffer) < at + 3:
        return None
    return 4 if buffer[at + 2] in b"ABabgh" else 3


def _barcode(buffer: bytes, at: int) -> int | None:
    """GS k m: form A (m up to 10) ends with NUL, form B (m from 65) is counted."""
    if len(buffer) < at + 3:
        return None
    mode = buffer[at + 2]
    if mode >= 65:
        return _counted(3, 1, head=4)(buffer, at)
    return _until_nul(3, 256)(buffer, at) if mode <= 10 else 0


def _by_function(offset: int, lengths: dict[int, Length]) -> Length:
    """The byte at `offset` names the function; an unlisted one makes the command unknown."""

    def length(buffer: bytes, at: int) -> int | None:
        if len(buffer) <= at + offset:
            return None
        found = lengths.get(buffer[at + offset])
        return found(buffer, at) if found is not None else 0

    return length


def _nv_images(buffer: bytes, at: int) -> int | None:
    """FS q n [xL xH yL yH d1..d(x*y*8)] n times."""
    if len(buffer) < at + 3:
        return None
    end = at + 3
    for _ in range(buffer[at + 2]):
        x, y = _little(buffer, end, 2), _little(buffer, end + 2, 2)
        if x is None or y is None:
            return None
        end += 4 + x * y * 8
    return end - at


def _windows_bitmap(buffer: bytes, at: int) -> int | None:
    """GS D 0 fn 0 kc1 kc2 b c, then a whole BMP file, which tells its own size in bytes 2 to 5."""
    if len(buffer) >= at + 11 and buffer[at + 9 : at + 11] != b"BM":
        return 0
    size = _little(buffer, at + 11, 4)
    return None if size is None else 9 + max(size, 6)


def _counter_mode(buffer: bytes, at: int) -> int | None:
    """GS C 0 n m, GS C 1 aL aH bL bH n r, GS C 2 nL nH, and GS C ; five numbers as text, each ended by a semicolon."""
    if len(buffer) < at + 3:
        return None
    function = buffer[at + 2]
    if function != 0x3B:
        return {0: 5, 48: 5, 1: 9, 49: 9, 2: 5, 50: 5}.get(function, 0)
    end = at + 2
    for _ in range(5):
        end = buffer.find(b";", end + 1, at + 64)
        if end < 0:
            return None if len(buffer) < at + 64 else 0
    return end + 1 - at


_LONG = _counted(3, 2, head=5)  # ESC ( fn, GS ( fn, FS ( fn: pL pH

VARIABLE: Final[dict[bytes, Length]] = {
    b"\x1b(": _LONG,
    b"\x1b*": _bit_image,
    b"\x1b&": _user_characters,
    b"\x1bD": _tab_stops,
    b"\x1bZ": _counted(5, 2, head=7),  # Chinese units: ESC Z m n k dL dH, two-dimensional code
    b"\x1bc": _by_function(2, {byte: _arguments(2) for byte in b"01345"}),
    b"\x1d(": _LONG,
    b"\x1d8": _counted(3, 4, head=7),  # GS 8 L p1..p4
    b"\x1d*": _product(2, 3, size=1, head=4, unit=8),
    b"\x1dC": _counter_mode,
    b"\x1dD": _by_function(3, {67: _windows_bitmap, 83: _windows_bitmap}),
    b"\x1dQ": _by_function(2, {0x30: _product(4, 6, size=2, head=8)}),  # GS Q 0 m xL xH yL yH
    b"\x1dV": _cut,
    b"\x1dg": _by_function(2, {byte: _arguments(4) for byte in b"02\x00\x02"}),
    b"\x1dk": _barcode,
    b"\x1dv": _by_function(2, {0x30: _product(4, 6, size=2, head=8)}),  # GS v 0 m xL xH yL yH
    b"\x1c(": _LONG,
    b"\x1c2": _arguments(2 + 72),  # FS 2 c1 c2: one 24 x 24 character
    b"\x1c?": _arguments(2),
    b"\x1cg": _by_function(2, {0x31: _counted(8, 2, head=10), 0x32: _arguments(8)}),
    b"\x1cq": _nv_images,
    b"\x10\x04": _by_function(2, {**{n: _arguments(1) for n in range(1, 6)}, **{n: _arguments(2) for n in (7, 8, 18)}}),
    b"\x10\x05": _arguments(1),
    b"\x10\x14": _by_function(
        2, {1: _arguments(3), 2: _arguments(3), 3: _arguments(6), 7: _arguments(2), 8: _arguments(8)}
    ),
}


def command_length(buffer: bytes, at: int) -> int | None:
    """Give the whole length of the command at `at`, None when more bytes are needed to tell, 0 when it is unknown.

    The length may reach beyond the buffer: then the command is not complete yet.

    >>> command_length(b"\\x1dV\\x42\\x00", 0), command_length(b"\\x1dv0\\x00\\x02\\x00\\x03\\x00", 0)
    (4, 14)
    """
    opening = bytes(buffer[at : at + 2])
    if len(opening) < 2:
        return None
    arguments = FIXED.get(opening)
    variable = VARIABLE.get(opening)
    if variable is not None:
        return variable(buffer, at)
    return 2 + arguments if arguments is not None else 0
