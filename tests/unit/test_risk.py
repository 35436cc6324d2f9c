"""Risk while disconnected (R16): windows roll, bounds are exact, refused reads count, nothing sticks by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.risk import (
    may_read_plaintext,
    needs_confirmation,
    over_daily_recharge,
    points_hour,
    price_ok,
    snapshot_fresh,
)

HOUR_MS = 3_600_000
_EVENTS = st.lists(st.tuples(st.integers(0, 3 * HOUR_MS), st.integers(0, 3_000)), max_size=12)


@pytest.mark.parametrize(("points", "freeze"), [(5_000, False), (5_001, True)])
def test_exactly_five_thousand_points_pass(points: int, freeze: bool) -> None:
    assert points_hour([], 0, points).freeze is freeze
    assert points_hour([(0, points - 1)], HOUR_MS - 1, 1).freeze is freeze
    assert points_hour([(0, points - 1)], HOUR_MS, 1).freeze is False


def test_the_next_event_is_judged_anew() -> None:
    earlier = [(0, 6_000)]
    assert points_hour(earlier, 1, 1).freeze
    assert not points_hour(earlier, HOUR_MS, 1).freeze


def test_events_after_the_instant_are_not_in_its_window() -> None:
    assert points_hour([(5_000, 9_000)], 4_999, 1).window == 1
    assert points_hour([(5_000, 9_000)], 5_000, 1).window == 9_001


@given(_EVENTS, st.integers(0, 3 * HOUR_MS))
def test_the_window_does_not_depend_on_the_order_of_what_came_before(events: list[tuple[int, int]], at: int) -> None:
    forward, backward = points_hour(events, at, 7), points_hour(events[::-1], at, 7)
    assert forward == backward
    assert forward.window == 7 + sum(points for then, points in events if 0 <= at - then < HOUR_MS)


@pytest.mark.parametrize(
    ("sale", "market", "ok"),
    [(70, 100, True), (69, 100, False), (7, 11, False), (8, 11, True), (0, 0, True), (0, 1, False)],
)
def test_seventy_percent_is_compared_without_rounding(sale: int, market: int, ok: bool) -> None:
    assert price_ok(sale, market) is ok


def test_an_unknown_market_price_judges_nothing() -> None:
    assert price_ok(0, None)


def test_refused_reads_keep_the_door_shut() -> None:
    reads, allowed = list[int](), list[bool]()
    for second in range(0, 200, 20):  # one every 20 s: three in any minute
        allowed.append(may_read_plaintext(reads, second * 1000))
        reads.append(second * 1000)
    assert all(allowed)
    reads, allowed = [], []
    for second in range(0, 190, 19):  # faster: the fourth is refused, and so is every one that follows
        allowed.append(may_read_plaintext(reads, second * 1000))
        reads.append(second * 1000)
    assert allowed == [True] * 3 + [False] * 7


def test_frequent_redemption_asks_again_and_a_pause_ends_it() -> None:
    assert not needs_confirmation([], 0, free=1, window_ms=1_000)
    assert needs_confirmation([0], 999, free=1, window_ms=1_000)
    assert not needs_confirmation([0], 1_000, free=1, window_ms=1_000)
    assert needs_confirmation([], 0, free=0, window_ms=1_000)


def test_the_daily_limit_may_be_reached_and_absent() -> None:
    assert not over_daily_recharge(0, 200_000, 200_000)
    assert over_daily_recharge(1, 200_000, 200_000)
    assert not over_daily_recharge(10**9, 10**9, None)
    assert over_daily_recharge(0, 1, 0)


@pytest.mark.parametrize(
    ("taken", "now", "fresh"), [(0, 100, True), (0, 101, False), (100, 0, True), (101, 0, False), (5, 5, True)]
)
def test_a_snapshot_is_fresh_within_its_age_on_both_sides_of_the_clock(taken: int, now: int, fresh: bool) -> None:
    assert snapshot_fresh(taken, now, 100) is fresh
