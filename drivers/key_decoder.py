"""What a keyboard-wedge scanner types: the kernel's key events in, the bytes it means out. Pure.

Called by drivers.keyboard; the bytes go to drivers.framing as those of a serial scanner do (Enter is CR). It must never
guess: a key that means nothing, or events the kernel dropped, put SPOILED into the code, and framing discards it whole.
"""

import struct
from enum import StrEnum
from typing import Final

from drivers.key_table import (
    ALT,
    CAPS_LOCK,
    CTRL,
    EV_KEY,
    EV_SYN,
    KEYPAD_DIGITS,
    KEYS,
    MUTE,
    SHIFT,
    SYN_DROPPED,
    SYN_REPORT,
)

EVENT: Final = struct.Struct("@llHHi")
"""struct input_event: seconds, microseconds, type, code, value; 24 bytes on a 64-bit machine."""
SPOILED: Final = b"\x00"
_DOWN: Final = 1  # 0 is up, 2 is autorepeat
_ALT_DIGITS: Final = 7  # LIMIT: the largest code point has seven decimal digits


class AltCodes(StrEnum):
    """What the number means that a scanner types on the keypad while it holds Alt."""

    GBK = "gbk"
    """One byte, or two of a Chinese character in GBK ("ALT mode", "GBK/GB2312 output")."""
    UNICODE = "unicode"
    """A Unicode code point."""


def code_bytes(number: int, meaning: AltCodes) -> bytes:
    """Give the bytes of a number typed with Alt; SPOILED when it is no character.

    >>> code_bytes(0xCED2, AltCodes.GBK).decode("gbk"), code_bytes(25105, AltCodes.UNICODE).decode()
    ('我', '我')
    >>> code_bytes(65, AltCodes.GBK), code_bytes(70000, AltCodes.GBK), code_bytes(0xD800, AltCodes.UNICODE)
    (b'A', b'\\x00', b'\\x00')
    """
    if number <= 0xFF and (meaning is AltCodes.GBK or number < 0x80):
        return bytes([number])
    if meaning is AltCodes.UNICODE:
        return chr(number).encode() if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else SPOILED
    return number.to_bytes(2, "big") if number <= 0xFFFF else SPOILED


class KeyDecoder:
    """Follow the keys of one device.

    After each `feed` the caller looks at `lost_track`: the kernel dropped events, and `resync` wants to know which keys
    are down now.
    """

    def __init__(self, alt_codes: AltCodes = AltCodes.GBK) -> None:
        self.lost_track = False
        self.drops = 0
        """How often the kernel dropped events because nobody took them in time."""
        self._alt_codes = alt_codes
        self._rest = b""
        self._reset(frozenset())

    def _reset(self, down: frozenset[int]) -> None:
        self._down = set(down)
        self._caps = False
        self._digits = ""
        self._skipping = False

    def restart(self, down: frozenset[int]) -> None:
        """Begin with a device just opened, on which these keys are held. Caps Lock counts as off."""
        self._rest = b""
        self.resync(down)

    def resync(self, down: frozenset[int]) -> None:
        """Go on after lost track: these keys are held now."""
        self._reset(down)
        self.lost_track = False

    def feed(self, data: bytes) -> bytes:
        """Take events in any chunking and give what they type.

        >>> def press(*codes):
        ...     return b"".join(EVENT.pack(0, 0, EV_KEY, code, value) for code in codes for value in (1, 0))
        >>> KeyDecoder().feed(press(3, 11, 28))
        b'20\\r'
        """
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        typed = bytearray()
        for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == EV_SYN:
                typed += self._on_sync(code)
            elif kind == EV_KEY and not self._skipping:
                typed += self._on_key(code, value)
        return bytes(typed)

    def _on_sync(self, code: int) -> bytes:
        """SYN_DROPPED: what follows up to the next SYN_REPORT belongs to what was lost (kernel, event-codes.rst)."""
        if code == SYN_DROPPED:
            self.drops += 1
            self._reset(frozenset())
            self._skipping = self.lost_track = True
            return SPOILED
        if code == SYN_REPORT:
            self._skipping = False
        return b""

    def _on_key(self, code: int, value: int) -> bytes:
        if value == _DOWN:
            self._down.add(code)
            return self._typed(code)
        if value == 0:
            self._down.discard(code)
            if code in ALT and not self._down & ALT:
                return self._end_alt()
        return b""

    def _typed(self, code: int) -> bytes:
        if code in MUTE:
            self._caps ^= code == CAPS_LOCK
            return b""
        if self._down & ALT:
            return self._alt_digit(code)
        pair = KEYS.get(code)
        if pair is None:
            return SPOILED
        plain, shifted = pair
        if self._down & CTRL:
            # "Control + X" output: Ctrl-] is the GS that separates the fields of a GS1 code, Ctrl-M is CR.
            upper = plain.upper() if plain.isalpha() or plain in "[]\\" else shifted
            return bytes([ord(upper) & 0x1F]) if "@" <= upper <= "_" else SPOILED
        raised = bool(self._down & SHIFT) ^ (self._caps and plain.isalpha())
        return (shifted if raised else plain).encode("ascii")

    def _alt_digit(self, code: int) -> bytes:
        digit = KEYPAD_DIGITS.get(code)
        if digit is None or len(self._digits) == _ALT_DIGITS:
            return SPOILED
        self._digits += str(digit)
        return b""

    def _end_alt(self) -> bytes:
        digits, self._digits = self._digits, ""
        return code_bytes(int(digits), self._alt_codes) if digits else b""
