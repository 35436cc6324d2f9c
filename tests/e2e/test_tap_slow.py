"""The tap between a POS and a printer that is slow, without paper or gone at the end: no byte of a receipt is lost."""

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import socket
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import limits
from agent.domain.errors import DeviceError
from agent.domain.receipt import Document
from agent.notify import Notifier
from agent.system import SystemClock
from drivers.serial_printer import SerialTransport
from drivers.tap.job import NEVER
from drivers.tap.pos_ends import SerialPosEnd, TcpPosEnd
from drivers.tap.printer_ends import DescriptorPrinterEnd
from drivers.tap.relay import Relay
from drivers.tap.report import Question, Report
from drivers.tap.service import Tap, printer_end
from drivers.tap.settings import parse
from drivers.transports import CharDevice, pause, wait_for
from tests.tap_world import PROMPT, RULES, receipt

ASB = b"\x14\x00\x00\x0f"


class Desk:
    """A daemon that always has something to append."""

    async def ask(self, question: Question) -> Document | str:
        return PROMPT


class ByHand:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def mono_s(self) -> float:
        return self.now_s


class Printer:
    """A printer whose first write and whose end take as long as the test wants."""

    def __init__(self) -> None:
        self.paper = bytearray()
        self.wrote = asyncio.Event()
        self.takes = asyncio.Event()
        self.at_end = asyncio.Event()
        self.may_end = asyncio.Event()

    async def open(self) -> None:
        """Nothing to do."""

    async def write(self, data: bytes) -> None:
        self.paper += data
        self.wrote.set()
        await self.takes.wait()

    async def read(self) -> bytes:
        await self.may_end.wait()
        return b""

    async def finish(self) -> None:
        self.at_end.set()
        await self.may_end.wait()

    def close(self) -> None:
        """Nothing to do."""


class Parts:
    """A POS that sends what the test hands it."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self.parts.get()

    def unread(self, data: bytes) -> None:
        raise AssertionError("it ended its stream")

    def write(self, data: bytes) -> None:
        """It does not listen."""

    def end(self) -> None:
        """Nothing to do."""

    def abort(self) -> None:
        """Nothing to do."""


async def turns() -> None:
    """Let the loop do all that can be done at once."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("leave", ["silence", "stop"])
def test_what_a_serial_pos_sends_while_the_printer_is_given_back_is_the_next_receipt(
    tmp_path: Path, leave: str
) -> None:
    async def story() -> None:
        pos, stop = SerialPosEnd(tmp_path / "line"), asyncio.Event()
        pos.open()
        line = os.open(tmp_path / "line", os.O_RDWR | os.O_NOCTTY)
        relay = Relay(RULES, Desk(), SystemClock(), lambda _: None)
        printer = Printer()
        printer.takes.set()
        serving = asyncio.create_task(
            relay.serve(pos, printer, stop=stop, leave_s=0.05 if leave == "silence" else NEVER)
        )
        os.write(line, b"\x1b@" + b"first\n\x1dV\x00")
        await printer.wrote.wait()
        if leave == "stop":
            stop.set()
        await printer.at_end.wait()
        os.write(line, receipt("9.90"))
        assert wait_for(pos._master, select.POLLIN, 5)  # the kernel carries it in its own time
        await turns()
        printer.may_end.set()
        await serving
        assert b"9.90" not in printer.paper
        printer = Printer()
        printer.takes.set()
        serving = asyncio.create_task(relay.serve(pos, printer, leave_s=0.5))
        await asyncio.wait_for(printer.at_end.wait(), 5)
        assert b"9.90" in printer.paper
        printer.may_end.set()
        await serving
        os.close(line)
        pos.close()

    asyncio.run(story())


def test_a_tcp_pos_whose_bytes_come_too_late_hears_a_reset() -> None:
    async def story() -> None:
        ends: asyncio.Queue[TcpPosEnd] = asyncio.Queue()
        server = await asyncio.start_server(lambda r, w: ends.put_nowait(TcpPosEnd(r, w)), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        end = await ends.get()
        writer.write(b"late")
        end.unread(await end.read())
        end.end()
        with pytest.raises(ConnectionError):
            assert await reader.read() != b""
        writer.close()
        server.close()
        await server.wait_closed()

    asyncio.run(story())


@pytest.mark.parametrize("waiting", [True, False], ids=["already there", "half a second later"])
def test_a_printer_that_blocks_is_not_the_silence_of_the_pos(waiting: bool) -> None:
    """The second half of a merchant copy is no receipt of its own, so nothing is appended to it."""

    async def story() -> None:
        clock, pos, printer, told = ByHand(), Parts(), Printer(), list[Report]()
        relay = Relay(RULES, Desk(), clock, told.append)
        serving = asyncio.create_task(relay.serve(pos, printer))
        second = "合计 22.00\n微信支付 22.00\n".encode("gbk") + b"\x1dV\x00"
        pos.parts.put_nowait("商户存根\n".encode("gbk"))
        await printer.wrote.wait()
        if waiting:
            pos.parts.put_nowait(second)
        await turns()
        clock.now_s = 1.5  # longer than TAP_IDLE_MS: no paper
        printer.takes.set()
        await turns()
        if not waiting:
            clock.now_s = 2.0
            pos.parts.put_nowait(second)
        pos.parts.put_nowait(b"")
        await printer.at_end.wait()
        printer.may_end.set()
        await serving
        assert [one.kind for one in told] == ["merchant_copy"]
        assert bytes(printer.paper) == "商户存根\n".encode("gbk") + second

    asyncio.run(story())


def test_a_network_printer_without_paper_at_the_end_still_gets_the_whole_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status byte, when the paper is back, must find a connection: a reset costs what it has not read."""
    monkeypatch.setattr(limits, "PRINT_FINISH_S", 0.1)
    job = b"\x1dv0\x00\x30\x00\xe8\x03" + bytes(48 * 1000) + b"\n\x1dV\x00"

    async def story() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            tap, ready = _tap(f'kind = "tcp"\nhost = "127.0.0.1"\nport = {listener.getsockname()[1]}', tmp_path)
            running = asyncio.create_task(tap.run(stop))
            await ready.heard.wait()
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(job)
            writer.write_eof()
            printer, _ = await loop.sock_accept(listener)
            with contextlib.closing(printer):
                with pytest.raises(TimeoutError):  # not printed, so not done
                    await asyncio.wait_for(reader.read(), 0.6)
                await loop.sock_sendall(printer, ASB)
                got = bytearray()
                while data := await loop.sock_recv(printer, 4096):
                    got += data
                    await asyncio.sleep(0)
            assert bytes(got) == job
            assert await reader.read() in (ASB, b"")  # b"": the first wait had taken it
            writer.close()
            stop.set()
            await running

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_network_printer_that_breaks_off_with_bytes_untaken_is_no_success(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            where = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {listener.getsockname()[1]}'
            end = printer_end(parse(f"[printer]\n{where}"), SystemClock())
            await end.open()
            printer, _ = await loop.sock_accept(listener)
            writing = asyncio.create_task(end.write(bytes(60_000)))
            await turns()
            await writing
            finishing = asyncio.create_task(end.finish())
            await turns()
            assert not finishing.done()
            printer.close()  # unread bytes: a reset
            with pytest.raises(DeviceError):
                await finishing
            end.close()
            await turns()

    asyncio.run(asyncio.wait_for(story(), 30))


class Pipe(CharDevice):
    """A pipe in the place of usblp: it has room again when its last bytes were taken, and cannot say how many wait."""

    def __init__(self) -> None:
        super().__init__("/dev/usb/lp0", byte_timeout_s=0.05)
        self.far, self.near = os.pipe2(os.O_NONBLOCK)
        fcntl.fcntl(self.near, fcntl.F_SETPIPE_SZ, 4096)

    def open(self) -> None:
        self._fd, self._sent = self.near, 0


@pytest.mark.parametrize("unplugged", [False, True])
def test_a_usb_printer_without_paper_at_the_end_is_waited_for(unplugged: bool) -> None:
    async def story() -> None:
        way = Pipe()
        end = DescriptorPrinterEnd(way, answers=False)
        await end.open()
        await end.write(bytes(4096))
        finishing = asyncio.create_task(end.finish())
        done, _ = await asyncio.wait({finishing}, timeout=0.3)
        assert not done
        if unplugged:
            os.close(way.far)
            with pytest.raises(DeviceError):
                await finishing
        else:
            assert len(os.read(way.far, 4096)) == 4096
            await asyncio.wait_for(finishing, 5)
            os.close(way.far)
        end.close()

    asyncio.run(story())


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A pty in the place of a serial line: its far end, and the path of the near one."""
    far, near = pty.openpty()
    tty.setraw(near)
    os.set_blocking(far, False)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_a_serial_line_that_stands_still_at_the_end_is_waited_for(
    line: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pty says nothing of what it holds, so the kernel's count is told by hand."""
    held = [7]
    monkeypatch.setattr("drivers.tap.printer_ends.unsent", lambda _: held[0])

    async def story() -> None:
        end = DescriptorPrinterEnd(SerialTransport(line[1], byte_timeout_s=0.05), answers=True)
        await end.open()
        await end.write(b"receipt")
        finishing = asyncio.create_task(end.finish())
        done, _ = await asyncio.wait({finishing}, timeout=0.3)
        assert not done
        held[0] = 0
        await asyncio.wait_for(finishing, 5)
        assert await asyncio.wait_for(end.read(), 5) == b""  # and the last words have an end
        end.close()

    asyncio.run(story())


def test_xoff_of_a_serial_printer_is_obeyed(tmp_path: Path, line: tuple[int, str]) -> None:
    far, path = line

    async def story() -> None:
        stop = asyncio.Event()
        tap, ready = _tap(f'kind = "serial"\npath = "{path}"\nflow = "xonxoff"', tmp_path)
        running = asyncio.create_task(tap.run(stop))
        await ready.heard.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(b"\x1b@")
        assert await _taken(far, 2) == b"\x1b@"
        os.write(far, b"\x13")
        _stopped(path)
        writer.write(receipt())
        writer.write_eof()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_taken(far, 1), 0.3)
        os.write(far, b"\x11")
        assert (await _taken(far, len(receipt()))).endswith(receipt()[-7:])
        assert await reader.read() == b""
        writer.close()
        stop.set()
        await running

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_paced_serial_printer_is_fed_no_faster_than_it_prints(line: tuple[int, str]) -> None:
    far, path = line

    async def story() -> None:
        settings = parse(f'[printer]\nkind = "serial"\npath = "{path}"\nbaud = 115200\npace_bytes_per_s = 20000')
        end = printer_end(settings, SystemClock())
        size = settings.profile.buffer_bytes + 6_000
        await end.open()
        begun = time.monotonic()
        writing = asyncio.create_task(end.write(bytes(size)))
        assert len(await _taken(far, size)) == size
        await writing
        assert time.monotonic() - begun > 0.28
        end.close()

    asyncio.run(asyncio.wait_for(story(), 30))


def _stopped(path: str) -> None:
    """Wait until the kernel has heard XOFF on a line."""
    near = os.open(path, os.O_RDWR | os.O_NOCTTY)
    for _ in range(1000):
        if not wait_for(near, select.POLLOUT, 0):
            break
        pause(0.005)
    os.close(near)


async def _taken(far: int, count: int) -> bytes:
    """Read at least so many bytes as the printer."""
    loop, got, enough = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def more() -> None:
        got.extend(os.read(far, 4096))
        if len(got) >= count:
            enough.set()

    loop.add_reader(far, more)
    try:
        await enough.wait()
    finally:
        loop.remove_reader(far)
    return bytes(got)


class _Ready(Notifier):
    """Hears when the tap serves."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def ready(self) -> None:
        self.heard.set()


def _tap(printer: str, folder: Path) -> tuple[Tap, _Ready]:
    text = f'[printer]\n{printer}\n[listen]\nport = 0\n[daemon]\nsocket = "{folder}/none.sock"\n'
    ready = _Ready()
    return Tap(parse(text), _Silent(), SystemClock(), ready), ready


class _Silent:
    """A daemon with nothing to append."""

    async def ask(self, question: Question) -> Document | str:
        return "nothing"
