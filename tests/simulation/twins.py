"""A cashier PC whose disk was copied: both machines sell as one workstation, cut off, until HQ hears of both.

Run by the world for worlds that are asked for it. Two copies that are both offline cannot know of each other: what they
held the right to spend may be spent twice, and no more (wire.md, "Spending offline"). Once found, a person switches the
copy off when it has told HQ all it knows.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.simulation import invariants
from tests.simulation.chance import DAY_S, HOUR_S, generator
from tests.simulation.customers import Cashier
from tests.simulation.store import Name, SimulatedStore

_EARLIEST_S, _LATEST_S = 10 * HOUR_S, 13 * HOUR_S
_LOOK_S, _LOOKS, _DELIVERED_S = 60, 240, 600
_WORTH_COPYING = 3_000


class Twins:
    """One workstation that becomes two for some hours of the first day."""

    def __init__(
        self, store: SimulatedStore, folder: Path, seed: int, make_cashier: Callable[[SimulatedStore], Cashier]
    ) -> None:
        self.store = store
        self.twin: SimulatedStore | None = None
        self.cashier: Cashier | None = None
        self.events: dict[Name, str] = {}
        """What the copy held when it was switched off."""
        self.wrongs: list[str] = []
        self._folder = folder
        self._chance = generator(seed, store.name, "twins")
        self._make_cashier = make_cashier

    async def run(self, days: int) -> None:
        """Copy the disk while it holds rights, let both sell, bring both back to HQ, switch the copy off."""
        store, loop, chance = self.store, asyncio.get_running_loop(), self._chance
        await asyncio.sleep(chance.uniform(_EARLIEST_S, _LATEST_S))
        for _ in range(_LOOKS):
            await store.up.wait()
            if _holds_rights(store):
                break
            await asyncio.sleep(_LOOK_S)
        # Cut off, a till keeps its rights however long they lie idle, and earns new ones.
        store.link.broken_until_s = max(store.link.broken_until_s, loop.time() + DAY_S)
        await asyncio.sleep(chance.uniform(0.2, 2) * HOUR_S)
        await store.up.wait()
        offline_s = chance.uniform(1, 5) * HOUR_S
        twin = self.twin = store.twin(self._folder)
        for one in (store, twin):
            one.link.broken_until_s = loop.time() + offline_s
        await twin.start()
        living = asyncio.create_task(twin.run())
        self.cashier = self._make_cashier(twin)
        self.cashier.begins_s = loop.time()
        selling = asyncio.create_task(self.cashier.run(days))
        await asyncio.sleep(offline_s)
        at_ease_s = 0
        while at_ease_s < _DELIVERED_S and loop.time() < days * DAY_S:
            await asyncio.sleep(_LOOK_S)
            at_ease_s = at_ease_s + _LOOK_S if _delivered(store) and _delivered(twin) else 0
        selling.cancel()
        await asyncio.gather(selling, return_exceptions=True)
        while not (twin.up.is_set() and _delivered(twin)):
            twin.link.broken_until_s = 0.0
            await asyncio.sleep(_LOOK_S)
        self.events = invariants.check_store(twin, self.cashier.patience.acknowledged, self.wrongs)
        await invariants.check_answers(twin, self.cashier.patience.acknowledged, self.wrongs)
        await twin.end()
        await living


def _holds_rights(store: SimulatedStore) -> bool:
    held = store.books.rows("SELECT COALESCE(SUM(remaining), 0) AS n FROM leases WHERE closed_seq IS NULL")
    return bool(held[0]["n"] > _WORTH_COPYING)


def _delivered(store: SimulatedStore) -> bool:
    return store.up.is_set() and not store.books.rows("SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1")
