"""When the proof is due: whatever the clock does no hour is skipped, and a chain's stores are spread."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from sync.schedule import HOUR_MS, ClockWatcher, is_due, last_due_ms, next_due_ms, slot_s

_NOW = st.integers(0, 10**14)
_SLOT = st.integers(0, 299)


@given(_NOW, _SLOT)
def test_the_last_due_moment_is_at_most_an_hour_ago_and_on_the_slot(now_ms: int, slot: int) -> None:
    due = last_due_ms(now_ms, slot)
    assert now_ms - HOUR_MS < due <= now_ms
    assert due % HOUR_MS == slot * 1000 % HOUR_MS
    assert now_ms < next_due_ms(now_ms, slot) <= now_ms + HOUR_MS


@given(_NOW, _SLOT, st.integers(0, 10**13))
def test_after_any_downtime_exactly_one_run_catches_up(now_ms: int, slot: int, away_ms: int) -> None:
    later_ms = now_ms + HOUR_MS + away_ms
    assert is_due(now_ms, later_ms, slot)
    assert not is_due(later_ms, later_ms, slot)


@given(_NOW, _SLOT, st.integers(HOUR_MS + 1, 10**13))
def test_a_clock_that_was_set_back_does_not_silence_the_proof(now_ms: int, slot: int, back_ms: int) -> None:
    """A record from the future (the clock ran ahead for a while) must not block the hours to come."""
    assert is_due(now_ms + back_ms, now_ms, slot)


def test_a_chain_of_ten_thousand_stores_is_spread_over_the_five_minutes() -> None:
    slots = [slot_s(f"S{number:05d}") for number in range(10_000)]
    assert set(slots) == set(range(300))
    assert max(slots.count(slot) for slot in range(300)) < 80


def test_a_clock_that_jumps_either_way_has_due_times_thought_over_again() -> None:
    """Promise 8: a jump of more than 60 s is noticed at the next look, a slew is not."""

    async def run() -> None:
        class Clock:
            wall_ms, mono = 1_795_000_000_000, 0.0

            def now_ms(self) -> int:
                return self.wall_ms

            def mono_s(self) -> float:
                return self.mono

        seen: list[int] = []

        async def on_jump() -> None:
            seen.append(clock.wall_ms)

        clock = Clock()
        watcher = ClockWatcher(clock, on_jump)
        steps = ((20, 20, False), (59, 0, False), (61, 0, True), (-(10**9), 20, True), (20, 20, False))
        for wall_s, mono_s, expected in steps:
            clock.wall_ms += wall_s * 1000
            clock.mono += mono_s
            assert await watcher.look() is expected
        assert len(seen) == 2

    asyncio.run(run())
