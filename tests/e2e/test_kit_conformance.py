"""The conformance kit: a right POS keeps every rule, wrong ones are caught. All wrong ones: tests/long."""

import contextlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from agent.kit.conformance import Scene
from agent.kit.faults import Odds
from agent.kit.rules import RULES
from agent.kit.stage import Pace
from tests.kit_judging import caught, judged
from tests.kit_pos import ReferencePos
from tests.kit_wrong_pos import WRONG

ROOT = Path(__file__).parents[2]
QUICK = [one for one in WRONG if one[2] in ("lost.once", "refused.shown")][:2]


def test_a_right_pos_keeps_every_rule(tmp_path: Path) -> None:
    verdicts = judged(ReferencePos, tmp_path, pace=Pace(patience_s=10, slow_s=0.5, retry_after_s=1))
    assert [one.rule for one in verdicts] == list(RULES)
    assert [one for one in verdicts if one.kept is not True] == []


def test_every_rule_has_a_pos_that_breaks_it() -> None:
    assert {rule for _, _, rule in WRONG} == set(RULES)


@pytest.mark.parametrize(("pos", "scene", "rule"), QUICK, ids=[one[2] for one in QUICK])
def test_a_wrong_pos_is_caught(pos: type[ReferencePos], scene: Scene, rule: str, tmp_path: Path) -> None:
    caught(pos, scene, rule, tmp_path)


def test_the_till_with_faults_is_the_same_for_the_same_seed() -> None:
    command = [sys.executable, "-m", "agent", "conformance", "--serve-faults", "--seed", "7", "--busy", "40"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with running, contextlib.ExitStack() as ending:
        ending.callback(running.terminate)
        assert running.stdout is not None
        said = dict(running.stdout.readline().split(maxsplit=1) for _ in range(2))
        odds = Odds(10, 40, 10, 8, "7")
        got = []
        with httpx.Client(base_url=said["till"].strip(), trust_env=False, timeout=20) as http:
            http.headers["Authorization"] = f"Bearer {said['token'].strip()}"
            for _ in range(6):
                try:
                    got.append(http.get("/v1/status").status_code)
                except httpx.TransportError:
                    got.append(0)
        fell = {"pass": 200, "slow": 200, "problem": 503, "lost": 0}
        assert got == [fell[odds.kind(number)] for number in range(1, 7)]
        assert len(set(got)) > 1
    assert running.returncode == 0
