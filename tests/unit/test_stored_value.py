"""Stored value (R9): two ledgers that are never negative, bonuses, limits, and a cancellation that cannot be gamed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from agent.domain.stored_value import (
    UNNAMED_CARD_FEN,
    Account,
    GiftLot,
    RechargeRules,
    SpendMode,
    bonus,
    cancel_recharge,
    consume,
    consume_split,
    expire_gifts,
    opened,
    recharge,
    refund_in,
)

STEPS = ((30_000, 5_000), (50_000, 10_000))
FIRST = date(2026, 3, 1)
_FEN = st.integers(0, 200_000)
_MODES = st.sampled_from(SpendMode)
_DAYS = st.integers(0, 60).map(lambda days: FIRST + timedelta(days=days))


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code


def charged(*amounts_fen: int, mode: SpendMode = SpendMode.PRINCIPAL_FIRST) -> tuple[Account, RechargeRules]:
    account, rules = Account(), RechargeRules(STEPS, mode=mode)
    for amount in amounts_fen:
        account, _ = recharge(account, amount, rules)
    return account, rules


@given(_FEN, _FEN, _FEN, _MODES)
def test_a_split_adds_up_and_takes_no_more_than_each_ledger_holds(
    amount: int, principal: int, gift: int, mode: SpendMode
) -> None:
    used = consume_split(amount, principal, gift, mode)
    assert sum(used) == min(amount, principal + gift)
    assert 0 <= used[0] <= principal
    assert 0 <= used[1] <= gift


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 200))
def test_a_proportional_split_is_half_a_fen_from_the_exact_share(principal: int, gift: int, amount: int) -> None:
    used, _ = consume_split(amount, principal, gift, SpendMode.PROPORTIONAL)
    whole, amount = principal + gift, min(amount, principal + gift)
    assert 2 * abs(used * whole - amount * principal) <= whole


@pytest.mark.parametrize(
    ("amount_fen", "once", "multiple"),
    [
        (29_999, 0, 0),
        (30_000, 5_000, 5_000),
        (49_999, 5_000, 5_000),
        (50_000, 10_000, 10_000),
        (99_999, 10_000, 10_000),
        (160_000, 10_000, 30_000),
    ],
)
def test_the_highest_step_counts_once_or_by_multiples_of_itself(amount_fen: int, once: int, multiple: int) -> None:
    """The remainder over the step earns nothing, not the lower step either."""
    for steps in (STEPS, STEPS[::-1]):
        assert bonus(amount_fen, steps) == once
        assert bonus(amount_fen, steps, per_multiple=True) == multiple


def test_a_recharge_up_to_the_card_limit_is_taken_and_one_fen_more_refused_whole() -> None:
    rules = RechargeRules(STEPS)
    account, _ = recharge(opened(400_000), 100_000, rules)
    assert account.principal_fen == 500_000
    with pytest.raises(Refusal) as refused:
        recharge(account, 1, rules)
    assert code_of(refused) == "CARD_LIMIT"
    with pytest.raises(Refusal) as refused:
        recharge(Account(), 100_001, RechargeRules(card_limit_fen=UNNAMED_CARD_FEN))
    assert code_of(refused) == "CARD_LIMIT"


def test_the_card_limit_is_on_principal_alone() -> None:
    account, added = recharge(opened(450_000, [GiftLot(90_000)]), 50_000, RechargeRules(STEPS))
    assert added == (50_000, 10_000)
    assert account.gift_fen == 100_000


def test_a_cancelled_recharge_still_counts_in_its_day() -> None:
    rules = RechargeRules(daily_limit_fen=100_000)
    account, _ = recharge(Account(), 80_000, rules, day=FIRST)
    account, _ = cancel_recharge(account, 0)
    with pytest.raises(Refusal) as refused:
        recharge(account, 20_001, rules, day=FIRST)
    assert code_of(refused) == "DAILY_LIMIT"
    assert recharge(account, 20_001, rules, day=FIRST + timedelta(days=1))[1] == (20_001, 0)


def test_more_than_both_ledgers_hold_is_refused_unless_part_will_do() -> None:
    account, rules = charged(30_000)
    with pytest.raises(Refusal) as refused:
        consume(account, 35_001, rules)
    assert code_of(refused) == "SV_INSUFFICIENT"
    assert consume(account, 35_001, rules, partial=True)[1] == (30_000, 5_000)


def test_gift_lots_go_by_last_day_then_arrival_and_end_after_their_day() -> None:
    later, sooner = date(2026, 5, 31), date(2026, 4, 30)
    lots = [GiftLot(100, later), GiftLot(200), GiftLot(300, sooner), GiftLot(50, later)]
    rules = RechargeRules(mode=SpendMode.GIFT_FIRST)
    account, used = consume(opened(1_000, lots), 420, rules, day=sooner)
    assert used == (0, 420)
    assert [lot.fen for lot in account.gifts] == [0, 200, 0, 30]
    account, cleared = expire_gifts(account, later)
    assert cleared == 0
    account, used = consume(account, 500, rules, day=later + timedelta(days=1))
    assert used == (300, 200)
    assert expire_gifts(account, later + timedelta(days=1))[1] == 30


def test_expired_gift_pays_nothing_even_before_it_is_cleared() -> None:
    account = opened(100, [GiftLot(900, FIRST)])
    tomorrow = FIRST + timedelta(days=1)
    assert consume(account, 1_000, RechargeRules(), day=FIRST)[1] == (100, 900)
    with pytest.raises(Refusal):
        consume(account, 101, RechargeRules(), day=tomorrow)


@pytest.mark.parametrize(
    ("spent_fen", "cash_fen"),
    [(0, 30_000), (1, 29_999), (10_000, 20_000), (29_999, 1), (30_000, 0), (35_000, 0)],
)
@pytest.mark.parametrize("mode", SpendMode)
def test_cancelling_the_only_recharge_gives_back_what_was_paid_less_what_was_spent(
    spent_fen: int, cash_fen: int, mode: SpendMode
) -> None:
    account, rules = charged(30_000, mode=mode)
    account, _ = consume(account, spent_fen, rules)
    account, cash = cancel_recharge(account, 0)
    assert cash == cash_fen
    assert (account.principal_fen, account.gift_fen) == (0, 0)


def test_cancelling_one_of_two_recharges_voids_its_own_gift_first() -> None:
    account, _ = charged(30_000, 50_000)
    account, cash = cancel_recharge(account, 0)
    assert cash == 30_000
    assert [lot.fen for lot in account.gifts] == [0, 10_000]
    account, cash = cancel_recharge(account, 1)
    assert (cash, account.principal_fen, account.gift_fen) == (50_000, 0, 0)


def test_with_two_lots_gift_first_claws_the_spent_gift_from_the_other_lot() -> None:
    """6,000 gift spent: the first lot's 5,000 and 1,000 of the second; 9,000 is left for the 5,000 owed: all cash."""
    account, rules = charged(30_000, 50_000, mode=SpendMode.GIFT_FIRST)
    account, used = consume(account, 6_000, rules)
    assert used == (0, 6_000)
    account, cash = cancel_recharge(account, 0)
    assert (cash, account.principal_fen, account.gift_fen) == (30_000, 50_000, 4_000)


def test_gift_that_expired_unspent_is_void_already_and_not_clawed() -> None:
    account, _ = recharge(Account(), 30_000, RechargeRules(STEPS), gift_expires=FIRST)
    day = FIRST + timedelta(days=1)
    assert cancel_recharge(account, 0, day=day)[1] == 30_000
    cleared, _ = expire_gifts(account, day)
    undone, cash = cancel_recharge(cleared, 0, day=day)
    assert (cash, undone.gift_fen) == (30_000, 0)


@pytest.mark.parametrize(
    ("number", "code"), [(0, "RECHARGE_CANCELLED"), (1, "RECHARGE_UNKNOWN"), (-1, "RECHARGE_UNKNOWN")]
)
def test_a_recharge_is_cancelled_once(number: int, code: str) -> None:
    account, _ = charged(30_000)
    account, _ = cancel_recharge(account, 0)
    with pytest.raises(Refusal) as refused:
        cancel_recharge(account, number)
    assert code_of(refused) == code


def test_a_refund_goes_to_principal_beyond_any_limit() -> None:
    account, added = refund_in(opened(500_000, [GiftLot(7)]), 100)
    assert added == (100, 0)
    assert (account.principal_fen, account.gift_fen) == (500_100, 7)


_OPS = st.lists(
    st.one_of(
        st.tuples(st.just("recharge"), st.integers(1, 60_000), _DAYS),
        st.tuples(st.just("consume"), st.integers(0, 60_000), _DAYS),
        st.tuples(st.just("cancel"), st.integers(0, 4), _DAYS),
        st.tuples(st.just("expire"), st.just(0), _DAYS),
    ),
    max_size=14,
)


@given(_OPS, _MODES, st.booleans())
def test_no_order_of_movements_cashes_out_gift_or_makes_a_ledger_negative(
    ops: list[tuple[str, int, date]], mode: SpendMode, per_multiple: bool
) -> None:
    """Cash back never exceeds what was paid in less the principal that was spent; both balances are their folds."""
    rules = RechargeRules(((10_000, 4_000), (30_000, 20_000)), mode=mode, per_multiple=per_multiple)
    account, paid_in, cash_out, spent = Account(), 0, 0, 0
    for kind, number, day in sorted(ops, key=lambda op: op[2]):
        if kind == "recharge":
            account, (principal, _) = recharge(account, number, rules, day=day, gift_expires=day + timedelta(days=20))
            paid_in += principal
        elif kind == "consume":
            account, used = consume(account, number, rules, partial=True, day=day)
            spent += used[0]
        elif kind == "expire":
            account, _ = expire_gifts(account, day)
        elif number < len(account.recharges) and not account.recharges[number].cancelled:
            account, cash = cancel_recharge(account, number, day=day)
            assert 0 <= cash <= account.recharges[number].principal_fen
            cash_out += cash
        assert account.principal_fen >= 0
        assert all(lot.fen >= 0 for lot in account.gifts)
        assert account.principal_fen + cash_out <= paid_in - spent


@given(st.integers(1, 100_000), st.lists(st.integers(0, 40_000), max_size=5), _MODES)
def test_recharging_spending_and_cancelling_never_leaves_more_than_was_paid_in(
    amount: int, spends: list[int], mode: SpendMode
) -> None:
    """With one recharge, what was bought plus the cash back is worth at most what was paid, or nothing comes back."""
    rules = RechargeRules(((5_000, 2_000), (50_000, 30_000)), mode=mode)
    account, _ = recharge(Account(), amount, rules)
    bought = 0
    for fen in spends:
        account, used = consume(account, fen, rules, partial=True)
        bought += sum(used)
    _, cash = cancel_recharge(account, 0)
    assert cash == max(0, amount - bought)


@pytest.mark.parametrize("wrong", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_no_negative_amount_is_split(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        consume_split(*wrong, SpendMode.PRINCIPAL_FIRST)
