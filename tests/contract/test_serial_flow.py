"""Flow control and pacing on a serial line: a real pty for XON/XOFF and pace, a stand-in for the DSR that it lacks."""

import os
import select
import termios
import threading
import time
import tty
from collections.abc import Iterator

import pytest
import serial

from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from drivers.pacing import Pacer
from drivers.serial_printer import Flow, SerialTransport

JOB = bytes(range(0x20, 0x7F)) * 30
XOFF, XON = b"\x13", b"\x11"


class Line:
    """A pty: the printer's end, and our path."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)

    def arrived(self, patience_s: float = 0.2) -> bytes:
        got = b""
        while select.select([self.master], [], [], patience_s)[0]:
            got += os.read(self.master, 65536)
        return got


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    os.close(made.slave)
    os.close(made.master)


def test_xoff_stops_us_and_xon_lets_us_go_on(line: Line) -> None:
    transport = SerialTransport(line.path, flow=Flow.XONXOFF, byte_timeout_s=5)
    transport.open()
    os.write(line.master, XOFF)

    def send() -> None:
        transport.write(JOB * 4)
        transport.finish()

    writer = threading.Thread(target=send)
    writer.start()
    assert line.arrived() == b""
    os.write(line.master, XON)
    got = line.arrived()
    writer.join(5)
    assert not writer.is_alive()
    assert got == JOB * 4
    assert transport.read(0) == b""  # the kernel keeps XON and XOFF to itself
    transport.close()


def test_a_printer_that_stops_us_before_the_first_byte_is_safe_to_try_again(line: Line) -> None:
    transport = SerialTransport(line.path, flow=Flow.XONXOFF, byte_timeout_s=0.3)
    transport.open()
    os.write(line.master, XOFF)
    with pytest.raises(DeviceUnavailable, match="took no byte"):
        transport.write(JOB)
    transport.close()


def test_a_printer_that_never_says_xon_again_ends_the_job_in_doubt(line: Line) -> None:
    transport = SerialTransport(line.path, flow=Flow.XONXOFF, byte_timeout_s=0.3)
    transport.open()
    transport.write(b"x")
    os.write(line.master, XOFF)
    with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
        transport.write(JOB)
    transport.close()


def test_rts_cts_is_asked_of_the_kernel(line: Line) -> None:
    """A pty has no such line: only the setting can be seen here."""
    transport = SerialTransport(line.path, flow=Flow.RTSCTS)
    transport.open()
    assert termios.tcgetattr(line.slave)[2] & termios.CRTSCTS
    transport.close()


def test_dtr_stays_up_between_two_openings(line: Line) -> None:
    transport = SerialTransport(line.path)
    transport.open()
    assert not termios.tcgetattr(line.slave)[2] & termios.HUPCL
    transport.close()


def test_dsr_is_looked_at_before_every_few_bytes(line: Line) -> None:
    ready = threading.Event()
    asked: list[bool] = []

    def dsr(_: serial.Serial) -> bool:
        asked.append(ready.is_set())
        return ready.is_set()

    transport = SerialTransport(line.path, flow=Flow.DTRDSR, byte_timeout_s=5, dsr=dsr)
    transport.open()
    writer = threading.Thread(target=transport.write, args=(JOB,))
    writer.start()
    assert line.arrived() == b""
    ready.set()
    got = b""
    while len(got) < len(JOB):
        assert select.select([line.master], [], [], 5)[0]
        got += os.read(line.master, 65536)
    writer.join(5)
    assert got == JOB
    assert asked.count(True) >= len(JOB) // 64
    transport.close()


def test_a_printer_that_is_never_ready_is_safe_to_try_again(line: Line) -> None:
    transport = SerialTransport(line.path, flow=Flow.DTRDSR, byte_timeout_s=0.1, dsr=lambda _: False)
    transport.open()
    with pytest.raises(DeviceUnavailable, match="took no byte"):
        transport.write(JOB)
    transport.close()


def test_a_line_without_dsr_says_so(line: Line) -> None:
    with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
        SerialTransport(line.path, flow=Flow.DTRDSR).open()  # a pty has no modem lines: ENOTTY


def test_pacing_never_runs_ahead_of_the_printers_buffer(line: Line) -> None:
    transport = SerialTransport(line.path, pacer=Pacer(4_000, 500, time.monotonic))
    transport.open()
    sent = threading.Event()

    def run() -> None:
        transport.write(JOB)
        sent.set()

    begin_s = time.monotonic()
    writer = threading.Thread(target=run)
    writer.start()
    got = 0
    while got < len(JOB):
        assert select.select([line.master], [], [], 5)[0]
        got += len(os.read(line.master, 65536))
        allowed = 500 + (time.monotonic() - begin_s) * 4_000
        assert got <= allowed + 64
    writer.join(5)
    assert time.monotonic() - begin_s >= (len(JOB) - 500) / 4_000 - 0.05
    transport.close()
