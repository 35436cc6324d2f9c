"""HID-POS: where the code stands is the device's own word, and no word of a device may hurt. facts/devices.md d."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import Ending, Framer
from drivers.hid_descriptor import ReportLayout, scanner_reports
from drivers.hid_pos import ReportReader
from tests import hid_scanner

SIMPLE = bytes.fromhex("058c0902a101850209fe150026ff007508953f8102c0")  # 63 bytes of data and nothing else
KEYBOARD = bytes.fromhex("05010906a101050719e029e71500250175019508810295017508810195067508150025650507190029658100c0")
LAYOUT = ReportLayout(2, 64, 5, 56, count_at=1, symbology_at=(2, 3, 4), continued_bit=504)


def test_the_layout_of_the_manuals_is_read_from_the_descriptor() -> None:
    """Access-IS, Honeywell and Newland manuals: length, AIM, 56 bytes, symbology, reserved, more."""
    assert scanner_reports(hid_scanner.DESCRIPTOR) == {2: LAYOUT}


def test_a_keyboard_is_no_scanner() -> None:
    assert scanner_reports(KEYBOARD) == {}


def test_reports_without_numbers_have_no_id_byte() -> None:
    unnumbered = SIMPLE.replace(bytes.fromhex("8502"), b"")
    assert scanner_reports(unnumbered) == {0: ReportLayout(0, 63, 0, 63)}
    assert ReportReader(scanner_reports(unnumbered)).feed(b"\x02ABC".ljust(63, b"\0")) == b"\x02ABC\r"


def test_data_without_a_count_ends_at_the_padding() -> None:
    reader = ReportReader(scanner_reports(SIMPLE))
    assert reader.feed(b"\x026901234567892".ljust(64, b"\0")) == b"6901234567892\r"
    assert reader.feed(b"\x02".ljust(64, b"\0")) == b""


def test_push_pop_and_four_byte_usages_are_understood() -> None:
    descriptor = bytes.fromhex("058c a101 8502 7508 9501 a4 7501 9508 8103 b4 0bfe008c00 9538 8102 c0".replace(" ", ""))
    assert scanner_reports(descriptor) == {2: ReportLayout(2, 58, 2, 56)}


@given(st.text(st.characters(codec="ascii", min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200))
def test_a_code_of_any_length_comes_back_whole(text: str) -> None:
    text = "x" + text  # what begins with an AIM identifier would be one
    reader, framer = ReportReader({2: LAYOUT}), Framer(ending=Ending.TERMINATOR)
    data = b"".join(reader.feed(report) for report in hid_scanner.reports(text))
    assert [(frame.text, frame.symbology) for frame in framer.feed(data, 0.0)] == [(text, "Q1")]


def test_an_aim_identifier_that_comes_twice_is_taken_once() -> None:
    reader = ReportReader({2: LAYOUT})
    assert reader.feed(hid_scanner.reports("]E06901234567892", "]E0")[0]) == b"]E06901234567892\r"


@pytest.mark.parametrize(
    "report", [b"", b"\x02", b"\x05" * 64, b"\x02\xff]Q"], ids=["empty", "id", "stranger", "short"]
)
def test_a_report_that_is_none_is_survived(report: bytes) -> None:
    assert len(ReportReader({2: LAYOUT}).feed(report)) <= 60


@given(st.binary(max_size=300))
def test_any_descriptor_is_survived(descriptor: bytes) -> None:
    for layout in scanner_reports(descriptor).values():
        assert 0 < layout.size <= 4097
        ReportReader({layout.report_id: layout}).feed(bytes([layout.report_id]) + b"x" * 70)


@given(st.binary(max_size=60), st.integers(0, 90))
def test_a_descriptor_with_a_torn_middle_is_survived(patch: bytes, at: int) -> None:
    torn = hid_scanner.DESCRIPTOR[:at] + patch + hid_scanner.DESCRIPTOR[at + len(patch) :]
    for layout in scanner_reports(torn).values():
        reader = ReportReader({layout.report_id: layout})
        for report in hid_scanner.reports("6901234567892" * 6):
            reader.feed(report)


def test_ranges_of_usages_are_bounded() -> None:
    """A descriptor may claim 65,536 usages of a report of 4 GB."""
    greedy = bytes.fromhex("058c 850219002affff 7508 97ffffff7f 8102".replace(" ", ""))
    assert scanner_reports(greedy) == {}
