"""pos-agent-tap.service: understood by systemd, closed, and no part of the daemon's fate."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import limits

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "pos-agent-tap.service"


@pytest.mark.system("systemd-analyze")
def test_exposure_stays_low_and_verify_is_silent(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found is not None
    assert float(found[1]) <= 1.5, said.stdout
    shutil.copy(UNIT, tmp_path)
    copy = tmp_path / UNIT.name
    text = copy.read_text(encoding="utf-8").replace("/opt/pos-agent/bin/python", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    verify = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=60)
    assert UNIT.name not in done.stderr, done.stderr


def test_it_stands_alone() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line.startswith("#"):
            assert not re.match(r"(Requires|BindsTo|PartOf|Wants|After)=.*pos-agent", line), line
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=78" in lines
    stop = next(int(line.split("=")[1]) for line in lines if line.startswith("TimeoutStopSec="))
    assert stop > limits.TAP_DRAIN_S + limits.PRINT_FINISH_S
