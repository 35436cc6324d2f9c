"""The CUPS way against a real cupsd: passed on, given up, cancelled, never twice; and IPP as bytes."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document, Text
from drivers import ipp
from drivers.cups_printer import CupsTransport
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.profiles import one_way, profile
from tests.real_cups import CUPSD, Cups, real_cups

JOB = bytes(range(256)) * 20


@pytest.fixture(scope="module")
def cups() -> Iterator[Cups]:
    if not Path(CUPSD).exists() or os.geteuid() != 0:
        pytest.skip("no cupsd, or not root (apt install cups-daemon): the CUPS way was NOT tried against a real one")
    with real_cups() as made:
        yield made


def deliver(transport: CupsTransport, job: bytes = JOB) -> None:
    transport.open()
    try:
        transport.write(job)
        transport.finish()
    finally:
        transport.close()


@pytest.mark.system("cupsd")
def test_every_byte_arrives_raw_and_once(cups: Cups) -> None:
    before = cups.paper
    deliver(CupsTransport("pos", cups.server))
    assert cups.paper == before + JOB


@pytest.mark.system("cupsd")
def test_a_job_is_sent_never_confirmed_and_the_printer_is_unverified(cups: Cups) -> None:
    class Clock:
        def now_ms(self) -> int:
            return time.time_ns() // 1_000_000

        def mono_s(self) -> float:
            return time.monotonic()

    async def run() -> None:
        kind = one_way(profile("escpos-80"))
        printer = EscposPrinter("till", kind, CupsTransport("pos", cups.server), Clock())
        slip = Document((Text("水 ¥4"),))
        assert await printer.print(slip) is PrintVerdict.SENT
        assert cups.paper.endswith(encode(slip, kind))
        assert await printer.status() == PrinterStatus(verified=False)
        printer.close()

    asyncio.run(run())


@pytest.mark.system("cupsd")
def test_a_job_that_the_backend_could_not_pass_on_is_in_doubt(cups: Cups) -> None:
    cups.order("fail")
    before = cups.paper
    with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
        deliver(CupsTransport("pos", cups.server))
    cups.order("ok")
    deliver(CupsTransport("pos", cups.server), b"next")
    assert cups.paper == before + b"next"  # what failed does not come out later


@pytest.mark.system("cupsd")
def test_pains_17_a_job_that_hangs_is_cancelled_and_in_doubt(cups: Cups) -> None:
    cups.order("hang")
    with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
        deliver(CupsTransport("pos", cups.server, job_s=0.5), b"x")
    cups.order("ok")
    before = cups.paper
    deliver(CupsTransport("pos", cups.server), b"next")
    assert cups.paper == before + b"next"


@pytest.mark.system("cupsd")
def test_a_job_that_cups_never_began_is_cancelled_and_safe_to_try_again(cups: Cups) -> None:
    cups.order("hang")
    ahead = CupsTransport("pos", cups.server, job_s=20)
    ended: list[DeviceAmbiguous] = []

    def one_ahead() -> None:
        try:
            deliver(ahead, b"first")
        except DeviceAmbiguous as error:
            ended.append(error)

    first = threading.Thread(target=one_ahead)
    first.start()
    cups.until_it_works()
    before = cups.paper
    with pytest.raises(DeviceUnavailable, match="did not begin"):
        deliver(CupsTransport("pos", cups.server, job_s=0.3), b"second")
    cups.let_go()
    first.join(20)
    assert ended
    cups.order("ok")
    deliver(CupsTransport("pos", cups.server), b"third")
    assert cups.paper == before + b"third"


@pytest.mark.system("cupsd")
def test_an_unknown_queue_says_so(cups: Cups) -> None:
    with pytest.raises(DeviceUnavailable, match=r"PRINTER_UNREACHABLE.*does not know"):
        CupsTransport("elsewhere", cups.server).open()


@pytest.mark.system("cupsd")
def test_a_queue_that_prints_failed_jobs_again_by_itself_is_refused() -> None:
    if not Path(CUPSD).exists() or os.geteuid() != 0:
        pytest.skip("no cupsd, or not root: error policies were NOT tried")
    with (
        real_cups(policy="retry-job") as resending,
        pytest.raises(DeviceUnavailable, match=r"PRINTER_QUEUE_RESENDS.*abort-job"),
    ):
        CupsTransport("pos", resending.server).open()


@pytest.mark.system("cupsd")
def test_a_stopped_queue_is_offline() -> None:
    if not Path(CUPSD).exists() or os.geteuid() != 0:
        pytest.skip("no cupsd, or not root: a stopped queue was NOT tried")
    with real_cups(state="Stopped") as stopped, pytest.raises(DeviceUnavailable, match="PRINTER_OFFLINE"):
        CupsTransport("pos", stopped.server).open()


def test_no_cups_is_safe_to_try_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
        CupsTransport("pos", f"http://127.0.0.1:{port}").open()


def test_what_is_no_ipp_is_refused() -> None:
    for data in (b"", b"\x01\x01\x00\x00\x00\x00\x00\x01\x04\x47\x00", b"<html>" * 9):
        with pytest.raises(ValueError, match="no IPP"):
            ipp.answer(data)


def test_an_answer_is_read_with_all_its_values() -> None:
    request = ipp.request(ipp.PRINT_JOB, 7, [(ipp.KEYWORD, "reasons", ("one", "two")), (ipp.INTEGER, "job-id", 300)])
    read = ipp.answer(request)
    assert read.attributes["reasons"] == ["one", "two"]
    assert read.first("job-id") == 300
    assert read.first("nothing") is None
