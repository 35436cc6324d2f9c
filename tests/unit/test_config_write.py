"""Writing one device's table: every other line stays, and what comes out is a configuration or nothing is written."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config_write import with_table, write_table
from agent.domain.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "systemd" / "agent.example.toml"
NEW = {"name": "counter", "kind": "keyboard", "path": "/dev/input/by-id/usb-Newland-event-kbd"}


def test_the_example_keeps_every_remark_and_every_other_table() -> None:
    before = EXAMPLE.read_text(encoding="utf-8")
    after = with_table(before, "scanner", NEW)
    was, now = tomllib.loads(before), tomllib.loads(after)
    assert now["scanner"] == [NEW]
    assert {key: value for key, value in now.items() if key != "scanner"} == {
        key: value for key, value in was.items() if key != "scanner"
    }
    remarks = [line for line in before.splitlines() if line.startswith("#")]
    assert [line for line in after.splitlines() if line.startswith("#")] == remarks


def test_a_second_scanner_is_added_and_the_first_stays() -> None:
    text = with_table(EXAMPLE.read_text(encoding="utf-8"), "scanner", {**NEW, "name": "second"})
    assert [one["name"] for one in tomllib.loads(text)["scanner"]] == ["counter", "second"]


def test_keys_of_another_kind_are_taken_out() -> None:
    text = '[[scanner]]\nbaud = 1200\nname = "counter" \n\n[[scanner]]\nname = "b"\nbaud = 300\n'
    assert tomllib.loads(with_table(text, "scanner", NEW))["scanner"] == [NEW, {"name": "b", "baud": 300}]


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(0, 115200))
def test_any_value_is_written_so_that_it_reads_back(path: str, baud: int) -> None:
    values: dict[str, str | int] = {"name": "x", "path": path, "baud": baud}
    once = with_table("", "scanner", values)
    assert tomllib.loads(once)["scanner"] == [values]
    assert with_table(once, "scanner", values) == once


def test_the_file_keeps_its_mode_and_a_bad_table_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    path.chmod(0o640)
    write_table(path, "scanner", NEW)
    written = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert 'kind = "keyboard"' in written
    with pytest.raises(ConfigError):
        write_table(path, "scanner", {**NEW, "path": "relative"})
    assert path.read_text(encoding="utf-8") == written
    assert [one.name for one in tmp_path.iterdir()] == ["agent.toml"]
