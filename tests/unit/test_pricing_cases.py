"""The worked cases of prices and allocation (tests/cases/loyalty.json; R3, R6) through the product's own functions.

Each case carries its source; peers that answer otherwise are named in the file. The cases below are our own, for ties.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.domain.money import allocate
from agent.domain.pricing import Item, LinePrice, TierRound, line_price

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[1] / "cases" / "loyalty.json").read_bytes())["cases"]

OWN_PRICES: list[tuple[str, Case, Case]] = [
    ("promo equal to list is the promo", {"list_fen": 500, "promo_fen": 500}, {"price_source": "promo"}),
    (
        "member, promo and list all equal: the member's",
        {"list_fen": 500, "promo_fen": 500, "member_fixed_fen": 500, "tier_bp": 10_000},
        {"unit_fen": 500, "price_source": "member_fixed"},
    ),
    ("half a fen of discount is rounded up: 15 at 9折", {"list_fen": 15, "tier_bp": 9000}, {"unit_fen": 13}),
    ("and less than half is not: 14 at 9折", {"list_fen": 14, "tier_bp": 9000}, {"unit_fen": 13}),
    ("1 fen at 9折 costs 1 fen", {"list_fen": 1, "tier_bp": 9000, "qty": 10}, {"unit_fen": 1, "line_fen": 10}),
    ("1 fen at 5折 is free: the tie", {"list_fen": 1, "tier_bp": 5000, "qty": 3}, {"unit_fen": 0, "line_fen": 0}),
    (
        "per line, a tie between tier and promo is the tier's",
        {"list_fen": 100, "promo_fen": 90, "tier_bp": 9000, "qty": 3, "tier_round": "line"},
        {"line_fen": 270, "price_source": "tier"},
    ),
    (
        "per line, a fixed member price is a unit price",
        {"list_fen": 100, "member_fixed_fen": 97, "tier_bp": 9000, "qty": 3, "tier_round": "line"},
        {"line_fen": 291, "price_source": "member_fixed"},
    ),
    ("half a fen of weight goes down", {"list_fen": 1500, "grams": 1}, {"line_fen": 1}),
    ("more than half goes up", {"list_fen": 1501, "grams": 1}, {"line_fen": 2}),
    (
        "the unit is discounted before it is weighed",
        {"list_fen": 1160, "grams": 1536, "tier_bp": 8800},
        {"unit_fen": 1021, "line_fen": 1568, "price_source": "tier"},
    ),
    ("a fixed member price dearer than list loses", {"list_fen": 100, "member_fixed_fen": 120}, {"unit_fen": 100}),
]
OWN_SHARES: list[tuple[str, Case, Case]] = [
    ("equal remainders: the first line", {"weights": [1, 1], "amount": 1}, {"shares": (1, 0), "unallocated": 0}),
    ("three and two spare fen", {"weights": [2, 2, 2], "amount": 5}, {"shares": (2, 2, 1), "unallocated": 0}),
    (
        "the larger remainder beats the lower index",
        {"weights": [1, 2], "amount": 1},
        {"shares": (0, 1), "unallocated": 0},
    ),
    (
        "a spare fen may not pass a cap",
        {"weights": [1, 1], "amount": 3, "caps": [1, 5]},
        {"shares": (1, 2), "unallocated": 0},
    ),
    ("all at their caps", {"weights": [1, 1], "amount": 5, "caps": [1, 2]}, {"shares": (1, 2), "unallocated": 2}),
    ("nothing to weigh by", {"weights": [0, 0], "amount": 5}, {"shares": (0, 0), "unallocated": 5}),
    ("nothing to share", {"weights": [3, 4], "amount": 0}, {"shares": (0, 0), "unallocated": 0}),
]


def of_kind(kind: str) -> list[Case]:
    found = [case for case in CASES if case["kind"] == kind]
    assert found, f"the case file has no {kind}"
    return found


def price(given: Case) -> LinePrice:
    item = Item(
        sku="case",
        name="case",
        list_fen=given["list_fen"],
        member_fen=given.get("member_fixed_fen"),
        promo_fen=given.get("promo_fen"),
        no_member_discount=given.get("no_member_discount", False),
        by_weight="grams" in given,
    )
    is_member = given.get("tier_bp") is not None or given.get("member_fixed_fen") is not None
    return line_price(
        item,
        qty=given.get("qty", 1),
        grams=given.get("grams"),
        is_member=is_member,
        pay_rate_bps=given.get("tier_bp"),
        tier_round=TierRound(given.get("tier_round", "unit")),
    )


def check_price(given: Case, expected: Case) -> None:
    found = price(given)
    got = {"unit_fen": found.unit_fen, "line_fen": found.line_fen, "price_source": found.source.value}
    assert {name: got[name] for name in expected} == expected


def check_shares(given: Case, expected: Case) -> None:
    found = allocate(given["weights"], given["amount"], given.get("caps"))
    got = {"shares": list(found.shares), "unallocated": found.unallocated}
    assert got == {**expected, "shares": list(expected["shares"])}


@pytest.mark.parametrize("case", of_kind("unit_price"), ids=lambda case: f"{case['id']} {case['title']}")
def test_unit_price_r3(case: Case) -> None:
    check_price(case["input"], case["expected"])


@pytest.mark.parametrize("case", of_kind("allocate"), ids=lambda case: f"{case['id']} {case['title']}")
def test_allocate_r6(case: Case) -> None:
    check_shares(case["input"], case["expected"])


@pytest.mark.parametrize(("title", "given", "expected"), OWN_PRICES, ids=[title for title, _, _ in OWN_PRICES])
def test_unit_price_ties_r3(title: str, given: Case, expected: Case) -> None:
    check_price(given, expected)


@pytest.mark.parametrize(("title", "given", "expected"), OWN_SHARES, ids=[title for title, _, _ in OWN_SHARES])
def test_allocate_ties_r6(title: str, given: Case, expected: Case) -> None:
    check_shares(given, expected)
