"""Drives a vendor's integration through the whole life of a sale, and says rule by rule what it got wrong.

Called by `pos-agent conformance`. The till is thrown away afterwards; a relay between POS and till does the faults and
writes down every request. Judged from that and from the till's books, never from what the POS says of itself - but for
the sentence a cashier was shown, which nobody else can know.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.kit import scenes_sale, scenes_trouble
from agent.kit.driver import Driver
from agent.kit.faults import Plan
from agent.kit.relay import Relay
from agent.kit.rules import RULES, Verdict
from agent.kit.stage import Pace, Stage
from agent.kit.throwaway import Throwaway
from agent.ports import Clock, Entropy

Scene = Callable[[Stage], Awaitable[None]]
SCENES: tuple[Scene, ...] = (
    scenes_sale.pair,
    scenes_sale.scanned,
    scenes_sale.paid_by_wechat,
    scenes_trouble.lost_answer,
    scenes_trouble.unavailable,
    scenes_trouble.slow,
    scenes_trouble.in_flight,
    scenes_trouble.conflict,
    scenes_trouble.restart,
    scenes_sale.price_changes,
    scenes_sale.refused,
    scenes_sale.newer_version,
    scenes_trouble.paper_out,
    scenes_trouble.give_back,
)


class Conformance:
    """One run: `run` gives the verdicts, one for each rule."""

    def __init__(self, folder: Path, clock: Clock, entropy: Entropy, pace: Pace, origins: tuple[str, ...] = ()) -> None:
        self._folder, self._clock, self._entropy = folder, clock, entropy
        self._pace, self._origins = pace, origins

    async def run(
        self, driver: Driver, port: int = 0, say: Callable[[str], None] = lambda _: None,
        scenes: tuple[Scene, ...] = SCENES,
    ) -> list[Verdict]:  # fmt: skip
        """Play the scenes; raises AgentError when the POS cannot be told anything, OSError when the port is taken."""
        async with Throwaway(self._folder, self._clock, self._entropy, self._origins) as till:
            plan = Plan()
            relay = Relay(till.url, self._clock, plan)
            await relay.start(port)
            try:
                stage = Stage(till, relay, plan, driver, self._pace)
                for scene in scenes:
                    await stage.begin()
                    say(f"- {(scene.__doc__ or '').splitlines()[0]}")
                    await scene(stage)
                scenes_trouble.all_valid(stage)
            finally:
                await relay.stop()
        found = {one.rule: one for one in stage.verdicts}
        return [found[rule] for rule in RULES if rule in found]
