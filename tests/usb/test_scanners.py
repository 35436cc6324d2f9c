"""Scanners as the kernel presents them: the common suite on USB gadgets, and what no pty can show."""

import asyncio
import grp
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from evdev import InputDevice, ecodes

from agent.domain.errors import DeviceUnavailable
from drivers.device_faults import faults
from drivers.discovery import discover
from drivers.key_decoder import KeyDecoder
from drivers.key_pump import READ_BYTES
from drivers.keyboard import EvdevKernel
from tests import wedge
from tests.scanner_suite import EAN, URL, ScannerSuite
from tests.serial_cable import within_patience
from tests.usb.gadgets import GadgetHidPos, GadgetKeyboard, GadgetPrinter, GadgetRig, GadgetSerial, wait_for

KINDS: dict[str, type[GadgetKeyboard] | type[GadgetHidPos] | type[GadgetSerial]] = {
    "keyboard": GadgetKeyboard,
    "hid_pos": GadgetHidPos,
    "serial": GadgetSerial,
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest without KVM on a busy machine takes its time."""
    monkeypatch.setattr("tests.serial_cable.PATIENCE_S", 100.0)


class TestOnUsb(ScannerSuite):
    """The same promises as on ptys, kept on evdev, hidraw and cdc-acm."""

    @pytest.fixture(params=sorted(KINDS))
    def rig(self, request: pytest.FixtureRequest) -> Iterator[GadgetRig]:
        rig = KINDS[request.param](0)
        yield rig
        rig.close()


@pytest.fixture
def keyboard() -> Iterator[GadgetKeyboard]:
    rig = GadgetKeyboard(0)
    yield rig
    rig.close()


# --- keyboards ------------------------------------------------------------------------------------------------------
def test_nothing_reaches_another_reader_while_we_hold_the_device(keyboard: GadgetKeyboard) -> None:
    """Pains 27: nothing typed into the focused window. Whoever reads the device before or after sees keys again."""
    window = InputDevice(str(keyboard.path.resolve()))

    def heard() -> set[int]:
        try:
            return {one.code for one in window.read() if one.type == ecodes.EV_KEY and one.value == 1}
        except BlockingIOError:
            return set()

    async def work() -> None:
        scanner = keyboard.driver()
        await scanner.open()
        keyboard.scan("A1")
        assert (await scanner.read()).text == "A1"
        assert heard() == set()
        scanner.close()
        keyboard.scan("7")
        await asyncio.to_thread(wait_for, "keys", lambda: wedge.code_of("KEY_7") in heard())

    within_patience(work)
    window.close()


def test_a_busy_device_names_who_holds_it(keyboard: GadgetKeyboard) -> None:
    window = InputDevice(str(keyboard.path.resolve()))
    window.grab()

    async def work() -> None:
        with pytest.raises(DeviceUnavailable) as refused:
            await keyboard.driver().open()
        assert "held by" in refused.value.hint
        window.close()
        scanner = keyboard.driver()
        await scanner.open()
        scanner.close()

    within_patience(work)


def test_a_busy_event_loop_loses_no_key(keyboard: GadgetKeyboard) -> None:
    """facts/devices.md d: 64 events are ten characters; this code is 44 characters with Shift."""

    async def work() -> None:
        scanner = keyboard.driver()
        await scanner.open()
        typing = asyncio.create_task(asyncio.to_thread(keyboard.scan, URL))
        await asyncio.sleep(0.01)
        hold_up(1.5)
        await typing
        assert (await scanner.read()).text == URL
        assert scanner.counters()["dropped"] == 0
        scanner.close()

    within_patience(work)


def hold_up(seconds: float) -> None:
    """Keep the event loop busy."""
    time.sleep(seconds)


def test_a_reader_that_slept_is_told_by_the_kernel_and_believes_nothing(keyboard: GadgetKeyboard) -> None:
    kernel, decoder, shift = EvdevKernel(), KeyDecoder(), wedge.code_of("KEY_LEFTSHIFT")
    fd, witness = (os.open(keyboard.path, os.O_RDONLY | os.O_NONBLOCK) for _ in range(2))
    try:
        kernel.grab(fd)
        keyboard._send(wedge.boot_reports([*wedge.strokes("0123456789" * 3), (shift, 1)]))
        # Asked through another descriptor: the question empties the asking one's queue.
        wait_for("Shift is down", lambda: kernel.keys_down(witness) == {shift})
        typed = decoder.feed(os.read(fd, READ_BYTES))
        assert decoder.lost_track
        assert b"\x00" in typed
        decoder.resync(kernel.keys_down(fd))
        keyboard._send([bytes([2, 0, 4, 0, 0, 0, 0, 0]), bytes(8)])
        wait_for("all keys are up", lambda: not kernel.keys_down(witness))
        assert decoder.feed(os.read(fd, READ_BYTES)) == b"A"
    finally:
        os.close(fd)
        os.close(witness)


def test_chinese_in_alt_mode(keyboard: GadgetKeyboard) -> None:
    async def work() -> None:
        scanner = keyboard.driver()
        await scanner.open()
        text = "会员A"
        keyboard.press(wedge.alt_strokes(list(text.encode("gbk"))) + wedge.strokes("\r"))
        assert (await scanner.read()).text == text
        scanner.close()

    within_patience(work)


# --- names and rights -----------------------------------------------------------------------------------------------
def test_two_equal_scanners_are_told_apart_by_where_they_are_plugged_in() -> None:
    left, right = GadgetSerial(1, "", by_path=True), GadgetSerial(2, "", by_path=True)

    async def work() -> None:
        scanners = [left.driver(), right.driver()]
        for scanner in scanners:
            await scanner.open()
        left.scan("left")
        right.scan("right")
        assert [(await scanner.read()).text for scanner in scanners] == ["left", "right"]
        left.unplug()
        right.scan(EAN)
        assert (await scanners[1].read()).text == EAN
        left.plug()
        for scanner in scanners:
            scanner.close()

    try:
        within_patience(work)
    finally:
        left.close()
        right.close()


def test_discovery_finds_each_with_its_stable_name_and_nothing_wrong() -> None:
    rigs: list[GadgetRig | GadgetPrinter] = [GadgetHidPos(1), GadgetKeyboard(0), GadgetSerial(2), GadgetPrinter(3)]
    try:
        found = [one for one in discover() if one.vendor_id]
        assert [(one.kind, one.path) for one in found] == [
            (kind, rig.path) for kind, rig in zip(("hid_pos", "keyboard", "serial", "printer"), rigs, strict=True)
        ]
        assert [one.title for one in found][::3] == ["Honeywell HID-POS scanner", "Xprinter XP-58"]
        assert [fault for one in found for fault in faults(one, configured=True)] == []
    finally:
        for rig in rigs:
            rig.close()
    assert [one for one in discover() if one.vendor_id] == []


def test_the_rules_give_named_devices_to_the_group_and_to_nobody_else() -> None:
    rigs: list[GadgetRig | GadgetPrinter] = [GadgetKeyboard(0), GadgetHidPos(1), GadgetSerial(2), GadgetPrinter(3)]
    group = grp.getgrnam("pos-agent").gr_gid
    try:
        for rig in rigs:
            held = rig.path.stat()
            assert (held.st_gid, stat.S_IMODE(held.st_mode)) == (group, 0o660), rig.path
        asked = ["udevadm", "info", "--query=property", "--name=/dev/ttyACM0"]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        assert "ID_MM_DEVICE_IGNORE=1" in said
        assert Path("/dev/pos-agent/by-path").is_dir()
    finally:
        for rig in rigs:
            rig.close()


def test_a_printer_prints_through_its_stable_name() -> None:
    printer = GadgetPrinter(3)
    try:
        with ThreadPoolExecutor(1) as paper:
            printed = paper.submit(printer.read, 64)  # a printer that is not read takes nothing
            fd = os.open(printer.path, os.O_WRONLY)
            os.write(fd, b"\x1b@hello\n")
            os.close(fd)
            assert printed.result(20) == b"\x1b@hello\n"
    finally:
        printer.close()
