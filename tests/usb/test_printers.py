"""A USB printer as the kernel presents it: through usblp, through libusb, and back again; pulled out in between."""

import asyncio
import os
import select
import threading
from collections.abc import Iterator

import pytest

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceUnavailable
from agent.domain.receipt import Document, Text
from agent.system import SystemClock
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.profiles import profile
from drivers.transports import CharDevice, Transport
from drivers.usb_printer import UsbName, UsbTransport
from tests.usb.gadgets import GadgetPrinter, wait_for

NAME = UsbName(0x0483, 0x5743)
JOB = bytes(range(256)) * 64
SLIP = Document((Text("水果店 ¥4.00"),))


class Inside:
    """The printer's electronics: takes everything, answers DLE EOT and GS r."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.silent = False
        self._node = os.open("/dev/g_printer0", os.O_RDWR | os.O_NONBLOCK)
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop:
            if not select.select([self._node], [], [], 0.05)[0]:
                continue
            data = os.read(self._node, 8192)
            self.got += data
            answers = b"\x12" * data.count(b"\x10\x04") + b"\x00" * data.count(b"\x1dr\x01")
            if answers and not self.silent:
                os.write(self._node, answers)

    def close(self) -> None:
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
    wait_for("printer gone", lambda: not gadget.path.exists())
    with pytest.raises(DeviceUnavailable, match="PRINTER_UNREACHABLE"):
        transport.open()
    gadget.gadget.plug()
    wait_for("printer back", gadget.path.exists)
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
