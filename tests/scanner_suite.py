"""What every scanner promises, whatever it is made of. Run by tests/contract on ptys and by tests/usb on USB gadgets.

Guards pains 27 to 30: glued, split and doubled codes, unplugging, and another program at the device.
"""

import asyncio
from pathlib import Path

import pytest

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.supervise import supervise
from agent.system import SystemClock, SystemEntropy
from tests.scanner_rigs import Rig
from tests.serial_cable import within_patience

EAN = "6901234567892"
URL = "https://u.example.com/c/MC1.Abc-9_x?k=42&t=7"


class ScannerSuite:
    """Subclasses give the fixture `rig`."""

    def test_codes_arrive_whole_and_in_order(self, rig: Rig) -> None:
        async def work() -> None:
            scanner = rig.driver()
            await scanner.open()
            for text in ("]Q1" + URL, "]E0" + EAN, "CP.ab-12"):
                rig.scan(text)
            got = [await scanner.read() for _ in range(3)]
            scanner.close()
            assert [(one.text, one.symbology) for one in got] == [(URL, "Q1"), (EAN, "E0"), ("CP.ab-12", None)]
            assert got[2].at_mono_s >= got[0].at_mono_s > 0
            assert {one.device for one in got} == {"scanner"}
            assert scanner.counters()["garbage"] == scanner.counters()["stalled"] == 0

        within_patience(work)

    def test_a_reread_is_counted_and_another_code_is_not_held_up(self, rig: Rig) -> None:
        async def work() -> None:
            scanner = rig.driver(duplicate_window_ms=10_000)
            await scanner.open()
            for text in (EAN, EAN, EAN, "B2"):
                rig.scan(text)
            assert [(await scanner.read()).text for _ in range(2)] == [EAN, "B2"]
            scanner.close()
            assert scanner.counters()["duplicates"] == 2

        within_patience(work)

    def test_a_code_longer_than_a_packet(self, rig: Rig) -> None:
        long = "MC1." + "0123456789abcdefghij" * 8

        async def work() -> None:
            scanner = rig.driver()
            await scanner.open()
            rig.scan(long)
            assert (await scanner.read()).text == long
            scanner.close()

        within_patience(work)

    def test_what_came_before_the_opening_is_not_delivered(self, rig: Rig) -> None:
        async def work() -> None:
            scanner = rig.driver()
            await scanner.open()
            rig.scan("old")
            assert (await scanner.read()).text == "old"
            rig.scan("older")
            scanner.close()
            await scanner.open()
            rig.scan("new")
            assert (await scanner.read()).text == "new"
            scanner.close()

        within_patience(work)

    def test_the_device_is_ours_alone_until_closed(self, rig: Rig) -> None:
        async def work() -> None:
            ours, other = rig.driver(), rig.driver()
            await ours.open()
            with pytest.raises(DeviceUnavailable) as refused:
                await other.open()
            assert rig.exclusive in refused.value.hint
            ours.close()
            await other.open()
            rig.scan(EAN)
            assert (await other.read()).text == EAN
            other.close()

        within_patience(work)

    def test_what_came_before_the_unplug_is_delivered_then_the_loss(self, rig: Rig) -> None:
        async def work() -> None:
            scanner = rig.driver()
            await scanner.open()
            rig.scan("A1")
            assert (await scanner.read()).text == "A1"
            rig.half("half")
            rig.unplug()
            for _ in range(2):
                with pytest.raises(DeviceError):
                    await scanner.read()
            scanner.close()
            with pytest.raises(DeviceUnavailable) as missing:
                await scanner.open()
            assert missing.value.hint
            rig.plug()
            await scanner.open()
            rig.scan("C3")
            assert (await scanner.read()).text == "C3"
            scanner.close()

        within_patience(work)

    def test_unplug_and_replug_without_a_restart(self, rig: Rig) -> None:
        """pains 30: edges lost and ready, a code read again on replug counts once, no descriptor stays behind."""
        edges: asyncio.Queue[bool] = asyncio.Queue()
        scans: asyncio.Queue[RawScan] = asyncio.Queue()
        scanner = rig.driver(duplicate_window_ms=10_000)

        async def work() -> None:
            life = asyncio.create_task(
                supervise(
                    scanner,
                    scans.put,
                    clock=SystemClock(),
                    entropy=SystemEntropy(),
                    on_edge=lambda name, up, reason: edges.put_nowait(up),
                )
            )
            assert await edges.get() is True
            descriptors = _descriptors()
            for number in range(2):
                rig.scan(f"code {number}")
                assert (await scans.get()).text == f"code {number}"
                rig.unplug()
                assert await edges.get() is False
                rig.plug()
                assert await edges.get() is True
                rig.scan(f"code {number}")
            rig.scan("last")
            assert (await scans.get()).text == "last"
            assert _descriptors() == descriptors
            life.cancel()
            await asyncio.wait({life})
            assert edges.empty()
            assert scans.empty()
            assert scanner.counters()["duplicates"] == 2

        within_patience(work)

    def test_closing_ends_a_waiting_read_and_is_safe_at_any_time(self, rig: Rig) -> None:
        scanner = rig.driver()
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


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
