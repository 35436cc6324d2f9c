"""What the Scanner port promises, kept by SerialScanner on a real pty. Guards pains 29 (glued, split, doubled)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.limits import SCAN_QUEUE
from agent.system import SystemClock
from drivers.framing import Ending
from drivers.qr_scanner import SerialScanner
from tests.serial_cable import Cable, within_patience

EAN = "6901234567892"


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path)
    yield cable
    cable.close()


def scanner_on(path: Path, **settings: Any) -> SerialScanner:
    return SerialScanner("scanner", str(path), clock=SystemClock(), **settings)


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


def test_what_came_before_the_unplug_is_delivered_then_the_loss(cable: Cable) -> None:
    async def work() -> None:
        scanner = scanner_on(cable.path)
        await scanner.open()
        cable.send(b"A1\rB2\rhalf")
        assert (await scanner.read()).text == "A1"
        cable.unplug()
        assert (await scanner.read()).text == "B2"
        for _ in range(2):
            with pytest.raises(DeviceError):
                await scanner.read()
        scanner.close()
        cable.plug()
        await scanner.open()
        cable.send(b"C3\r")
        assert (await scanner.read()).text == "C3"
        scanner.close()

    within_patience(work)


def test_closing_ends_a_waiting_read_and_is_safe_at_any_time(cable: Cable) -> None:
    scanner = scanner_on(cable.path)
    scanner.close()

    async def work() -> None:
        with pytest.raises(DeviceUnavailable):
            await scanner.read()
        await scanner.open()
        waiting = asyncio.create_task(scanner.read())
        await asyncio.sleep(0)
        scanner.close()
        with pytest.raises(DeviceError):
            await waiting
        await scanner.open()

    within_patience(work)
    scanner.close()
    scanner.close()
