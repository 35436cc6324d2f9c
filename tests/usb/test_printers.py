"""A USB printer as the kernel presents it: through usblp, through libusb, and back again; pulled out in between."""

import asyncio
import os
import re
import select
import threading
import time
from collections.abc import Iterator

import pytest
import usb.core

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document, Text
from agent.system import SystemClock
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.printer_patience import Patience
from drivers.profiles import changed, profile
from drivers.transports import CharDevice, Transport
from drivers.usb_printer import UsbName, UsbTransport
from tests.usb.gadgets import GadgetPrinter, wait_for

NAME = UsbName(0x0483, 0x5743)
JOB = bytes(range(256)) * 64
SLIP = Document((Text("水果店 ¥4.00"),))
LONG = Document(tuple(Text(f"水果 {number}") for number in range(1000)))
_NUMBERED = re.compile(rb"\x1d\(H\x06\x0000(.{4})", re.DOTALL)


class Inside:
    """The printer's electronics: takes everything, answers DLE EOT, GS r and GS ( H."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.silent = False
        self.never_done = False
        """It answers DLE EOT alone."""
        self.stuck_at: int | None = None
        """It takes no more once it has so many bytes."""
        self._node = os.open("/dev/g_printer0", os.O_RDWR | os.O_NONBLOCK)
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def stuck(self) -> bool:
        """Whether it takes no more."""
        return self.stuck_at is not None and len(self.got) >= self.stuck_at

    def _serve(self) -> None:
        while not self._stop:
            if self.stuck or not select.select([self._node], [], [], 0.05)[0]:
                time.sleep(0.01)
                continue
            try:
                data = os.read(self._node, 8192)
            except OSError:  # pulled out
                time.sleep(0.05)
                continue
            self.got += data
            answers = b"\x12" * data.count(b"\x10\x04")
            if not self.never_done:
                answers += b"\x00" * data.count(b"\x1dr\x01")
                answers += b"".join(b"\x37\x22" + name + b"\x00" for name in _NUMBERED.findall(data))
            if answers and not self.silent:
                os.write(self._node, answers)

    def close(self) -> None:
        """Before the gadget is plugged in again or taken apart: its driver forgets that somebody has it open."""
        if self._stop:
            return
        self._stop = True
        self._thread.join(5)
        os.close(self._node)


@pytest.fixture
def gadget() -> Iterator[GadgetPrinter]:
    made = GadgetPrinter(3)
    yield made
    made.close()


@pytest.fixture
def inside(gadget: GadgetPrinter) -> Iterator[Inside]:
    made = Inside()
    yield made
    made.close()


def way(kind: str, gadget: GadgetPrinter) -> Transport:
    if kind == "usb":
        return UsbTransport(NAME, byte_timeout_s=5)
    return CharDevice(str(gadget.path), readable=True, byte_timeout_s=5)


def there(kind: str, gadget: GadgetPrinter) -> bool:
    """Whether the printer is known on this way. libusb hears of a plug from udev some time after the node is there."""
    if kind == "chardev":
        return gadget.path.exists()
    found = usb.core.find(find_all=True, idVendor=NAME.vendor, idProduct=NAME.product)
    return gadget.path.exists() and len(list(found)) == 1


def gone(kind: str, gadget: GadgetPrinter) -> bool:
    """Whether nothing is left of it."""
    return not gadget.path.exists() and (kind == "chardev" or usb.core.find(idVendor=NAME.vendor) is None)


@pytest.mark.parametrize("kind", ["chardev", "usb"])
def test_a_receipt_is_confirmed_and_the_printers_state_is_known(
    kind: str, gadget: GadgetPrinter, inside: Inside
) -> None:
    async def run() -> None:
        printer = EscposPrinter("till", profile("escpos-58"), way(kind, gadget), SystemClock())
        for _ in range(2):
            assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
        status = await printer.status()
        assert status == PrinterStatus(verified=True, online=True, paper="ok", cover_open=False, fault=False)
        inside.silent = True
        with pytest.raises(DeviceUnavailable, match="PRINTER_SILENT"):
            await printer.print(SLIP)
        printer.close()

    asyncio.run(run())
    assert bytes(inside.got).count(encode(SLIP, profile("escpos-58"))) == 2


@pytest.mark.parametrize("completion", ["gs_r", "gs_h"])
@pytest.mark.parametrize("kind", ["chardev", "usb"])
def test_a_job_is_done_when_the_printer_says_so_and_in_doubt_when_it_does_not(
    kind: str, completion: str, gadget: GadgetPrinter, inside: Inside
) -> None:
    """In pieces as well: each one's end is waited for before the next goes."""
    kind_of = changed(profile("escpos-58"), {"completion": completion})

    async def run() -> None:
        printer = EscposPrinter("till", kind_of, way(kind, gadget), SystemClock())
        assert await printer.print(LONG) is PrintVerdict.CONFIRMED
        printer.close()
        inside.never_done = True
        printer = EscposPrinter("till", kind_of, way(kind, gadget), SystemClock(), patience=Patience(completion_s=3))
        with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
            await printer.print(SLIP)
        printer.close()

    asyncio.run(run())
    question = b"\x1dr\x01" if completion == "gs_r" else b"\x1d(H"
    assert inside.got.count(question) >= len(encode(LONG, kind_of)) // kind_of.buffer_bytes


@pytest.mark.parametrize("kind", ["chardev", "usb"])
def test_pulled_out_while_it_prints_the_job_is_in_doubt_and_the_next_one_prints_when_it_is_back(
    kind: str, gadget: GadgetPrinter, inside: Inside
) -> None:
    """Pains 17 and 20: the same driver goes on after the replug, and sends nothing of the broken-off job again."""
    inside.stuck_at = 5000

    async def run() -> Inside:
        printer = EscposPrinter("till", profile("escpos-58"), way(kind, gadget), SystemClock())
        printing = asyncio.create_task(printer.print(LONG))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, wait_for, "broken off", lambda: inside.stuck)
        gadget.gadget.unplug()
        inside.close()
        with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED"):
            await printing
        wait_for("printer gone", lambda: gone(kind, gadget))
        with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
            await printer.print(SLIP)
        gadget.gadget.plug()
        wait_for("printer back", lambda: there(kind, gadget))
        again = Inside()
        assert await printer.print(SLIP) is PrintVerdict.CONFIRMED
        printer.close()
        return again

    again = asyncio.run(run())
    try:
        assert "水果 999".encode("gbk") not in bytes(inside.got + again.got)
        assert "水果 ".encode("gbk") not in again.got
        assert bytes(again.got).count(encode(SLIP, profile("escpos-58"))) == 1
    finally:
        again.close()


def test_usblp_gets_the_printer_back_from_libusb(gadget: GadgetPrinter, inside: Inside) -> None:
    """python-escpos resets the device: /dev/usb/lp0 vanishes and never returns (facts/devices.md)."""
    libusb, usblp = way("usb", gadget), way("chardev", gadget)
    for transport in (libusb, usblp, libusb, usblp):
        wait_for("lp0", gadget.path.exists)
        transport.open()
        transport.write(JOB)
        transport.finish()
        transport.close()
    wait_for("all printed", lambda: len(inside.got) >= 4 * len(JOB))
    assert bytes(inside.got) == JOB * 4


@pytest.mark.parametrize("kind", ["chardev", "usb"])
def test_a_printer_that_was_pulled_out_is_unreachable_and_prints_again_when_back(
    kind: str, gadget: GadgetPrinter
) -> None:
    transport = way(kind, gadget)
    gadget.gadget.unplug()
    wait_for("printer gone", lambda: gone(kind, gadget))
    with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
        transport.open()
    gadget.gadget.plug()
    wait_for("printer back", lambda: there(kind, gadget))
    electronics = Inside()
    try:
        transport.open()
        transport.write(JOB)
        transport.finish()
        transport.close()
        wait_for("printed", lambda: len(electronics.got) >= len(JOB))
        assert bytes(electronics.got) == JOB
    finally:
        electronics.close()
