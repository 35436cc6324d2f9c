"""Keyboard-wedge decoding: what the kernel says a scanner did to its keys becomes what it meant. Pains 27 and 29."""

from io import BytesIO
from itertools import cycle

import pytest
from evdev import ecodes
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import Ending, Framer
from drivers.key_decoder import EVENT, SPOILED, AltCodes, KeyDecoder
from drivers.key_table import CAPS_LOCK, KEYS, LEFT_SHIFT, NUM_LOCK
from tests.wedge import DROPPED, REPORT, alt_strokes, code_of, event, events, strokes

TYPED = "".join(chr(code) for code in range(0x20, 0x7F)) + "\r\t"
texts = st.text(st.sampled_from(TYPED), min_size=1, max_size=60)


def test_an_event_is_24_bytes_here() -> None:
    """facts/devices.md d: 'llHHi'."""
    assert EVENT.size == 24


def test_every_character_of_ascii_can_be_typed() -> None:
    assert KeyDecoder().feed(events(strokes(TYPED))) == TYPED.encode()


def test_the_table_agrees_with_the_kernels_names() -> None:
    keypad = {"KPASTERISK": "*", "KPMINUS": "-", "KPPLUS": "+", "KPDOT": ".", "KPSLASH": "/", "KPENTER": "\r"}
    keypad |= {f"KP{digit}": str(digit) for digit in range(10)} | {"KPEQUAL": "=", "KPCOMMA": ",", "102ND": "\\"}
    for name, char in keypad.items():
        assert KEYS[code_of(f"KEY_{name}")][0] == char, name
    assert all(code in ecodes.KEY for code in KEYS)


@given(
    texts, st.lists(st.integers(0, 7), min_size=1, max_size=9), st.lists(st.integers(1, 200), min_size=1, max_size=9)
)
def test_chunks_repeats_and_strangers_change_nothing(text: str, noises: list[int], sizes: list[int]) -> None:
    """Reads end anywhere; a held key repeats (value 2); other event types and lone releases are noise."""
    noise = [event(1, 88, 2), event(17, 0, 1), REPORT, event(1, 88, 0)]
    stream = b"".join(
        events([stroke]) + b"".join(noise[kind : kind + 1])
        for stroke, kind in zip(strokes(text), cycle(noises), strict=False)
    )
    decoder, typed, reading = KeyDecoder(), b"", BytesIO(stream)
    for size in cycle(sizes):
        chunk = reading.read(size)
        if not chunk:
            break
        typed += decoder.feed(chunk)
    assert typed == text.encode()


@given(texts)
def test_shift_held_over_many_keys_is_the_same(text: str) -> None:
    """Some scanners hold Shift over a run of capitals and let go late."""
    plain: list[tuple[int, int]] = []
    for stroke in strokes(text):
        if plain and stroke == (LEFT_SHIFT, 1) and plain[-1] == (LEFT_SHIFT, 0):
            plain.pop()
        else:
            plain.append(stroke)
    assert KeyDecoder().feed(events(plain)) == text.encode()


def test_keys_that_overlap_are_in_the_order_of_going_down() -> None:
    """Fast scanners press the next key before they release the last."""
    a, b = code_of("KEY_A"), code_of("KEY_B")
    assert KeyDecoder().feed(events([(a, 1), (b, 1), (a, 0), (b, 0)])) == b"ab"


def test_caps_lock_raises_letters_only_and_shift_lowers_them() -> None:
    caps = [(CAPS_LOCK, 1), (CAPS_LOCK, 0)]
    decoder = KeyDecoder()
    assert decoder.feed(events(caps + strokes("ab1-AB"))) == b"AB1-ab"
    assert decoder.feed(events(caps + strokes("ab"))) == b"ab"


@pytest.mark.parametrize("char", ["水", "￥", "我", "A", "\r", "é"])
def test_alt_with_a_gbk_number_is_that_character(char: str) -> None:
    """Honeywell and Newland "ALT mode": one number for a Chinese character, or one for each byte of it."""
    raw = char.encode("gbk")
    for numbers in ([int.from_bytes(raw, "big")], list(raw)):
        assert KeyDecoder().feed(events(alt_strokes(numbers))) == raw


@given(st.characters(codec="utf-8", exclude_characters="\0"))
def test_alt_with_a_code_point_is_that_character(char: str) -> None:
    decoder = KeyDecoder(AltCodes.UNICODE)
    assert decoder.feed(events(alt_strokes([ord(char)]))) == char.encode()


def test_a_leading_zero_and_num_lock_around_it_change_nothing() -> None:
    """As typed for Windows: Alt+0206 Alt+0210, with NumLock switched on first."""
    lock = [(NUM_LOCK, 1), (NUM_LOCK, 0)]
    alt, zero = code_of("KEY_LEFTALT"), code_of("KEY_KP0")
    leading = [(alt, 1), (zero, 1), (zero, 0), *alt_strokes([206])[1:]]
    assert KeyDecoder().feed(events(lock + leading + alt_strokes([210]) + lock)).decode("gbk") == "我"


@pytest.mark.parametrize("digits", [99999, 123456789])
def test_a_number_that_is_no_character_spoils_the_code(digits: int) -> None:
    assert SPOILED in KeyDecoder().feed(events(alt_strokes([digits])))


def test_control_keys_are_the_control_characters_of_a_gs1_code() -> None:
    ctrl = code_of("KEY_LEFTCTRL")
    typed = KeyDecoder().feed(events([(ctrl, 1), *strokes("]mM"), (ctrl, 0)]))
    assert typed == b"\x1d\r\r"


@pytest.mark.parametrize("name", ["KEY_F8", "KEY_BACKSPACE", "KEY_DOWN", "KEY_VOLUMEUP"])
def test_a_key_without_meaning_spoils_its_code_and_only_that(name: str) -> None:
    key = code_of(name)
    framer = Framer(ending=Ending.TERMINATOR)
    stream = events([*strokes("690"), (key, 1), (key, 0), *strokes("123\r456\r")])
    assert [frame.text for frame in framer.feed(KeyDecoder().feed(stream), 0.0)] == ["456"]
    assert framer.counts.garbage == 1


# --- SYN_DROPPED ----------------------------------------------------------------------------------------------------
@given(st.text(st.sampled_from("0123456789ABCabc]:/."), min_size=1, max_size=20), st.data())
def test_a_drop_anywhere_never_lets_a_wrong_code_through(code: str, data: st.DataObject) -> None:
    """facts/devices.md d: 64 events are all the kernel keeps; what is missing must never look like a shorter code."""
    done = strokes(code + "\r")
    lost_from = data.draw(st.integers(0, len(done) - 1))
    lost_to = data.draw(st.integers(lost_from + 1, len(done)))
    decoder, framer = KeyDecoder(), Framer(ending=Ending.TERMINATOR)
    typed = decoder.feed(events(done[:lost_from]) + DROPPED + event(1, 30, 1) + REPORT)
    assert decoder.lost_track
    held: set[int] = set()
    for key, down in done[:lost_to]:
        (held.add if down else held.discard)(key)
    decoder.resync(frozenset(held))
    typed += decoder.feed(events(done[lost_to:]))
    assert [frame.text for frame in framer.feed(typed, 0.0)] in ([], [code] if lost_from >= len(done) - 1 else [])
    framer.flush_idle(9.0)
    after = framer.feed(decoder.feed(events([*((key, 0) for key in held), *strokes("Ab9\r")])), 10.0)
    assert [frame.text for frame in after] == ["Ab9"]
    assert decoder.drops == 1


def test_resync_knows_which_modifiers_are_held() -> None:
    decoder = KeyDecoder()
    decoder.feed(DROPPED + event(1, code_of("KEY_Q"), 1))
    decoder.resync(frozenset({LEFT_SHIFT}))
    assert not decoder.lost_track
    assert decoder.feed(events(strokes("a")) + events([(LEFT_SHIFT, 0), *strokes("a")])) == b"Aa"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 0x2FF), st.integers(-1, 3)), max_size=200), st.binary())
def test_anything_at_all_is_survived(wild: list[tuple[int, int, int]], tail: bytes) -> None:
    decoder = KeyDecoder()
    typed = decoder.feed(b"".join(event(*one) for one in wild) + tail)
    assert len(typed) <= len(wild) + len(tail)
