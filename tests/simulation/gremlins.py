"""Who breaks what, when: seeded troublemakers that kill, cut, partition, jump clocks, take paper away, restore copies.

Run by the world as tasks until the healing; each draws from a generator of its own.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.simulation.chance import DAY_S, HOUR_S, generator
from tests.simulation.headquarters import Headquarters
from tests.simulation.process import Cut, Disk, Moment
from tests.simulation.store import SimulatedStore

_TEN_YEARS_MS = 10 * 365 * DAY_S * 1000
_MOMENTS: tuple[Moment, ...] = ("before", "torn", "after", "after")


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing happens, per day and victim."""

    cuts: float = 8
    kills: float = 2
    stops: float = 0.7
    partitions: float = 1.5
    blackouts: float = 0.5
    """All lines at once."""
    clock_jumps: float = 0.7
    paper_outs: float = 1.5
    replicas_lost: float = 0.3
    book_copies: float = 2
    books_restored: float = 0.2
    hq_cuts: float = 5
    hq_kills: float = 1.5
    hq_copies: float = 4
    hq_restored: float = 0.6


class Gremlins:
    """All troublemakers."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self._seed = seed
        self._rates = rates
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, stores: Sequence[SimulatedStore], hq: Headquarters) -> None:
        """Let them loose."""
        rates = self._rates
        for store in stores:
            chance = generator(self._seed, store.name, "gremlin")
            self._loose(store.name, "cut", rates.cuts, partial(_cut_store, store, chance))
            self._loose(store.name, "kill", rates.kills, partial(_kill, store))
            self._loose(store.name, "stop", rates.stops, partial(_stop, store))
            self._loose(store.name, "partition", rates.partitions, partial(_partition, store, chance))
            self._loose(store.name, "clock", rates.clock_jumps, partial(_jump, store, chance))
            self._loose(store.name, "paper", rates.paper_outs, partial(_paper, store, chance))
            self._loose(store.name, "replica", rates.replicas_lost, partial(_lose_replica, store))
            self._loose(store.name, "copy", rates.book_copies, partial(_copy_books, store))
            self._loose(store.name, "restore", rates.books_restored, partial(_restore_books, store))
        chance = generator(self._seed, "hq", "gremlin")
        self._loose("everywhere", "blackout", rates.blackouts, partial(_blackout, stores, chance))
        self._loose("hq", "cut", rates.hq_cuts, partial(_cut_hq, hq, chance))
        self._loose("hq", "kill", rates.hq_kills, partial(_kill_hq, hq))
        self._loose("hq", "copy", rates.hq_copies, partial(_copy_hq, hq))
        self._loose("hq", "restore", rates.hq_restored, partial(_restore_hq, hq))

    async def stop(self) -> None:
        """No more trouble."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _loose(self, victim: str, name: str, per_day: float, act: Callable[[], object]) -> None:
        if per_day > 0:
            chance = generator(self._seed, victim, "gremlin", name)
            self._tasks.append(asyncio.create_task(_again_and_again(chance, DAY_S / per_day, act)))


async def _again_and_again(chance: random.Random, mean_s: float, act: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(chance.expovariate(1 / mean_s))
        done = act()
        if asyncio.iscoroutine(done):
            await done


# --- stores ---------------------------------------------------------------------------------------------------------
def _cut_store(store: SimulatedStore, chance: random.Random) -> None:
    if store.up.is_set():
        _arm(store.books, chance)


def _arm(disk: Disk, chance: random.Random) -> None:
    disk.arm(Cut(chance.choice(_MOMENTS), chance.randint(1, 12)))


def _kill(store: SimulatedStore) -> None:
    if store.up.is_set():
        store.process.kill("killed")


async def _stop(store: SimulatedStore) -> None:
    if store.up.is_set():
        await store.stop_in_order()


def _partition(store: SimulatedStore, chance: random.Random) -> None:
    seconds = chance.choice((120, HOUR_S, 6 * HOUR_S, 2 * DAY_S)) * chance.uniform(0.3, 1.0)
    store.link.broken_until_s = max(store.link.broken_until_s, asyncio.get_running_loop().time() + seconds)
    store.trace.note(store.name, "line broken", round(seconds))


def _blackout(stores: Sequence[SimulatedStore], chance: random.Random) -> None:
    until_s = asyncio.get_running_loop().time() + chance.choice((HOUR_S, 5 * HOUR_S)) * chance.uniform(0.3, 1.0)
    for store in stores:
        store.link.broken_until_s = max(store.link.broken_until_s, until_s)
        store.trace.note(store.name, "line broken", "as all are")


async def _jump(store: SimulatedStore, chance: random.Random) -> None:
    wrong_ms = chance.choice((HOUR_S * 1000, 26 * HOUR_S * 1000, _TEN_YEARS_MS)) * chance.choice((-1, 1))
    store.clock.wrong_by_ms = wrong_ms
    store.trace.note(store.name, "clock wrong by", wrong_ms)
    await asyncio.sleep(chance.choice((600, 5 * HOUR_S, 20 * HOUR_S)) * chance.random())
    store.clock.wrong_by_ms = 0
    store.trace.note(store.name, "clock right")


async def _paper(store: SimulatedStore, chance: random.Random) -> None:
    store.paper.out = True
    store.trace.note(store.name, "paper out")
    await asyncio.sleep(chance.choice((300, 3 * HOUR_S, 14 * HOUR_S)) * chance.random())
    store.paper.out, store.paper.in_since_s = False, asyncio.get_running_loop().time()


def _lose_replica(store: SimulatedStore) -> None:
    if store.up.is_set():
        store.lose_replica()


def _copy_books(store: SimulatedStore) -> None:
    if store.up.is_set():
        store.back_up()


def _restore_books(store: SimulatedStore) -> None:
    store.restore_books()


# --- HQ -------------------------------------------------------------------------------------------------------------
def _cut_hq(hq: Headquarters, chance: random.Random) -> None:
    if hq.up.is_set():
        _arm(hq.disk, chance)


def _kill_hq(hq: Headquarters) -> None:
    if hq.up.is_set():
        hq.process.kill("killed")


def _copy_hq(hq: Headquarters) -> None:
    if hq.up.is_set():
        hq.back_up()


def _restore_hq(hq: Headquarters) -> None:
    hq.restore()
