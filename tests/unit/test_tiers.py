"""Tiers (R14): levels reached exactly at their bound, the tier before the sale, and a window of calendar months."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.tiers import month_multiplier, months_back, tier_at, tiers_of_sale, trailing_growth

LEVELS = [(0, "普通"), (1_000, "银"), (5_000, "金")]


@pytest.mark.parametrize("levels", [LEVELS, LEVELS[::-1]])
@pytest.mark.parametrize(
    ("growth", "tier"),
    [(-1, "普通"), (0, "普通"), (999, "普通"), (1_000, "银"), (4_999, "银"), (5_000, "金"), (10**9, "金")],
)
def test_a_level_begins_at_its_bound(levels: list[tuple[int, str]], growth: int, tier: str) -> None:
    assert tier_at(levels, growth) == tier


def test_there_is_no_tier_without_levels() -> None:
    with pytest.raises(ValueError, match="levels"):
        tier_at([], 1)


def test_a_sale_that_reaches_a_level_is_still_of_the_tier_before() -> None:
    assert tiers_of_sale(LEVELS, 999, 1) == ("普通", "银")
    assert tiers_of_sale(LEVELS, 1_000, -1) == ("银", "普通")
    assert tiers_of_sale(LEVELS, 0, 5_000) == ("普通", "金")


@pytest.mark.parametrize(
    ("fen", "mult"), [(-1, 100), (0, 100), (49_999, 100), (50_000, 150), (200_000, 150), (200_001, 200)]
)
def test_the_month_bands(fen: int, mult: int) -> None:
    assert month_multiplier(fen) == mult


@pytest.mark.parametrize(
    ("day", "months", "back"),
    [
        ("2028-02-29", 12, "2027-02-28"),
        ("2028-02-29", 48, "2024-02-29"),
        ("2029-02-28", 12, "2028-02-28"),
        ("2026-01-31", 1, "2025-12-31"),
        ("2026-12-31", 1, "2026-11-30"),
        ("2026-01-15", 12, "2025-01-15"),
        ("2026-05-31", 15, "2025-02-28"),
    ],
)
def test_calendar_months_keep_the_day_where_the_month_has_it(day: str, months: int, back: str) -> None:
    assert months_back(date.fromisoformat(day), months).isoformat() == back


def test_the_window_leaves_out_its_first_day_and_keeps_its_last() -> None:
    as_of = date(2029, 2, 28)
    days = [(date(2028, 2, 28), 1_000), (date(2028, 2, 29), 20_000), (as_of, 300_000), (date(2029, 3, 1), 4_000_000)]
    assert trailing_growth(as_of, days).spend_fen == 320_000


def test_growth_is_whole_yuan_of_the_sum_and_refunds_count_on_the_day_of_their_sale() -> None:
    as_of = date(2026, 3, 15)
    found = trailing_growth(as_of, [(as_of, 150), (as_of, 149), (date(2025, 3, 15), -99_900)], 7)
    assert (found.spend_fen, found.growth) == (299, 9)
    assert trailing_growth(as_of, [(as_of, 500), (as_of, -500)]).growth == 0


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_twelve_months_are_a_year_less_at_most_a_leap_day(day: date) -> None:
    back = months_back(day, 12)
    assert day - back in (timedelta(days=365), timedelta(days=366))
    assert (back.year, back.month) == (day.year - 1, day.month)


@given(
    st.dates(date(2024, 1, 1), date(2029, 1, 1)),
    st.lists(st.tuples(st.dates(date(2023, 1, 1), date(2029, 1, 1)), st.integers(-9_999, 9_999)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_sales_does_not_matter(day: date, sales: list[tuple[date, int]], dice: object) -> None:
    shuffled = sorted(sales, key=str)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert trailing_growth(day, shuffled) == trailing_growth(day, sales)
