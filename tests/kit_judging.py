"""Runs the conformance kit against a POS in threads of its own. Used by the kit's tests, short and long."""

import asyncio
import json
from pathlib import Path

from agent.kit import scenes_sale
from agent.kit.conformance import SCENES, Conformance, Scene
from agent.kit.driver import Hook
from agent.kit.rules import Verdict
from agent.kit.stage import Pace
from agent.system import SystemClock, SystemEntropy
from tests.kit_pos import ReferencePos, serving

HURRY = Pace(patience_s=0.6, slow_s=0.5, retry_after_s=1)


def judged(
    pos: type[ReferencePos], folder: Path, scenes: tuple[Scene, ...] = SCENES, pace: Pace = HURRY
) -> list[Verdict]:
    """Run the kit against this POS."""

    async def run(url: str) -> list[Verdict]:
        driver = Hook(url, 30)
        try:
            return await Conformance(folder, SystemClock(), SystemEntropy(), pace).run(driver, scenes=scenes)
        finally:
            await driver.close()

    with serving(pos) as url:
        return asyncio.run(asyncio.wait_for(run(url), 100))


def caught(pos: type[ReferencePos], scene: Scene, rule: str, folder: Path) -> None:
    """Hold that this POS breaks this rule, and that the report names the request."""
    scenes = (scene,) if scene is scenes_sale.pair else (scenes_sale.pair, scene)
    found = {one.rule: one for one in judged(pos, folder, scenes)}
    assert found[rule].kept is False, found
    assert found[rule].why
    if rule not in ("pair.events", "void.once"):  # there the call is what is missing
        assert found[rule].request.startswith(("GET /v1/", "POST /v1/")), found[rule]
    json.dumps(found[rule].row())
