"""The pipeline (R2) over carts made at random: sums, caps, floors, 抹零, and that a charge stays as it was taken."""

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agent.domain.cart import CartLine
from agent.domain.errors import Refusal
from agent.domain.evaluate import NOBODY, Ask, Basket, Buyer, Evaluated, Terms, evaluate
from agent.domain.floors import floor_unit
from agent.domain.offers import Offer, OfferType, Rung
from agent.domain.points import EarnRule
from agent.domain.prepaid import Purse
from agent.domain.pricing import Item, PriceSource, TierRound, amount_at
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep

examples = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # two busy cores
_SKUS = ("a", "b", "c", "d")
_FEN = st.integers(0, 20_000)
_MAYBE = st.one_of(st.none(), _FEN)
_SELDOM = st.tuples(st.integers(0, 3), _FEN).map(lambda drawn: drawn[1] if drawn[0] == 0 else None)
_OFTEN_0 = _SELDOM.map(lambda fen: fen or 0)
_ITEMS = st.builds(
    Item,
    st.sampled_from(_SKUS),
    st.just("n"),
    _FEN,
    member_fen=_SELDOM,
    promo_fen=_SELDOM,
    no_member_discount=st.booleans(),
    earns=st.booleans(),
    min_fen=_SELDOM,
    market_fen=_SELDOM,
)
_PIECES = st.builds(CartLine, _ITEMS, st.integers(1, 9))
_WEIGHED = st.builds(CartLine, _ITEMS, st.just(1), st.integers(1, 3_000))
_LABELLED = st.builds(CartLine, _ITEMS, st.just(1), st.integers(1, 3_000), label_fen=_FEN)
_CARTS = st.lists(st.one_of(_PIECES, _WEIGHED, _LABELLED), max_size=7).map(tuple)
_SCOPES = st.one_of(st.none(), st.frozensets(st.sampled_from(_SKUS), min_size=1))
_RUNGS = st.lists(st.builds(Rung, _FEN, st.integers(0, 10_000), _FEN, st.integers(0, 5)), max_size=3).map(tuple)
_OFFERS = st.builds(
    Offer,
    st.sampled_from(["p", "q", "r"]),
    st.sampled_from(OfferType),
    off_fen=_FEN,
    off_bp=st.integers(0, 10_000),
    min_fen=_OFTEN_0,
    min_qty=st.sampled_from([0, 0, 2, 4]),
    scope=_SCOPES,
    max_off_fen=_SELDOM,
    priority=st.integers(0, 2),
    exclusive=st.sampled_from([False, False, False, True]),
    stackable=st.booleans(),
    rungs=st.one_of(st.just(()), _RUNGS),
)
_OFFER_LISTS = st.lists(_OFFERS, max_size=4).map(tuple)
_REDEEM = st.builds(RedeemRule, st.integers(1, 100), st.integers(1, 100), st.integers(0, 10_000), _SELDOM)
_TERMS = st.builds(
    Terms,
    _OFFER_LISTS,
    st.one_of(st.none(), _REDEEM),
    st.builds(EarnRule, st.integers(0, 5), st.integers(1, 1000)),
    st.lists(st.integers(100, 300), max_size=2).map(tuple),
    st.one_of(st.none(), st.sampled_from(CashStep)),
    st.sampled_from(TierRound),
)
_BUYERS = st.one_of(
    st.just(NOBODY),
    st.builds(Buyer, st.booleans(), st.one_of(st.none(), st.integers(1, 9_999)), points=st.integers(-50, 50_000)),
)
_PURSES = st.one_of(st.none(), st.builds(Purse, _FEN, _FEN))
_ASKS = st.builds(
    Ask, _OFFER_LISTS, st.sampled_from([0, "max"]), purse=_PURSES, cash=st.booleans(), below_market_ok=st.just(True)
)
_BASKETS = st.builds(Basket, _CARTS, _BUYERS, _TERMS, _ASKS)


def floors_of(basket: Basket) -> list[int]:
    found = []
    for one in basket.cart:
        floor = floor_unit(one.item.min_fen, one.item.market_fen, market_rule=True)
        found.append(amount_at(one.item, floor, one.qty, one.grams, one.label_fen))
    return found


def list_amounts(basket: Basket) -> list[int]:
    return [amount_at(one.item, one.item.list_fen, one.qty, one.grams, one.label_fen) for one in basket.cart]


@examples
@given(_BASKETS)
def test_what_a_line_records_adds_up_r7(basket: Basket) -> None:
    found = evaluate(basket)
    for line in range(len(basket.cart)):
        offers = sum(one.shares[line] for one in (*found.promos, *found.coupons))
        assert found.nets[line] == found.gross[line] - offers
        assert found.paid[line] == found.nets[line] - found.points_off[line] - found.rounding_off[line]
        assert min(found.nets[line], found.paid[line], found.points_off[line], found.points_used[line]) >= 0
    assert sum(found.paid) == found.payable_fen
    assert sum(found.points_off) == found.redeemed.off_fen
    assert sum(found.points_used) == found.redeemed.points
    assert found.lost_fen >= 0
    rooms = [net - floor for net, floor in zip(found.nets, floors_of(basket), strict=True)]
    assert all(used == 0 for used, room in zip(found.points_used, rooms, strict=True) if room <= 0)


@examples
@given(_BASKETS)
def test_nobody_pays_more_than_is_displayed(basket: Basket) -> None:
    """No 反向抹零: neither rounding nor a floor nor any stage ever collects more than the list price of the goods."""
    found = evaluate(basket)
    assert all(paid <= shown for paid, shown in zip(found.paid, list_amounts(basket), strict=True))
    assert found.payable_fen <= sum(found.nets)
    assert 0 <= sum(found.rounding_off) < (basket.terms.moling.fen if basket.terms.moling else 1)
    assert not sum(found.rounding_off) or basket.ask.cash


@examples
@given(_BASKETS)
def test_no_discount_goes_below_a_floor_but_gifts_and_rounding_r4(basket: Basket) -> None:
    assume(all(one.type is not OfferType.GIFT for one in (*basket.terms.promos, *basket.ask.coupons)))
    found = evaluate(basket)
    for line, floor in enumerate(floors_of(basket)):
        left = found.nets[line] - found.points_off[line]
        assert left >= min(floor, found.gross[line])


@examples
@given(_BASKETS, st.integers(1, 9_999))
def test_a_member_price_stops_at_the_floor_and_tells_what_that_took_r4(basket: Basket, pay_rate_bps: int) -> None:
    found = evaluate(replace(basket, buyer=Buyer(pay_rate_bps=pay_rate_bps)))
    free_cart = tuple(replace(one, item=replace(one.item, min_fen=None, market_fen=None)) for one in basket.cart)
    free = evaluate(replace(basket, cart=free_cart, buyer=Buyer(pay_rate_bps=pay_rate_bps)))
    for line, floor in enumerate(floors_of(basket)):
        assert found.prices[line].lost_fen == found.gross[line] - free.gross[line]
        if found.prices[line].source in (PriceSource.TIER, PriceSource.MEMBER_FIXED):
            assert found.gross[line] >= min(floor, list_amounts(basket)[line])


@examples
@given(_BASKETS)
def test_an_offer_takes_no_more_than_its_face_and_only_from_its_goods_r5(basket: Basket) -> None:
    found = evaluate(basket)
    for offers, outcomes in ((basket.terms.promos, found.promos), (basket.ask.coupons, found.coupons)):
        assert [one.offer for one in outcomes] == list(offers)
        applied = [one for one in outcomes if one.applied]
        if any(one.offer.exclusive for one in applied):
            assert len(applied) == 1
        for one in outcomes:
            scope, most = one.offer.scope, one.offer.max_off_fen
            assert one.applied or one.off_fen == one.lost_fen == 0
            assert most is None or one.off_fen + one.lost_fen <= most
            skus = [entry.item.sku for entry in basket.cart]
            assert all(scope is None or sku in scope for sku, share in zip(skus, one.shares, strict=True) if share)
            if one.offer.type is OfferType.AMOUNT_OFF and one.applied and not one.offer.rungs:
                assert one.off_fen + one.lost_fen == min(one.offer.off_fen, most if most is not None else 10**9)
    whole = [one.offer for one in found.coupons if one.applied and one.offer.scope is None]
    assert len(whole) < 2 or all(one.stackable for one in whole)


@examples
@given(_BASKETS)
def test_points_stay_within_balance_cap_and_rule_and_one_unit_more_is_refused_r8(basket: Basket) -> None:
    rule = basket.terms.redeem
    basket = replace(basket, ask=replace(basket.ask, points="max"))
    found = evaluate(basket)
    if rule is None:
        assert found.redeemed.points == 0
        return
    points, payable_fen = found.redeemed.points, sum(found.nets)
    assert points % rule.points_per_unit == 0
    assert points <= max(0, basket.buyer.points)
    assert points <= (rule.max_points if rule.max_points is not None else 10**9)
    assert found.redeemed.off_fen * 10_000 <= payable_fen * rule.cap_bp
    assert evaluate(replace(basket, ask=replace(basket.ask, points=points))) == found
    code = _refused(replace(basket, ask=replace(basket.ask, points=points + rule.points_per_unit)))
    assert code == ("POINTS_INSUFFICIENT" if points + rule.points_per_unit > basket.buyer.points else "POINTS_OVER_CAP")


def _refused(basket: Basket) -> str:
    try:
        evaluate(basket)
    except Refusal as refused:
        return refused.code
    return ""


@examples
@given(_BASKETS)
def test_gift_money_and_what_earns_not_stays_out_of_the_base_r11(basket: Basket) -> None:
    found = evaluate(basket)
    earning = sum(paid for paid, one in zip(found.paid, basket.cart, strict=True) if one.item.earns)
    assert found.base_fen == max(0, earning - found.drawn.gift_fen)
    assert found.earned == 0 or basket.buyer.earns
    assert found.balance_after == basket.buyer.points - found.redeemed.points + found.earned
    assert found.other_tender_fen >= 0


@examples
@given(_BASKETS)
def test_a_quote_is_repeatable_and_offers_on_other_goods_do_not_wait_for_each_other(basket: Basket) -> None:
    """Offers of one priority on disjoint skus: their order in the rule set changes nobody's price."""
    assert evaluate(basket) == evaluate(basket)
    apart = [
        replace(offer, offer_id=sku, scope=frozenset(sku), priority=0, exclusive=False)
        for offer, sku in zip(basket.terms.promos, _SKUS, strict=False)
    ]
    forth = evaluate(replace(basket, terms=replace(basket.terms, promos=tuple(apart))))
    back = evaluate(replace(basket, terms=replace(basket.terms, promos=tuple(reversed(apart)))))
    assert (forth.paid, forth.lost_fen, forth.earned) == (back.paid, back.lost_fen, back.earned)
    assert [one.shares for one in forth.promos] == [one.shares for one in reversed(back.promos)]


@examples
@given(_BASKETS, st.lists(_FEN, min_size=7, max_size=7))
def test_what_was_charged_is_touched_by_no_offer(basket: Basket, charges: list[int]) -> None:
    cart = tuple(replace(one, charged_fen=fen) for one, fen in zip(basket.cart, charges, strict=False))
    sold = frozenset(range(0, len(cart), 2))
    found: Evaluated = evaluate(replace(basket, cart=cart, sold=sold))
    for line in sold:
        assert found.gross[line] == found.nets[line] == cart[line].charged_fen
