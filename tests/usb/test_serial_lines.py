"""A serial printer behind a real UART's modem lines: RTS/CTS that the kernel obeys, DTR/DSR that we look at.

Two of QEMU's 16550 ports on a null-modem cable; the other end is held here as a printer's would be.
"""

import contextlib
import fcntl
import os
import select
import struct
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from drivers.serial_printer import Flow, SerialTransport

LONG = bytes(range(0x20, 0x7F)) * 2100  # 200 kB: far beyond what ports and cable hold, and what goes in QEMU's 10 ms
SHORT = LONG[:3000]
FIFO = 32
SILENCE_S = 1.0


def ports() -> list[Path]:
    """Serial ports on the PCI bus, in the order of their slots."""
    found = [entry for entry in Path("/sys/class/tty").glob("ttyS*") if (entry / "device/subsystem").exists()]
    found = [entry for entry in found if (entry / "device/subsystem").resolve().name == "pci"]
    return [Path("/dev", entry.name) for entry in sorted(found, key=lambda one: str((one / "device").resolve()))]


class PrintersEnd:
    """The printer's port: it reads when told to, and holds its lines as told."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd)
        settings = termios.tcgetattr(self._fd)
        settings[2] |= termios.CLOCAL
        settings[4] = settings[5] = termios.B115200
        termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        termios.tcflush(self._fd, termios.TCIOFLUSH)

    def hold(self, *, rts: bool, dtr: bool) -> None:
        """Set both lines."""
        lines = termios.TIOCM_RTS * rts | termios.TIOCM_DTR * dtr
        fcntl.ioctl(self._fd, termios.TIOCMBIC, struct.pack("i", termios.TIOCM_RTS | termios.TIOCM_DTR))
        fcntl.ioctl(self._fd, termios.TIOCMBIS, struct.pack("i", lines))
        time.sleep(0.1)  # QEMU looks at the lines every 10 ms

    @property
    def sees_dsr(self) -> bool:
        """Whether our side is up, as the printer sees it."""
        (lines,) = struct.unpack("i", fcntl.ioctl(self._fd, termios.TIOCMGET, bytes(4)))
        return bool(lines & termios.TIOCM_DSR)

    def read(self, *, at_least: int = 1 << 30, silence_s: float = SILENCE_S) -> bytes:
        """What comes until so much is there, or nothing more comes."""
        got = b""
        while len(got) < at_least and select.select([self._fd], [], [], silence_s)[0]:
            got += os.read(self._fd, 4096)
        return got

    def close(self) -> None:
        termios.tcflush(self._fd, termios.TCIOFLUSH)
        os.close(self._fd)


@pytest.fixture
def printer() -> Iterator[PrintersEnd]:
    if len(ports()) < 2:
        pytest.skip("SKIPPED FOR WANT OF A C COMPILER on the host: no serial ports with modem lines")
    end = PrintersEnd(ports()[1])
    yield end
    end.close()


@contextlib.contextmanager
def ours(flow: Flow, *, byte_timeout_s: float = 20) -> Iterator[SerialTransport]:
    """Our side, open."""
    transport = SerialTransport(str(ports()[0]), 115200, flow=flow, byte_timeout_s=byte_timeout_s)
    transport.open()
    try:
        yield transport
    finally:
        transport.close()


@contextlib.contextmanager
def sending(transport: SerialTransport, job: bytes) -> Iterator[None]:
    """Send a job whole, in the background, and have it succeed."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            transport.write(job)
            transport.finish()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(100)
    assert not thread.is_alive()
    assert failed == []


@pytest.mark.parametrize(("flow", "job"), [(Flow.RTSCTS, LONG), (Flow.DTRDSR, LONG[:30_000])], ids=["rtscts", "dtrdsr"])
def test_a_printer_that_is_not_ready_stops_us_and_loses_nothing(printer: PrintersEnd, flow: Flow, job: bytes) -> None:
    """Before the first byte, in the middle, and on again: every byte once and in order."""
    down = {"rts": flow is not Flow.RTSCTS, "dtr": flow is not Flow.DTRDSR}
    printer.hold(**down)
    with ours(flow) as transport, sending(transport, job):
        assert printer.read() == b"", "nothing goes to a printer that is not ready"
        printer.hold(rts=True, dtr=True)
        got = printer.read(at_least=2000)
        printer.hold(**down)
        got += printer.read()  # what was under way, in the memories of both ports and the cable
        assert len(got) < len(job)
        assert printer.read(silence_s=2 * SILENCE_S) == b"", "it goes on while the printer is not ready"
        printer.hold(rts=True, dtr=True)
        got += printer.read(at_least=len(job) - len(got), silence_s=20)
    assert got == job


def test_without_flow_control_nothing_stops_us(printer: PrintersEnd) -> None:
    """What the tests around this one measure is the lines' doing."""
    printer.hold(rts=False, dtr=False)
    with ours(Flow.NONE) as transport, sending(transport, SHORT):
        assert printer.read(at_least=len(SHORT), silence_s=10) == SHORT


def test_a_job_given_up_because_of_cts_is_in_doubt_and_never_comes_out_later(printer: PrintersEnd) -> None:
    """The kernel took the bytes, so nobody can say that nothing left us; what it still holds is dropped."""
    printer.hold(rts=False, dtr=True)
    with ours(Flow.RTSCTS, byte_timeout_s=1) as transport:
        assert transport.write(SHORT) == len(SHORT)
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
            transport.finish()
    printer.hold(rts=True, dtr=True)
    assert len(printer.read()) <= FIFO, "more than the port's own memory came out"


def test_a_job_given_up_because_of_dsr_never_began(printer: PrintersEnd) -> None:
    printer.hold(rts=True, dtr=False)
    with ours(Flow.DTRDSR, byte_timeout_s=1) as transport, pytest.raises(DeviceUnavailable, match="took no byte"):
        transport.write(SHORT)
    printer.hold(rts=True, dtr=True)
    assert printer.read() == b""


@pytest.mark.parametrize(
    ("rts", "dtr", "found"),
    [(True, True, Flow.RTSCTS), (False, True, Flow.DTRDSR), (True, False, Flow.RTSCTS), (False, False, Flow.NONE)],
)
def test_set_up_sees_which_line_the_printer_holds(printer: PrintersEnd, rts: bool, dtr: bool, found: Flow) -> None:
    printer.hold(rts=rts, dtr=dtr)
    with ours(Flow.NONE) as transport:
        assert transport.ready_line() is found


def test_our_ready_line_stays_up_between_two_jobs(printer: PrintersEnd) -> None:
    printer.hold(rts=True, dtr=True)
    with ours(Flow.RTSCTS):
        assert printer.sees_dsr
    time.sleep(0.1)
    assert printer.sees_dsr
