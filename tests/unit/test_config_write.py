"""Writing one device's table: every other line stays, and what comes out is a configuration or nothing is written."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config_write import Value, planned, with_table
from agent.domain.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "systemd" / "agent.example.toml"
NOW_MS = 1_700_000_000_000
NEW: dict[str, Value] = {"name": "counter", "kind": "keyboard", "path": "/dev/input/by-id/usb-Newland-event-kbd"}


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
    values: dict[str, Value] = {"name": "x", "path": path, "baud": baud}
    once = with_table("", "scanner", values)
    assert tomllib.loads(once)["scanner"] == [values]
    assert with_table(once, "scanner", values) == once


def test_remarks_behind_values_and_tables_below_are_understood() -> None:
    text = (
        "# top\n[[printer]] # the only one\nname = 'till' # at the door\nbaud = 1200 # slow\n"
        'path = "/a#b" # why\n[printer.override]\ncolumns = 42\n# stays\n[receipt]\nfooter = "x"\n'
    )
    values: dict[str, Value] = {"name": "till", "path": "/x", "override": {"native_qr": True, "columns": 32}}
    after = with_table(text, "printer", values)
    assert tomllib.loads(after) == {"printer": [values], "receipt": {"footer": "x"}}
    for remark in ("# top", "# the only one", "# at the door", "# why", "# stays"):
        assert remark in after, after
    assert with_table(after, "printer", values) == after


def test_the_file_keeps_its_mode_and_the_old_one_stays_beside_it(config: Path) -> None:
    before = config.read_text(encoding="utf-8")
    change = planned(config, "scanner", NEW)
    assert '+kind = "keyboard"' in change.diff.splitlines()
    kept = change.write(NOW_MS)
    assert kept.name == "agent.toml.before-20231114T221320Z"
    assert kept.read_text(encoding="utf-8") == before
    assert config.read_text(encoding="utf-8") == change.after
    assert {stat.S_IMODE(one.stat().st_mode) for one in (config, kept)} == {0o640}
    assert sorted(one.name for one in config.parent.iterdir()) == ["agent.toml", kept.name]
    assert planned(config, "scanner", NEW).diff == ""


def test_a_bad_table_is_refused_before_anything_is_written(config: Path) -> None:
    before = config.read_text(encoding="utf-8")
    with pytest.raises(ConfigError):
        planned(config, "scanner", {**NEW, "path": "relative"})
    assert [one.name for one in config.parent.iterdir()] == ["agent.toml"]
    assert config.read_text(encoding="utf-8") == before


def test_what_another_hand_wrote_meanwhile_is_not_lost(config: Path) -> None:
    change = planned(config, "scanner", NEW)
    config.write_text(change.before + "# by hand\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="changed meanwhile"):
        change.write(NOW_MS)
    assert config.read_text(encoding="utf-8").endswith("# by hand\n")


def test_the_oldest_copy_of_one_second_stays(config: Path) -> None:
    before = config.read_text(encoding="utf-8")
    kept = planned(config, "scanner", NEW).write(NOW_MS)
    assert planned(config, "scanner", {**NEW, "name": "second", "path": "/dev/input/other"}).write(NOW_MS) == kept
    assert kept.read_text(encoding="utf-8") == before


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    planned(link, "scanner", NEW).write(NOW_MS)
    assert link.is_symlink()
    assert 'kind = "keyboard"' in config.read_text(encoding="utf-8")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example as a till's configuration."""
    path = tmp_path / "etc" / "agent.toml"
    path.parent.mkdir()
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    path.chmod(0o640)
    return path
