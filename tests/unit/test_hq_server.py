"""The loops of a serving HQ: what nobody waits for steps back while stores stand in line."""

import asyncio
from collections.abc import Callable

import pytest

from sync.hq.bounds import BUSY_REST, EXPIRY_LOOK_S, RECOMPUTE_PAUSE_S
from sync.hq.server import HqServer
from tests.simulation.loop import VirtualLoop, run

STEP_S = 0.1
LOOKED_AT_S = 8  # less than a call waits in line


class Reckoned:
    """An HQ with events without end to reckon again."""

    def __init__(self) -> None:
        self.folded = asyncio.Event()
        self.steps = self.looked = 0

    def mono_s(self) -> float:
        return asyncio.get_running_loop().time()

    def heed(self, busy: Callable[[], bool]) -> None:
        """See HqService.heed."""

    async def recompute_some(self) -> bool:
        self.steps += 1
        await asyncio.sleep(STEP_S)
        return True

    async def expire_some(self) -> bool:
        self.looked += 1
        return False


@pytest.mark.parametrize(("line", "pause_s"), [(False, RECOMPUTE_PAUSE_S), (True, BUSY_REST * STEP_S)])
def test_reckoning_again_goes_on_and_steps_back_while_stores_wait(line: bool, pause_s: float) -> None:
    async def story() -> int:
        hq = Reckoned()
        server = HqServer(hq)  # type: ignore[arg-type]
        turns = server._turns
        while turns._free:
            await turns.enter()
        waiting = [asyncio.create_task(turns.enter())] if line else []
        reckoning = asyncio.create_task(server._reckon())
        await asyncio.sleep(LOOKED_AT_S)
        for task in (reckoning, *waiting):
            task.cancel()
        await asyncio.gather(reckoning, *waiting, return_exceptions=True)
        return hq.steps

    assert run(story(), VirtualLoop()) == pytest.approx(LOOKED_AT_S / (STEP_S + pause_s), abs=2)


def test_lots_end_however_much_is_left_to_reckon() -> None:
    async def story() -> int:
        hq = Reckoned()
        reckoning = asyncio.create_task(HqServer(hq)._reckon())  # type: ignore[arg-type]
        await asyncio.sleep(3 * EXPIRY_LOOK_S)
        reckoning.cancel()
        await asyncio.gather(reckoning, return_exceptions=True)
        return hq.looked

    assert run(story(), VirtualLoop()) == pytest.approx(3, abs=1)
