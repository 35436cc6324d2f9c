"""Rule sets with promotions, redemption, 抹零 and floors (R5, R8, R17, S14): read whole, every fault named."""

from typing import Any

import pytest

from agent.domain.digest import Json
from agent.domain.offer_rules import PROMO_SKUS
from agent.domain.offers import Offer, OfferType, Rung
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.rules import rule_set

BODY: dict[str, Any] = {"version": 3, "join_tier_id": "n", "tiers": [{"tier_id": "n", "pay_rate_bps": 10_000}]}


def test_everything_of_a_rule_set_is_read() -> None:
    promo: Json = {
        "id": "p1", "type": "percent_off", "name": "九折", "off_bp": 1000, "min_fen": 3000, "min_qty": 2,
        "scope": ["a", "b"], "max_off_fen": 5000, "priority": 3, "exclusive": True, "start": "2026-08-01",
        "end": "2026-08-31",
    }  # fmt: skip
    step: Json = {
        "id": "s",
        "type": "amount_off",
        "rungs": [{"off_fen": 500, "min_fen": 3000}, {"off_fen": 9, "min_qty": 1}],
    }
    found = rule_set(
        {
            **BODY,
            "promos": [promo, step],
            "redeem": {"points_per_unit": 100, "fen_per_unit": 50, "cap_bp": 5000, "max_points": 900},
            "moling": "yuan",
            "floor_rule_on": False,
            "stored_value": True,
            "birthday_mult_x100": 300,
        }
    )
    assert found.promos[0] == Offer(
        "p1", OfferType.PERCENT_OFF, off_bp=1000, min_fen=3000, min_qty=2, scope=frozenset("ab"), max_off_fen=5000,
        priority=3, exclusive=True, name="九折", start_day="2026-08-01", end_day="2026-08-31",
    )  # fmt: skip
    assert found.promos[1].rungs == (Rung(off_fen=500, min_fen=3000), Rung(off_fen=9, min_qty=1))
    assert found.redeem == RedeemRule(100, 50, 5000, 900)
    assert (found.moling, found.floor_rule_on, found.stored_value) == (CashStep.YUAN, False, True)
    assert found.event_x100("2026-08-09", birthday=True) == 300


def test_an_old_rule_set_promotes_nothing_spends_nothing_and_takes_no_stored_value() -> None:
    found = rule_set(BODY)
    assert (found.promos, found.redeem, found.moling, found.stored_value) == ((), None, None, False)
    assert found.floor_rule_on


def test_every_fault_is_named_at_once() -> None:
    body = {
        **BODY,
        "promos": [
            {"id": "a", "type": "percent_off", "off_bp": 10_000},
            {"id": "a", "type": "tea", "colour": 1},
            {"id": "c", "type": "amount_off", "off_fen": 0, "off_bp": 1000, "priority": -1, "exclusive": 1},
            {"id": "d", "type": "gift", "start": "2026-08-02", "end": "2026-08-01"},
            {"id": "e", "type": "amount_off", "off_fen": 5, "rungs": [{"off_fen": 1}]},
            {"id": "f", "type": "amount_off", "rungs": [{"off_bp": 1}], "scope": []},
            7,
        ],
        "redeem": {"fen_per_unit": 0.5, "cap": 1},
        "moling": "up",
        "floor_rule_on": 1,
    }
    with pytest.raises(ValueError, match="promos") as refused:
        rule_set(body)
    assert str(refused.value).split("; ")[:1] == ["promos.0.off_bp: takes 1 to 9999 off 10000"]
    for said in (
        "promos.1.colour: not known",
        "promos.1.type: use one of amount_off, percent_off, percent_cheapest_unit, gift",
        "promos.2.off_fen: an amount_off promotion needs its face value in fen, 1 or more",
        "promos.2.off_bp: has no place in amount_off",
        "promos.2.priority: write a whole number from 0 to 1000",
        "promos.2.exclusive: write true or false",
        "promos.3.scope: a gift names its articles",
        "promos.3.end: before start",
        "promos.4.rungs: list 1 to 10 steps; they stand in place of off_fen and off_bp",
        "promos.5.rungs.0.off_fen: an amount_off promotion needs its face value in fen, 1 or more",
        f"promos.5.scope: list 1 to {PROMO_SKUS} skus, or leave it out for all",
        "promos.6: must be an object",
        "redeem.cap is not known",
        "redeem.fen_per_unit must be an integer",
        "redeem.points_per_unit is missing",
        "moling must be jiao or yuan, or absent",
        "floor_rule_on must be true or false",
    ):
        assert said in str(refused.value)


@pytest.mark.parametrize("off_bp", [1, 333, 5_001, 9_999])
def test_an_automatic_promotion_may_take_any_part_off(off_bp: int) -> None:
    """S41 bounds 折扣券, not promotions."""
    promos: Json = [{"id": "p", "type": "percent_off", "off_bp": off_bp}]
    assert rule_set({**BODY, "promos": promos}).promos[0].off_bp == off_bp


@pytest.mark.parametrize("off_bp", [0, 10_000, True])
def test_nothing_and_everything_are_no_percentage(off_bp: int) -> None:
    promos: Json = [{"id": "p", "type": "percent_off", "off_bp": off_bp}]
    with pytest.raises(ValueError, match="takes 1 to 9999 off 10000"):
        rule_set({**BODY, "promos": promos})


def test_two_promotions_with_one_id_are_refused() -> None:
    promo: Json = {"id": "p", "type": "amount_off", "off_fen": 100}
    with pytest.raises(ValueError, match=r"promos\.1\.id: comes twice"):
        rule_set({**BODY, "promos": [promo, promo]})


def test_more_than_ten_tiers_are_refused_s14() -> None:
    tiers: list[Json] = [{"tier_id": f"t{number}", "pay_rate_bps": 9000} for number in range(11)]
    with pytest.raises(ValueError, match="1 to 10 tiers"):
        rule_set({**BODY, "tiers": tiers})
