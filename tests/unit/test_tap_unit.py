"""pos-agent-tap.service is no part of the daemon's fate; what holds for every unit: tests/unit/test_units.py."""

import re
from pathlib import Path

from agent import limits

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "pos-agent-tap.service"


def test_it_stands_alone() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line.startswith("#"):
            assert not re.match(r"(Requires|BindsTo|PartOf|Wants|After)=.*pos-agent", line), line
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=78" in lines
    stop = next(int(line.split("=")[1]) for line in lines if line.startswith("TimeoutStopSec="))
    assert stop > limits.TAP_DRAIN_S + limits.PRINT_FINISH_S
