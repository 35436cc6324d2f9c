"""`pos-agent devices` on a tree of made-up devices whose nodes are real ptys; set-up talks over a real terminal."""

import json
import select
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.device_setup import TEST_CODE, verdict
from agent.cli.devices import app
from agent.wording import ENGLISH, setup_word
from tests.device_tree import DeviceTree
from tests.scanner_rigs import PtySerial
from tests.terminal import Terminal

CONFIG = """# of the shop
[hq]
url = "https://hq.example.com"

[[scanner]]
name = "counter"
# bought in May
path = "/dev/serial/by-id/usb-example-scanner-if00"
baud = 1200

[[printer]]
name = "receipt"
kind = "chardev"
path = "/dev/usb/lp9"

[receipt]
language = "en"
"""


class Shop:
    """A machine with one CDC scanner, one keyboard scanner nobody can open, and a printer."""

    def __init__(self, folder: Path) -> None:
        self.tree = DeviceTree(folder)
        self.rig = PtySerial(folder)
        node = self.tree.tty("ttyACM0", self.tree.usb("1-1", "1eab:1c06", "Newland", "HR22"), self.rig.path.resolve())
        self.path = self.tree.link("serial/by-id/usb-Newland-if00", node)
        self.tree.keyboard("event4", self.tree.usb("1-2", "1eab:8203", "Newland", "HIDKBW"))
        self.tree.keyboard("event1", self.tree.usb("1-3", "046d:c31c", "Logitech", "USB Keyboard"))
        self.tree.printer("lp0", self.tree.usb("1-4", "0483:5743", "Xprinter", "XP-58"))
        self.config = folder / "agent.toml"
        self.config.write_text(CONFIG)
        roots = ("--sys", str(self.tree.sys), "--dev", str(self.tree.dev))
        self.list = ["--config", str(self.config), *roots]
        self.setup = ["--config", str(self.config), *roots]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.rig.close()


def test_the_list_says_what_is_there_what_is_missing_and_the_cure(shop: Shop) -> None:
    result = CliRunner().invoke(app, [*shop.list, "--json"])
    said = json.loads(result.stdout)
    assert [(one["kind"], one["title"], one["used_as"]) for one in said["devices"]] == [
        ("keyboard", "Newland HIDKBW", ""),
        ("serial", "Newland HR22", ""),
        ("printer", "Xprinter XP-58", ""),
    ]
    assert said["devices"][1]["path"] == str(shop.path)
    assert said["devices"][1]["could_be"] == '[[scanner]] kind = "serial"'
    assert [one["used_as"] for one in said["missing"]] == ["scanner counter", "printer receipt"]
    assert result.exit_code == 1, "what is configured is not there"
    everything = json.loads(CliRunner().invoke(app, [*shop.list, "--json", "--all"]).stdout)
    assert "Logitech USB Keyboard" in [one["title"] for one in everything["devices"]]


def test_the_list_for_people_has_a_line_a_device(shop: Shop) -> None:
    shop.config.write_text(CONFIG.replace("/dev/serial/by-id/usb-example-scanner-if00", str(shop.path)))
    lines = CliRunner().invoke(app, shop.list).stdout.splitlines()
    assert len(lines) == 4
    assert "Newland HR22\t1eab:1c06\tserial\t" in lines[1]
    assert "\tscanner counter\t" in lines[1]
    assert "not plugged in" in lines[3]


def test_set_up_hears_the_scanner_and_writes_it_leaving_the_rest(shop: Shop) -> None:
    terminal = Terminal("devices", "setup", "scanner", *shop.setup)
    terminal.wait_for("Scan this code")
    while "set right" not in terminal.said:
        shop.rig.scan(TEST_CODE)
        if select.select([terminal.master], [], [], 0.5)[0]:
            terminal.read()
        assert terminal.process.poll() is None, terminal.said
    terminal.answer("Name of this scanner [counter]", "")
    terminal.wait_for("-baud = 1200")
    terminal.answer("Write it into", "y")
    assert terminal.end() == 0, terminal.said
    text = shop.config.read_text()
    assert tomllib.loads(text)["scanner"] == [
        {"name": "counter", "kind": "serial", "path": str(shop.path), "ending": "terminator", "baud": 9600}
    ]
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# of the shop", "# bought in May"]
    assert tomllib.loads(text)["printer"] == tomllib.loads(CONFIG)["printer"]
    (kept,) = shop.config.parent.glob("agent.toml.before-*")
    assert kept.read_text() == CONFIG


def test_set_up_refuses_what_it_cannot_do_and_writes_nothing(shop: Shop) -> None:
    asked = ["setup", "scanner", *shop.setup, "--patience-s", "1"]
    quiet = CliRunner().invoke(app, asked)
    assert quiet.exit_code == 1
    assert "nothing was scanned" in quiet.output
    shop.rig.close()
    for entry in (shop.tree.sys / "class/tty").iterdir():
        entry.unlink()
    alone = CliRunner().invoke(app, asked)
    assert alone.exit_code == 1
    assert "no candidate can be opened" in alone.output
    for entry in (shop.tree.sys / "class/input").iterdir():
        entry.unlink()
    none = CliRunner().invoke(app, asked)
    assert none.exit_code == 1
    assert "No scanner is plugged in" in none.output
    assert shop.config.read_text() == CONFIG


def test_a_shop_without_a_scanner_still_sets_its_printer_up(shop: Shop) -> None:
    result = CliRunner().invoke(app, ["setup", *shop.setup, "--patience-s", "1"], input="\n")
    assert result.exit_code == 0, result.output
    assert "nothing was scanned" in result.output
    assert "1  Xprinter XP-58" in result.output


@pytest.mark.parametrize(
    ("read", "right", "word"),
    [
        (TEST_CODE.swapcase(), False, "Caps Lock"),
        ("Pos)Qgent!TEST:2Maw?9", False, "US"),
        ("6901234567892", True, "another code"),
        (TEST_CODE, True, "set right"),
    ],
)
def test_what_was_read_tells_how_the_scanner_is_set(read: str, right: bool, word: str) -> None:
    """Pains 27: a scanner set to another layout exchanges letters and signs."""
    assert verdict(read)[0] is right
    assert word in setup_word(verdict(read)[1], ENGLISH)


def test_a_printer_driven_by_its_usb_numbers_is_known_by_them(shop: Shop) -> None:
    usb = 'kind = "usb"\nusb = "0483:5743"'
    shop.config.write_text(CONFIG.replace('kind = "chardev"\npath = "/dev/usb/lp9"', usb))
    said = json.loads(CliRunner().invoke(app, [*shop.list, "--json"]).stdout)
    assert [one["used_as"] for one in said["devices"]] == ["", "", "printer receipt"]
