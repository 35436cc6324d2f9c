"""A serial scanner's port and life on real ptys: opening, hang-up, replug. Guards pains 30 and facts/devices.md d."""

import asyncio
import os
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.health import Health
from agent.supervise import supervise
from agent.system import SystemClock, SystemEntropy
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings
from drivers.serial_port import SerialPort
from tests.serial_cable import Cable, within_patience


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path)
    yield cable
    cable.close()


def scanner_on(path: Path, **settings: Any) -> SerialScanner:
    return SerialScanner("scanner", str(path), clock=SystemClock(), settings=ScanSettings(**settings))


# --- opening --------------------------------------------------------------------------------------------------------
def test_the_port_is_ours_alone_until_closed(cable: Cable) -> None:
    async def work() -> None:
        ours, other = scanner_on(cable.path), scanner_on(cable.path)
        await ours.open()
        with pytest.raises(DeviceUnavailable) as refused:
            await other.open()
        assert "another program" in refused.value.hint
        ours.close()
        await other.open()
        other.close()

    within_patience(work)


def test_what_is_no_serial_device_is_refused_and_left_alone(tmp_path: Path) -> None:
    """facts/devices.md: a transport that creates a plain file in the device's place shadows it after replug."""
    plain, fifo, dangling, missing = (tmp_path / name for name in ("plain", "fifo", "dangling", "missing"))
    plain.write_bytes(b"kept")
    os.mkfifo(fifo)
    dangling.symlink_to(tmp_path / "ttyACM7")

    async def work() -> None:
        for path in (plain, fifo, dangling, missing, tmp_path, Path("/dev/null")):
            with pytest.raises(DeviceUnavailable) as refused:
                await scanner_on(path).open()
            assert refused.value.hint, path
            assert str(path) in refused.value.message
            if path in (plain, fifo, tmp_path):
                assert "not a character device" in refused.value.message

    within_patience(work)
    assert plain.read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "fifo", "plain"]


@pytest.mark.parametrize(
    "raised",
    [serial.SerialException("x"), OSError(5, "x"), termios.error(5, "x"), ValueError("x")],
    ids=lambda raised: type(raised).__name__,
)
def test_every_family_of_exceptions_becomes_device_unavailable(
    cable: Cable, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    """facts/devices.md: termios.error is neither an OSError nor a SerialException, and flushing raises it."""

    def broken(*_: object) -> None:
        raise raised

    monkeypatch.setattr(serial.Serial, "_reset_input_buffer", broken)

    async def work() -> None:
        with pytest.raises(DeviceUnavailable):
            await scanner_on(cable.path).open()

    within_patience(work)


# --- losing ---------------------------------------------------------------------------------------------------------
def test_a_hung_up_port_does_not_spin_and_leaks_nothing(cable: Cable) -> None:
    """facts/devices.md: a reader left on a descriptor that hung up is ready for ever and takes a whole core."""

    async def work() -> None:
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted together with its own, both times
        for _ in range(20):
            lost = asyncio.Event()
            losses: list[DeviceError] = []

            def on_lost(error: DeviceError, losses: list[DeviceError] = losses, lost: asyncio.Event = lost) -> None:
                losses.append(error)
                lost.set()

            port = SerialPort(str(cable.path))
            port.open(lambda _: None, on_lost)
            cable.unplug()
            await lost.wait()
            assert not port.is_open
            cable.plug()
        before_s = time.process_time()
        await asyncio.sleep(0.3)
        assert time.process_time() - before_s < 0.1
        assert len(losses) == 1
        assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208

    within_patience(work)


def test_unplug_and_replug_without_a_restart(cable: Cable) -> None:
    """pains 30: edges lost and ready, the same symlink leading to another pty, scans going on."""
    edges: asyncio.Queue[tuple[str, bool, str]] = asyncio.Queue()
    scans: asyncio.Queue[RawScan] = asyncio.Queue()
    scanner = scanner_on(cable.path, duplicate_window_ms=60_000)
    clock = SystemClock()
    health = Health(clock)
    health.watch("scanner", scanner.counters)

    async def work() -> None:
        life = asyncio.create_task(
            supervise(
                scanner,
                scans.put,
                clock=clock,
                entropy=SystemEntropy(),
                on_edge=lambda *edge: edges.put_nowait(edge),
                on_attempt=lambda name, up, reason: health.report(name, up=up, reason=reason),
            )
        )
        assert await edges.get() == ("scanner", True, "")
        for number in range(3):
            cable.send(b"code %d\r\n" % number)
            assert (await scans.get()).text == f"code {number}"
            cable.unplug()
            name, up, reason = await edges.get()
            assert (name, up) == ("scanner", False)
            assert str(cable.path) in reason
            assert health.snapshot()["scanner"]["up"] is False
            cable.plug()
            assert (await edges.get())[1] is True
            cable.send(b"code %d\r\n" % number)  # read again on replug: the window outlives the cable
        cable.send(b"last\r\n")
        assert (await scans.get()).text == "last"
        life.cancel()
        await asyncio.wait({life})
        assert edges.empty()
        assert scans.empty()
        counters = health.snapshot()["scanner"]["counters"]
        assert isinstance(counters, dict)
        assert (counters["frames"], counters["duplicates"]) == (7, 3)

    within_patience(work)
