"""`price_cart` with promotions, coupons, points, 抹零 (R2, R5, R7): what a line records, and what a charge changes."""

import dataclasses

import pytest

from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.member import Tier
from agent.domain.offer_rules import held_offer
from agent.domain.offers import Offer, OfferType
from agent.domain.prepaid import Purse, Voucher
from agent.domain.pricing import Item, PriceSource, Route
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.rules import RuleSet
from agent.domain.sale import Ask, CartLine, Earner, LineOffer, PricedCart, price_cart
from agent.domain.stages import Why

DAY = "2026-08-08"
GOLD, PLAIN = Tier("gold", "金卡", 9000, 150), Tier("plain", "普通", 10_000, 100)
RULES = RuleSet(
    1,
    {"gold": GOLD, "plain": PLAIN},
    "plain",
    redeem=RedeemRule(100, 100, 5000),
    moling=CashStep.JIAO,
    member_day=8,
    member_day_mult_x100=200,
)
COUPON = Offer("k", OfferType.AMOUNT_OFF, 1000, min_fen=8000, name="满80减10")
PROMO = Offer("p", OfferType.AMOUNT_OFF, 100, scope=frozenset("a"), name="立减1元")
SALE = [
    CartLine(Item("A", "杯", 2990), 2),
    CartLine(Item("B", "茶", 1550)),
    CartLine(Item("C", "烟", 880, no_member_discount=True), 3),
]


def promoted(start_day: str | None = None, end_day: str | None = None) -> RuleSet:
    return dataclasses.replace(RULES, promos=(dataclasses.replace(PROMO, start_day=start_day, end_day=end_day),))


def test_a_whole_sale_is_recorded_line_by_line_r7() -> None:
    """The composite of the handed-down cases D29 and D30: gold card, coupon, 500 points, 抹零, member day."""
    ask = Ask(coupons=(COUPON,), points=500, cash=True)
    found = price_cart(SALE, Earner(GOLD, GOLD, points=1200), RULES, DAY, ask)
    assert [line.gross_fen for line in found.lines] == [5382, 1395, 2640]
    assert [line.offers for line in found.lines] == [
        (LineOffer("k", "满80减10", fen, coupon=True),) for fen in (572, 148, 280)
    ]
    assert [line.points_off_fen for line in found.lines] == [286, 74, 140]
    assert [line.points_used for line in found.lines] == [286, 74, 140]
    assert [line.paid_fen for line in found.lines] == [4520, 1172, 2218]
    assert (found.payable_fen, found.rounding_off_fen, found.lost_fen) == (7910, 7, 0)
    assert (found.base_fen, found.points_earned, found.balance_after) == (7910, 237, 937)
    assert found.member_payable_fen == found.payable_fen  # who has the card already foregoes nothing
    assert all(line.route is Route.UNIT for line in found.lines)


def test_without_an_ask_promotions_apply_and_nothing_is_spent() -> None:
    found = price_cart([CartLine(Item("a", "水", 500), 2)], Earner(), promoted(), DAY)
    assert (found.payable_fen, found.lines[0].offers) == (900, (LineOffer("p", "立减1元", 100),))
    assert (found.redeemed.points, found.points_earned) == (0, 0)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [(DAY, DAY, None), ("2026-08-09", None, Why.PERIOD), (None, "2026-08-07", Why.PERIOD), (None, None, None)],
)
def test_a_promotion_holds_from_its_first_to_its_last_day_r15(
    start: str | None, end: str | None, why: Why | None
) -> None:
    found = price_cart([CartLine(Item("a", "水", 500))], Earner(), promoted(start_day=start, end_day=end), DAY)
    assert found.promos[0].why is why
    assert found.payable_fen == (500 if why else 400)


def priced(*cart: CartLine, who: Earner | None = None) -> PricedCart:
    return price_cart(cart, who or Earner(), promoted(), DAY)


def test_a_charge_equal_to_our_net_is_our_price_with_its_offers() -> None:
    line = priced(CartLine(Item("a", "水", 500), charged_fen=400)).lines[0]
    assert (line.source, line.gross_fen, line.paid_fen, len(line.offers)) == (PriceSource.LIST, 500, 400, 1)


def test_a_charge_that_differs_stands_and_no_offer_touches_it() -> None:
    found = priced(CartLine(Item("a", "水", 500), charged_fen=500), CartLine(Item("b", "茶", 300)))
    line = found.lines[0]
    assert (line.source, line.gross_fen, line.paid_fen, line.offers) == (PriceSource.CHARGED, 500, 500, ())
    assert found.promos[0].why is Why.NO_GOODS
    assert found.payable_fen == 800


def test_charges_stand_where_one_leaving_an_offer_would_change_the_other() -> None:
    water = Item("a", "水", 500)
    found = priced(CartLine(water, charged_fen=450), CartLine(water, charged_fen=999))
    assert [(line.paid_fen, line.source) for line in found.lines] == [
        (450, PriceSource.LIST),  # as we would have priced both; alone it would have been 400
        (999, PriceSource.CHARGED),
    ]
    assert all(line.offers == () for line in found.lines)


def test_an_unknown_article_keeps_its_charge_and_takes_no_offer() -> None:
    unknown = CartLine(Item("a", "?", 500, no_member_discount=True, earns=False), charged_fen=500, known=False)
    found = priced(unknown, who=Earner(GOLD, GOLD))
    assert (found.payable_fen, found.base_fen, found.lines[0].source) == (500, 0, PriceSource.LIST)


CHEAP = [CartLine(Item("a", "酒", 6000, market_fen=10_000))]


def test_a_price_under_70_percent_is_refused_when_asked_and_reported_when_sold_r4() -> None:
    with pytest.raises(Refusal) as refused:
        price_cart(CHEAP, Earner(), RULES, DAY, Ask())
    assert (refused.value.code, refused.value.field) == ("PRICE_BELOW_70", "lines.0")
    for ask in (None, Ask(below_market_ok=True)):
        found = price_cart(CHEAP, Earner(), RULES, DAY, ask)
        assert (found.payable_fen, found.below_market) == (6000, (1,))
    charged = [dataclasses.replace(CHEAP[0], charged_fen=100)]
    assert price_cart(charged, Earner(), RULES, DAY, Ask()).payable_fen == 100
    rule_off = dataclasses.replace(RULES, floor_rule_on=False)
    assert price_cart(CHEAP, Earner(), rule_off, DAY, Ask()).below_market == ()


def test_stored_value_is_taken_only_where_the_merchant_may_s38() -> None:
    ask = Ask(purse=Purse(3000, 5000))
    with pytest.raises(Refusal, match="no stored value"):
        price_cart(SALE, Earner(PLAIN, PLAIN), RULES, DAY, ask)
    allowed = dataclasses.replace(RULES, stored_value=True)
    found = price_cart([CartLine(Item("a", "水", 4000))], Earner(PLAIN, PLAIN), allowed, DAY, ask)
    assert (found.drawn.principal_fen, found.drawn.gift_fen, found.base_fen) == (3000, 1000, 3000)


def test_the_join_prompt_never_promises_more_than_a_member_would_save() -> None:
    """A member's price may miss a coupon's threshold and so cost more: then nothing is promised."""
    cart = [CartLine(Item("a", "水", 1000, member_fen=900), 8)]
    rules = dataclasses.replace(RULES, moling=None)
    found = price_cart(cart, Earner(), rules, DAY, Ask(coupons=(COUPON,)))
    assert (found.payable_fen, found.member_payable_fen, found.foregone_fen) == (7000, 7000, 0)
    found = price_cart(cart, Earner(), rules, DAY)
    assert (found.payable_fen, found.member_payable_fen, found.foregone_fen) == (8000, 7200, 800)


def test_birthday_member_day_and_campaign_give_the_highest_multiplier_r11() -> None:
    rules = dataclasses.replace(RULES, birthday_mult_x100=300, campaign_mults_x100=(150,))
    cart = [CartLine(Item("a", "水", 1000))]
    earned = [price_cart(cart, Earner(PLAIN, PLAIN, birthday=day), rules, DAY).points_earned for day in (False, True)]
    assert earned == [20, 30]


def test_a_held_coupon_becomes_the_offer_of_the_version_held_s46() -> None:
    body: dict[str, Json] = {
        "type": "percent_off",
        "name": "八折券",
        "off_bp": 2000,
        "scope": ["a"],
        "max_off_fen": 300,
    }
    held = HeldCoupon("c1", "m1", "b7", 2, "issued", "2026-08-01", "2026-08-31", 1_700_000_000_000, body)
    offer = held_offer(held)
    assert isinstance(offer, Offer)
    found = price_cart([CartLine(Item("a", "水", 1000), 2)], Earner(), RULES, DAY, Ask(coupons=(offer,)))
    assert [(one.offer.offer_id, one.off_fen, one.lost_fen) for one in found.coupons] == [("c1", 300, 0)]
    late = price_cart([CartLine(Item("a", "水", 1000))], Earner(), RULES, "2026-09-01", Ask(coupons=(offer,)))
    assert late.coupons[0].why is Why.PERIOD
    group = dataclasses.replace(held, body={"type": "group", "name": "双人餐", "scope": ["a", "a", "b"]})
    assert held_offer(group) == Voucher("c1", {"a": 2, "b": 1})
