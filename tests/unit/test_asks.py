"""What a quote asks to spend (R5, R8, R9, R18; wire.md "Leases"): wants, plans, and sales that lost a right."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.asks import (
    Asks,
    CardUse,
    Override,
    Want,
    asks_json,
    asks_of,
    plan,
    prepaid_tenders,
    unspent,
    wanted,
)
from agent.domain.digest import Json
from agent.domain.holdings import Holdings, after, holdings
from agent.domain.lease import Lot
from agent.domain.member import HeldCard, Member, Tier
from agent.domain.offers import Offer, OfferType
from agent.domain.points import EarnRule
from agent.domain.prepaid import Purse, Voucher
from agent.domain.pricing import Item
from agent.domain.redemption import RedeemRule
from agent.domain.rules import RuleSet, rule_set
from agent.domain.sale import Ask, CartLine, Earner, Posting, PricedCart, TenderType, price_cart
from agent.domain.validity import is_birthday

TIER = Tier("n", "普通会员", 10_000, 100)
RULES = RuleSet(
    1, {"n": TIER}, "n", EarnRule(), redeem=RedeemRule(100, 100, 5000), stored_value=True, points_valid_months=12
)
CARD = CardUse("k1", 1, 2)


def cart(*, points: int = 200, stored_fen: int | None = 500) -> PricedCart:
    lines = [CartLine(Item("a", "水", 1000), 2), CartLine(Item("b", "茶", 700))]
    coupons = (
        Offer("c1", OfferType.AMOUNT_OFF, 300, stackable=True),
        Offer("c2", OfferType.AMOUNT_OFF, 300, min_fen=99_000, stackable=True),
    )
    purse = None if stored_fen is None else Purse(400, 1000, stored_fen)
    ask = Ask(coupons, points, (Voucher("k1", {"b": 1}), Voucher("g1", {"a": 1})), purse)
    return price_cart(lines, Earner(TIER, TIER, points=900), RULES, "2026-11-22", ask)


def test_a_cart_wants_what_it_used_and_no_coupon_that_did_not_apply() -> None:
    assert wanted(cart(), CARD) == (
        Want("points", 200),
        Want("sv_principal", 400),
        Want("sv_gift", 100),
        Want("count", 1, "k1"),
        Want("coupon", 1, "g1"),
        Want("coupon", 1, "c1"),
    )


def test_prepaid_tenders_and_what_is_due_add_up_to_what_is_payable() -> None:
    priced = cart()
    tenders = prepaid_tenders(priced, "k1")
    assert [one.type for one in tenders] == [TenderType.COUNT_CARD, TenderType.VOUCHER, TenderType.STORED_VALUE]
    assert sum(one.amount_fen for one in tenders) + priced.due_fen == priced.payable_fen
    assert (tenders[2].principal_fen, tenders[2].gift_fen) == (400, 100)


@pytest.mark.parametrize("dropped", [("points",), ("sv_gift",), ("count", "coupon"), ("points", "sv_principal")])
def test_what_no_right_covers_is_not_taken_and_the_prices_stay_as_granted(dropped: tuple[str, ...]) -> None:
    priced = cart()
    wants = [one for one in wanted(priced, CARD) if one.account in dropped]
    left = unspent(priced, wants)
    assert (left.payable_fen, [line.paid_fen for line in left.lines]) == (
        priced.payable_fen, [line.paid_fen for line in priced.lines],
    )  # fmt: skip
    assert left.redeemed.off_fen == priced.redeemed.off_fen
    still = {(one.account, one.bucket) for one in wanted(left, CARD) if one.bucket != "c1"}
    gone = {(one.account, one.bucket) for one in wants}
    assert not still & gone
    assert sum(line.points_used for line in left.lines) == left.redeemed.points


_LOTS = st.lists(
    st.builds(
        Lot,
        lease_id=st.uuids().map(str),
        account=st.sampled_from(["points", "coupon", "count"]),
        owner=st.just("m1"),
        bucket=st.sampled_from(["", "c1", "c2"]),
        expires=st.just(""),
        remaining=st.integers(1, 500),
    ),
    max_size=6,
)
_WANTS = st.lists(
    st.builds(
        Want,
        account=st.sampled_from(["points", "coupon", "count"]),
        amount=st.integers(1, 600),
        bucket=st.sampled_from(["", "c1"]),
    ),
    max_size=3,
    unique_by=lambda one: one.account,
)


@given(_WANTS, _LOTS)
def test_a_plan_takes_a_want_whole_or_not_at_all_and_never_more_than_a_lot_holds(
    wants: list[Want], lots: list[Lot]
) -> None:
    planned = plan(wants, lots)
    for lot in lots:
        assert -sum(one.amount for one in planned.postings if one.lease == lot.lease_id) <= lot.remaining
    for want in wants:
        taken = -sum(one.amount for one in planned.postings if one.account == want.account)
        assert taken == (0 if want in planned.dropped else want.amount)
    assert {one.account for one in planned.missing} == {one.account for one in planned.dropped}
    assert all(0 < short.amount <= whole.amount for short, whole in zip(planned.missing, planned.dropped, strict=True))


@given(
    st.builds(
        Asks,
        coupons=st.lists(st.text(min_size=1), max_size=3).map(tuple),
        points=st.one_of(st.just("max"), st.integers(0, 10**9)),
        stored_value=st.one_of(st.just("max"), st.integers(0, 10**9)),
        count_card=st.none() | st.builds(CardUse, st.text(min_size=1), st.integers(1, 99), st.none() | st.integers(1)),
        cash=st.booleans(),
        override=st.none() | st.builds(Override, st.text(), st.text()),
    )
)
def test_asks_survive_the_books(asks: Asks) -> None:
    assert asks_of(json.loads(json.dumps(asks_json(asks)))) == asks


# --- what a member has ----------------------------------------------------------------------------------------------
MEMBER = Member(
    "m1", "b1", "n", 100, "138****8000", sv_principal_fen=1000, sv_gift_fen=50,
    cards=(HeldCard("k1", "十次卡", 5, 10, 1000, ""),), expiring_points=80, expiring_day="2026-12-01",
)  # fmt: skip


def held(*posted: tuple[str, str, str, int, int], lots: tuple[Lot, ...] = ()) -> Holdings:
    return holdings(MEMBER, {"e": 10}, posted, lots)


def test_only_what_hqs_row_does_not_hold_yet_is_added() -> None:
    has = held(
        ("points", "opening", "e", 10, -30), ("points", "opening", "e", 11, -30), ("points", "x", "new", 1, 5),
        ("count", "k1", "e", 12, -2), ("coupon", "c1", "e", 12, -1), ("coupon", "c2", "e", 9, -1),
        ("sv_gift", "opening", "e", 12, -20),
    )  # fmt: skip
    assert (has.balance("points"), has.balance("sv_gift"), has.balance("sv_principal")) == (75, 30, 1000)
    assert [card.left for card in has.cards] == [3]
    assert has.used_coupons == {"c1"}


def test_debt_is_owed_first_and_leaves_no_right_to_spend_r12() -> None:
    has = held(("points", "debt", "e", 11, -130), lots=(Lot("l1", "points", "m1", "opening", "", 40),))
    assert (has.debt, has.points_known, has.points_here) == (30, 0, 0)


def test_a_card_sold_here_is_known_before_hq_says_so() -> None:
    has = held(("count", "k9", "e", 11, 10), lots=(Lot("l9", "count", "m1", "k9", "2027-12-31", 10),))
    card = has.card("k9")
    assert card is not None
    assert (card.left, card.expires) == (10, "2027-12-31")


@pytest.mark.parametrize(
    ("day", "soon"),
    [("2026-11-15", (0, "")), ("2026-11-16", (80, "2026-12-01")), ("2026-12-01", (80, "2026-12-01")),
     ("2026-12-02", (0, ""))],
)  # fmt: skip
def test_s27_points_are_announced_fifteen_days_ahead_and_no_longer(day: str, soon: tuple[int, str]) -> None:
    assert held().expires_soon(day) == soon


def test_after_a_sale_the_lot_that_ends_first_has_paid_first() -> None:
    spent = [Posting("points", "m1", -50, "a", "2026-12-01", "l1"), Posting("points", "m1", 7, "@", "2027-11-22", "@")]
    spent += [Posting("count", "m1", -1, "k1", "", "l2"), Posting("sv_principal", "m1", -400, "", "", "l3")]
    left = after(held(), spent, "2026-11-22", "k1")
    assert (left.points, left.principal_fen, left.expiring_points, left.expiring_day) == (57, 600, 30, "2026-12-01")
    assert left.card == replace(MEMBER.cards[0], left=4)


# --- rules and days -------------------------------------------------------------------------------------------------
def test_a_rule_set_names_what_is_wrong_with_validity_custodian_and_mode() -> None:
    body: dict[str, Json] = {
        "version": 1, "join_tier_id": "n",
        "tiers": [{"tier_id": "n", "name": "普通", "pay_rate_bps": 10_000, "earn_mult_x100": 100}],
    }  # fmt: skip
    rules = rule_set({**body, "points_valid_months": 18, "fund_custodian": "某银行", "stored_value_mode": "gift_first"})
    assert (rules.points_valid_months, rules.fund_custodian, rules.stored_value_mode) == (18, "某银行", "gift_first")
    assert rules.points_expire("2026-08-31") == "2028-02-29"
    assert rule_set(body).points_expire("2026-08-31") == ""
    for name, wrong in (("points_valid_months", -1), ("points_valid_months", 121), ("stored_value_mode", "mine")):
        with pytest.raises(ValueError, match=name):
            rule_set({**body, name: wrong})
    for custodian in (7, "a\nb", "x" * 201):
        with pytest.raises(ValueError, match="fund_custodian"):
            rule_set({**body, "fund_custodian": custodian})


@pytest.mark.parametrize(
    ("day", "birthday", "is_it"),
    [("2026-11-22", "11-22", True), ("2026-11-23", "11-22", False), ("2027-02-28", "02-29", True),
     ("2028-02-28", "02-29", False), ("2028-02-29", "02-29", True)],
)  # fmt: skip
def test_s26_a_birthday_is_one_day_a_year(day: str, birthday: str, is_it: bool) -> None:
    assert is_birthday(day, birthday) is is_it
