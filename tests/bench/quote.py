"""A quote with everything in it, in process: tier, three promotions, two coupons, points; and how it grows."""

import statistics
import time
from collections.abc import Callable

from agent.domain.member import Tier
from agent.domain.offers import Offer, OfferType, Rung
from agent.domain.pricing import Item
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.rules import RuleSet
from agent.domain.sale import Ask, CartLine, Earner, price_cart
from tests.bench.table import Figure, micro

_DAY = "2026-08-08"
_GOLD = Tier("gold", "金卡", 8800, 150)
_STEPS = (Rung(off_fen=500, min_fen=10_000), Rung(off_fen=1500, min_fen=20_000))
_ASK = Ask(
    coupons=(
        Offer("c1", OfferType.AMOUNT_OFF, 1000, min_fen=5000, stackable=True),
        Offer("c2", OfferType.PERCENT_OFF, off_bp=1000, max_off_fen=800, stackable=True),
    ),
    points=500,
    cash=True,
)


def measure(count: int) -> list[Figure]:
    """Quote a cart of 20 lines, and one of 2,000."""
    small, large = _samples(20, count), _samples(2000, max(10, count // 50))
    cart, bare = _cart(20), RuleSet(1, {}, "")
    plain = [_timed(lambda: price_cart(cart, Earner(), bare, _DAY)) for _ in range(count)]
    p50, base = statistics.median(small), statistics.median(plain)
    growth = min(large) / min(small)  # of the best: a long sample meets every other program of the machine
    return [
        Figure("quote of 20 lines: tier, 3 promotions, 2 coupons, points", micro(small),
               f"list price only {micro(plain)}: {p50 / base:.2g}x", p50 * 1e3, 1, 0.5, unit=" ms"),
        Figure("the same with 2,000 lines", micro(large), "best of 20 lines; 100x is linear", growth, 200, 100),
    ]  # fmt: skip


def _samples(lines: int, count: int) -> list[float]:
    cart, rules, who = _cart(lines), _rules(lines), Earner(_GOLD, _GOLD, points=3000)
    found = price_cart(cart, who, rules, _DAY, _ASK)
    offers = (*found.promos, *found.coupons)
    assert all(one.off_fen for one in offers), "an offer that takes nothing off measures nothing"
    assert found.redeemed.points == 500
    return [_timed(lambda: price_cart(cart, who, rules, _DAY, _ASK)) for _ in range(count)]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _cart(lines: int) -> list[CartLine]:
    return [
        CartLine(Item(f"s{number}", f"商品{number}", 1000 + 37 * number % 900, min_fen=500), 1 + number % 3)
        for number in range(lines)
    ]


def _rules(lines: int) -> RuleSet:
    third = frozenset(f"s{number}" for number in range(0, lines, 3))
    promos = (
        Offer("p1", OfferType.PERCENT_OFF, off_bp=1000, scope=third, priority=2),
        Offer("p2", OfferType.AMOUNT_OFF, rungs=_STEPS, priority=1),
        Offer("p3", OfferType.PERCENT_CHEAPEST_UNIT, off_bp=5000, min_qty=2),
    )
    return RuleSet(1, {"gold": _GOLD}, "gold", promos=promos, redeem=RedeemRule(100, 100, 5000), moling=CashStep.JIAO)
