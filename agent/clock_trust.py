"""Whether this machine's clock may decide what is valid today (reliability promise 8, R15).

HQ's answers say what time it is; from then on monotonic time since the machine's start carries it, over a restart of
the daemon too. Called by agent.risk_watch and the composition root. It never sets a clock and never stops a sale.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from agent.domain.errors import DiskLow, Refusal
from agent.limits import (
    CLOCK_DRIFT_PPM,
    CLOCK_JUMP_S,
    CLOCK_MARK_KEPT_S,
    CLOCK_ROUND_TRIP_S,
    CLOCK_SKEW_S,
    TEXT_CHARS,
)
from agent.ports import Clock
from agent.risk_ports import ClockState


class Source(StrEnum):
    """Who said what time it is."""

    HQ = "hq"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class ClockMark:
    """At `boot_ms` of the machine's life `boot_id` it was `true_ms`, UTC; `told_by` names the manager who said so."""

    true_ms: int
    boot_id: str
    boot_ms: int
    source: Source
    told_by: str = ""


class ClockBooks(Protocol):
    """Where the mark outlives the daemon."""

    async def mark(self) -> ClockMark | None:
        """What the clock was last told."""
        ...

    async def keep_mark(self, mark: ClockMark) -> None:
        """Replace it."""
        ...

    async def last_event_ms(self) -> int | None:
        """When the last event was booked; None where that clock was not trusted, or there is none."""
        ...


NEVER_TOLD: Final = "never_told"
STARTED_SINCE: Final = "machine_started_since_contact"
OFF: Final = "off_by_more_than_5_minutes"
BEFORE_LAST_EVENT: Final = "before_last_event"


def judge(mark: ClockMark | None, boot_id: str, boot_ms: int, now_ms: int, latest_ms: int | None) -> ClockState:
    """Judge a clock that shows `now_ms`; `latest_ms` is the last event booked since the mark by a trusted clock.

    `why` is `hq` or `manager` where it is trusted, else one of this module's words.

    >>> told = ClockMark(1_000_000, "b1", 5_000, Source.HQ)
    >>> judge(told, "b1", 65_000, 1_060_000, None), judge(told, "b1", 65_000, 4_660_000, None).why
    (ClockState(trusted=True, why='hq'), 'off_by_more_than_5_minutes')
    >>> judge(told, "b2", 65_000, 1_060_000, None).why, judge(told, "b1", 65_000, 1_060_000, 1_260_000).why
    ('machine_started_since_contact', 'before_last_event')
    """
    if mark is None:
        return ClockState(False, NEVER_TOLD)
    if mark.boot_id != boot_id or boot_ms < mark.boot_ms:
        return ClockState(False, STARTED_SINCE)
    elapsed_ms = boot_ms - mark.boot_ms
    allowed_ms = CLOCK_SKEW_S * 1000 + elapsed_ms * CLOCK_DRIFT_PPM // 1_000_000
    if abs(now_ms - (mark.true_ms + elapsed_ms)) > allowed_ms:
        return ClockState(False, OFF)
    if latest_ms is not None and now_ms < latest_ms - CLOCK_JUMP_S * 1000:
        return ClockState(False, BEFORE_LAST_EVENT)
    return ClockState(True, mark.source.value)


class ClockTrust:
    """Keeps the mark, tells edges: `on_skew(skew_ms)` with the wall clock's lead over HQ beyond 5 minutes, or None."""

    def __init__(
        self,
        books: ClockBooks,
        clock: Clock,
        boot_id: str,
        on_skew: Callable[[int | None], None] = lambda _: None,
        on_mark: Callable[[ClockMark], None] = lambda _: None,
    ) -> None:
        self._books = books
        self._clock = clock
        self.boot_id = boot_id
        self._on_skew = on_skew
        self._on_mark = on_mark
        self._mark: ClockMark | None = None
        self._kept: ClockMark | None = None
        self._latest_ms: int | None = None
        self._skewed = False

    async def begin(self) -> None:
        """Read what the daemon knew when it stopped."""
        self._mark = self._kept = await self._books.mark()
        last_ms = await self._books.last_event_ms()
        if self._mark is not None and last_ms is not None and last_ms > self._mark.true_ms:
            self._latest_ms = last_ms

    def state(self) -> ClockState:
        """The clock as it is trusted now."""
        return judge(self._mark, self.boot_id, self.boot_ms(), self._clock.now_ms(), self._latest_ms)

    def booked(self, at_ms: int) -> None:
        """An event was booked now: a trusted clock does not go back behind it."""
        if self.state().trusted:
            self._latest_ms = max(at_ms, self._latest_ms or at_ms)

    def true_ms(self) -> int | None:
        """What time it is by HQ or the manager and this machine's monotonic clock; None where nobody can tell."""
        mark = self._mark
        if mark is None or mark.boot_id != self.boot_id or self.boot_ms() < mark.boot_ms:
            return None
        return mark.true_ms + self.boot_ms() - mark.boot_ms

    def heard(self, hq_ms: int, round_trip_s: float) -> None:
        """HQ answered and said what time it is; a slow answer says it too vaguely."""
        if round_trip_s > CLOCK_ROUND_TRIP_S:
            return
        true_ms = hq_ms + round(round_trip_s * 500)
        self._mark = ClockMark(true_ms, self.boot_id, self.boot_ms(), Source.HQ)
        self._latest_ms = None  # HQ knows better than an event that a fast clock has dated
        skew_ms = self._clock.now_ms() - true_ms
        skewed = abs(skew_ms) > CLOCK_SKEW_S * 1000
        if skewed is not self._skewed:
            self._skewed = skewed
            self._on_skew(skew_ms if skewed else None)
        kept = self._kept
        fresh = kept is None or kept.boot_id != self.boot_id or kept.source is not Source.HQ
        if fresh or (kept is not None and self._mark.boot_ms - kept.boot_ms > CLOCK_MARK_KEPT_S * 1000):
            self._kept = self._mark
            self._on_mark(self._mark)

    async def keep(self, mark: ClockMark) -> None:
        """Write a mark into the books, so that a restart offline still judges by it."""
        with contextlib.suppress(DiskLow):  # the next one comes with the next answer of HQ
            await self._books.keep_mark(mark)

    async def confirm(self, by: str) -> ClockMark:
        """The manager says that this machine's day and time are right; holds until HQ is reached or the machine starts.

        Refusal NAME_NEEDED; CLOCK_OFF_BY_HQ where HQ has said otherwise since the machine started.
        """
        if not 1 <= len(by.strip()) <= TEXT_CHARS:
            raise Refusal("NAME_NEEDED", "say who confirms the clock", hint="--by NAME", field="by")
        state = self.state()
        if state.why == OFF and self._mark is not None and self._mark.source is Source.HQ:
            raise Refusal(
                "CLOCK_OFF_BY_HQ",
                "headquarters said another time since this machine started",
                hint="set the clock right; then nothing needs to be confirmed",
                status=409,
            )
        self._mark = self._kept = ClockMark(
            self._clock.now_ms(), self.boot_id, self.boot_ms(), Source.MANAGER, by.strip()
        )
        self._latest_ms = None
        await self.keep(self._mark)
        return self._mark

    def boot_ms(self) -> int:
        """Milliseconds of this machine's life."""
        return round(self._clock.mono_s() * 1000)
