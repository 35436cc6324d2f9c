"""For each rule of the conformance kit, a POS that breaks it is caught, and the report shows the request."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.kit.conformance import Scene
from agent.kit.rules import RULES
from tests.kit_judging import caught
from tests.kit_pos import Order, ReferencePos, serving
from tests.kit_wrong_pos import WRONG

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("pos", "scene", "rule"), WRONG, ids=[f"{pos.__name__}-{rule}" for pos, _, rule in WRONG])
def test_a_wrong_pos_is_caught(pos: type[ReferencePos], scene: Scene, rule: str, tmp_path: Path) -> None:
    caught(pos, scene, rule, tmp_path)


class Lazy(ReferencePos):
    """Answers its hook, and does nothing."""

    def do(self, order: Order) -> Order:
        return {}


def test_the_command_tells_what_is_wrong_and_ends_with_1() -> None:
    command = [sys.executable, "-m", "agent", "conformance", "--json", "--patience-s", "1", "--slow-s", "1"]
    with serving(Lazy) as url:
        ran = subprocess.run(
            [*command, "--url", url], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "")
    report = {one["rule"]: one for one in json.loads(ran.stdout)}
    assert report["pair.code"]["result"] == "fail"
    assert list(report) == list(RULES)
