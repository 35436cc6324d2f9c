"""The Printer port on a simulated printer behind real TCP and a pty: verdicts, refusals, and honest doubt."""

import asyncio
import os
import threading
import time
import tty
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document, Text
from agent.domain.receipts import drawer_pulse
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.printer_patience import Patience
from drivers.profiles import Profile, profile
from drivers.serial_printer import SerialTransport
from drivers.simulated import Fault, SimulatedPrinter
from drivers.tcp_printer import TcpTransport

HELLO = Document((Text("水果店 ¥4.00"),))
LONG = Document(tuple(Text(f"第{number}行") for number in range(4_000)))
MIDDLE = Document(LONG.blocks[:200])
ASKING, WRITE_ONLY = profile("escpos-80"), profile("generic-80")
SHORT_S = 1.0


class RealClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()


def on_simulated(
    kind: Profile,
    scenario: Callable[[SimulatedPrinter, EscposPrinter], Awaitable[None]],
    *,
    patience_s: float = SHORT_S,
) -> None:
    async def run() -> None:
        async with SimulatedPrinter() as simulated:
            transport = TcpTransport("127.0.0.1", simulated.port, byte_timeout_s=patience_s, finish_s=patience_s)
            clock = RealClock()
            patience = Patience(status_s=patience_s, completion_s=patience_s, hold_s=patience_s)
            printer = EscposPrinter("till", kind, transport, clock, patience=patience)
            try:
                await scenario(simulated, printer)
            finally:
                printer.close()

    asyncio.run(run())


def test_a_printer_that_answers_confirms() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        assert await printer.print(HELLO) is PrintVerdict.CONFIRMED
        assert await simulated.wait_job(1) == encode(HELLO, ASKING)
        assert simulated.raw[0].endswith(b"\x1dr\x01")

    on_simulated(ASKING, scenario, patience_s=5)


def test_a_printer_that_cannot_answer_is_only_sent() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        assert await printer.print(HELLO) is PrintVerdict.SENT
        assert await simulated.wait_job(1) == encode(HELLO, WRITE_ONLY) == simulated.raw[0]

    on_simulated(WRITE_ONLY, scenario, patience_s=5)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.PAPER_OUT, "PRINTER_PAPER_OUT"),
        (Fault.COVER_OPEN, "PRINTER_COVER_OPEN"),
        (Fault.OFFLINE, "PRINTER_OFFLINE"),
        (Fault.SILENT, "PRINTER_SILENT"),
    ],
)
def test_what_it_says_beforehand_keeps_every_byte_of_the_job_here(fault: Fault, code: str) -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        simulated.fault = fault
        with pytest.raises(DeviceUnavailable, match=code) as caught:
            await printer.print(HELLO)
        assert caught.value.hint
        assert simulated.jobs == []
        simulated.fault = Fault.NONE
        assert await printer.print(HELLO) is PrintVerdict.CONFIRMED

    on_simulated(ASKING, scenario)


def test_pains_17_no_completion_answer_is_ambiguous_with_everything_sent() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        simulated.fault = Fault.NO_COMPLETION
        with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED") as caught:
            await printer.print(HELLO)
        assert caught.value.bytes_sent == len(encode(HELLO, ASKING))
        assert await simulated.wait_job(1) == encode(HELLO, ASKING)

    on_simulated(ASKING, scenario)


@pytest.mark.parametrize("kind", [ASKING, WRITE_ONLY], ids=["asking", "write only"])
@pytest.mark.parametrize("fault", [Fault.STOP_READING, Fault.DROP])
def test_pains_16_broken_off_in_the_middle_is_ambiguous(fault: Fault, kind: Profile) -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        simulated.fault, simulated.take_bytes = fault, 500
        with pytest.raises(DeviceAmbiguous):
            await printer.print(LONG if kind is WRITE_ONLY else MIDDLE)
        assert simulated.connections == 1

    on_simulated(kind, scenario)


def test_pains_20_after_a_power_cycle_the_same_process_prints_again() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        assert await printer.print(HELLO) is PrintVerdict.CONFIRMED
        await simulated.stop()
        with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
            await printer.print(HELLO)
        await simulated.start()
        assert await printer.print(HELLO) is PrintVerdict.CONFIRMED
        assert await simulated.wait_job(2) == encode(HELLO, ASKING)

    on_simulated(ASKING, scenario, patience_s=5)


def test_status_says_what_is_known() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        assert await printer.status() == PrinterStatus(
            verified=True, online=True, paper="ok", cover_open=False, fault=False
        )
        simulated.fault = Fault.PAPER_OUT
        assert (await printer.status()).paper == "out"

    on_simulated(ASKING, scenario, patience_s=5)


@pytest.mark.parametrize("kind", [ASKING, WRITE_ONLY], ids=["asking", "write only"])
def test_trap_silent_printer_is_unverified_never_fine(kind: Profile) -> None:
    """python-escpos reports "paper adequate" after a second of silence (facts/devices.md)."""

    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        simulated.fault = Fault.SILENT
        assert await printer.status() == PrinterStatus(verified=False)

    on_simulated(kind, scenario)


def test_the_drawer_pulse_arrives_alone() -> None:
    async def scenario(simulated: SimulatedPrinter, printer: EscposPrinter) -> None:
        await printer.print(drawer_pulse())
        assert await simulated.wait_job(1) == b"\x1bp\x00\x32\x64"

    on_simulated(ASKING, scenario, patience_s=5)


def test_pains_21_patience_grows_with_the_length_of_the_job() -> None:
    """A slow serial printer answers late: 4,000 lines at 9600 bit/s are not a fault after the base patience."""

    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        slow = threading.Thread(target=answer_late, args=(master, len(encode(LONG, WRITE_ONLY))), daemon=True)
        slow.start()
        kind = replace(WRITE_ONLY, completion="gs_r", buffer_bytes=1 << 20)
        line, patience = SerialTransport(os.ttyname(slave)), Patience(completion_s=0.05)
        printer = EscposPrinter("till", kind, line, RealClock(), patience=patience)
        assert await printer.print(LONG) is PrintVerdict.CONFIRMED
        printer.close()
        slow.join(5)
        os.close(slave)
        os.close(master)

    def answer_late(master: int, size: int) -> None:
        got = 0
        while got < size + 3:
            got += len(os.read(master, 4096))
        time.sleep(0.4)
        os.write(master, b"\x10\x00\x00\x00\x00")  # status first, then the answer: told apart

    asyncio.run(scenario())


def test_trap_stale_answer_from_an_earlier_job_confirms_nothing() -> None:
    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.write(master, b"\x00")  # the late answer to a job that had been given up
        kind = replace(WRITE_ONLY, completion="gs_r")
        line, patience = SerialTransport(os.ttyname(slave)), Patience(completion_s=0.2)
        printer = EscposPrinter("till", kind, line, RealClock(), patience=patience)
        with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
            await printer.print(HELLO)
        printer.close()
        os.close(slave)
        os.close(master)

    asyncio.run(scenario())
