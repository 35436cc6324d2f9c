"""A printer that misbehaves in the middle: paper, cover, power, pace, late and stale answers, broken-off pictures."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.device_ports import PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document, Qr, Text
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.printer_patience import Patience
from drivers.profiles import Profile, profile
from drivers.serial_printer import SerialTransport
from drivers.tcp_printer import TcpTransport
from drivers.transports import CharDevice, Transport
from tests.ill_printer import IllPrinter, on_pty, on_tcp

ASKING, EPSON, WRITE_ONLY = profile("escpos-80"), profile("epson-80"), profile("generic-80")
PATIENCE = Patience(status_s=0.5, completion_s=1.5, hold_s=20)
PICTURE = Document((Text("图前"), Qr("https://example.com/join?c=" + "A" * 60), Text("图后")))
SLIP = Document((Text("下一单 ¥4.00"),))
LONG = Document(tuple(Text(f"第{number:04d}行") for number in range(1_200)))  # 12 kB: three buffers full


class RealClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()


Scenario = Callable[[IllPrinter, EscposPrinter], Awaitable[None]]


def driver(kind: Profile, transport: Transport, patience: Patience) -> EscposPrinter:
    return EscposPrinter("till", kind, transport, RealClock(), patience=patience)


def play(kind: Profile, scenario: Scenario, *, way: str = "tcp", patience: Patience = PATIENCE) -> IllPrinter:
    """Run against a fresh printer behind TCP, a serial line or a character device."""
    ill = IllPrinter()

    async def run(transport: Transport) -> None:
        printer = driver(kind, transport, patience)
        try:
            await asyncio.wait_for(scenario(ill, printer), 30)
        finally:
            printer.close()

    if way == "tcp":
        with on_tcp(ill) as port:
            asyncio.run(run(TcpTransport("127.0.0.1", port, byte_timeout_s=0.5, finish_s=0.5)))
    else:
        with on_pty(ill) as (path, _):
            char, line = CharDevice(path, readable=True, byte_timeout_s=0.5), SerialTransport(path, byte_timeout_s=0.5)
            asyncio.run(run(char if way == "char" else line))
    return ill


def lines_of(ill: IllPrinter) -> list[str]:
    return [f"第{number}行" for number in ill.text.replace("行", "").split("第")[1:]]


# --- paper and cover in the middle ------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["tcp", "serial", "char"])
@pytest.mark.parametrize("trouble", ["PRINTER_PAPER_OUT", "PRINTER_COVER_OPEN"])
def test_a_roll_that_ends_in_the_middle_is_waited_for_and_nothing_is_printed_twice(way: str, trouble: str) -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.out_after = 3_000
        job = asyncio.create_task(printer.print(LONG))
        await asyncio.to_thread(ill.until, lambda: ill.out)
        if trouble == "PRINTER_COVER_OPEN":
            ill.out, ill.out_after, ill.cover_open = False, None, True
        await asyncio.sleep(2.1)  # longer than any patience for a silent one
        assert not job.done()
        assert (await printer.status()).trouble == trouble  # said while the job is on its way
        ill.cover_open = False
        ill.new_roll()
        assert await job is PrintVerdict.CONFIRMED
        assert lines_of(ill) == [f"第{number:04d}行" for number in range(1_200)]

    play(ASKING, scenario, way=way, patience=replace(PATIENCE, completion_s=1))


def test_a_roll_that_ends_inside_a_picture_is_told_by_automatic_status() -> None:
    """No question can be asked there: it would land in the picture. ASB tells by itself."""

    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.out_after = 2_000
        job = asyncio.create_task(printer.print(PICTURE))
        await asyncio.to_thread(ill.until, lambda: ill.out)
        await asyncio.sleep(1.5)  # three times as long as a printer may take no byte
        assert not job.done()
        assert (await printer.status()).paper == "out"
        ill.new_roll()
        assert await job is PrintVerdict.CONFIRMED
        assert [token.data for token in ill.paper if token.name == b"\x1dv"]
        assert ill.text == "图前图后"

    play(replace(EPSON, native_qr=False), scenario)


def test_paper_that_never_comes_ends_in_doubt_and_says_why() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.out_after = 3_000
        with pytest.raises(DeviceAmbiguous, match="PRINTER_PAPER_OUT for 1 s"):
            await printer.print(LONG)

    play(ASKING, scenario, patience=replace(PATIENCE, hold_s=1))


def test_a_printer_that_dies_while_it_waits_for_paper_is_not_waited_for_as_long() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.out_after = len(encode(SLIP, ASKING)) - 4
        job = asyncio.create_task(printer.print(SLIP))
        await asyncio.to_thread(ill.until, lambda: ill.out)
        ill.silent = True
        with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
            await asyncio.wait_for(job, 8)

    play(ASKING, scenario, way="serial")


# --- an interrupted picture never eats the next job -----------------------------------------------------------------
@pytest.mark.parametrize("kind", [ASKING, EPSON, WRITE_ONLY], ids=["gs r", "gs h", "one way"])
def test_a_picture_that_broke_off_never_eats_the_next_job(kind: Profile) -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.hang_up_after = 3_000  # in the middle of GS v 0
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
            await printer.print(PICTURE)
        assert await printer.print(SLIP) is not None
        ill.until(lambda: "下一单" in ill.text)
        assert ill.text.endswith("下一单 ￥4.00")
        names = [token.name for token in ill.paper]
        assert b"\x1dV" in names[names.index(b"\x1dv") :]  # half a receipt is cut from the next (pains 21)

    play(replace(kind, native_qr=False), scenario)


def test_without_coming_back_into_step_the_next_job_would_be_eaten() -> None:
    """The printer of these tests has the fault that we guard against."""
    ill = IllPrinter()
    with on_tcp(ill) as port:
        picture = encode(PICTURE, WRITE_ONLY)
        for part in (picture[:3_000], encode(SLIP, WRITE_ONLY)):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(part)
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(bytes(1))
        ill.until(lambda: "图前" in ill.text)
        assert "下一单" not in ill.text


def test_after_a_crash_the_next_process_ends_what_the_last_one_began() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        job = encode(PICTURE, replace(ASKING, native_qr=False))
        await asyncio.to_thread(send_raw, printer, job[:3_000])
        printer.distrust(PICTURE)
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
        assert ill.text.endswith("下一单 ￥4.00")

    def send_raw(printer: EscposPrinter, part: bytes) -> None:
        transport = printer._transport
        transport.open()
        transport.write(part)
        transport.finish()
        transport.close()

    play(replace(ASKING, native_qr=False), scenario)


def test_a_power_cycle_in_the_middle_of_a_picture_and_the_same_process_prints_again() -> None:
    """pains 20."""

    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.hang_up_after = 3_000
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
            await printer.print(PICTURE)
        ill.power_cycle()
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
        assert ill.text.endswith("下一单 ￥4.00")
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED

    play(replace(ASKING, native_qr=False), scenario)


def test_an_answer_that_a_power_cycle_swallowed_is_not_waited_for_for_ever() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.completes = False
        with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
            await printer.print(SLIP)
        ill.power_cycle()
        ill.completes = True
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
        assert ill.text.count("下一单") == 2

    play(ASKING, scenario, way="serial")


def test_a_printer_that_does_not_come_back_gets_no_job() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.completes = False
        with pytest.raises(DeviceAmbiguous):
            await printer.print(SLIP)
        with pytest.raises(DeviceUnavailable, match="PRINTER_STUCK"):
            await printer.print(SLIP)
        assert ill.text.count("下一单") == 1
        ill.completes = True
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED

    play(ASKING, scenario, patience=replace(PATIENCE, completion_s=0.5))


# --- answers that are late, stale or another's ------------------------------------------------------------------------
def test_a_late_answer_is_not_taken_for_that_of_the_next_question() -> None:
    """DLE EOT 1, 2 and 4 answer with the same bit pattern: who was silent once is asked no more in this session."""

    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.out = True
        ill.late = lambda question: 0.7 if question == 4 else 0.0
        status = await printer.status()
        assert status.verified
        assert (status.paper, status.cover_open) == (None, None)
        assert status.online is False

    play(ASKING, scenario, way="serial")


@pytest.mark.parametrize("kind", [ASKING, EPSON], ids=["gs r", "gs h"])
def test_the_answer_to_a_job_that_was_given_up_does_not_confirm_the_next(kind: Profile) -> None:
    async def run() -> None:
        ill = IllPrinter()
        with on_pty(ill) as (path, _):
            transport = SerialTransport(path, byte_timeout_s=0.5)
            printer = driver(kind, transport, replace(PATIENCE, completion_s=0.5))
            ill.bytes_per_s = 400  # slower than any line we allow for
            with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
                await printer.print(Document(tuple(Text("x" * 40) for _ in range(20))))
            ill.bytes_per_s = 0
            assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
            assert ill.text.endswith("下一单 ￥4.00")
            printer.close()

    asyncio.run(run())


def test_an_answer_with_another_jobs_number_confirms_nothing() -> None:
    async def run() -> None:
        ill = IllPrinter()
        ill.completes = False
        with on_pty(ill) as (path, master):
            printer = driver(EPSON, SerialTransport(path), replace(PATIENCE, completion_s=0.5))
            job = asyncio.create_task(printer.print(SLIP))
            await asyncio.to_thread(ill.until, lambda: "下一单" in ill.text)
            os.write(master, b"\x37\x220000\x00\x00")  # an old number, and what would answer GS r
            with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
                await job
            printer.close()

    asyncio.run(run())


def test_a_device_that_talks_without_end_is_no_printer() -> None:
    with pytest.raises(DeviceUnavailable, match="PRINTER_NOT_A_PRINTER"):
        CharDevice("/dev/zero", readable=True).open()


# --- pace and half-open connections -----------------------------------------------------------------------------------
def test_pains_21_a_slow_printer_gets_time_by_the_length_of_the_job() -> None:
    async def scenario(ill: IllPrinter, printer: EscposPrinter) -> None:
        ill.bytes_per_s = 4_000
        assert await printer.print(LONG) is PrintVerdict.CONFIRMED
        assert len(lines_of(ill)) == 1_200

    play(ASKING, scenario, patience=replace(PATIENCE, completion_s=0.3))


def test_a_half_open_connection_is_given_up_and_nothing_of_it_comes_out_later() -> None:
    """The printer's host is gone without a word: its side neither takes nor refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport = TcpTransport("127.0.0.1", listener.getsockname()[1], byte_timeout_s=0.3, finish_s=0.3)

        transport.open()
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
            transport.write(bytes(8_000_000))
        transport.close()
        connection, _ = listener.accept()
        with connection, pytest.raises(ConnectionResetError):
            read_all(connection)


def read_all(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass
