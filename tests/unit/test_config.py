"""Configuration: every mistake at once, with path and cure; nothing unknown is silently ignored."""

from pathlib import Path

import pytest

from agent.config import load, parse
from agent.domain.errors import ConfigError

GOOD = """
[hq]
url = "https://hq.example.com"
[[scanner]]
name = "counter"
path = "/dev/serial/by-id/usb-Newland-if00"
[[printer]]
name = "receipt"
kind = "chardev"
path = "/dev/usb/lp0"
"""


def test_a_small_file_is_enough() -> None:
    settings = parse(GOOD)
    assert settings.api.port == 8787
    assert settings.keys == Path("/var/lib/pos-agent/keys")
    assert settings.socket == Path("/var/lib/pos-agent/agent.sock")


def test_all_mistakes_are_reported_at_once_with_the_nearest_key() -> None:
    text = (
        GOOD + '[api]\nprot = 1\nport = "8787"\n[[printer]]\nname = "second"\nkind = "tcp"\n[receipt]\nprinter = "x"\n'
    )
    with pytest.raises(ConfigError) as caught:
        parse(text)
    said = "\n".join(caught.value.mistakes)
    assert "api.prot: unknown key; did you mean port?" in said
    assert "api.port: Input should be a valid integer" in said
    assert "printer.2: a tcp printer needs host" in said
    assert "receipt.printer: 'x' names no [[printer]]" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hq]\nurl = 'http://10.0.0.1'\n", "plain http"),
        ("", "hq: is missing"),
        ("[hq]\nurl='https://h'\n[api]\nhost='0.0.0.0'\n", "api.host"),
        (GOOD + "[[printer]]\nname='receipt'\nkind='file'\npath='/x'\n", "used twice"),
        (GOOD + "[receipt]\nprinter='kitchen'\n", "names no [[printer]]"),
        ("not toml", "is not TOML"),
    ],
)
def test_each_mistake_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert said in "\n".join(caught.value.mistakes)


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
