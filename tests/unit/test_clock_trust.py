"""Promise 8 and R15: a clock moved by minutes, hours, days, ten years either way, over restarts and new starts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.clock_trust import (
    BEFORE_LAST_EVENT,
    NEVER_TOLD,
    OFF,
    STARTED_SINCE,
    ClockMark,
    ClockTrust,
    Source,
    judge,
)
from agent.db.risk import RiskDb
from agent.domain.errors import Refusal
from tests.books_world import BooksWorld
from tests.stand_ins import sale_draft

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TEN_YEARS_MS = 3653 * DAY_MS
NOW_MS = 1_795_000_000_000


class TwoSidedClock:
    """Wall and monotonic side, each moved by hand."""

    def __init__(self, wall_ms: int = NOW_MS, mono_s: float = 5_000.0) -> None:
        self.wall_ms, self.mono = wall_ms, mono_s

    def now_ms(self) -> int:
        return self.wall_ms

    def mono_s(self) -> float:
        return self.mono

    def pass_s(self, seconds: float) -> None:
        """Time goes by, on both sides."""
        self.wall_ms += round(seconds * 1000)
        self.mono += seconds


class Kept:
    """A mark that outlives the daemon."""

    def __init__(self, last_ms: int | None = None) -> None:
        self.held: ClockMark | None = None
        self.last_ms = last_ms
        self.writes = 0

    async def mark(self) -> ClockMark | None:
        return self.held

    async def keep_mark(self, mark: ClockMark) -> None:
        self.held, self.writes = mark, self.writes + 1

    async def last_event_ms(self) -> int | None:
        return self.last_ms


async def begun(kept: Kept, clock: TwoSidedClock, boot_id: str = "boot-1") -> ClockTrust:
    """A daemon that has just started; what it hears from HQ is kept at once."""
    trust = ClockTrust(kept, clock, boot_id, on_mark=lambda mark: setattr(kept, "held", mark))
    await trust.begin()
    return trust


def play(story: Callable[[Kept, TwoSidedClock, ClockTrust], Awaitable[None]]) -> None:
    async def run() -> None:
        kept, clock = Kept(), TwoSidedClock()
        await story(kept, clock, await begun(kept, clock))

    asyncio.run(run())


def test_nobody_is_trusted_before_the_first_word_of_hq() -> None:
    async def story(_kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        assert (trust.state().trusted, trust.state().why, trust.true_ms()) == (False, NEVER_TOLD, None)
        trust.heard(NOW_MS, 0.2)
        assert (trust.state().trusted, trust.state().why) == (True, "hq")
        clock.pass_s(30 * 86_400)
        assert trust.state().trusted, "thirty days offline"

    play(story)


@pytest.mark.parametrize("moved_ms", [301_000, HOUR_MS, DAY_MS, TEN_YEARS_MS])
@pytest.mark.parametrize("way", [1, -1])
def test_a_clock_that_moves_is_not_trusted_and_back_again_it_is(moved_ms: int, way: int) -> None:
    async def story(kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        trust.heard(NOW_MS, 0)
        clock.wall_ms += way * moved_ms
        assert (trust.state().trusted, trust.state().why) == (False, OFF)
        restarted = await begun(kept, clock)
        assert restarted.state().why == OFF, "a restart offline still knows"
        clock.wall_ms -= way * moved_ms
        assert trust.state().trusted
        assert restarted.state().trusted

    play(story)


def test_five_minutes_are_allowed_and_drift_over_a_month() -> None:
    mark = ClockMark(NOW_MS, "b", 0, Source.HQ)
    assert judge(mark, "b", 0, NOW_MS + 300_000, None).trusted
    assert not judge(mark, "b", 0, NOW_MS + 300_001, None).trusted
    month_ms = 30 * DAY_MS
    drift_ms = month_ms // 10_000
    assert judge(mark, "b", month_ms, NOW_MS + month_ms - 300_000 - drift_ms, None).trusted
    assert not judge(mark, "b", month_ms, NOW_MS + month_ms - 300_001 - drift_ms, None).trusted


def test_after_a_new_start_of_the_machine_offline_the_manager_confirms_the_day() -> None:
    async def story(kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        trust.heard(NOW_MS, 0)
        clock.pass_s(8 * 3600)
        clock.mono = 20.0
        started = await begun(kept, clock, "boot-2")
        assert (started.state().why, started.true_ms()) == (STARTED_SINCE, None)
        await started.confirm("王店长")
        assert (started.state().trusted, started.state().why) == (True, "manager")
        clock.wall_ms += DAY_MS
        assert started.state().why == OFF, "what was confirmed was that moment"
        clock.wall_ms -= DAY_MS
        again = await begun(kept, clock, "boot-2")
        assert again.state().why == "manager", "a restart of the daemon does not ask again"
        started.heard(clock.wall_ms, 0)
        assert started.state().why == "hq", "until the next contact"

    play(story)


def test_a_manager_cannot_confirm_against_hq() -> None:
    async def story(_kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        trust.heard(NOW_MS, 0)
        clock.wall_ms += DAY_MS
        with pytest.raises(Refusal) as refused:
            await trust.confirm("王店长")
        assert refused.value.code == "CLOCK_OFF_BY_HQ"
        with pytest.raises(Refusal) as nameless:
            await trust.confirm("  ")
        assert nameless.value.code == "NAME_NEEDED"

    play(story)


def test_a_trusted_clock_does_not_go_behind_the_last_event_until_hq_says_so() -> None:
    async def story(kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        trust.heard(NOW_MS, 0)
        clock.wall_ms += 200_000
        trust.booked(clock.wall_ms)
        clock.wall_ms -= 100_000
        assert trust.state().why == BEFORE_LAST_EVENT
        kept.last_ms = NOW_MS + 200_000
        assert (await begun(kept, clock)).state().why == BEFORE_LAST_EVENT
        trust.heard(clock.wall_ms, 0)
        assert trust.state().trusted

    play(story)


def test_an_event_dated_ten_years_ahead_does_not_stop_a_clock_that_was_set_right() -> None:
    async def story(_kept: Kept, clock: TwoSidedClock, trust: ClockTrust) -> None:
        trust.heard(NOW_MS, 0)
        clock.wall_ms += TEN_YEARS_MS
        trust.booked(clock.wall_ms)
        clock.wall_ms -= TEN_YEARS_MS
        assert trust.state().trusted

    play(story)


def test_skew_is_told_on_its_edges_only_and_a_slow_answer_says_nothing() -> None:
    async def run() -> None:
        told: list[int | None] = []
        clock = TwoSidedClock()
        trust = ClockTrust(Kept(), clock, "b", on_skew=told.append)
        await trust.begin()
        for hq_ms in (NOW_MS, NOW_MS - 299_000, NOW_MS - 301_000, NOW_MS - 400_000, NOW_MS, NOW_MS):
            trust.heard(hq_ms, 0)
        assert told == [301_000, None]
        trust.heard(NOW_MS - DAY_MS, 30.0)
        assert trust.state().trusted, "half a minute on the way says too little"
        trust.heard(NOW_MS - 2_000, 4.0)
        assert trust.true_ms() == NOW_MS, "half the way back is added"

    asyncio.run(run())


def test_the_mark_is_written_at_first_and_then_every_ten_minutes() -> None:
    async def run() -> None:
        marks: list[ClockMark] = []
        clock = TwoSidedClock()
        trust = ClockTrust(Kept(), clock, "b", on_mark=marks.append)
        await trust.begin()
        for _ in range(21):
            trust.heard(clock.now_ms(), 0)
            clock.pass_s(60)
        assert len(marks) == 2
        assert marks[1].boot_ms - marks[0].boot_ms == 11 * 60_000

    asyncio.run(run())


def test_books_keep_the_mark_and_tell_the_last_trusted_event(tmp_path: Path) -> None:
    async def run() -> None:
        async with BooksWorld(tmp_path) as world:
            kept = RiskDb(world.store)
            assert (await kept.mark(), await kept.last_event_ms()) == (None, None)
            mark = ClockMark(NOW_MS, "boot", 12, Source.MANAGER, "王店长")
            await kept.keep_mark(ClockMark(1, "x", 1, Source.HQ))
            await kept.keep_mark(mark)
            assert await kept.mark() == mark
            await world.books.commit(sale_draft(1, at_ms=NOW_MS))
            assert await kept.last_event_ms() == NOW_MS
            doubted = sale_draft(2, at_ms=NOW_MS + TEN_YEARS_MS)
            doubted.body["clock"] = {"trusted": False, "why": OFF}
            await world.books.commit(doubted)
            assert await kept.last_event_ms() is None

    asyncio.run(run())
