"""schemathesis against a running till over loopback TCP, as `st run` would be: bounded and the same for the same seed.

`fuzzed(served, folder, Plan(...))` gives what came of it. Rules let everything be owned and spent; tests.api_fuzz_hooks
leads made-up cases into the shop.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from agent.demo import world as chain
from agent.grants import EVERYTHING, Grant
from tests.api_till import someone
from tests.browser import ServedTill

ROOT = Path(__file__).parents[1]
STREAM = "/v1/events"
"""Never ends by itself: tests/e2e/test_api_events.py reads it."""
_TOKENS, _SPARE, _SOLD = 24, 400, 40
_TIERS, _PIN = ("gold", "silver", "normal"), "730184"
_CONFIG = """
[phases.coverage]
unexpected-methods = ["PUT", "OPTIONS"]
"""
_CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "missing_required_header", "unsupported_method",
    "allow_header_conformance", "use_after_free", "ignored_auth", "documented",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: phases of schemathesis, cases of each call at most, seed."""

    phases: tuple[str, ...]
    examples: int
    seed: int = 7
    deadline_s: float = 240


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of it: exit code, what schemathesis printed, statuses met by operation."""

    code: int
    said: str
    met: dict[str, Counter[int]]


def fuzzed(served: ServedTill, folder: Path, plan: Plan) -> Fuzzed:
    """Try every call of the document but the endless one."""
    till, config, report = folder / "till.json", folder / "schemathesis.toml", folder / "report.ndjson"
    config.write_text(_CONFIG, encoding="utf-8")
    till.write_text(json.dumps(served.run(_till(served))), encoding="utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{served.url}/openapi.json",
        "--phases", ",".join(plan.phases), "--max-examples", str(plan.examples), "--seed", str(plan.seed),
        "--generation-deterministic", "--no-shrink", "--continue-on-failure", "--checks", ",".join(_CHECKS),
        "--exclude-path", STREAM, "--request-timeout", "20", "--report-ndjson-path", str(report), "--warnings", "off",
        "--no-color",
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api_fuzz_hooks", "TILL_FUZZ": str(till),
                   "PYTHONPATH": str(ROOT)}  # fmt: skip
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=plan.deadline_s
    )
    said = ran.stdout + ran.stderr
    return Fuzzed(ran.returncode, said, _answered(report) if report.exists() else {})


async def _till(served: ServedTill) -> dict[str, object]:
    """Tokens, and what this till knows of members, goods and sales."""
    world = served.till.world
    await world.server.hq.import_rules(chain.BRAND, {**chain.DEMO_RULES, "version": 2})
    await world.agent.puller.pull_all()
    issue = world.agent.pairing.issue
    made = [(await issue(Grant("", f"fuzz {number}", EVERYTHING)))[0] for number in range(_TOKENS + _SPARE)]
    member, payer = someone("gold"), someone("silver")
    for tier in _TIERS:
        await world.server.hq.members.verifying.set_by_operator(chain.BRAND, someone(tier).number, _PIN)
    sold = await _sold(served)
    known = {
        "code": ["10001", member.number, "10008", "6901028000031", payer.number],
        "identification_id": await _identified(served), "sale_id": sold, "product": [chain.COUNT_CARD["id"]],
        "raw": [served.till.wechat(1980, payer, v3=v3)[1] for v3 in (False, True)], "printer": ["receipt"],
        "name": ["receipt"], "operator": ["101", "102"], "pin": [_PIN], "job_id": [f"receipt-{sold[0]}"],
    }  # fmt: skip
    return {"tokens": made[:_TOKENS], "spare": made[_TOKENS:], "known": known}


async def _identified(served: ServedTill) -> list[str]:
    client, found = served.till.client, []
    for tier in _TIERS:
        answer = await client.post("/v1/members/resolve", json={"code": someone(tier).number})
        found.append(str(answer.json()["identification_id"]))
    return found


async def _sold(served: ServedTill) -> list[str]:
    sold = [f"sold-{number}" for number in range(_SOLD)]
    for sale_id in sold:
        lines = [{"code": "10001", "qty": 3, "charged_fen": 5940}]
        body = {"sale_id": sale_id, "lines": lines, "tenders": [{"type": "cash", "amount_fen": 5940}]}
        assert (await served.till.client.post("/v1/sales", json=body)).status_code == 201
    return sold


def _answered(report: Path) -> dict[str, Counter[int]]:
    """Statuses of the answers, by operation."""
    found: dict[str, Counter[int]] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is not None:
            one = found.setdefault(scenario["recorder"]["label"], Counter())
            one.update(met["response"]["status_code"] for met in scenario["recorder"].get("interactions", {}).values())
    return found
