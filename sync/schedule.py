"""When the hourly proof is due: a pure function of persisted state and the clock, and the waker that asks it.

APScheduler only wakes; a wrong, jumping or sleeping clock can delay a wake-up but never skip an hour, because whether
a run is due depends on the last recorded proof and not on the wake-up. The simulation calls `is_due` directly.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from agent.limits import CLOCK_JUMP_S, CLOCK_WATCH_S, RECONCILE_SLOT_SPREAD_S
from agent.ports import Clock

HOUR_MS = 3_600_000
_WAKE_S = 20


def slot_s(store_id: str, spread_s: int = RECONCILE_SLOT_SPREAD_S) -> int:
    """Seconds after the full hour at which this store reconciles; stable, spread over the chain (wire.md).

    >>> slot_s("S001") == slot_s("S001"), 0 <= slot_s("S002") < 300
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(store_id.encode()).digest()[:4], "big") % spread_s


def last_due_ms(now_ms: int, slot: int) -> int:
    """The latest due moment not after `now_ms`. The full hour is the same in UTC and in Asia/Shanghai.

    >>> last_due_ms(7_200_000 + 10_000, 30), last_due_ms(7_200_000 + 30_000, 30)
    (3630000, 7230000)
    """
    due = now_ms // HOUR_MS * HOUR_MS + slot * 1000
    return due if due <= now_ms else due - HOUR_MS


def next_due_ms(now_ms: int, slot: int) -> int:
    """The first due moment after `now_ms`."""
    return last_due_ms(now_ms, slot) + HOUR_MS


def is_due(last_run_ms: int | None, now_ms: int, slot: int) -> bool:
    """Whether a run is due: none was recorded since the latest due moment, or the clock went back behind the record.

    >>> is_due(None, 0, 0), is_due(7_300_000, 7_400_000, 30), is_due(3_700_000, 7_400_000, 30), is_due(9_000_000, 10, 0)
    (True, False, True, True)
    """
    if last_run_ms is None or last_run_ms > now_ms + HOUR_MS:
        return True
    return last_run_ms < last_due_ms(now_ms, slot)


def jumped(before: tuple[int, float], after: tuple[int, float], tolerance_s: int = CLOCK_JUMP_S) -> bool:
    """Whether the wall clock moved otherwise than monotonic time, by more than `tolerance_s` either way.

    Both arguments are (UTC milliseconds, monotonic seconds) of one moment.

    >>> jumped((0, 0.0), (20_000, 20.0)), jumped((0, 0.0), (3_620_000, 20.0)), jumped((3_600_000, 0.0), (0, 20.0))
    (False, True, True)
    """
    wall_ms, mono_ms = after[0] - before[0], round((after[1] - before[1]) * 1000)
    return abs(wall_ms - mono_ms) > tolerance_s * 1000


class ClockWatcher:
    """Looks at both clocks every few seconds; after a jump `on_jump` has due times thought over again."""

    def __init__(self, clock: Clock, on_jump: Callable[[], Awaitable[None]], every_s: float = CLOCK_WATCH_S) -> None:
        self._clock = clock
        self._on_jump = on_jump
        self._every_s = every_s
        self._last = (clock.now_ms(), clock.mono_s())

    async def look(self) -> bool:
        """Compare with the last look; whether the clock had jumped."""
        now = (self._clock.now_ms(), self._clock.mono_s())
        last, self._last = self._last, now
        if not jumped(last, now):
            return False
        await self._on_jump()
        return True

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()


class Waker:
    """Wakes `tick` every few seconds through APScheduler; jobs live in memory only."""

    def __init__(self, tick: Callable[[], Awaitable[None]], every_s: int = _WAKE_S) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        # misfire_grace_time=None: the default of 1 s silently skips a late wake-up.
        self._scheduler.add_job(
            tick,
            IntervalTrigger(seconds=every_s, timezone="UTC"),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    def start(self) -> None:
        """Begin waking; must be called on the running loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop waking."""
        self._scheduler.shutdown(wait=False)
