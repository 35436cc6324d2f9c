"""Time (R15): half-open local days whatever zone stamped the instant (the bug of several peers, S45)."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.validity import (
    birthday_in,
    birthday_pack_on,
    instant_ms,
    is_valid,
    local_day,
    may_issue,
    member_day_mult,
    natural_days,
)

START, END = date(2026, 3, 1), date(2026, 3, 15)
_DATES = st.dates(date(2020, 1, 1), date(2035, 1, 1))


@pytest.mark.parametrize(
    ("at", "valid"),
    [
        ("2026-02-28T23:59:59.999", False),
        ("2026-03-01T00:00:00", True),
        ("2026-02-28T16:00:00Z", True),
        ("2026-02-28T15:59:59Z", False),
        ("2026-03-15T23:59:59.999", True),
        ("2026-03-16T00:00:00", False),
        ("2026-03-15T15:59:59.999Z", True),
        ("2026-03-15T16:00:00+00:00", False),
        ("2026-03-15T08:00:00-08:00", False),
        ("2026-03-16T00:59:59+09:00", True),
        ("2026-03-16", False),
        ("2026-03-15", True),
    ],
)
def test_a_coupon_is_valid_from_its_first_midnight_to_the_one_after_its_last_day(at: str, valid: bool) -> None:
    assert is_valid(START, END, instant_ms(at)) is valid


def test_an_open_end_never_ends_and_an_open_start_always_began() -> None:
    assert is_valid(None, END, instant_ms("1999-01-01"))
    assert not is_valid(None, END, instant_ms("2026-03-16"))
    assert is_valid(START, None, instant_ms("2099-01-01"))
    assert not is_valid(START, None, instant_ms("2026-02-28"))


@pytest.mark.parametrize(
    ("start", "end", "days", "accepted"),
    [
        ("2026-03-01", "2026-03-14", 14, False),
        ("2026-03-01", "2026-03-15", 15, True),
        ("2028-02-15", "2028-02-29", 15, True),
        ("2027-02-15", "2027-03-01", 15, True),
        ("2026-12-25", "2027-01-07", 14, False),
        ("2026-03-15", "2026-03-01", -13, False),
    ],
)
def test_natural_days_count_both_ends(start: str, end: str, days: int, accepted: bool) -> None:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    assert natural_days(first, last) == days
    assert may_issue(first, last) is accepted


@pytest.mark.parametrize(
    ("paid_at", "mult"),
    [
        ("2026-08-07T15:59:59Z", 100),
        ("2026-08-07T16:00:00Z", 200),
        ("2026-08-08T15:59:59Z", 200),
        ("2026-08-08T16:00:00Z", 100),
        ("2026-08-08T23:59:59", 200),
    ],
)
def test_the_member_day_is_a_local_day(paid_at: str, mult: int) -> None:
    assert member_day_mult(instant_ms(paid_at), 8) == mult


def test_no_member_day_doubles_nothing_and_the_31st_is_missing_from_short_months() -> None:
    assert member_day_mult(instant_ms("2026-08-08"), None) == 100
    assert {member_day_mult(instant_ms(f"2026-04-{day:02}"), 31) for day in range(1, 31)} == {100}
    assert member_day_mult(instant_ms("2026-08-08"), 8, 300) == 300


def test_a_birthday_of_29_february_and_its_pack() -> None:
    assert birthday_in(2100, 2, 29) == date(2100, 2, 28)
    assert birthday_pack_on(2028, 3, 1) == date(2028, 2, 27)
    assert birthday_pack_on(2028, 2, 29) == date(2028, 2, 26)


def test_what_is_no_timestamp_is_refused() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        instant_ms("next Friday")


@given(_DATES, _DATES, st.integers(1_577_000_000, 2_051_000_000), st.integers(-14 * 60, 14 * 60))
def test_the_zone_of_the_stamp_changes_nothing(start: date, end: date, at_s: int, offset_min: int) -> None:
    moment = datetime.fromtimestamp(at_s, UTC)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=offset_min)))
    there, here = instant_ms(elsewhere.isoformat()), instant_ms(moment.isoformat())
    assert there == here == at_s * 1000
    assert is_valid(start, end, here) == (start <= local_day(here) <= end)
    assert member_day_mult(there, 8) == member_day_mult(here, 8)


@given(_DATES, st.integers(0, 400))
def test_a_validity_is_half_open_to_the_millisecond(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    first, after = instant_ms(start.isoformat()), instant_ms((end + timedelta(days=1)).isoformat())
    assert [is_valid(start, end, at) for at in (first - 1, first, after - 1, after)] == [False, True, True, False]
    assert after - first == natural_days(start, end) * 86_400_000
