"""HQ's rule under a risk budget (R13): the order of the books decides, the order of arrival never does."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.offline import Conflict, Kind, Opening, TillEvent, corrected_ms, judge, may_redeem, may_spend_sv


def sale(name: str, at_ms: int, **facts: object) -> TillEvent:
    return replace(TillEvent(name, name[0].upper(), int(name[1:]), at_ms), **facts)  # type: ignore[arg-type]


def refund(name: str, at_ms: int, of: str | None, **facts: object) -> TillEvent:
    return sale(name, at_ms, kind=Kind.REFUND, of=of, **facts)


def test_only_the_redemption_that_went_below_zero_is_a_conflict_and_its_amount_is_what_it_overdrew() -> None:
    events = [
        sale("a1", 1, points=-700),
        sale("b1", 2, points=-500),
        sale("a2", 3, points=50),
        sale("b2", 4, points=-10),
        sale("a3", 5, points=500),
        sale("b3", 6, points=-340),
    ]
    found = judge(Opening(points=1_000), events)
    assert found.conflicts == (Conflict("b1", "POINTS_OVERDRAWN", 200), Conflict("b2", "POINTS_OVERDRAWN", 10))
    assert (found.points, found.applied) == (0, 6)


def test_a_sale_may_overdraw_both_balances_and_double_a_coupon() -> None:
    found = judge(Opening(sv_fen=100, coupons={"K": "earlier"}), [sale("a1", 1, points=-1, sv_fen=-101, coupon="K")])
    assert found.conflicts == (
        Conflict("a1", "COUPON_DOUBLE"),
        Conflict("a1", "POINTS_OVERDRAWN", 1),
        Conflict("a1", "SV_OVERDRAWN", 1),
    )
    assert found.coupon_winner == {"K": "earlier"}
    assert (found.points, found.sv_fen) == (-1, -1)


def test_a_refund_makes_debt_and_no_conflict_and_later_spending_is_overdraft() -> None:
    events = [sale("a1", 1, points=20), sale("a2", 2, points=-20), refund("a3", 3, "a1", points=-20)]
    found = judge(Opening(), events)
    assert (found.points, found.conflicts) == (-20, ())
    found = judge(Opening(), [*events, sale("a4", 4, points=-5), sale("a5", 5, points=5)])
    assert found.conflicts == (Conflict("a4", "POINTS_OVERDRAWN", 5),)


def test_a_refund_waits_for_its_sale_and_so_does_the_refund_of_a_refund() -> None:
    chain = [refund("b1", 1, "a1", points=-20), refund("b2", 2, "b1", points=20)]
    found = judge(Opening(points=7), chain)
    assert (found.points, found.parked, found.applied) == (7, ("b1", "b2"), 0)
    found = judge(Opening(points=7), [*chain, sale("a1", 9, points=20)])
    assert (found.points, found.parked, found.applied) == (27, (), 3)
    found = judge(Opening(points=7, applied=frozenset({"a1"})), chain)
    assert (found.points, found.parked, found.applied) == (7, (), 2)


def test_a_return_without_a_sale_to_name_is_applied() -> None:
    assert judge(Opening(), [refund("a1", 1, None, points=-3)]).points == -3


def test_a_refund_stamped_before_its_sale_follows_it() -> None:
    """A clock that went back between the two must not make the sale's own points pay for it in advance."""
    events = [refund("b1", 1, "a1", points=100), sale("a1", 5, points=-100)]
    assert judge(Opening(), events).conflicts == (Conflict("a1", "POINTS_OVERDRAWN", 100),)


def test_a_coupon_given_back_may_be_redeemed_again_but_not_by_the_loser() -> None:
    first, second = sale("a1", 1, coupon="K"), sale("b1", 2, coupon="K")
    back, third = refund("a2", 3, "a1", coupon="K"), sale("b2", 4, coupon="K")
    found = judge(Opening(), [first, back, third])
    assert (found.conflicts, found.coupon_winner) == ((), {"K": "b2"})
    assert judge(Opening(), [first, back, third, sale("a5", 5, coupon="K")]).conflicts == (
        Conflict("a5", "COUPON_DOUBLE"),
    )
    losers_back = refund("b3", 3, "b1", coupon="K")
    found = judge(Opening(), [first, second, losers_back, third])
    assert [conflict.event_id for conflict in found.conflicts] == ["b1", "b2"]
    assert found.coupon_winner == {"K": "a1"}


def test_a_sealed_winner_never_flips_whatever_arrives_with_an_earlier_stamp() -> None:
    late = sale("b1", 1, coupon="K")
    found = judge(Opening(applied=frozenset({"a1"}), coupons={"K": "a1"}), [late, sale("a1", 5, coupon="K", points=9)])
    assert (found.coupon_winner, found.points, found.applied) == ({"K": "a1"}, 0, 1)
    assert found.conflicts == (Conflict("b1", "COUPON_DOUBLE"),)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_time_then_till_then_sequence(order: tuple[int, ...]) -> None:
    """Ten comes after nine: the sequence is a number."""
    same_time = [TillEvent(f"e{seq}", "T2", seq, 5, coupon="K") for seq in (9, 10)]
    events = [*same_time, TillEvent("late", "T1", 1, 6, coupon="K")]
    found = judge(Opening(), [events[place] for place in order])
    assert found.coupon_winner == {"K": "e9"}
    assert [conflict.event_id for conflict in found.conflicts] == ["e10", "late"]


def test_the_stamp_is_corrected_by_the_tills_offset() -> None:
    fast = sale("a1", corrected_ms(10_000, -8_000), coupon="K")
    slow = sale("b1", corrected_ms(5_000, 0), coupon="K")
    assert judge(Opening(), [fast, slow]).coupon_winner == {"K": "a1"}


@st.composite
def _events(draw: st.DrawFn) -> list[TillEvent]:
    events = list[TillEvent]()
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(Kind))
        of = draw(st.sampled_from([None, "e99", *(event.event_id for event in events)]))
        events.append(
            TillEvent(
                f"e{number}",
                draw(st.sampled_from(["A", "B"])),
                number,
                draw(st.integers(0, 5)),
                kind,
                draw(st.integers(-300, 300)),
                draw(st.integers(-300, 300)),
                draw(st.sampled_from([None, "K", "L"])),
                of if kind is Kind.REFUND else None,
            )
        )
    return events


@given(_events(), st.data(), st.integers(0, 500))
def test_arrival_and_repetition_change_nothing(events: list[TillEvent], data: st.DataObject, opening: int) -> None:
    start = Opening(points=opening, sv_fen=opening)
    found = judge(start, events)
    shuffled = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]))
    assert judge(start, shuffled) == found
    parked = set(found.parked)
    assert found.points == opening + sum(event.points for event in events if event.event_id not in parked)
    assert found.sv_fen == opening + sum(event.sv_fen for event in events if event.event_id not in parked)
    assert found.applied + len(parked) == len(events)
    sales = {event.event_id for event in events if event.kind is Kind.SALE}
    assert {conflict.event_id for conflict in found.conflicts} <= sales
    assert set(found.coupon_winner.values()) <= sales


@given(_events(), st.integers(0, 500))
def test_the_overdrafts_add_up_to_no_less_than_the_final_shortfall_of_sales(
    events: list[TillEvent], opening: int
) -> None:
    """Without refunds every point below zero is named by a conflict, earnings aside."""
    spends = [replace(event, kind=Kind.SALE, of=None, points=-abs(event.points)) for event in events]
    found = judge(Opening(points=opening), spends)
    named = sum(conflict.amount for conflict in found.conflicts if conflict.code == "POINTS_OVERDRAWN")
    assert named == max(0, -found.points)


@pytest.mark.parametrize(
    ("points", "spendable", "holds", "cap", "allowed"),
    [
        (500, 1_000, 300, 500, True),
        (501, 1_000, 300, 500, False),
        (201, 500, 300, 500, False),
        (200, 500, 300, 500, True),
        (1, 100, 300, 500, False),
        (1, 100, 0, 0, False),
    ],
)
def test_offline_caps_bound_points_and_stored_value_alike(
    points: int, spendable: int, holds: int, cap: int, allowed: bool
) -> None:
    assert may_redeem(points, cached_spendable=spendable, local_holds=holds, offline_cap=cap) is allowed
    assert may_spend_sv(points, cached_fen=spendable, local_holds_fen=holds, offline_sv_cap_fen=cap) is allowed
