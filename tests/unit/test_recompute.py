"""HQ reckons every sale again from its own inputs (R13): never a difference by itself, and no altered figure hidden."""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agent.domain.asks import Asks, CardUse, Override
from agent.domain.cart import CartLine
from agent.domain.errors import Refusal
from agent.domain.member import Tier
from agent.domain.pricing import Item, TierRound
from agent.domain.recompute import recomputed
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.rules import RuleSet, rule_set
from agent.domain.sale_inputs import Inputs, inputs_of, sale_inputs
from agent.domain.stored_value import SpendMode
from tests.recompute_world import COUPON, DAY, GOLD, RICH, RULES, rich_event, sold_event
from tests.unit.test_pipeline_properties import _CARTS, _OFFER_LISTS

BOOK = rule_set(RULES)
WHOLE = st.integers(0, 20_000)
_DATED = st.builds(
    lambda promos, dated: tuple(
        dataclasses.replace(one, offer_id=f"p{n}", name=f"p{n}", start_day="2026-09-01" if dated else None)
        for n, one in enumerate(promos)
    ),
    _OFFER_LISTS,
    st.booleans(),
)
_RULES = st.builds(
    RuleSet,
    st.just(3),
    st.just({"gold": Tier("gold", "金", 8_800, 150), "plain": Tier("plain", "普通", 10_000, 100)}),
    st.just("plain"),
    tier_round=st.sampled_from(TierRound),
    member_day=st.sampled_from([None, 8]),
    member_day_mult_x100=st.just(200),
    birthday_mult_x100=st.sampled_from([100, 300]),
    promos=_DATED,
    redeem=st.one_of(
        st.none(), st.builds(RedeemRule, st.integers(1, 100), st.integers(1, 100), st.integers(0, 10_000))
    ),
    moling=st.one_of(st.none(), st.sampled_from(CashStep)),
    floor_rule_on=st.booleans(),
    stored_value=st.just(True),
    stored_value_mode=st.sampled_from(SpendMode),
    points_valid_months=st.sampled_from([0, 12]),
)
_BODIES = st.one_of(
    st.builds(lambda off, least: {"type": "amount_off", "name": "a", "off_fen": off, "min_fen": least},
              st.integers(1, 9_000), WHOLE),
    st.builds(lambda bp, many: {"type": "percent_off", "name": "b", "off_bp": bp, "stackable": many},
              st.integers(1_000, 5_000), st.booleans()),
    st.just({"type": "gift", "name": "c", "scope": ["a"]}),
    st.just({"type": "group", "name": "d", "scope": ["a", "b"]}),
)  # fmt: skip
_COUPONS = st.lists(_BODIES, max_size=3).map(
    lambda bodies: tuple(
        dataclasses.replace(COUPON, coupon_id=f"CPN{n}", body=one, claimed_at_ms=n) for n, one in enumerate(bodies)
    )
)
_ASKS = st.builds(
    Asks,
    points=st.one_of(st.sampled_from([0, "max", "max"]), st.integers(1, 30).map(lambda n: n * 100)),
    stored_value=st.one_of(st.sampled_from([0, "max"]), WHOLE),
    count_card=st.one_of(st.none(), st.builds(CardUse, st.just("card-1"), st.just(1), st.just(1))),
    cash=st.booleans(),
)
_INPUTS = st.builds(
    Inputs,
    entries=_CARTS.filter(bool),
    business_day=st.sampled_from(["", "2026-09-07"]),
    undated=st.booleans(),
    asks=_ASKS,
    coupons=_COUPONS,
    points=WHOLE,
    principal_fen=WHOLE,
    gift_fen=WHOLE,
    debt=st.sampled_from([0, 0, 30]),
    birthday=st.booleans(),
    earns=st.sampled_from([True, True, False]),
)


def charged(entries: tuple[CartLine, ...], fens: list[int | None]) -> tuple[CartLine, ...]:
    """The same cart with some lines charged already, and one of no article anybody knows."""
    found = [dataclasses.replace(one, charged_fen=fen) for one, fen in zip(entries, fens, strict=False)]
    unknown = CartLine(Item("?", "?", 500, no_member_discount=True, earns=False), 2, None, 1000, known=False)
    return (*found, *entries[len(found) :], unknown)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    _INPUTS,
    _RULES,
    st.sampled_from([None, GOLD, GOLD]),
    st.booleans(),
    st.sampled_from([0, 0, 0, 150, -150]),
    st.sets(st.sampled_from(["points", "coupon", "sv_principal", "count"]), max_size=2),
)
def test_whatever_a_till_sells_is_reckoned_alike(
    inputs: Inputs, rules: RuleSet, who: Any, priced: bool, more_fen: int, dropped: set[str]
) -> None:
    if who is None:
        inputs = dataclasses.replace(inputs, asks=Asks(cash=inputs.asks.cash), coupons=(), birthday=False)
    override = Override("店长", "临期")
    try:
        event = sold_event(
            inputs, rules, who, priced=priced, more_fen=more_fen, dropped=sorted(dropped), override=override
        )
    except Refusal:
        assume(False)
    assert recomputed(event, rules) == ()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_CARTS.filter(bool), _RULES, st.lists(st.one_of(st.none(), WHOLE), max_size=3), st.booleans())
def test_what_was_charged_stays_as_sold_and_is_no_difference(
    entries: tuple[CartLine, ...], rules: RuleSet, fens: list[int | None], member: bool
) -> None:
    inputs = Inputs(entries=charged(entries, fens))
    event = sold_event(inputs, rules, GOLD if member else None, override=Override("店长", "临期"))
    assert recomputed(event, rules) == ()


# --- alterations ----------------------------------------------------------------------------------------------------
CODES = {
    "offers": "OFFER_DIFFERS", "promos": "OFFER_DIFFERS", "coupons": "OFFER_DIFFERS", "redeemed": "REDEEMED_DIFFERS",
    "points_off_fen": "REDEEMED_DIFFERS", "points_used": "REDEEMED_DIFFERS", "prepaid": "PREPAID_DIFFERS",
    "base_fen": "POINTS_DIFFER", "points_earned": "POINTS_DIFFER", "event_x100": "POINTS_DIFFER",
    "earn": "POINTS_DIFFER", "postings": "POSTINGS_DIFFER", "pay_rate_bps": "TIER_DIFFERS",
    "earn_mult_x100": "TIER_DIFFERS", "earns": "POINTS_DIFFER", "units": "PREPAID_DIFFERS",
    "gift_fen": "PREPAID_DIFFERS", "principal_fen": "PREPAID_DIFFERS",
}  # fmt: skip
DERIVED = ("lines", "totals", "promos", "coupons", "redeemed", "prepaid", "earn", "postings", "member", "tenders")
NOT_RECKONED = {
    "foregone_fen": "an offer to join, not a figure of the sale",
    "received_fen": "what was handed over before change",
    "version": "names the coupon; what it offers is frozen in the inputs",
    "promo_fen": "an input, and here the member price is lower",
    "market_fen": "an input, and far below the price here",
    "min_fen": "an input, and far below the price here",
}
WITHOUT_EFFECT = (("lines", 2, "qty"), ("lines", 1, "earns"))  # grams decide the one, a count card paid the other


def figures(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers, and of all yes and no."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from figures(one, (*path, key))
    elif isinstance(value, int) and path[-1] not in NOT_RECKONED and path not in WITHOUT_EFFECT:
        yield path


RECORDED = [path for part in DERIVED for path in figures(rich_event()[part], (part,))]


def altered(path: tuple[Any, ...]) -> dict[str, Any]:
    event = copy.deepcopy(rich_event())
    place: Any = event
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    place[path[-1]] = not value if isinstance(value, bool) else value + 1
    return event


def test_the_sale_that_is_altered_has_every_kind_of_figure() -> None:
    event = rich_event()
    assert recomputed(event, BOOK) == ()
    assert all(event[part] for part in DERIVED)
    assert event["prepaid"]["gift_fen"] > 0
    assert event["prepaid"]["counts"]
    assert event["totals"]["rounding_off_fen"] > 0
    assert len(RECORDED) > 90


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: ".".join(map(str, path)))
def test_each_altered_figure_is_named(path: tuple[Any, ...]) -> None:
    found = {one.code: one.detail for one in recomputed(altered(path), BOOK)}
    assert next((CODES[key] for key in reversed(path) if key in CODES), "PRICE_DIFFERS") in found, found


def test_a_figure_is_named_with_what_the_rules_say() -> None:
    event = rich_event()
    paid = event["lines"][0]["paid_fen"]
    event["lines"][0]["paid_fen"] -= 100
    (found,) = recomputed(event, BOOK)
    assert found == ("PRICE_DIFFERS", f"lines.1.paid_fen {paid - 100}, by the rules {paid}")


@pytest.mark.parametrize(
    ("field", "code"), [("redeemed", "REDEEMED_DIFFERS"), ("prepaid", "PREPAID_DIFFERS"), ("promos", "OFFER_DIFFERS")]
)
def test_a_part_that_is_left_out_is_named(field: str, code: str) -> None:
    event = rich_event()
    del event[field]
    assert code in {one.code for one in recomputed(event, BOOK)}


def test_more_points_than_there_were_are_what_the_rules_refuse() -> None:
    event = rich_event()
    event["inputs"]["points_there"] = 100
    (found,) = recomputed(event, BOOK)
    assert found.code == "RULES_REFUSE"
    assert "POINTS_INSUFFICIENT" in found.detail


def test_a_price_under_70_percent_needs_somebodys_word_r4() -> None:
    cheap = Inputs(entries=(CartLine(Item("M", "临期鲜牛奶", 600, market_fen=1000)),))
    told = sold_event(cheap, BOOK, None, override=Override("店长", "临期"))
    assert recomputed(told, BOOK) == ()
    silent = sold_event(cheap, BOOK, None)
    assert [one.code for one in recomputed(silent, BOOK)] == ["PRICE_DIFFERS"]
    silent["discrepancies"] = [{"code": "PRICE_BELOW_70", "detail": ""}]
    assert recomputed(silent, BOOK) == ()


def test_rules_that_were_never_published_are_told() -> None:
    assert [one.code for one in recomputed(rich_event(), None)] == ["RULES_UNKNOWN"]


def test_a_sale_from_before_inputs_were_recorded_is_left_alone() -> None:
    event = rich_event()
    del event["totals"]["due_fen"]
    assert recomputed(event, BOOK) == ()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RECORDED), st.sampled_from([None, -1, "x", [], {}, 2**53, True]))
def test_nothing_an_event_says_breaks_hq(path: tuple[Any, ...], value: Any) -> None:
    event = copy.deepcopy(rich_event())
    place: Any = event
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert isinstance(recomputed(event, BOOK), tuple)
    for part in (*DERIVED, "inputs", "business_day", "discrepancies", "overrides", "workstation_id"):
        assert isinstance(recomputed({**rich_event(), part: value}, BOOK), tuple)


def test_inputs_are_read_back_as_they_were_written() -> None:
    event = rich_event()
    found = inputs_of(event)
    assert sale_inputs(found, DAY) == {"inputs": event["inputs"]}
    assert [one.item for one in found.entries] == [one.item for one in RICH.entries]


def test_a_plain_sale_grows_by_nothing() -> None:
    plain = sold_event(Inputs(entries=(CartLine(Item("Z", "茶", 500)),)), BOOK, None)
    assert "inputs" not in plain
    assert set(plain["lines"][0]) == set(rich_event()["lines"][0]) - {"promo_fen", "market_fen"}
