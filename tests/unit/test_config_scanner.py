"""The scanners' part of the configuration: every kind, its own keys only, and all mistakes at once."""

from pathlib import Path

import pytest

from agent.config import parse
from agent.config_scanner import PassthroughSection
from agent.devices import make_passthrough, make_scanner, passes
from agent.domain.errors import ConfigError
from agent.domain.scan import CodeKind, Scan
from agent.system import SystemClock
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import KeyboardScanner
from drivers.qr_scanner import SerialScanner
from drivers.serial_line import Line
from drivers.speed import SPEEDS, Setting

HQ = '[hq]\nurl = "https://hq.example.com"\n'


def scanners(*tables: str) -> str:
    return HQ + "".join(f'[[scanner]]\nname = "s{number}"\n{table}\n' for number, table in enumerate(tables))


def test_each_kind_gets_its_driver_and_its_gap() -> None:
    settings = parse(
        scanners(
            'path = "/dev/a"\nbaud = 115200\nline = "7E1"',
            'kind = "keyboard"\npath = "/dev/b"\nalt_codes = "unicode"',
            'kind = "hid_pos"\npath = "/dev/c"\nidle_gap_ms = 20',
            'path = "/dev/d"\nbaud = "auto"',
        )
    )
    made = [make_scanner(section, SystemClock()) for section in settings.scanner]
    assert [type(one) for one in made] == [SerialScanner, KeyboardScanner, HidPosScanner, SerialScanner]
    assert [section.gap_ms for section in settings.scanner] == [50, 200, 20, 50]
    assert isinstance(made[0], SerialScanner)
    assert isinstance(made[3], SerialScanner)
    assert made[0].setting == Setting(115200, Line.E7)
    assert made[3].setting == Setting(SPEEDS[0])
    assert made[3].counters()["baud"] == SPEEDS[0]


def test_all_mistakes_of_scanners_are_told_at_once() -> None:
    text = scanners(
        'kind = "keyboard"\npath = "/dev/a"\nbaud = 1200',
        'kind = "hid_pos"\npath = "/dev/a"\nalt_codes = "unicode"',
        'path = "/dev/c"\nbaud = "auto"\nline = "8N1"\nidle_gap_ms = 3',
        'kind = "usb"\npath = "dev/d"\nbuad = 9600',
    )
    with pytest.raises(ConfigError) as caught:
        parse(text + '[passthrough]\npath = "scanner"\nending = "crlf "\n')
    said = "\n".join(caught.value.mistakes)
    for mistake in (
        "scanner.1: baud is for kind 'serial', not 'keyboard'",
        "scanner.2: alt_codes is for kind 'keyboard', not 'hid_pos'",
        "the path /dev/a is used twice",
        'scanner.3: baud = "auto" finds the line too',
        "scanner.3.idle_gap_ms: Value error, should be 0, or 5 and more",
        "scanner.4.kind",
        "scanner.4.path",
        "scanner.4.buad: unknown key; did you mean baud?",
        "passthrough.path",
        "passthrough.ending",
    ):
        assert mistake in said, mistake


def test_the_pos_gets_item_codes_and_payment_codes_only_if_it_asks() -> None:
    scans = {kind: Scan(kind, "x") for kind in CodeKind}
    plain, charging = PassthroughSection(path="/run/x"), PassthroughSection(path="/run/x", payment_codes=True)
    assert [kind for kind, scan in scans.items() if passes(plain, scan)] == [CodeKind.ITEM]
    assert [kind for kind, scan in scans.items() if passes(charging, scan)] == [
        CodeKind.WECHAT_PAY,
        CodeKind.ALIPAY,
        CodeKind.UNIONPAY,
        CodeKind.ITEM,
    ]


def test_without_a_path_there_is_no_port(tmp_path: Path) -> None:
    assert make_passthrough(PassthroughSection(), lambda up, reason: None) is None
    port = make_passthrough(PassthroughSection(path=str(tmp_path / "x")), lambda up, reason: None)
    assert port is not None
    assert port.open()
    port.close()
