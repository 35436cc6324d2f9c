"""[[printer]]: each kind asks for its own keys, every mistake at once, and each becomes its own driver."""

import time

import pytest

from agent.config import parse
from agent.config_printer import PrinterSection
from agent.domain.errors import ConfigError
from agent.printer_devices import chosen_profile, make_printer
from drivers.cups_printer import CupsTransport
from drivers.file_printer import FileTransport
from drivers.serial_printer import SerialTransport
from drivers.tcp_printer import TcpTransport
from drivers.transports import CharDevice
from drivers.usb_printer import UsbTransport

BASE = '[hq]\nurl = "https://hq.example.com"\n'


class Clock:
    def now_ms(self) -> int:
        return 0

    def mono_s(self) -> float:
        return time.monotonic()


def section(**values: object) -> PrinterSection:
    return PrinterSection.model_validate({"name": "p", **values})


@pytest.mark.parametrize(
    ("values", "driver"),
    [
        ({"kind": "chardev", "path": "/dev/usb/lp0"}, CharDevice),
        ({"kind": "usb", "usb": "04b8:0202:A1"}, UsbTransport),
        ({"kind": "serial", "path": "/dev/ttyS0", "flow": "dtrdsr", "pace_bytes_per_s": 500}, SerialTransport),
        ({"kind": "tcp", "host": "printer"}, TcpTransport),
        ({"kind": "cups", "queue": "pos"}, CupsTransport),
        ({"kind": "file", "path": "/tmp/paper"}, FileTransport),
    ],
)
def test_each_kind_has_its_driver(values: dict[str, object], driver: type) -> None:
    printer = make_printer(section(**values), Clock())
    assert type(printer._transport) is driver
    printer.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "usb"', "printer.1: a usb printer needs usb"),
        ('kind = "cups"', "printer.1: a cups printer needs queue"),
        ('kind = "serial"', "printer.1: a serial printer needs path, an absolute one"),
        ('kind = "tcp"\nhost = "x"\nflow = "xonxoff"\nqueue = "q"', "printer.1: flow is for serial only"),
        ('kind = "tcp"\nhost = "x"\nflow = "xonxoff"\nqueue = "q"', "printer.1: queue is for cups only"),
        ('kind = "cups"\nqueue = "q"\nserver = "http://cups.example.com:631"', "printer.1.server"),
        ('kind = "usb"\nusb = "lp0"', "printer.1.usb"),
    ],
)
def test_what_contradicts_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'{BASE}[[printer]]\nname = "p"\n{text}\n')
    assert any(said in mistake for mistake in caught.value.mistakes), caught.value.mistakes


def test_an_override_changes_single_values_and_all_its_faults_are_told() -> None:
    kind = chosen_profile(section(kind="tcp", host="x", override={"columns": 42, "native_qr": True}))
    assert (kind.columns, kind.native_qr, kind.width_dots) == (42, True, 576)
    with pytest.raises(ConfigError) as caught:
        chosen_profile(section(kind="tcp", host="x", override={"colums": 42, "qr_module": 99, "drawer_pin": 7}))
    said = "\n".join(caught.value.mistakes)
    assert "unknown key colums; did you mean columns?" in said
    assert "qr_module" in said
    assert "drawer_pin" in said


@pytest.mark.parametrize("kind", [{"kind": "cups", "queue": "q"}, {"kind": "file", "path": "/x"}])
def test_nothing_is_asked_where_nothing_comes_back(kind: dict[str, object]) -> None:
    chosen = chosen_profile(section(profile="epson-80", **kind))
    assert (chosen.status, chosen.asb, chosen.completion) == (False, False, "none")
