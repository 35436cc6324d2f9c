"""What stands in systemd/: hardened, understood by systemd without a word, devices named one by one (promise 10)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import limits

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = ("pos-agent", "pos-agent-hq", "pos-agent-tap")
_DRAIN_S = {"pos-agent-tap": limits.TAP_DRAIN_S + limits.PRINT_FINISH_S}
EXPOSURE = 1.5


def systemd(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of systemd's tools on files; nothing here needs a running systemd."""
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A root with the units and the programs they name, because verify looks whether these exist."""
    for name in UNITS:
        target = tmp_path / "usr/lib/systemd/system" / f"{name}.service"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / target.name, target)
    units = "".join((FOLDER / f"{name}.service").read_text(encoding="utf-8") for name in UNITS)
    for command in re.findall(r"^ExecStart=(\S+)", units, re.M):
        program = tmp_path / command.removeprefix("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n", encoding="ascii")
        program.chmod(0o755)
    targets = [f"{one}.target" for one in ("sysinit", "basic", "shutdown", "multi-user", "network", "time-sync")]
    for unit in (*targets, "-.slice", "system.slice"):
        (tmp_path / "usr/lib/systemd/system" / unit).write_text("[Unit]\nDescription=x\n", encoding="ascii")
    return tmp_path


@pytest.mark.system("systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_exposure_stays_low(name: str) -> None:
    said = systemd("systemd-analyze", "security", "--offline=true", "--no-pager", str(FOLDER / f"{name}.service"))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE, said.stdout


@pytest.mark.system("systemd-analyze")
def test_verify_is_silent_and_would_not_be_about_a_mistake(image: Path) -> None:
    units = [f"{name}.service" for name in UNITS]
    said = systemd("systemd-analyze", "verify", f"--root={image}", "--man=no", *units)
    assert (said.returncode, said.stderr, said.stdout) == (0, "", "")
    broken = image / "usr/lib/systemd/system/pos-agent.service"
    broken.write_text(broken.read_text(encoding="utf-8").replace("MemoryMax=", "MemoryMost="), encoding="utf-8")
    assert "MemoryMost" in systemd("systemd-analyze", "verify", f"--root={image}", "--man=no", *units).stderr


@pytest.mark.system("systemd-sysusers")
@pytest.mark.system("systemd-tmpfiles")
def test_users_and_directories_are_understood(tmp_path: Path) -> None:
    for folder in ("etc", "usr/lib/sysusers.d", "usr/lib/tmpfiles.d"):
        (tmp_path / folder).mkdir(parents=True)
    users, directories = str(FOLDER / "sysusers.conf"), str(FOLDER / "tmpfiles.conf")
    dry = systemd("systemd-sysusers", "--dry-run", f"--root={tmp_path}", users)
    assert dry.returncode == 0, dry
    assert "pos-agent-hq" in dry.stdout + dry.stderr
    fields = [line.split() for line in Path(directories).read_text(encoding="ascii").splitlines() if line[:1] == "d"]
    modes = {field[1]: (field[2], field[3]) for field in fields}
    assert modes["/var/lib/pos-agent"] == ("0700", "pos-agent")
    assert modes["/var/lib/pos-agent-hq"] == ("0700", "pos-agent-hq")


@pytest.mark.parametrize("name", UNITS)
def test_promises_the_tools_do_not_check(name: str) -> None:
    lines = (FOLDER / f"{name}.service").read_text(encoding="utf-8").splitlines()
    for wanted in (
        "Type=notify", "Restart=always", "RestartSec=1", "StartLimitIntervalSec=0", "RestartPreventExitStatus=78",
        "LimitCORE=0", "UMask=0077", "CapabilityBoundingSet=",
    ):  # fmt: skip
        assert wanted in lines
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    # The tap keeps nothing: it has no directory of its own.
    assert settings.get("StateDirectoryMode") == ("0700" if "StateDirectory" in settings else None)
    assert ("StateDirectory" in settings) == (name != "pos-agent-tap")
    drain_s = _DRAIN_S.get(name, limits.DRAIN_S)
    assert int(settings["TimeoutStopSec"]) > drain_s, "the drain ends by itself before systemd ends it"
    assert int(settings["WatchdogSec"]) >= 3 * limits.HEALTH_INTERVAL_S


def rules() -> list[str]:
    """The udev rules without remarks."""
    lines = (FOLDER / "99-pos-agent.rules").read_text(encoding="ascii").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_device_is_named_and_only_the_group_gets_it() -> None:
    """Pains 24 and 31: no class of devices, no vendor as a whole, nothing for everybody."""
    naming = [line for line in rules() if re.search(r'ENV\{POS_AGENT\}="', line)]
    assert len(naming) > 10
    for line in naming:
        assert re.search(r'ATTRS\{idVendor\}=="[0-9a-f]{4}"', line), line
        assert re.search(r'ATTRS\{idProduct\}=="[0-9a-f]{4}(\|[0-9a-f]{4})*"', line), line
    giving = [line for line in rules() if "MODE=" in line or "GROUP=" in line]
    assert giving
    for line in giving:
        assert 'GROUP="pos-agent", MODE="0660"' in line
        assert 'ENV{POS_AGENT}=="' in line
    assert any('ENV{ID_MM_DEVICE_IGNORE}="1"' in line for line in rules())


@pytest.mark.parametrize("vendor", ["1eab", "0c2e", "05e0", "05f9", "04b8"])
def test_makers_the_trade_uses_are_there(vendor: str) -> None:
    assert any(f'ATTRS{{idVendor}}=="{vendor}"' in line for line in rules())
