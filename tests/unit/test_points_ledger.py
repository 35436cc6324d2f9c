"""Points in buckets (R10) and reversals with debt (R12): the balance is the fold, only reversals go below zero."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from agent.domain.points_ledger import (
    Bucket,
    PointsLedger,
    Taken,
    earn,
    expire,
    give_back,
    put_back,
    redeem,
    remind_on,
    reverse,
)

JUNE, JULY, AUGUST = date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31)
DAY = date(2026, 6, 1)


def names(parts: tuple[Taken, ...]) -> list[tuple[str, int]]:
    return [(part.bucket_id, part.points) for part in parts]


def held(book: PointsLedger) -> dict[str, int]:
    return {bucket.bucket_id: bucket.points for bucket in book.buckets}


def test_a_tie_of_last_days_goes_by_earning_order_and_comes_back_the_other_way() -> None:
    book = PointsLedger((Bucket("first", 10, JUNE), Bucket("second", 10, JUNE), Bucket("never", 10)))
    book, taken = redeem(book, 25, DAY, "r")
    assert names(taken) == [("first", 10), ("second", 10), ("never", 5)]
    assert names(give_back(book, 12, "r", DAY)[1]) == [("never", 5), ("second", 7)]


def test_points_are_usable_through_their_last_day() -> None:
    book = PointsLedger((Bucket("a", 10, JUNE),))
    assert redeem(book, 10, JUNE, "r")[0].balance == 0
    with pytest.raises(Refusal) as refused:
        redeem(book, 1, JUNE + timedelta(days=1), "r")
    assert refused.value.code == "POINTS_INSUFFICIENT"
    assert expire(book, JUNE)[1] == 0
    assert expire(book, JUNE + timedelta(days=1))[1] == 10


def test_debt_is_not_spendable_and_new_points_repay_it_first() -> None:
    book = PointsLedger((Bucket("a", 30, JULY),), debt=20)
    assert (book.balance, book.spendable(DAY)) == (10, 10)
    with pytest.raises(Refusal):
        redeem(book, 11, DAY, "r")
    book = earn(book, "b", 15, JULY)
    assert (held(book), book.debt) == ({"a": 30, "b": 0}, 5)
    assert earn(book, "c", 15, JULY).debt == 0


def test_the_same_earning_event_twice_earns_once() -> None:
    book = earn(PointsLedger(), "s1", 50, JULY)
    book, _ = redeem(book, 20, DAY, "r")
    assert earn(book, "s1", 50, JULY) == book


def test_returned_points_repay_debt_first_and_keep_the_latest_dates() -> None:
    book = PointsLedger((Bucket("soon", 120, JUNE), Bucket("late", 80, JULY)))
    book, _ = redeem(book, 200, DAY, "r")
    book = reverse(book, "elsewhere", 50, DAY)
    book, put = give_back(book, 200, "r", DAY)
    assert names(put) == [("late", 80), ("soon", 70)]
    assert (book.debt, book.balance) == (0, 150)


def test_a_return_in_parts_goes_where_one_return_goes_and_no_further() -> None:
    book = PointsLedger((Bucket("soon", 120, JUNE), Bucket("late", 80, JULY)))
    book, _ = redeem(book, 200, DAY, "r")
    for points, expected in [
        (50, [("late", 50)]),
        (50, [("late", 30), ("soon", 20)]),
        (999, [("soon", 100)]),
        (1, []),
    ]:
        book, put = give_back(book, points, "r", DAY)
        assert names(put) == expected
    assert held(book) == {"soon": 120, "late": 80}
    assert give_back(book, 5, "no such redemption", DAY) == (book, ())


def test_points_that_repaid_debt_came_back_too() -> None:
    book, _ = redeem(PointsLedger((Bucket("a", 20, JULY),)), 20, DAY, "r")
    book, put = give_back(reverse(book, "elsewhere", 5, DAY), 20, "r", DAY)
    assert names(put) == [("a", 15)]
    assert give_back(book, 5, "r", DAY) == (book, ())


def test_without_grace_a_return_after_the_last_day_keeps_the_old_date() -> None:
    """Else buying and returning would lengthen every date."""
    book, _ = redeem(PointsLedger((Bucket("a", 10, JUNE),)), 10, JUNE, "r")
    book, put = give_back(book, 10, "r", JULY)
    assert put == (Taken("a'", 10, JUNE),)
    assert book.spendable(JULY) == 0
    assert expire(book, JULY)[1] == 10


def test_grace_counts_from_the_return_and_only_for_what_had_ended() -> None:
    book, _ = redeem(PointsLedger((Bucket("a", 10, JUNE), Bucket("b", 10, AUGUST))), 20, JUNE, "r")
    book, put = give_back(book, 20, "r", JULY, grace_days=15)
    assert put == (Taken("b", 10, AUGUST), Taken("a'", 10, JULY + timedelta(days=15)))
    assert held(book) == {"a": 0, "b": 10, "a'": 10}
    book, put = give_back(redeem(book, 20, JULY, "r2")[0], 20, "r2", JULY)
    assert names(put) == [("b", 10), ("a'", 10)]


def test_two_returns_with_different_grace_dates_never_share_a_bucket() -> None:
    book, _ = redeem(PointsLedger((Bucket("a", 10, JUNE),)), 10, JUNE, "r")
    book, first = give_back(book, 4, "r", JULY, grace_days=15)
    book, second = give_back(book, 4, "r", JULY + timedelta(days=1), grace_days=15)
    assert [part.bucket_id for part in (*first, *second)] == ["a'", "a''"]
    assert names(give_back(book, 2, "r", JULY, grace_days=15)[1]) == [("a'", 2)]


def test_a_reversal_takes_its_own_bucket_then_spending_order_then_debt() -> None:
    book = PointsLedger((Bucket("late", 30, AUGUST), Bucket("own", 60, AUGUST), Bucket("soon", 20, JULY)))
    assert held(reverse(book, "own", 60, DAY)) == {"late": 30, "own": 0, "soon": 20}
    assert held(reverse(book, "own", 85, DAY)) == {"late": 25, "own": 0, "soon": 0}
    after = reverse(book, "own", 115, DAY)
    assert (held(after), after.debt) == ({"late": 0, "own": 0, "soon": 0}, 5)


def test_what_expired_unspent_in_the_sales_bucket_counts_as_reversed_once() -> None:
    book = PointsLedger((Bucket("s1", 60, JUNE), Bucket("b", 100, AUGUST)))
    book, _ = redeem(book, 20, JUNE, "r")
    swept, _ = expire(book, JULY)
    for state in (book, swept):
        after = reverse(state, "s1", 60, JULY)
        assert (held(after), after.debt) == ({"s1": 0, "b": 80}, 0)
    again = reverse(reverse(swept, "s1", 40, JULY), "s1", 40, JULY)
    assert held(again)["b"] == 60


def test_expired_points_of_other_sales_do_not_pay_a_reversal() -> None:
    book = PointsLedger((Bucket("old", 60, JUNE),))
    after = reverse(book, "s1", 10, JULY)
    assert (after.debt, expire(after, JULY)) == (10, (PointsLedger((Bucket("old", 0, JUNE, 60),), 10), 60))


def test_points_returned_beside_an_ended_bucket_still_belong_to_its_sale() -> None:
    book = PointsLedger((Bucket("s1", 60, JUNE), Bucket("s2", 60, JULY)))
    book, _ = redeem(book, 60, JUNE, "r")
    book, _ = give_back(book, 60, "r", JULY, grace_days=15)
    after = reverse(book, "s1", 60, JULY)
    assert held(after) == {"s1": 0, "s2": 60, "s1'": 0}
    similar = PointsLedger((Bucket("s10", 5, AUGUST), Bucket("s1", 5, AUGUST)))
    assert held(reverse(similar, "s1", 5, JULY)) == {"s10": 5, "s1": 0}


def test_a_refused_redemption_leaves_the_next_one_what_it_asked_for() -> None:
    book = PointsLedger((Bucket("a", 10, JUNE),))
    with pytest.raises(Refusal):
        redeem(book, 11, DAY, "r")
    assert redeem(book, 10, DAY, "r")[0].balance == 0


@pytest.mark.parametrize(
    ("expires", "on"),
    [("2026-03-15", "2026-02-28"), ("2026-01-10", "2025-12-26"), ("2028-03-15", "2028-02-29")],
)
def test_the_reminder_is_fifteen_days_before_the_last_day(expires: str, on: str) -> None:
    assert remind_on(date.fromisoformat(expires)).isoformat() == on


_POINTS = st.integers(0, 300)
_DAYS = st.integers(0, 90).map(lambda days: DAY + timedelta(days=days))
_OPS = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(0, 5), _POINTS, _DAYS),
        st.tuples(st.just("redeem"), st.integers(0, 2), _POINTS, _DAYS),
        st.tuples(st.just("return"), st.integers(0, 2), _POINTS, _DAYS),
        st.tuples(st.just("reverse"), st.integers(0, 5), _POINTS, _DAYS),
        st.tuples(st.just("expire"), st.just(0), st.just(0), _DAYS),
    ),
    max_size=16,
)


@given(_OPS, st.sampled_from([0, 15]))
def test_the_balance_is_the_fold_and_debt_comes_from_reversals_alone(
    ops: list[tuple[str, int, int, date]], grace_days: int
) -> None:
    book, fold = PointsLedger(), 0
    taken_of, returned_of = dict[int, int](), dict[int, int]()
    for kind, which, points, day in sorted(ops, key=lambda op: op[3]):
        before = book
        if kind == "earn":
            known = str(which) in held(book)
            book = earn(book, str(which), points, day + timedelta(days=30))
            fold += 0 if known else points
        elif kind == "redeem":
            if points > book.spendable(day):
                with pytest.raises(Refusal):
                    redeem(book, points, day, str(which))
                continue
            book, taken = redeem(book, points, day, str(which))
            assert sum(part.points for part in taken) == points
            taken_of[which] = taken_of.get(which, 0) + points
            fold -= points
            assert book.balance >= 0 or not points
        elif kind == "return":
            book, put = give_back(book, points, str(which), day, grace_days)
            back = min(points, taken_of.get(which, 0) - returned_of.get(which, 0))
            returned_of[which] = returned_of.get(which, 0) + back
            fold += back
            assert sum(part.points for part in put) == back - (before.debt - book.debt)
        elif kind == "reverse":
            lapsed = sum(bucket.expired for bucket in book.buckets)
            book = reverse(book, str(which), points, day)
            fold -= points - (lapsed - sum(bucket.expired for bucket in book.buckets))
        else:
            book, gone = expire(book, day)
            fold -= gone
            assert all(bucket.points == 0 for bucket in book.buckets if not bucket.usable(day))
        assert book.balance == fold
        assert book.debt <= before.debt or kind == "reverse"
        assert all(bucket.points >= 0 for bucket in book.buckets)


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=5), st.lists(st.integers(0, 60), max_size=6), st.integers(0, 99)
)
def test_returning_in_parts_puts_what_one_return_puts(pieces: list[int], parts: list[int], shuffle: int) -> None:
    taken = tuple(
        Taken(str(place), points, DAY + timedelta(days=(place * 37 + shuffle) % 50))
        for place, points in enumerate(pieces)
    )
    whole = put_back(taken, 0, sum(parts), DAY)
    done, got = 0, dict[str, int]()
    for part in parts:
        for put in put_back(taken, done, part, DAY):
            got[put.bucket_id] = got.get(put.bucket_id, 0) + put.points
            done += put.points
    assert got == dict(names(whole))
    assert sum(got.values()) == min(sum(parts), sum(pieces))
