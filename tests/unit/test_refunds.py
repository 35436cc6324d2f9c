"""Returns and voids (R12): nothing depends on how a return is split, and after a void nothing of the sale is left."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from agent.domain.money import allocate
from agent.domain.points_ledger import Taken
from agent.domain.refund_shares import EarnRatio
from agent.domain.refunds import (
    Returned,
    ReturnPlan,
    SoldLine,
    SoldSale,
    nothing_returned,
    plan_return,
    plan_void,
    points_kept,
)

JUNE, JULY = date(2026, 6, 30), date(2026, 7, 31)
BREAD = SoldLine(3, 1_000, points_used=10)
TOBACCO = SoldLine(1, 10_000, earns=False)


def sold(*lines: SoldLine, earned: int | None = None, **facts: object) -> SoldSale:
    base = sum(line.paid_fen for line in lines if line.earns)
    sale = SoldSale(lines, base, base // 100 if earned is None else earned, EarnRatio(1, 100))
    return replace(sale, **facts) if facts else sale  # type: ignore[arg-type]


def returns(sale: SoldSale, *steps: list[tuple[int, int]]) -> list[ReturnPlan]:
    before, plans = nothing_returned(sale), list[ReturnPlan]()
    for asked in steps:
        plans.append(plan_return(sale, before, asked))
        before = before.plus(plans[-1])
    return plans


def test_a_line_named_twice_in_one_return_is_one_return_of_both() -> None:
    sale = sold(BREAD, TOBACCO)
    assert returns(sale, [(0, 1), (0, 2)]) == returns(sale, [(0, 3)])


@pytest.mark.parametrize("asked", [[(0, 4)], [(0, 2), (0, 2)], [(2, 1)], [(-1, 1)]])
def test_more_than_was_sold_is_refused(asked: list[tuple[int, int]]) -> None:
    sale = sold(BREAD, TOBACCO)
    with pytest.raises(Refusal) as refused:
        plan_return(sale, nothing_returned(sale), asked)
    assert refused.value.code == "RETURN_EXCEEDS_SALE"


def test_more_than_is_left_is_refused() -> None:
    sale = sold(BREAD)
    before = nothing_returned(sale).plus(returns(sale, [(0, 2)])[0])
    assert before.units == (2,)
    with pytest.raises(Refusal):
        plan_return(sale, before, [(0, 2)])
    with pytest.raises(ValueError, match="gives units back"):
        plan_return(sale, before, [(0, -1)])


def test_goods_that_earned_nothing_take_nothing_back() -> None:
    """Food returned beside tobacco that stays must give all its points back, or the points of food are free."""
    sale = sold(BREAD, TOBACCO)
    tobacco, bread = returns(sale, [(1, 1)], [(0, 3)])
    assert (tobacco.refund_fen, tobacco.points_reversed) == (10_000, 0)
    assert (bread.refund_fen, bread.points_reversed) == (1_000, 10)


def test_gift_money_in_the_base_is_spread_over_the_refund() -> None:
    """100 yuan, 30 of it gift: 70 points; half back loses half the base, 35."""
    sale = replace(sold(SoldLine(2, 10_000)), base_fen=7_000, earned=70)
    assert [plan.points_reversed for plan in returns(sale, [(0, 1)], [(0, 1)])] == [35, 35]


def test_what_the_sale_earned_is_taken_back_even_where_the_ratio_says_otherwise() -> None:
    """A hand-corrected sale earned 5 instead of 10: never more than that goes, and all of it in the end."""
    steps = returns(sold(BREAD, earned=5), [(0, 1)], [(0, 2)])
    assert [plan.points_reversed for plan in steps] == [0, 5]


def test_a_coupon_returns_once_with_the_last_unit_and_only_where_one_was_used() -> None:
    sale = sold(BREAD, TOBACCO, coupon=True)
    steps = returns(sale, [(0, 3)], [(1, 1)], [])
    assert [plan.coupon_restored for plan in steps] == [False, True, False]
    assert [plan.whole for plan in steps] == [False, True, True]
    assert not returns(sold(BREAD), [(0, 3)])[0].coupon_restored


def test_tenders_get_their_share_and_stored_value_goes_to_principal() -> None:
    sale = sold(
        SoldLine(2, 63_000),
        tenders=(("stored_value", 53_000), ("wechat", 10_000)),
        principal_fen=50_000,
        gift_fen=3_000,
    )
    first, second = returns(sale, [(0, 1)], [(0, 1)])
    assert first.tenders == (("stored_value", 26_500), ("wechat", 5_000))
    assert second.tenders == first.tenders
    assert (first.principal_fen, first.gift_fen) == (26_500, 0)


def test_a_void_gives_the_consumptions_own_split_back() -> None:
    sale = sold(SoldLine(2, 8_000), tenders=(("stored_value", 8_000),), principal_fen=5_000, gift_fen=3_000)
    void = plan_void(sale, nothing_returned(sale))
    assert (void.principal_fen, void.gift_fen) == (5_000, 3_000)
    before = nothing_returned(sale).plus(plan_return(sale, nothing_returned(sale), [(0, 1)]))
    void = plan_void(sale, before)  # 4,000 went to the principal already
    assert (void.principal_fen, void.gift_fen) == (1_000, 3_000)


def test_points_come_back_to_the_buckets_they_came_from() -> None:
    taken = (Taken("soon", 4, JUNE), Taken("late", 6, JULY))
    sale = sold(BREAD, points_taken=taken)
    first = plan_return(sale, nothing_returned(sale), [(0, 2)], day=JULY)
    assert first.points_returned == 6
    assert first.points_put == (Taken("late", 6, JULY),)
    void = plan_void(sale, nothing_returned(sale).plus(first), day=JULY, grace_days=15)
    assert void.points_put == (Taken("soon'", 4, date(2026, 8, 15)),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenders": (("cash", 999),)},
        {"tenders": (("cash", 1_000),), "principal_fen": 1},
        {"tenders": (("stored_value", 1_000),), "principal_fen": 999},
        {"earned": -1},
    ],
)
def test_facts_that_do_not_add_up_are_our_mistake(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"add up|negative"):
        replace(sold(BREAD), **wrong)  # type: ignore[arg-type]


@st.composite
def _sales(draw: st.DrawFn) -> SoldSale:
    lines = tuple(
        draw(
            st.lists(
                st.builds(SoldLine, st.integers(1, 6), st.integers(0, 20_000), st.integers(0, 500), st.booleans()),
                min_size=1,
                max_size=4,
            )
        )
    )
    paid = sum(line.paid_fen for line in lines)
    earning = sum(line.paid_fen for line in lines if line.earns)
    weights = draw(st.lists(st.integers(1, 9), min_size=3, max_size=3))
    cash, wechat, stored = allocate(weights, paid).shares
    gift = draw(st.integers(0, stored))
    base = max(0, earning - gift)
    ratio = EarnRatio(draw(st.integers(0, 5)), draw(st.sampled_from([1, 7, 100, 1000])))
    used = sum(line.points_used for line in lines)
    taken = (Taken("a", used - used // 3, JUNE), Taken("b", used // 3, JULY))
    tenders = (("cash", cash), ("wechat", wechat), ("stored_value", stored))
    return SoldSale(lines, base, ratio.earn(base), ratio, tenders, taken, stored - gift, gift, draw(st.booleans()))


@st.composite
def _splits(draw: st.DrawFn, sale: SoldSale) -> list[list[tuple[int, int]]]:
    """Every unit of the sale in a drawn order, cut into returns."""
    units = [place for place, line in enumerate(sale.lines) for _ in range(line.qty)]
    order = draw(st.permutations(units))
    size = draw(st.integers(1, 4))
    return [[(place, 1) for place in order[start : start + size]] for start in range(0, len(order), size)]


@given(_sales(), st.data())
def test_splitting_a_return_changes_no_total(sale: SoldSale, data: st.DataObject) -> None:
    steps = data.draw(_splits(sale))
    cut = data.draw(st.integers(0, len(steps)))
    parts = returns(sale, *steps[:cut])
    (whole,) = returns(sale, [one for step in steps[:cut] for one in step])
    assert sum(plan.refund_fen for plan in parts) == whole.refund_fen
    assert sum(plan.points_returned for plan in parts) == whole.points_returned
    assert sum(plan.points_reversed for plan in parts) == whole.points_reversed
    assert sum(plan.principal_fen for plan in parts) >= 0 == sum(plan.gift_fen for plan in parts)
    for plan in parts:
        assert sum(fen for _, fen in plan.tenders) == plan.refund_fen == sum(line.refund_fen for line in plan.lines)
        assert min([0, plan.points_reversed, plan.points_returned, *(fen for _, fen in plan.tenders)]) == 0
        assert sum(put.points for put in plan.points_put) == plan.points_returned


@given(_sales(), st.data())
def test_after_a_void_nothing_of_the_sale_is_left(sale: SoldSale, data: st.DataObject) -> None:
    steps = data.draw(_splits(sale))
    parts = returns(sale, *steps[: data.draw(st.integers(0, len(steps)))])
    before = nothing_returned(sale)
    for plan in parts:
        before = before.plus(plan)
    void = plan_void(sale, before)
    plans = [*parts, void]
    after = before.plus(void)
    assert after == Returned(tuple(line.qty for line in sale.lines), tuple(fen for _, fen in sale.tenders))
    assert sum(plan.refund_fen for plan in plans) == sale.paid_fen
    assert sum(plan.points_returned for plan in plans) == sum(line.points_used for line in sale.lines)
    assert sum(plan.points_reversed for plan in plans) == sale.earned
    assert points_kept(sale, after.units) == (0 if any(after.units) else sale.earned)
    assert 0 <= void.gift_fen <= sale.gift_fen
    assert sum(plan.principal_fen + plan.gift_fen for plan in plans) == sale.principal_fen + sale.gift_fen
    nothing = plan_void(sale, after)
    assert (nothing.refund_fen, nothing.points_returned, nothing.points_reversed, nothing.lines) == (0, 0, 0, ())
    assert sum(plan.coupon_restored for plan in [*plans, nothing]) == int(sale.coupon)
