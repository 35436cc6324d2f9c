"""When the hourly proof is due: a pure function of persisted state and the clock, and the waker that asks it.

APScheduler only wakes; a wrong, jumping or sleeping clock can delay a wake-up but never skip an hour, because whether
a run is due depends on the last recorded proof and not on the wake-up. The simulation calls `is_due` directly.
"""

import hashlib
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from agent.limits import RECONCILE_SLOT_SPREAD_S

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
