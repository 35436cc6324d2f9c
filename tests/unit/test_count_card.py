"""Count cards (R18): units never leave the card's range, and a refunded card pays once for what was never used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.count_card import CountCard, give_back, refund_card, use
from agent.domain.errors import Refusal

TEN_COFFEES = CountCard(10, 10, 18_000)


def test_a_use_beyond_what_is_left_changes_nothing() -> None:
    card = use(TEN_COFFEES, 9)
    with pytest.raises(Refusal) as refused:
        use(card, 2)
    assert refused.value.code == "COUNT_INSUFFICIENT"
    assert use(card, 1).remaining == 0


def test_only_used_units_come_back() -> None:
    assert give_back(use(TEN_COFFEES, 3), 3) == TEN_COFFEES
    with pytest.raises(Refusal) as refused:
        give_back(use(TEN_COFFEES, 3), 4)
    assert refused.value.code == "COUNT_NOT_USED"


@pytest.mark.parametrize(("used", "cash_fen"), [(0, 10_000), (1, 6_667), (2, 3_334), (3, 0)])
def test_the_share_of_used_units_is_rounded_to_the_customer(used: int, cash_fen: int) -> None:
    card, cash = refund_card(CountCard(3, 3 - used, 10_000))
    assert (cash, card.remaining) == (cash_fen, 0)


def test_a_refunded_card_is_closed() -> None:
    card, _ = refund_card(use(TEN_COFFEES, 1))
    for again in (lambda: refund_card(card), lambda: give_back(card, 1)):
        with pytest.raises(Refusal) as refused:
            again()
        assert refused.value.code == "COUNT_CARD_CLOSED"
    with pytest.raises(Refusal) as refused:
        use(card, 1)
    assert refused.value.code == "COUNT_INSUFFICIENT"


@given(st.integers(1, 30), st.integers(0, 50_000), st.lists(st.integers(-5, 5), max_size=20))
def test_the_units_left_are_the_fold_of_uses_and_returns(total: int, price: int, moves: list[int]) -> None:
    card, left = CountCard(total, total, price), total
    for units in moves:
        try:
            card = use(card, units) if units >= 0 else give_back(card, -units)
        except Refusal:
            assert not 0 <= left - units <= total
            continue
        left -= units
        assert card.remaining == left
    assert refund_card(card)[1] == price - price * (total - left) // total


@pytest.mark.parametrize("wrong", [(0, 0, 1), (3, 4, 1), (3, -1, 1), (3, 1, -1)])
def test_an_impossible_card_is_our_mistake(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a count card needs"):
        CountCard(*wrong)
