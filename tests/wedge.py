"""A scanner's firmware as far as its keyboard goes: text in, what it does to its keys out. For suites that need one.

Made apart from drivers.key_table: the keys are looked up in python-evdev's names, so neither table proves itself.
"""

import struct
from collections.abc import Iterable
from functools import cache

from evdev import ecodes

_NAMES = {
    **{
        char: (f"KEY_{char.upper()}", char.isupper()) for char in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    },
    **{char: (f"KEY_{char}", False) for char in "0123456789"},
    **{char: (f"KEY_{'1234567890'[place]}", True) for place, char in enumerate("!@#$%^&*()")},
}
for _plain, _shifted, _name in (
    ("-", "_", "MINUS"), ("=", "+", "EQUAL"), ("[", "{", "LEFTBRACE"), ("]", "}", "RIGHTBRACE"),
    (";", ":", "SEMICOLON"), ("'", '"', "APOSTROPHE"), ("`", "~", "GRAVE"), ("\\", "|", "BACKSLASH"),
    (",", "<", "COMMA"), (".", ">", "DOT"), ("/", "?", "SLASH"),
):  # fmt: skip
    _NAMES[_plain], _NAMES[_shifted] = (f"KEY_{_name}", False), (f"KEY_{_name}", True)
_NAMES |= {" ": ("KEY_SPACE", False), "\r": ("KEY_ENTER", False), "\t": ("KEY_TAB", False)}

Stroke = tuple[int, int]
"""(key code, 1 down or 0 up)."""


def code_of(name: str) -> int:
    """Key code by its name in linux/input-event-codes.h."""
    return int(ecodes.ecodes[name])


def strokes(text: str) -> list[Stroke]:
    """Type ASCII text, Shift pressed and released around each character that needs it."""
    done: list[Stroke] = []
    shift = code_of("KEY_LEFTSHIFT")
    for char in text:
        name, shifted = _NAMES[char]
        key = code_of(name)
        done += [(shift, 1)] * shifted + [(key, 1), (key, 0)] + [(shift, 0)] * shifted
    return done


def alt_strokes(numbers: Iterable[int]) -> list[Stroke]:
    """Type characters by number: Alt held, digits on the keypad."""
    done: list[Stroke] = []
    alt = code_of("KEY_LEFTALT")
    for number in numbers:
        done.append((alt, 1))
        for digit in str(number):
            key = code_of(f"KEY_KP{digit}")
            done += [(key, 1), (key, 0)]
        done.append((alt, 0))
    return done


def event(kind: int, code: int, value: int) -> bytes:
    """One struct input_event."""
    return struct.pack("@llHHi", 0, 0, kind, code, value)


REPORT = event(0, 0, 0)
DROPPED = event(0, 3, 0)


def events(done: Iterable[Stroke]) -> bytes:
    """What the kernel hands to a reader for these strokes: scan code, key, report."""
    return b"".join(event(4, 4, 0x70000 + code) + event(1, code, value) + REPORT for code, value in done)


def boot_reports(done: Iterable[Stroke]) -> list[bytes]:
    """The same strokes as USB boot keyboard reports, for a gadget: modifiers, nothing, six keys."""
    held: list[int] = []
    reports = []
    for code, value in done:
        usage = _usages()[code]
        if value:
            held.append(usage)
        else:
            held.remove(usage)
        modifiers = sum(1 << usage - 0xE0 for usage in held if usage >= 0xE0)
        keys = [usage for usage in held if usage < 0xE0]
        reports.append(bytes([modifiers, 0, *keys, *[0] * (6 - len(keys))]))
    return reports


@cache
def _usages() -> dict[int, int]:
    """Key code -> usage of HID's keyboard page, for the keys used here (HID usage tables, page 7)."""
    rows: list[tuple[int, str]] = [
        *((0x04 + place, f"KEY_{char}") for place, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
        *((0x1E + place, f"KEY_{char}") for place, char in enumerate("1234567890")),
        (0x28, "KEY_ENTER"), (0x2B, "KEY_TAB"), (0x2C, "KEY_SPACE"), (0x2D, "KEY_MINUS"), (0x2E, "KEY_EQUAL"),
        (0x2F, "KEY_LEFTBRACE"), (0x30, "KEY_RIGHTBRACE"), (0x31, "KEY_BACKSLASH"), (0x33, "KEY_SEMICOLON"),
        (0x34, "KEY_APOSTROPHE"), (0x35, "KEY_GRAVE"), (0x36, "KEY_COMMA"), (0x37, "KEY_DOT"), (0x38, "KEY_SLASH"),
        *((0x59 + place, f"KEY_KP{digit}") for place, digit in enumerate("1234567890")),
        (0xE0, "KEY_LEFTCTRL"), (0xE1, "KEY_LEFTSHIFT"), (0xE2, "KEY_LEFTALT"),
    ]  # fmt: skip
    return {code_of(name): usage for usage, name in rows}
