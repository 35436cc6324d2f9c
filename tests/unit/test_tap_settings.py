"""tap.toml: every mistake at once, and what a shop may set."""

from pathlib import Path

import pytest

from agent.domain.errors import ConfigError
from drivers.tap.settings import load, parse
from tests.tap_world import assert_original_is_kept, receipt, run

EXAMPLE = Path(__file__).parents[2] / "systemd" / "tap.example.toml"
_WRONG = """
[printer]
kin = "tcp"
port = "x"
profile = "none"
[liste]
[words]
something = ["x"]
[commands]
1d = 1
"""


def test_the_example_is_valid_and_shows_every_key() -> None:
    settings = load(EXAMPLE)
    assert (settings.kind, settings.path, settings.port) == ("chardev", "/dev/usb/lp0", 9100)
    text = EXAMPLE.read_text(encoding="utf-8")
    full = "\n".join(line.removeprefix("#") if line[:2].strip("#").isalpha() else line for line in text.splitlines())
    assert full != text
    parse(full)
    for key in [
        "kind",
        "path",
        "host",
        "port",
        "baud",
        "flow",
        "pace_bytes_per_s",
        "profile",
        "serial",
        "serial_for_all",
        "socket",
        "chinese_at_start",
        "pictures",
        "words",
        "commands",
    ]:
        assert key in text


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        parse(_WRONG)
    told = " ".join(raised.value.mistakes)
    for part in ("printer.kin", "printer.port", "liste", "none", "words.something", "commands"):
        assert part in told


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[printer]\nkind = "usb"', "printer.kind"),
        ('[printer]\nkind = "tcp"', "printer.host"),
        ("", "printer.path"),
        ('[printer]\npath = "/dev/x"\nbaud = 1', "printer.baud"),
        ('[printer]\nkind = "serial"\npath = "/dev/x"\nflow = "dtrdsr"', "Linux has no such flow control"),
        ('[printer]\nkind = "serial"\npath = "/dev/x"\nflow = "fast"', "none of none, xonxoff, rtscts"),
        ('[printer]\npath = "/dev/x"\nflow = "xonxoff"', "printer.flow: only a serial"),
        ('[printer]\npath = "/dev/x"\npace_bytes_per_s = 900', "printer.pace_bytes_per_s: only a serial"),
        ('[printer]\nkind = "serial"\npath = "/dev/x"\npace_bytes_per_s = -1', "printer.pace_bytes_per_s: must"),
        ('[printer]\npath = "/dev/x"\n[listen]\nhost = ""', "no POS could reach"),
        ('[printer]\npath = "/dev/x"\n[listen]\nserial = "x"', "listen.serial"),
        ('[printer]\npath = "/dev/x"\n[listen]\nport = 70000', "listen.port"),
        ("[printer", "not TOML"),
    ],
)
def test_contradictions(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text)
    assert part in " ".join(raised.value.mistakes)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path / "none.toml")


def test_a_command_and_words_of_the_shop_are_in_force() -> None:
    rules = parse('[printer]\npath = "/dev/x"\n[commands]\n"1d 53" = 0\n[words]\ntotal = ["本桌消费"]\n').rules
    stream = receipt().replace("合计".encode("gbk"), "本桌消费".encode("gbk")).replace(b"\x1bd\x04", b"\x1dS\x1bd\x04")
    assert run(stream).out == stream
    done = run(stream, rules=rules)
    assert_original_is_kept(stream, done)
    assert done.inserted
