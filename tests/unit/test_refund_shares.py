"""The arithmetic of refunds (R6, R12): cumulative shares, and tenders that never pay a refund back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from agent.domain.money import allocate
from agent.domain.refund_shares import (
    EarnRatio,
    base_remaining,
    cumulative,
    reversal,
    short_in_cash,
    tender_shares,
    wechat_to_user,
)


@given(st.integers(0, 100_000), st.integers(1, 50))
def test_unit_values_add_up_and_differ_by_at_most_one(amount: int, qty: int) -> None:
    units = [cumulative(amount, k + 1, qty) - cumulative(amount, k, qty) for k in range(qty)]
    assert sum(units) == amount
    assert max(units) - min(units) <= 1


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.lists(st.integers(0, 3_000), max_size=6))
def test_the_base_falls_steadily_to_nothing(base: int, rest: int, refunds: list[int]) -> None:
    whole, refunded, left = base + rest, 0, base
    for fen in refunds:
        refunded += fen
        now = base_remaining(base, whole, refunded)
        assert 0 <= now <= left
        left = now
    assert base_remaining(base, whole, whole) == 0


@pytest.mark.parametrize(
    ("base", "whole", "refunded", "left"),
    [(7_000, 10_000, 3_335, 4_665), (7_000, 10_000, 3_333, 4_667), (1_000, 1_000, 1_001, 0), (1_000, 900, 899, 101)],
)
def test_the_base_loses_its_share_to_the_nearest_fen(base: int, whole: int, refunded: int, left: int) -> None:
    """A tie goes to the base's share, the first weight of R6: 2334.5 of 3335 is 2335."""
    assert base_remaining(base, whole, refunded) == left


def test_a_sale_that_earned_less_than_its_ratio_takes_nothing_back_until_it_must() -> None:
    ratio = EarnRatio(1, 100)
    assert [reversal(5, ratio, left) for left in (1_000, 600, 499, 0, -1)] == [0, 0, 1, 5, 5]


@given(st.integers(0, 5), st.integers(1, 1_000), st.integers(0, 50_000), st.lists(st.integers(0, 20_000), max_size=6))
def test_points_reversed_do_not_depend_on_how_a_refund_is_split(
    num: int, den: int, net: int, refunds: list[int]
) -> None:
    ratio = EarnRatio(num, den)
    kept, refunded = ratio.earn(net), 0
    for fen in refunds:
        refunded += fen
        kept -= reversal(kept, ratio, base_remaining(net, net, refunded))
    assert kept == ratio.earn(net) - reversal(ratio.earn(net), ratio, base_remaining(net, net, sum(refunds)))
    assert kept >= 0


@pytest.mark.parametrize(
    ("refunds", "reversed_points"),
    [([2_200], [3]), ([1_100, 1_100], [2, 1]), ([9_999], [10]), ([1], [1]), ([20_000, 1], [10, 0])],
)
def test_floor_in_is_ceiling_out_once(refunds: list[int], reversed_points: list[int]) -> None:
    """10 yuan a point on 100.00: Youzan's single refund, without its drift when split."""
    ratio, kept, refunded, got = EarnRatio(1, 1_000), 10, 0, list[int]()
    for fen in refunds:
        refunded += fen
        got.append(reversal(kept, ratio, base_remaining(10_000, 10_000, refunded)))
        kept -= got[-1]
    assert got == reversed_points


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.lists(st.integers(1, 40), max_size=12))
def test_tenders_pay_back_at_most_what_they_took_and_never_take_again(tenders: list[int], refunds: list[int]) -> None:
    given_fen, refunded = [0] * len(tenders), 0
    for fen in [*refunds, sum(tenders)]:
        fen = min(fen, sum(tenders) - refunded)
        refunded += fen
        shares = tender_shares(tenders, refunded, given_fen)
        assert sum(shares) == fen
        assert min(shares) >= 0
        given_fen = [old + new for old, new in zip(given_fen, shares, strict=True)]
        assert all(given <= took for given, took in zip(given_fen, tenders, strict=True))
    assert given_fen == tenders


@given(st.lists(st.integers(0, 900), min_size=1, max_size=5), st.integers(0, 900))
def test_a_first_refund_is_plain_proportion(tenders: list[int], fen: int) -> None:
    fen = min(fen, sum(tenders))
    assert tender_shares(tenders, fen) == list(allocate(tenders, fen).shares)


def test_a_remainder_that_shrinks_takes_nothing_back() -> None:
    """6, 6 and 2: of 10 the third gets 2, of 11 only 1. It keeps its 2 until the others have caught up."""
    assert allocate([6, 6, 2], 11).shares == (5, 5, 1)
    assert tender_shares([6, 6, 2], 11, [4, 4, 2]) == [1, 0, 0]
    assert tender_shares([6, 6, 2], 14, [5, 4, 2]) == [1, 2, 0]


def test_tenders_give_no_more_than_they_took() -> None:
    with pytest.raises(Refusal) as refused:
        tender_shares([600, 400], 1_001)
    assert refused.value.code == "RETURN_EXCEEDS_SALE"


@pytest.mark.parametrize(
    ("total", "paid", "asked", "to_user"),
    [
        (1_000, 700, 1_000, 700),
        (1_000, 700, 1, 1),
        (1_000, 500, 1, 1),
        (1_000, 499, 1, 0),
        (300, 0, 300, 0),
        (0, 0, 0, 0),
    ],
)
def test_wechat_bears_its_share_of_a_refund_half_up(total: int, paid: int, asked: int, to_user: int) -> None:
    assert wechat_to_user(total, paid, asked) == to_user


def test_wechat_refunds_no_more_than_the_order() -> None:
    with pytest.raises(Refusal):
        wechat_to_user(1_000, 700, 1_001)


@pytest.mark.parametrize(
    ("short", "refund", "cash", "debt"),
    [(250, 1_000, 200, 50), (250, 150, 100, 150), (99, 1_000, 0, 99), (0, 1_000, 0, 0), (250, 0, 0, 250)],
)
def test_missing_points_are_paid_in_cash_by_whole_units(short: int, refund: int, cash: int, debt: int) -> None:
    assert short_in_cash(short, refund, points_per_unit=100, fen_per_unit=100) == (cash, debt)
