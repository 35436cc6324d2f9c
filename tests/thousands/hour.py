"""An hour of a chain in time compressed: sales, pushes, hourly proofs; headquarters is killed in the middle of it.

Only what the stores do by the clock is compressed (`faster`): when they sell and when their proofs are due. What passes
between them and headquarters is as it is: calls, deadlines, back-off and Retry-After take real seconds.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.system import SystemClock
from sync.schedule import HOUR_MS, next_due_ms
from tests.thousands.shop import Shop

_WAKE_S: Final = 20  # the Waker's; sync.schedule
_TICK_S: Final = 0.05
_START_MS: Final = 1_795_300_000_000 // HOUR_MS * HOUR_MS + HOUR_MS // 2
"""Half past: the full hour, when proofs are due, is in the middle of the hour that is lived."""


class FastClock:
    """The stores' wall clock, `faster` times as fast as the machine's; monotonic seconds are real."""

    def __init__(self, faster: float) -> None:
        self.faster = faster
        self._real = SystemClock()
        self._since_s = self._real.mono_s()
        self._base_ms = _START_MS

    def begin(self, at_ms: int = _START_MS) -> None:
        """It is this time now."""
        self._base_ms, self._since_s = at_ms, self._real.mono_s()

    def now_ms(self) -> int:
        """UTC milliseconds of the stores' day."""
        return self._base_ms + round((self._real.mono_s() - self._since_s) * 1000 * self.faster)

    def mono_s(self) -> float:
        """Real seconds."""
        return self._real.mono_s()


@dataclass(slots=True)
class Hour:
    """The shops and their clock; `sales` for each of them in the hour."""

    shops: Sequence[Shop]
    clock: FastClock
    sales: int

    @property
    def seconds(self) -> float:
        """Real seconds the hour takes."""
        return HOUR_MS / 1000 / self.clock.faster

    async def sell(self) -> None:
        """Every shop sells as often, evenly over the hour, in an order of its own each round."""
        loop, dice = asyncio.get_running_loop(), random.Random(7)
        order = list(self.shops)
        total, start, sold = len(order) * self.sales, loop.time(), 0
        while sold < total:
            due = min(total, int((loop.time() - start) / self.seconds * total) + 1)
            while sold < due:
                if sold % len(order) == 0:
                    dice.shuffle(order)
                order[sold % len(order)].book()
                sold += 1
            await asyncio.sleep(_TICK_S)

    async def proofs(self, round_no: int) -> None:
        """Every shop proves at its slot behind the next full hour, and again by its own rules until HQ answered."""
        dice = random.Random(round_no)
        async with asyncio.TaskGroup() as group:
            for shop in self.shops:
                group.create_task(self._prove(shop, dice.uniform(0, _WAKE_S)))

    async def _prove(self, shop: Shop, phase_s: float) -> None:
        due_ms = next_due_ms(self.clock.now_ms(), shop.slot)
        await asyncio.sleep(((due_ms - self.clock.now_ms()) / 1000 + phase_s) / self.clock.faster)
        while True:
            if await shop.reconciler.due(shop.slot):
                run = await shop.reconciler.run("hourly")
                if run.result != "unreachable":
                    return
            await asyncio.sleep(_WAKE_S)

    async def until_settled(self, marks: Sequence[int]) -> None:
        """Wait until HQ has answered for every sale up to each shop's mark."""
        left = list(zip(self.shops, marks, strict=True))
        while left := [(shop, mark) for shop, mark in left if not shop.settled_to(mark)]:  # noqa: ASYNC110
            await asyncio.sleep(1)
