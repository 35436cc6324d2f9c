"""One suite for every way to a printer, on real ptys and sockets, and the traps of facts/devices.md by name."""

import os
import select
import socket
import struct
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from drivers.file_printer import FileTransport
from drivers.serial_printer import SerialTransport
from drivers.tcp_printer import TcpTransport
from drivers.transports import CharDevice, Transport

PATIENCE_S = 0.3
JOB = bytes(range(256)) * 4


class Pty:
    """A device end for the transport and the printer's end for the test."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)

    def receive(self, size: int) -> bytes:
        got = b""
        while len(got) < size and select.select([self.master], [], [], 5)[0]:
            got += os.read(self.master, size - len(got))
        return got

    def unplug(self) -> None:
        for descriptor in (self.slave, self.master):
            if descriptor >= 0:
                os.close(descriptor)
        self.slave = self.master = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.unplug()


def on_pty(kind: str, path: str) -> Transport:
    if kind == "char":
        return CharDevice(path, readable=True, byte_timeout_s=PATIENCE_S)
    return SerialTransport(path, 115200, byte_timeout_s=PATIENCE_S)


@pytest.mark.parametrize("kind", ["char", "serial"])
class TestDevice:
    def test_carries_every_byte_and_hears_the_answer(self, kind: str, pty: Pty) -> None:
        transport = on_pty(kind, pty.path)
        transport.open()
        assert transport.write(JOB) == len(JOB)
        assert pty.receive(len(JOB)) == JOB
        transport.finish()
        os.write(pty.master, b"\x12")
        assert transport.read(5) == b"\x12"
        assert transport.read(0) == b""
        transport.close()
        transport.close()

    def test_pains_19_what_was_said_before_the_job_is_forgotten(self, kind: str, pty: Pty) -> None:
        os.write(pty.master, b"\x10\x00\x00\x00")
        assert select.select([pty.slave], [], [], 5)[0]
        transport = on_pty(kind, pty.path)
        transport.open()
        assert transport.read(0) == b""
        transport.close()

    def test_nothing_there_is_unavailable_and_nothing_is_created(self, kind: str, tmp_path: Path) -> None:
        missing = tmp_path / "lp0"
        with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
            on_pty(kind, str(missing)).open()
        assert not missing.exists()

    def test_a_printer_that_stops_reading_ends_the_job_ambiguous(self, kind: str, pty: Pty) -> None:
        """python-escpos blocks for ever here (facts/devices.md)."""
        transport = on_pty(kind, pty.path)
        transport.open()
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED") as caught:
            transport.write(bytes(200_000))
        assert 0 < caught.value.bytes_sent < 200_000
        transport.close()

    def test_pulled_out_before_the_first_byte_is_safe_to_retry(self, kind: str, pty: Pty) -> None:
        transport = on_pty(kind, pty.path)
        transport.open()
        pty.unplug()
        with pytest.raises(DeviceUnavailable):
            transport.write(JOB)
        transport.close()

    def test_pulled_out_in_between_is_ambiguous(self, kind: str, pty: Pty) -> None:
        transport = on_pty(kind, pty.path)
        transport.open()
        transport.write(JOB)
        pty.receive(len(JOB))
        pty.unplug()
        with pytest.raises(DeviceAmbiguous) as caught:
            transport.write(JOB)
        assert caught.value.bytes_sent == len(JOB)
        with pytest.raises(DeviceUnavailable):
            transport.read(PATIENCE_S)
        transport.close()


def test_trap_plain_file_created_at_lp0_is_refused_and_left_alone(tmp_path: Path) -> None:
    swallower = tmp_path / "lp0"
    swallower.write_bytes(b"an earlier receipt")
    with pytest.raises(DeviceUnavailable, match="PRINTER_NOT_A_DEVICE") as caught:
        CharDevice(str(swallower)).open()
    assert caught.value.hint
    assert swallower.read_bytes() == b"an earlier receipt"


def test_a_device_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # root, as whom CI runs, may open everything
    with pytest.raises(DeviceUnavailable, match="PRINTER_NO_PERMISSION"):
        CharDevice(str(tmp_path / "lp0")).open()


def test_a_serial_line_is_taken_exclusively(pty: Pty) -> None:
    first = SerialTransport(pty.path)
    first.open()
    with pytest.raises(DeviceUnavailable, match="PRINTER_BUSY"):
        SerialTransport(pty.path).open()
    first.close()


def test_closing_a_serial_line_that_nobody_reads_does_not_hang(pty: Pty) -> None:
    transport = SerialTransport(pty.path, byte_timeout_s=PATIENCE_S)
    transport.open()
    with pytest.raises(DeviceAmbiguous):
        transport.write(bytes(100_000))
    transport.close()  # pytest's own time-out is the judge


# --- TCP ------------------------------------------------------------------------------------------------------------
class Listener:
    """A printer's TCP side in a thread: `serve` is given one connection."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = self.socket.getsockname()[1]
        self.got = b""
        self.reset = False
        self.release = threading.Event()

    def read_all(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(4096):
                self.got += data
        except ConnectionResetError:
            self.reset = True


@contextmanager
def listening(serve: str, *, greeting: bytes = b"") -> Iterator[Listener]:
    listener = Listener()

    def run() -> None:
        connection, _ = listener.socket.accept()
        with connection:
            if greeting:
                connection.sendall(greeting)
            if serve == "read":
                listener.read_all(connection)
                connection.sendall(greeting)
            elif serve == "late":
                watch = select.poll()
                watch.register(connection, select.POLLRDHUP)
                watch.poll(5_000)  # the sender has said that it is done
                watch.register(connection, 0)
                listener.reset = bool(watch.poll(300))  # an error or a hang-up: the connection was reset
                listener.read_all(connection)
            elif serve == "stop":
                connection.recv(1000)
                listener.release.wait(10)
            elif serve == "reset":
                connection.recv(1000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif serve == "leave":
                connection.recv(1000)
            elif serve == "keep open":
                listener.read_all(connection)
                listener.release.wait(10)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.release.set()
        thread.join(10)
        listener.socket.close()


def tcp(port: int) -> TcpTransport:
    return TcpTransport("127.0.0.1", port, byte_timeout_s=PATIENCE_S, finish_s=PATIENCE_S)


def deliver(transport: TcpTransport, job: bytes) -> None:
    transport.write(job)
    transport.finish()


def test_trap_rst_on_close_unread_status_bytes_do_not_cut_the_job() -> None:
    """python-escpos's close() delivered 12,288 of 60,000 bytes here (facts/devices.md)."""
    with listening("read", greeting=b"\x10\x00\x00\x00" * 8) as listener:
        transport = TcpTransport("127.0.0.1", listener.port)
        transport.open()
        transport.write(bytes(60_000))
        transport.finish()
        transport.close()
    assert len(listener.got) == 60_000
    assert not listener.reset


def test_trap_rst_on_close_a_slow_printer_is_given_time_to_read() -> None:
    """A small stack throws away what it has not read when a reset comes, so we close last."""
    with listening("late", greeting=b"\x10\x00\x00\x00") as listener:
        transport = TcpTransport("127.0.0.1", listener.port)
        transport.open()
        transport.write(JOB)
        transport.finish()
        transport.close()
    assert listener.got == JOB
    assert not listener.reset


def test_a_refused_connection_is_safe_to_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
        tcp(port).open()


@pytest.mark.parametrize("size", [20_000, 8_000_000])
def test_a_network_printer_that_stops_reading_ends_the_job_ambiguous(size: int) -> None:
    """Also when our own kernel took every byte: the printer's side never acknowledged them."""
    with listening("stop") as listener:
        transport = tcp(listener.port)
        transport.open()
        with pytest.raises(DeviceAmbiguous) as caught:
            deliver(transport, bytes(size))
        assert 0 < caught.value.bytes_sent <= size
        transport.close()


@pytest.mark.parametrize("how", ["reset", "leave"])
def test_a_printer_that_drops_the_connection_mid_job_is_ambiguous(how: str) -> None:
    with listening(how) as listener:
        transport = tcp(listener.port)
        transport.open()
        with pytest.raises(DeviceAmbiguous):
            deliver(transport, bytes(50_000))
        transport.close()


def test_a_printer_that_never_closes_does_not_hold_us_for_ever() -> None:
    with listening("keep open") as listener:
        transport = tcp(listener.port)
        transport.open()
        transport.write(JOB)
        transport.finish()
        transport.close()
        listener.release.set()
    assert listener.got == JOB


def test_end_of_file_is_not_silence() -> None:
    with listening("leave") as listener:
        transport = tcp(listener.port)
        transport.open()
        transport.write(b"x")
        with pytest.raises(DeviceUnavailable, match="closed"):
            transport.read(5)
        transport.close()


# --- file -----------------------------------------------------------------------------------------------------------
def test_a_file_collects_jobs_and_says_nothing(tmp_path: Path) -> None:
    transport = FileTransport(tmp_path / "paper.bin")
    for job in (b"one", b"two"):
        transport.open()
        assert transport.write(job) == 3
        assert transport.read(1) == b""
        transport.finish()
        transport.close()
    assert (tmp_path / "paper.bin").read_bytes() == b"onetwo"


def test_a_file_in_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable):
        FileTransport(tmp_path / "missing" / "paper.bin").open()
