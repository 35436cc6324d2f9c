"""Finding the speed of a serial line by listening, against a model of what a UART makes of a wrong one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.framing import Framer
from drivers.serial_line import Line, decode
from drivers.speed import SPEEDS, Setting, SpeedFinder, judge
from tests.uart_line import received

CODES = st.one_of(
    st.from_regex(r"[0-9]{13}", fullmatch=True),
    st.from_regex(r"1[0-5][0-9]{16}", fullmatch=True),
    st.from_regex(r"\]Q1https://u\.example\.com/[a-z0-9]{8,30}", fullmatch=True),
    st.from_regex(r"MC1\.[A-Za-z0-9_-]{12,40}", fullmatch=True),
)
ENDS = st.sampled_from([b"\r", b"\n", b"\r\n", b"\t"])


@pytest.mark.parametrize("line", list(Line))
@settings(max_examples=30)
@given(CODES, ENDS)
def test_the_right_speed_reads_clean(line: Line, code: str, end: bytes) -> None:
    heard = received(code.encode() + end, 9600, 9600, line)
    found = judge(heard)
    assert found is not None
    assert decode(heard, found) == code.encode() + end


@given(CODES, ENDS, st.sampled_from(SPEEDS), st.sampled_from(SPEEDS), st.sampled_from(list(Line)))
def test_a_wrong_speed_never_reads_clean(code: str, end: bytes, sent_at: int, heard_at: int, line: Line) -> None:
    heard = received(code.encode() + end, sent_at, heard_at, line)
    assert (judge(heard) is None) == (sent_at != heard_at)


@pytest.mark.parametrize("line", list(Line))
@pytest.mark.parametrize("baud", SPEEDS)
def test_each_setting_is_found_within_as_many_scans_as_there_are_speeds(baud: int, line: Line) -> None:
    finder, code = SpeedFinder(), b"6901234567892\r"
    scans = 1
    while scans <= len(SPEEDS) and not finder.burst(received(code, baud, finder.setting.baud, line)):
        scans += 1
    assert (finder.setting, finder.settled) == (Setting(baud, line), True)
    assert scans == SPEEDS.index(baud) + 1


def test_a_speed_that_was_right_is_doubted_after_two_unreadable_codes_in_a_row() -> None:
    finder = SpeedFinder()
    assert finder.burst(b"6901234567892\r")
    assert [finder.frames(0, 1), finder.frames(1, 0), finder.frames(0, 1)] == [False] * 3
    assert finder.frames(0, 1)
    assert not finder.settled
    assert finder.setting.baud == SPEEDS[0]
    assert finder.burst(b"6901234567892\r"), "the one that was right is asked first"


def test_a_scanner_without_suffix_is_found_at_eight_bits() -> None:
    assert judge(b"6901234567892") is Line.N8
    assert judge(b"69") is None


@given(CODES, st.sampled_from([Line.E7, Line.O7]), st.integers(0, 7), st.data())
def test_a_flipped_bit_of_a_seven_bit_line_never_makes_another_code(
    code: str, line: Line, bit: int, data: st.DataObject
) -> None:
    heard = bytearray(received(code.encode() + b"\r", 9600, 9600, line))
    heard[data.draw(st.integers(0, len(code) - 1))] ^= 1 << bit
    assert Framer().feed(decode(bytes(heard), line), 0.0) == []


@given(st.binary(max_size=200))
def test_noise_is_judged_without_trouble(noise: bytes) -> None:
    SpeedFinder().burst(noise)
