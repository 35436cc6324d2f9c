"""`pos-agent conformance` without --url: a person reads what to do at the POS, does it and presses Enter."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from agent.kit.rules import RULES
from tests.kit_pos import Order, ReferencePos

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-u", "-m", "agent", "conformance", "--json", "--patience-s", "3", "--slow-s", "1"]
BY_HAND = {"wechat.unchanged", "wechat.payer"}
"""Skipped where nobody can tell the POS what WeChat returned."""


class Hands:
    """A person at the POS under test: does what the sentences say, types what the POS showed."""

    def __init__(self, pos: ReferencePos) -> None:
        self.pos = pos
        self.shown = ""

    def read(self, line: str) -> bool:
        """Follow one line; True when Enter has to be pressed now."""
        if line.startswith("* "):
            told = self.pos.do(order(line))
            self.shown = "\n".join(told["shown"])
        return line.strip().endswith("Enter:") or line.strip().endswith("when done:")


def order(line: str) -> Order:
    """The sentence as the order it stands for."""
    if found := re.search(r"address to (\S+) and pair it with the code (\d{8})", line):
        return {"do": "pair", "base_url": found[1], "code": found[2]}
    if found := re.search(r"Sell (.+) to (.+), paid in cash", line):
        lines = [{"code": code, "qty": int(qty)} for qty, code in re.findall(r"(\d+) x (\S+?)(?:,|$)", found[1])]
        return {"do": "sell", "lines": lines, "member": "scanned" if "scanned" in found[2] else None}
    if found := re.search(r"Take back (.+) of sale (\S+)", line):
        back = [{"line": int(number), "qty": int(qty)} for qty, number in re.findall(r"(\d+) of line (\d+)", found[1])]
        return {"do": "return", "sale_id": found[2], "lines": back}
    found = re.search(r"Void sale (\S+)", line)
    assert found is not None, line
    return {"do": "void", "sale_id": found[1]}


def judged(pos: ReferencePos) -> tuple[int, dict[str, str]]:
    """Exit code, and the verdict on each rule."""
    hands = Hands(pos)
    running = subprocess.Popen(
        COMMAND, cwd=ROOT, env={**os.environ, "LC_ALL": "C.UTF-8"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if hands.read(line):
                running.stdin.write(f"{hands.shown}\n".replace("\n", " ").rstrip() + "\n")
                running.stdin.flush()
        report = running.stdout.read()
    assert report, "".join(said)
    found = json.loads(report)
    return running.returncode, {one["rule"]: one["result"] for one in found}


def test_a_person_at_the_pos_is_led_through_it_and_a_right_pos_keeps_every_rule() -> None:
    ended, found = judged(ReferencePos())
    assert set(found) == set(RULES)
    assert {rule for rule, result in found.items() if result == "skipped"} == BY_HAND
    assert (ended, [rule for rule, result in found.items() if result == "fail"]) == (0, [])
