"""Which character a scanner means by a key: the kernel's key codes under a US layout, ours alone.

Pure data, used by drivers.key_decoder. The layout and the input method of the desktop play no part, which is the point
(pains 27: "àà&" under a French layout). Numbers are those of linux/input-event-codes.h.
"""

from typing import Final

EV_SYN: Final = 0x00
EV_KEY: Final = 0x01
SYN_REPORT: Final = 0
SYN_DROPPED: Final = 3

LEFT_CTRL: Final = 29
RIGHT_CTRL: Final = 97
LEFT_SHIFT: Final = 42
RIGHT_SHIFT: Final = 54
LEFT_ALT: Final = 56
RIGHT_ALT: Final = 100
CAPS_LOCK: Final = 58
NUM_LOCK: Final = 69
ENTER: Final = 28

CTRL: Final = frozenset({LEFT_CTRL, RIGHT_CTRL})
SHIFT: Final = frozenset({LEFT_SHIFT, RIGHT_SHIFT})
ALT: Final = frozenset({LEFT_ALT, RIGHT_ALT})
MUTE: Final = CTRL | SHIFT | ALT | {CAPS_LOCK, NUM_LOCK, 70, 125, 126}
"""Keys that type nothing: modifiers, the locks (70 is Scroll Lock) and the two logo keys."""


def _row(first: int, plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    """Consecutive key codes of one row of a keyboard."""
    return {first + place: pair for place, pair in enumerate(zip(plain, shifted, strict=True))}


KEYS: Final[dict[int, tuple[str, str]]] = {
    **_row(2, "1234567890-=", "!@#$%^&*()_+"),
    15: ("\t", "\t"),
    **_row(16, "qwertyuiop[]", "QWERTYUIOP{}"),
    ENTER: ("\r", "\r"),
    **_row(30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    **_row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    55: ("*", "*"),
    57: (" ", " "),
    **_row(71, "789-456+1230.", "789-456+1230."),
    86: ("\\", "|"),
    96: ("\r", "\r"),
    98: ("/", "/"),
    101: ("\n", "\n"),
    117: ("=", "="),
    121: (",", ","),
}
"""Key code -> (character, character with Shift); on the keypad Shift changes nothing."""

KEYPAD_DIGITS: Final = {71: 7, 72: 8, 73: 9, 75: 4, 76: 5, 77: 6, 79: 1, 80: 2, 81: 3, 82: 0}
