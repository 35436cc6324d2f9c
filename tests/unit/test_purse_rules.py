"""The sections of a rule set that speak of purses: read whole, or every fault named at once (R9, R10, R18)."""

from typing import Any

import pytest

from agent.domain.purse_rules import CountProduct, PurseRules, last_day, purse_rules
from agent.domain.rules import rule_set
from tests.after_till import RULES


def test_a_rule_set_holds_what_is_on_sale_and_what_a_recharge_brings() -> None:
    purse = rule_set(RULES).purse
    assert purse.recharge.steps == ((30_000, 5_000), (50_000, 10_000))
    assert (purse.recharge.daily_limit_fen, purse.recharge.card_limit_fen, purse.gift_valid_days) == (
        100_000,
        500_000,
        30,
    )
    assert purse.product("coffee10") == CountProduct("coffee10", "咖啡十杯卡", 10, 18_000, 365)
    assert purse.product("tea") is None


def test_a_brand_that_says_nothing_sells_no_cards_and_gives_no_bonus() -> None:
    faults: list[str] = []
    assert (purse_rules({}, faults), faults) == (PurseRules(), [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"recharge": []}, []),
        ({"recharge": 5}, ["recharge must be an object"]),
        ({"recharge": {"bonus": 1}}, ["recharge.bonus is not known"]),
        ({"recharge": {"steps": [[30_000]]}}, ["recharge.steps must list"]),
        ({"recharge": {"steps": [[0, 5], [1, -1]]}}, ["from 0 bonus 5", "from 1 bonus -1"]),
        ({"recharge": {"card_limit_fen": 500_001}}, ["recharge.card_limit_fen must be an integer from 1 to 500000"]),
        ({"recharge": {"daily_limit_fen": True, "gift_valid_days": 0}}, ["daily_limit_fen", "gift_valid_days"]),
        ({"recharge": {"per_multiple": 1}}, ["recharge.per_multiple must be true or false"]),
        ({"return_grace_days": -1}, ["return_grace_days must be"]),
        ({"count_cards": {}}, ["count_cards must list"]),
        ({"count_cards": ["x"]}, ["must be an object"]),
        (
            {"count_cards": [{"id": "", "name": "", "total": 0, "price_fen": -1, "valid_days": 0, "price": 1}]},
            [
                "price is not known",
                "id must be",
                "name must be",
                "total must be",
                "price_fen must be",
                "valid_days must",
            ],
        ),
        ({"count_cards": [{"id": "a", "name": "n", "total": 1, "price_fen": 0}] * 2}, ["id must be a text of its own"]),
    ],
)
def test_every_fault_is_named_at_once(body: dict[str, Any], words: list[str]) -> None:
    faults: list[str] = []
    assert purse_rules(body, faults) == PurseRules()
    assert len(faults) == len(words)
    for fault, word in zip(faults, words, strict=True):
        assert word in fault
    if faults:
        with pytest.raises(ValueError, match="purse" if not words else words[0].split()[0]):
            rule_set({**RULES, **body})


def test_validity_counts_the_first_day() -> None:
    assert last_day("2026-11-22", 1) == "2026-11-22"
    assert last_day("2026-12-31", 365) == "2027-12-30"
