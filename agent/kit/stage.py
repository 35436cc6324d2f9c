"""What a scene has at hand: the till, the relay, the driver; and how it writes a verdict. Judges from records alone.

Called by agent.kit.conformance; the scenes are in agent.kit.scenes_*.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.kit.driver import Driver, Order
from agent.kit.faults import Plan
from agent.kit.record import Exchange
from agent.kit.relay import Relay
from agent.kit.rules import Verdict
from agent.kit.throwaway import Throwaway

_LOOK_S = 0.05
SALES = "/v1/sales"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the kit waits; tests are in more of a hurry than vendors."""

    patience_s: float = 20.0
    """For the POS to do what it must."""
    slow_s: float = 8.0
    """How late a slow answer comes."""
    retry_after_s: int = 2


@dataclass(slots=True)
class Stage:
    """One run of the kit."""

    till: Throwaway
    relay: Relay
    plan: Plan
    driver: Driver
    pace: Pace
    verdicts: list[Verdict] = field(default_factory=list)
    _calls: int = 0
    _events: int = 0

    async def begin(self) -> None:
        """A new scene: what was before does not count."""
        self.plan.clear()
        self._calls, self._events = len(self.relay.record), len(await self.till.agent.booked())

    def calls(self, method: str, path_end: str) -> list[Exchange]:
        """Requests of this scene."""
        return self.relay.record.calls(method, path_end, self._calls)

    async def booked(self, kind: str) -> list[dict[str, Any]]:
        """Events of this scene in the till's books."""
        return [dict(one) for one in (await self.till.agent.booked())[self._events :] if one["kind"] == kind]

    async def sell(self, lines: list[dict[str, Any]], **more: Any) -> Order:
        """Have the POS sell, and wait until the books have it or patience ends."""
        told = await self.driver.do({"do": "sell", "lines": lines, **more})
        if more.get("expects") != "refusal":
            await self.until_booked("sale")
        return told

    async def until_booked(self, kind: str) -> bool:
        """Wait until the scene has booked one; False when patience ends."""
        for _ in range(self._looks()):
            if await self.booked(kind) and self._quiet():
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    async def until(self, done: Callable[[], bool]) -> bool:
        """Wait until something holds; False when patience ends."""
        for _ in range(self._looks()):
            if done():
                return True
            await asyncio.sleep(_LOOK_S)
        return done()

    def check(self, rule: str, kept: bool, why: str, wrong: Exchange | None = None) -> None:
        """Write a verdict; a rule that was broken once stays broken."""
        if any(one.rule == rule and one.kept is False for one in self.verdicts):
            return
        self.verdicts = [one for one in self.verdicts if one.rule != rule]
        self.verdicts.append(Verdict(rule, kept) if kept else Verdict(rule, False, why, wrong.shown() if wrong else ""))

    def skip(self, rule: str, why: str) -> None:
        """Say that a rule was not tried."""
        self.verdicts.append(Verdict(rule, None, why))

    def same_bodies(self, rule: str, sent: list[Exchange]) -> None:
        """Check that a call was repeated, and each time with the very same body."""
        if not sent:
            self.check(rule, False, "the call never came")
        elif len(sent) == 1:
            self.check(rule, False, "it was never repeated, although nobody knows whether it was booked", sent[0])
        else:
            other = next((one for one in sent[1:] if one.sent != sent[0].sent), None)
            why = f"the body differs from the first one:\n{sent[0].body.decode('utf-8', 'replace')}"
            self.check(rule, other is None, why, other)

    async def booked_once(self, rule: str, path_end: str = SALES, kind: str = "sale") -> None:
        """Check that the books have exactly one of the kind."""
        found = await self.booked(kind)
        sent = self.calls("POST", path_end)
        why = f"the books have {len(found)} instead of one"
        self.check(rule, len(found) == 1, why, sent[-1] if sent else None)

    def _looks(self) -> int:
        return max(1, int(self.pace.patience_s / _LOOK_S))

    def _quiet(self) -> bool:
        """Whether nothing that books is still on its way."""
        return all(one.ended_s for one in self.calls("POST", ""))
