"""The libusb way against pyusb's own backend interface: which printer, whose it is before and after, what was taken."""

import pytest

from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.system import SystemClock
from drivers.escpos_session import Session
from drivers.printer_patience import Patience
from drivers.profiles import profile
from drivers.usb_printer import UsbName, UsbTransport
from tests.fake_usb import FakePrinter, FakeUsb

NAME = UsbName(0x0483, 0x5743)
JOB = bytes(range(256)) * 40


def transport(*printers: FakePrinter, name: UsbName = NAME) -> UsbTransport:
    return UsbTransport(name, backend=FakeUsb(*printers), byte_timeout_s=0.05)


def test_the_kernels_driver_is_put_aside_and_given_back_without_a_reset() -> None:
    """python-escpos detaches and resets: /dev/usb/lp0 vanishes for good (facts/devices.md)."""
    printer = FakePrinter()
    way = transport(printer)
    for _ in range(2):
        way.open()
        assert not printer.kernel_driver
        assert way.write(JOB) == len(JOB)
        way.finish()
        way.close()
        way.close()
        assert printer.kernel_driver
        assert not printer.claimed
    assert bytes(printer.paper) == JOB * 2
    assert printer.resets == 0


def test_a_driver_that_was_not_there_is_not_given_back() -> None:
    printer = FakePrinter()
    printer.kernel_driver = False
    way = transport(printer)
    way.open()
    way.close()
    assert not printer.kernel_driver


def test_it_hears_answers_and_forgets_what_was_said_before() -> None:
    printer = FakePrinter()
    printer.said += b"\x10\x00\x00\x00"
    way = transport(printer)
    way.open()
    assert way.read(0) == b""
    printer.said += b"\x12"
    assert way.read(0.01) == b"\x12"
    assert way.read(0.01) == b""
    way.close()


def test_two_of_one_make_are_told_apart_by_serial_number() -> None:
    first, second = FakePrinter(serial="A1"), FakePrinter(serial="B2")
    with pytest.raises(DeviceUnavailable, match="2 times"):
        transport(first, second).open()
    way = transport(first, second, name=UsbName.parse("0483:5743:B2"))
    way.open()
    way.write(b"x")
    way.close()
    assert (bytes(first.paper), bytes(second.paper)) == (b"", b"x")


@pytest.mark.parametrize(
    ("printers", "code"),
    [
        ((), "PRINTER_UNREACHABLE: 0483:5743 is not plugged in"),
        ((FakePrinter(0x1EAB, 0x8203),), "PRINTER_UNREACHABLE"),
        ((FakePrinter(interface_class=3),), "PRINTER_NOT_A_PRINTER"),
    ],
)
def test_what_is_not_there_or_no_printer_says_so(printers: tuple[FakePrinter, ...], code: str) -> None:
    with pytest.raises(DeviceUnavailable, match=code):
        transport(*printers).open()


def test_one_that_another_program_holds_says_so() -> None:
    printer = FakePrinter()
    printer.busy = True
    with pytest.raises(DeviceUnavailable, match="PRINTER_BUSY"):
        transport(printer).open()
    assert printer.kernel_driver


def test_a_printer_that_takes_no_more_ends_ambiguous_with_what_it_took() -> None:
    printer = FakePrinter()
    printer.room = 5_000
    way = transport(printer)
    way.open()
    with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED") as caught:
        way.write(JOB)
    assert caught.value.bytes_sent == 5_000
    way.close()
    printer.room = 0
    way.open()
    with pytest.raises(DeviceUnavailable):
        way.write(JOB)
    way.close()


def test_a_stall_is_waited_for_while_the_printer_says_why() -> None:
    printer = FakePrinter()
    printer.room = 5_000
    way = transport(printer)
    way.open()
    asked: list[int] = []

    def new_roll() -> bool:
        asked.append(len(printer.paper))
        if len(asked) == 3:
            printer.room = None
        return True

    way.on_stall = new_roll
    assert way.write(JOB) == len(JOB)
    assert asked == [5_000] * 3
    assert bytes(printer.paper) == JOB


def test_pulled_out_in_the_middle_is_ambiguous_and_closing_is_safe() -> None:
    printer = FakePrinter()
    printer.unplugged_after = 4_096
    way = transport(printer)
    way.open()
    with pytest.raises(DeviceAmbiguous) as caught:
        way.write(JOB)
    assert caught.value.bytes_sent == 4_097  # what went over of the transfer that failed is unknown: at least a byte
    way.close()


@pytest.mark.parametrize("question", [b"", b"\x10\x04\x01"])
def test_pulled_out_in_the_first_transfer_is_never_called_nothing_left(question: bytes) -> None:
    printer = FakePrinter()
    way = transport(printer)
    way.open()
    if question:
        way.write(question)
    printer.unplugged_after = len(question)
    with pytest.raises(DeviceAmbiguous) as caught:
        way.write(JOB)
    assert caught.value.bytes_sent == len(question) + 1
    way.close()


@pytest.mark.parametrize("asked", [False, True])
def test_a_receipt_that_broke_off_in_its_first_transfer_is_not_printed_again(asked: bool) -> None:
    printer = FakePrinter()
    way = transport(printer)
    way.open()
    clock = SystemClock()
    session = Session("usb", way, profile("escpos-80"), clock, Patience(status_s=0.01), lambda _: None)
    if asked:
        session.ask_status()
    printer.unplugged_after = len(printer.paper)
    with pytest.raises(DeviceAmbiguous, match="PRINT_INTERRUPTED") as caught:
        session.send(b"\x1b@receipt\n")
    assert caught.value.bytes_sent == 1
    way.close()


@pytest.mark.parametrize("text", ["", "04b8", "4b8:202", "04b8:zzzz", "04b8/0202"])
def test_a_name_that_lsusb_does_not_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"vendor:product|base 16"):
        UsbName.parse(text)
