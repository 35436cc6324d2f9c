"""The tap with real sockets, a real pty and a printer on TCP: what a POS sees, and what its printer gets."""

import asyncio
import contextlib
import json
import os
import signal
import time
import tty
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli.whole import app
from agent.domain.receipt import to_json
from agent.notify import Notifier
from agent.system import SystemClock
from drivers.simulated import Fault, SimulatedPrinter
from drivers.tap.service import Tap
from drivers.tap.settings import TapSettings, parse
from drivers.tap.unix_desk import UnixDesk
from tests.processes import Daemon
from tests.tap_world import PROMPT, receipt

ANSWER = json.dumps({"append": to_json(PROMPT), "why": ""}).encode() + b"\n"
DLE_EOT = b"\x10\x04\x01"


class DaemonStandIn:
    """The daemon's side of the socket: answers, is slow, or says nonsense."""

    def __init__(self, path: Path, answer: bytes = ANSWER, wait_s: float = 0) -> None:
        self.path, self.answer, self.wait_s = path, answer, wait_s
        self.asked: list[dict[str, object]] = []
        self._over = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "DaemonStandIn":
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        line = await reader.readline()
        self.asked.append(json.loads(line))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self.wait_s)
        writer.write(self.answer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class Ready(Notifier):
    """Hears when the tap serves."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def ready(self) -> None:
        self.heard.set()


def settings(folder: Path, printer: SimulatedPrinter, more: str = "") -> TapSettings:
    return parse(
        f"""
[printer]
kind = "tcp"
host = "127.0.0.1"
port = {printer.port}
[listen]
port = 0
{more}
[daemon]
socket = "{folder}/tap.sock"
"""
    )


@asynccontextmanager
async def tapped(folder: Path, printer: SimulatedPrinter, more: str = "") -> AsyncIterator[Tap]:
    chosen = settings(folder, printer, more)
    ready, stop = Ready(), asyncio.Event()
    tap = Tap(chosen, UnixDesk(Path(chosen.socket)), SystemClock(), ready)
    running = asyncio.create_task(tap.run(stop))
    try:
        await asyncio.wait_for(ready.heard.wait(), 5)
        yield tap
    finally:
        stop.set()
        await running


async def send(tap: Tap, job: bytes) -> None:
    """What most POS software does: connect, send, close."""
    _, writer = await asyncio.open_connection("127.0.0.1", tap.port)
    writer.write(job)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def lasting(work: Callable[[], Coroutine[Any, Any, None]], seconds: float = 30) -> None:
    async def run() -> None:
        async with asyncio.timeout(seconds):
            await work()

    asyncio.run(run())


def test_a_receipt_gets_its_block_and_the_daemon_no_text(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, DaemonStandIn(tmp_path / "tap.sock") as daemon:
            async with tapped(tmp_path, printer) as tap:
                await send(tap, receipt("22.00", "微信支付 22.00"))
                paper = await printer.wait_job(1)
            assert "扫码入会".encode("gbk") in paper
            assert paper.startswith(receipt("22.00", "微信支付 22.00")[:-7])
            assert paper.endswith(receipt()[-7:])
            (asked,) = daemon.asked
            assert asked["total_fen"] == 2200
            assert asked["tenders"] == [{"type": "wechat", "amount_fen": 2200}]
            assert "矿泉水" not in json.dumps(asked, ensure_ascii=False)

    lasting(story)


@pytest.mark.parametrize(("answer", "wait_s"), [(ANSWER, 5), (b"nonsense\n", 0), (b"", 0), (b'{"append": 7}\n', 0)])
def test_a_slow_or_sick_daemon_costs_the_block_and_300_ms(tmp_path: Path, answer: bytes, wait_s: float) -> None:
    async def story() -> None:
        sick = DaemonStandIn(tmp_path / "tap.sock", answer, wait_s)
        async with SimulatedPrinter() as printer, sick, tapped(tmp_path, printer) as tap:
            begun = time.monotonic()
            await send(tap, receipt())
            assert await printer.wait_job(1) == receipt()
            assert time.monotonic() - begun < 1.5  # 300 ms, and a busy machine

    lasting(story)


def test_without_a_daemon_the_pos_prints_as_ever(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            for number, job in enumerate((receipt(), b"\x1bp\x00\x19\xfa", receipt("9.90")), start=1):
                await send(tap, job)
                assert await printer.wait_job(number) == job

    lasting(story)


def test_the_printers_answers_reach_the_pos_in_the_middle_of_a_job(tmp_path: Path) -> None:
    async def story() -> None:
        daemon = DaemonStandIn(tmp_path / "tap.sock")
        async with SimulatedPrinter() as printer, daemon, tapped(tmp_path, printer) as tap:
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(receipt()[:70] + DLE_EOT)
            assert await reader.readexactly(1) == b"\x12"
            writer.write(receipt()[70:] + b"\x1dr\x01")
            assert await reader.readexactly(1) == b"\x00"
            writer.write(DLE_EOT)
            assert await reader.readexactly(1) == b"\x12"
            writer.close()
            assert "扫码入会".encode("gbk") in await printer.wait_job(1)

    lasting(story)


def test_a_pos_that_only_half_closes_still_hears_the_last_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(receipt() + b"\x1dr\x01")
            writer.write_eof()
            assert await reader.read() == b"\x00"
            writer.close()

    lasting(story)


def test_two_tills_take_turns(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, DaemonStandIn(tmp_path / "tap.sock"):
            async with tapped(tmp_path, printer) as tap:
                _, first = await asyncio.open_connection("127.0.0.1", tap.port)
                first.write(receipt()[:50])
                await first.drain()
                _, second = await asyncio.open_connection("127.0.0.1", tap.port)
                second.write(receipt("9.90"))
                second.close()
                await asyncio.sleep(0.05)
                first.write(receipt()[50:])
                first.close()
                jobs = [await printer.wait_job(1), await printer.wait_job(2)]
            assert [b"22.00" in job for job in jobs] == [True, False]
            assert [b"9.90" in job for job in jobs] == [False, True]

    lasting(story)


def test_a_printer_that_is_away_is_away_for_the_pos_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            await printer.stop()
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(receipt())
            with pytest.raises(ConnectionError):
                assert await reader.read() != b""
            writer.close()
            await printer.start()
            await send(tap, receipt())
            assert await printer.wait_job(1) == receipt()

    lasting(story)


def test_a_printer_that_breaks_off_breaks_off_the_pos(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            printer.fault, printer.take_bytes = Fault.DROP, 20
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(receipt())
            with pytest.raises(ConnectionError):
                assert await reader.read() != b""
            writer.close()
            printer.fault = Fault.NONE
            await send(tap, receipt())
            assert await printer.wait_job(2) == receipt()

    lasting(story)


def test_a_printer_without_paper_holds_the_pos_back_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        big = b"\x1dv0\x00\x48\x00\x00\x40" + bytes(0x48 * 0x4000) + receipt()
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            printer.fault, printer.take_bytes = Fault.STOP_READING, 1000
            _, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.transport.set_write_buffer_limits(high=1024)

            async def pour() -> None:
                while True:
                    writer.write(big)
                    await writer.drain()

            with pytest.raises(TimeoutError):  # back-pressure, as from the printer itself
                await asyncio.wait_for(pour(), 1)
            assert writer.transport.get_write_buffer_size() > 0
            writer.transport.abort()
            await printer.stop()

    lasting(story)


def test_a_pos_on_a_virtual_serial_line(tmp_path: Path) -> None:
    async def story() -> None:
        link = tmp_path / "dev" / "printer"
        async with SimulatedPrinter() as printer, DaemonStandIn(tmp_path / "tap.sock"):
            async with tapped(tmp_path, printer, f'serial = "{link}"') as tap:
                line = os.open(link, os.O_RDWR | os.O_NOCTTY)
                os.write(line, receipt()[:40] + DLE_EOT)
                assert await asyncio.get_running_loop().run_in_executor(None, os.read, line, 1) == b"\x12"
                os.write(line, receipt()[40:])
                paper = await printer.wait_job(1, timeout=10)  # the line is given back after some silence
                assert "扫码入会".encode("gbk") in paper
                await send(tap, receipt("9.90"))
                assert b"9.90" in await printer.wait_job(2)
                os.write(line, b"\n\x00\r" + receipt("7.70"))  # raw: no byte is changed
                assert (await printer.wait_job(3, timeout=10)).startswith(b"\n\x00\r\x1b@")
                os.close(line)
            assert not link.is_symlink()

    lasting(story)


def test_the_serial_line_waits_for_a_printer_that_is_switched_on_late(tmp_path: Path) -> None:
    async def story() -> None:
        link = tmp_path / "printer"
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer, f'serial = "{link}"'):
            await printer.stop()
            line = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.write(line, receipt())
            await asyncio.sleep(0.2)
            await printer.start()
            assert await printer.wait_job(1, timeout=10) == receipt()
            os.close(line)

    lasting(story)


def test_the_process_lives_alone_and_ends_its_job_on_sigterm(tmp_path: Path) -> None:
    async def story() -> None:
        async with SimulatedPrinter() as printer:
            config = tmp_path / "tap.toml"
            config.write_text(
                f'[printer]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {printer.port}\n[listen]\nport = 0\n'
                f'[daemon]\nsocket = "{tmp_path}/none.sock"\n'
            )
            process = Daemon("tap", "run", "--config", str(config))
            port = json.loads(await process.start("tap.ready"))["port"]
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(receipt()[:-1])
            await writer.drain()
            await asyncio.sleep(0.1)
            process.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
            writer.write(receipt()[-1:])
            writer.close()
            assert await process.stop() == 0
            assert await printer.wait_job(1) == receipt()
            assert any('"result": "receipt"' in line for line in process.lines)

    lasting(story, 60)


@pytest.mark.parametrize("kind", ["chardev", "serial"])
def test_a_printer_on_a_device(tmp_path: Path, kind: str) -> None:
    """A pty in the printer's place: bytes both ways, and gone when the cable is pulled."""

    async def story() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        chosen = parse(
            f'[printer]\nkind = "{kind}"\npath = "{os.ttyname(slave)}"\nprofile = "escpos-80"\n[listen]\nport = 0\n'
            f'[daemon]\nsocket = "{tmp_path}/none.sock"\n'
        )
        paper, loop = bytearray(), asyncio.get_running_loop()

        def obey() -> None:
            with contextlib.suppress(OSError):
                paper.extend(os.read(master, 4096))
                if DLE_EOT in paper[-3:]:
                    os.write(master, b"\x12")

        ready, stop = Ready(), asyncio.Event()
        tap = Tap(chosen, UnixDesk(Path(chosen.socket)), SystemClock(), ready)
        running_tap = asyncio.create_task(tap.run(stop))
        await asyncio.wait_for(ready.heard.wait(), 5)
        loop.add_reader(master, obey)
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(receipt() + DLE_EOT)
        assert await reader.readexactly(1) == b"\x12"
        writer.close()
        assert bytes(paper) == receipt() + DLE_EOT
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(DLE_EOT)
        assert await reader.readexactly(1) == b"\x12"
        loop.remove_reader(master)
        os.close(master)  # the cable is pulled: hung up, though the slave is still open
        os.close(slave)
        with pytest.raises(ConnectionError):
            assert await reader.read() != b""
        writer.close()
        stop.set()
        await running_tap

    lasting(story)


def test_a_mistake_of_ours_costs_the_block_and_no_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        async with SimulatedPrinter() as printer, tapped(tmp_path, printer) as tap:
            monkeypatch.setattr("drivers.tap.segment.recognise", broken)
            await send(tap, receipt() + receipt("9.90"))
            assert await printer.wait_job(1) == receipt() + receipt("9.90")

    lasting(story)


def test_one_file_by_the_command(tmp_path: Path) -> None:
    source, target = tmp_path / "in.bin", tmp_path / "out.bin"
    source.write_bytes(receipt("22.00", "微信支付 22.00"))
    command = ["devices", "tap-file", str(source), str(target), "--prompt", "扫码入会"]
    told = json.loads(CliRunner().invoke(app, command).stdout)
    assert (told["kind"], told["total_fen"], told["inserted"]) == ("receipt", 2200, True)
    assert told["tenders"] == [{"type": "wechat", "amount_fen": 2200}]
    stream, out, at = source.read_bytes(), target.read_bytes(), told["inserted_at"]
    assert out[:at] == stream[:at]
    assert out[at + told["inserted_bytes"] :] == stream[at:]
    assert "扫码入会".encode("gbk") in out
    source.write_bytes(b"")
    assert json.loads(CliRunner().invoke(app, command).stdout)["kind"] == "empty"
    assert target.read_bytes() == b""
    assert CliRunner().invoke(app, [*command[:2], str(tmp_path / "none"), str(target)]).exit_code == 1
    assert CliRunner().invoke(app, [*command, "--profile", "nothing"]).exit_code == 78
