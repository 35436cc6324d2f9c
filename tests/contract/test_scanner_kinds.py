"""The scanners' common promises on ptys, and what only one kind has."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import DeviceUnavailable
from agent.system import SystemClock
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import EvdevKernel, KeyboardScanner
from tests import hid_scanner, wedge
from tests.scanner_rigs import PTY_RIGS, PtyHidPos, PtyKeyboard, Rig, Simulated
from tests.scanner_suite import EAN, ScannerSuite
from tests.serial_cable import within_patience


class TestOnPtys(ScannerSuite):
    """All three kinds, and the simulated one."""

    @pytest.fixture(params=[*sorted(PTY_RIGS), "simulated"])
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
        rig = PTY_RIGS.get(request.param, Simulated)(tmp_path)
        yield rig
        rig.close()


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[PtyKeyboard]:
    rig = PtyKeyboard(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def hid_pos(tmp_path: Path) -> Iterator[PtyHidPos]:
    rig = PtyHidPos(tmp_path)
    yield rig
    rig.close()


def busy(seconds: float) -> None:
    """Hold up the event loop."""
    time.sleep(seconds)


# --- keyboards ------------------------------------------------------------------------------------------------------
def test_keys_are_taken_while_the_event_loop_is_busy(keyboard: PtyKeyboard) -> None:
    """facts/devices.md d: the kernel keeps ten characters; the reader's own thread must go on taking them."""

    async def work() -> None:
        scanner = keyboard.driver()
        await scanner.open()
        stream = wedge.events(wedge.strokes("0123456789" * 4 + "\r"))
        for at in range(0, len(stream), 240):  # a write into a full pty would wait for ever on a reader that stalls
            keyboard._send(stream[at : at + 240])
        busy(0.3)
        unread = os.open(keyboard.path, os.O_RDONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            os.read(unread, 1)
        os.close(unread)
        assert (await scanner.read()).text == "0123456789" * 4
        scanner.close()

    within_patience(work)


def test_a_pause_that_the_loop_slept_through_still_parts_two_codes(keyboard: PtyKeyboard) -> None:
    """A scanner without suffix: the moment a key left the kernel counts, not when the loop came to look at it."""

    async def work() -> None:
        scanner = keyboard.driver(idle_gap_ms=60)
        await scanner.open()
        keyboard.half("12345678")
        busy(0.2)
        keyboard.half("87654321")
        busy(0.05)
        assert [(await scanner.read()).text for _ in range(2)] == ["12345678", "87654321"]
        scanner.close()

    within_patience(work)


def test_dropped_keys_cost_their_code_and_are_counted(keyboard: PtyKeyboard) -> None:
    async def work() -> None:
        scanner = keyboard.driver()
        await scanner.open()
        keyboard.half("69012")
        keyboard._send(wedge.DROPPED + wedge.event(1, 2, 1) + wedge.REPORT)
        keyboard.scan("67892")
        keyboard.scan(EAN)
        assert (await scanner.read()).text == EAN
        scanner.close()
        assert (scanner.counters()["dropped"], scanner.counters()["garbage"]) == (1, 1)

    within_patience(work)


def test_a_held_key_puts_the_grab_off_once(keyboard: PtyKeyboard) -> None:
    """Grabbed in the middle of a scan, the desktop would never hear that key come up."""

    class Held:
        def grab(self, fd: int) -> None:
            grabs.append(fd)

        def keys_down(self, fd: int) -> frozenset[int]:
            return frozenset({30})

    grabs: list[int] = []

    async def work() -> None:
        scanner = KeyboardScanner("scanner", str(keyboard.path), clock=SystemClock(), kernel=Held())
        with pytest.raises(DeviceUnavailable):
            await scanner.open()
        assert grabs == []
        await scanner.open()
        assert len(grabs) == 1
        scanner.close()

    within_patience(work)


def test_what_is_no_keyboard_is_refused(keyboard: PtyKeyboard, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"kept")

    async def work() -> None:
        for path in (keyboard.path, plain, Path("/dev/null"), tmp_path / "missing"):
            scanner = KeyboardScanner("scanner", str(path), clock=SystemClock(), kernel=EvdevKernel())
            with pytest.raises(DeviceUnavailable) as refused:
                await scanner.open()
            assert str(path) in refused.value.message
            assert refused.value.hint

    before = len(list(Path("/proc/self/fd").iterdir()))
    within_patience(work)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert plain.read_bytes() == b"kept"


# --- HID-POS --------------------------------------------------------------------------------------------------------
def test_a_code_whose_end_never_came_does_not_swallow_the_next(hid_pos: PtyHidPos) -> None:
    async def work() -> None:
        scanner = hid_pos.driver()
        await scanner.open()
        hid_pos.half("lost")
        while not scanner.counters()["stalled"]:  # noqa: ASYNC110 - the counter is what this test is about
            await asyncio.sleep(0.02)
        hid_pos.scan("]E0" + EAN)
        got = await scanner.read()
        assert (got.text, got.symbology) == (EAN, "E0")
        scanner.close()

    within_patience(work)


def test_an_hid_device_that_is_no_scanner_is_refused(hid_pos: PtyHidPos) -> None:
    async def work() -> None:
        mouse = HidPosScanner("x", str(hid_pos.path), clock=SystemClock(), descriptor_of=lambda fd: b"\x05\x01\x09\x02")
        with pytest.raises(DeviceUnavailable) as refused:
            await mouse.open()
        assert "HID-POS" in refused.value.hint
        real = HidPosScanner("x", str(hid_pos.path), clock=SystemClock())  # a pty knows no HIDIOCGRDESC
        with pytest.raises(DeviceUnavailable):
            await real.open()
        descriptor = hid_pos.driver()
        await descriptor.open()
        descriptor.close()

    within_patience(work)


def test_the_rigs_reports_are_what_the_manual_shows() -> None:
    """Access-IS LSR118 manual, appendix B: 60 bytes in two reports."""
    first, second = hid_scanner.reports("M" * 60, "]Q0")
    assert first[:5] == b"\x02\x38]Q0"
    assert (first[63], second[63], second[1], len(first)) == (1, 0, 4, 64)
