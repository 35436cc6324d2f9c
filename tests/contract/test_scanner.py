"""What the Scanner port promises, kept by SerialScanner on a real pty. Guards pains 29 (glued, split, doubled)."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import DeviceError
from agent.limits import SCAN_QUEUE
from agent.system import SystemClock
from drivers.framing import Ending
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings
from drivers.serial_line import Line
from drivers.speed import SPEEDS, Setting
from tests.serial_cable import Cable, within_patience
from tests.uart_line import received

EAN = "6901234567892"


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path)
    yield cable
    cable.close()


def scanner_on(path: Path, **settings: Any) -> SerialScanner:
    return SerialScanner("scanner", str(path), clock=SystemClock(), settings=ScanSettings(**settings))


def test_split_and_glued_scans_arrive_whole_and_in_order(cable: Cable) -> None:
    """pains 29: two fast scans in one read, one scan in two reads."""

    async def work() -> None:
        scanner = scanner_on(cable.path)
        await scanner.open()
        cable.send(b"]Q1A1\r\n]E0" + EAN.encode())
        first = await scanner.read()
        cable.send(b"\r\n")
        second = await scanner.read()
        scanner.close()
        assert (first.text, first.symbology, first.device) == ("A1", "Q1", "scanner")
        assert (second.text, second.symbology) == (EAN, "E0")
        assert second.at_mono_s >= first.at_mono_s > 0
        assert scanner.counters()["garbage"] == 0

    within_patience(work)


@pytest.mark.parametrize("ending", [Ending.AUTO, Ending.SILENCE])
def test_a_scanner_without_suffix_is_heard_by_silence(cable: Cable, ending: Ending) -> None:
    async def work() -> None:
        scanner = scanner_on(cable.path, ending=ending)
        await scanner.open()
        for code in ("A1", "B2"):
            cable.send(code.encode())
            assert (await scanner.read()).text == code
        scanner.close()

    within_patience(work)


def test_rereads_are_counted_and_another_code_is_not_held_up(cable: Cable) -> None:
    async def work() -> None:
        scanner = scanner_on(cable.path)
        await scanner.open()
        cable.send(b"A1\r\nA1\r\nA1\r\nB2\r\n\x00\r\n" + b"7" * 600 + b"\r\nC3\r\n")
        assert [(await scanner.read()).text for _ in range(3)] == ["A1", "B2", "C3"]
        scanner.close()
        counters = scanner.counters()
        assert {name: counters[name] for name in ("frames", "duplicates", "garbage", "overlong")} == {
            "frames": 5,
            "duplicates": 2,
            "garbage": 1,
            "overlong": 1,
        }

    within_patience(work)


def test_a_flow_that_is_stuck_finds_the_newest_scans_and_a_count_of_the_rest(cable: Cable) -> None:
    async def work() -> None:
        scanner = scanner_on(cable.path)
        await scanner.open()
        sent = SCAN_QUEUE + 10
        for number in range(sent):
            cable.send(b"%d\r" % number)
            while scanner.counters()["frames"] <= number:  # noqa: ASYNC110 - the counter is what this test is about
                await asyncio.sleep(0)
        kept = [(await scanner.read()).text for _ in range(SCAN_QUEUE)]
        scanner.close()
        assert kept == [str(number) for number in range(10, sent)]
        assert scanner.counters()["overflow"] == 10

    within_patience(work)


def test_an_add_on_does_not_spoil_the_main_code(cable: Cable) -> None:
    async def work() -> None:
        scanner = scanner_on(cable.path)
        await scanner.open()
        cable.send(b"]E0" + EAN.encode() + b"]E112\r")
        assert (await scanner.read()).text == EAN
        scanner.close()
        assert scanner.counters()["add_ons"] == 1

    within_patience(work)


# --- speed found by listening -----------------------------------------------------------------------------------------
async def quiet(scanner: SerialScanner, baud: int) -> None:
    """Wait until the scanner listens at this speed."""
    async with asyncio.timeout(5):
        while scanner.counters()["baud"] != baud:  # noqa: ASYNC110 - the counter is what these tests are about
            await asyncio.sleep(0.01)


def test_noise_moves_on_to_the_next_speed_and_the_first_clean_code_is_delivered(cable: Cable) -> None:
    """A pty has no speed of its own, so the hand on the other side sends what a UART would make of each."""

    async def work() -> None:
        scanner = SerialScanner("scanner", str(cable.path), clock=SystemClock(), setting=None)
        await scanner.open()
        for tried, next_one in pairwise(SPEEDS[:4]):
            assert scanner.setting.baud == tried
            cable.send(received(EAN.encode() + b"\r", 19200, tried, Line.E7))
            await quiet(scanner, next_one)
        assert scanner.setting.baud == 19200
        cable.send(received(EAN.encode() + b"\r", 19200, 19200, Line.E7))
        assert (await scanner.read()).text == EAN
        assert scanner.setting == Setting(19200, Line.E7)
        cable.send(received(b"CP.ab-12\r", 19200, 19200, Line.E7))
        assert (await scanner.read()).text == "CP.ab-12"
        assert scanner.counters()["settled"] == 1
        scanner.close()
        await scanner.open()
        assert scanner.setting == Setting(19200, Line.E7), "the same scanner comes back after an unplug"
        for _ in range(2):
            cable.send(b"\x00\xe0\x1c\x8d")  # a CR of this line
        async with asyncio.timeout(5):
            while scanner.counters()["settled"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        scanner.close()

    within_patience(work)


def test_a_known_seven_bit_line_never_delivers_a_broken_character(cable: Cable) -> None:
    async def work() -> None:
        setting = Setting(9600, Line.O7)
        scanner = SerialScanner("scanner", str(cable.path), clock=SystemClock(), setting=setting)
        await scanner.open()
        broken = bytearray(received(b"123456\r", 9600, 9600, Line.O7))
        broken[2] ^= 0x04
        cable.send(bytes(broken) + received(EAN.encode() + b"\r", 9600, 9600, Line.O7))
        assert (await scanner.read()).text == EAN
        assert scanner.counters()["garbage"] == 1
        scanner.close()

    within_patience(work)


def test_a_search_that_is_cut_short_by_the_cable_leaves_no_timer_behind(cable: Cable) -> None:
    async def work() -> None:
        scanner = SerialScanner("scanner", str(cable.path), clock=SystemClock(), setting=None)
        await scanner.open()
        cable.send(b"\x00\x80")
        await asyncio.sleep(0.02)
        cable.unplug()
        with pytest.raises(DeviceError):
            await scanner.read()
        await asyncio.sleep(0.15)
        assert scanner.setting.baud == SPEEDS[0], "half a burst condemns no speed"
        scanner.close()

    within_patience(work)
