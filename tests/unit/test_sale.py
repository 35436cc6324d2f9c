"""A cart priced and recorded (R2, R3, R6, R7, R11): the sums hold for every cart, whoever stands there."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.member import Tier
from agent.domain.money import allocate
from agent.domain.points import EarnRule, earned
from agent.domain.pricing import Item, PriceSource, TierRound
from agent.domain.rules import RuleSet
from agent.domain.sale import CartLine, Earner, PricedCart, earning_base, price_cart

DAY = "2026-08-08"
examples = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # two busy cores
_FEN = st.integers(0, 100_000)
_MAYBE = st.one_of(st.none(), _FEN)
_TIERS = st.builds(Tier, st.just("t"), st.just("t"), st.integers(1, 10_000), st.integers(0, 300))
_ITEMS = st.builds(Item, st.just("s"), st.just("n"), _FEN, _MAYBE, _MAYBE, st.booleans(), st.booleans())
_PIECES = st.builds(CartLine, _ITEMS, st.integers(1, 50), charged_fen=_MAYBE)
_WEIGHED = st.builds(CartLine, _ITEMS, st.just(1), st.integers(1, 20_000), charged_fen=_MAYBE)
_CARTS = st.lists(st.one_of(_PIECES, _WEIGHED), min_size=1, max_size=8)
_EARNERS = st.one_of(
    st.just(Earner()),
    st.builds(lambda tier: Earner(tier, tier), _TIERS),
    st.builds(lambda tier: Earner(None, tier), _TIERS),  # known by the payment alone
)
_RULES = st.builds(
    RuleSet,
    st.just(1),
    st.builds(lambda tier: {"t": tier}, _TIERS),
    st.just("t"),
    st.builds(EarnRule, st.integers(0, 5), st.integers(1, 1000)),
    st.sampled_from(TierRound),
    member_day=st.sampled_from([None, 8]),
    member_day_mult_x100=st.sampled_from([100, 200]),
)


def priced(cart: list[CartLine], who: Earner, rules: RuleSet) -> PricedCart:
    return price_cart(cart, who, rules, DAY)


@examples
@given(_CARTS, _EARNERS, _RULES)
def test_the_totals_are_the_sums_of_the_lines_r7(cart: list[CartLine], who: Earner, rules: RuleSet) -> None:
    found = priced(cart, who, rules)
    assert found.payable_fen == sum(line.paid_fen for line in found.lines)
    assert found.list_fen == sum(line.list_fen for line in found.lines)
    assert found.base_fen == sum(line.paid_fen for line in found.lines if line.earns) <= found.payable_fen
    assert found.member_payable_fen == found.payable_fen - found.foregone_fen
    assert found.saved_fen == max(0, found.list_fen - found.payable_fen)
    assert all(line.gross_fen == line.net_fen == line.paid_fen >= 0 for line in found.lines)
    tier_x100 = who.earn_tier.earn_mult_x100 if who.earn_tier else 0
    event_x100 = rules.event_x100(DAY)
    assert found.points_earned == earned(found.base_fen, rules.earn, tier_x100=tier_x100, event_x100=event_x100)


@examples
@given(_CARTS, _EARNERS, _RULES)
def test_nobody_pays_more_than_list_unless_it_was_charged_so(cart: list[CartLine], who: Earner, rules: RuleSet) -> None:
    """A fixed member price may be dearer than the tier's rate, but the lowest candidate wins, and list is one (R3)."""
    for entry, line in zip(cart, priced(cart, who, rules).lines, strict=True):
        if line.source is PriceSource.CHARGED:
            assert line.paid_fen == entry.charged_fen
        else:
            assert line.paid_fen <= line.list_fen
            assert entry.charged_fen in (None, line.paid_fen)


@examples
@given(_CARTS, _TIERS, _RULES)
def test_a_payment_known_afterwards_changes_no_price_r20(cart: list[CartLine], tier: Tier, rules: RuleSet) -> None:
    stranger, payer = priced(cart, Earner(), rules), priced(cart, Earner(earn_tier=tier), rules)
    prices = [[(line.paid_fen, line.source) for line in found.lines] for found in (stranger, payer)]
    assert prices[0] == prices[1]
    assert stranger.points_earned == 0


@examples
@given(_CARTS, _EARNERS, _RULES, st.integers(0, 10_000_000))
def test_the_base_never_grows_by_money_nobody_explained_r6(
    cart: list[CartLine], who: Earner, rules: RuleSet, collected_fen: int
) -> None:
    found = priced(cart, who, rules)
    base_fen = earning_base(found.lines, collected_fen)
    assert 0 <= base_fen <= min(found.base_fen, collected_fen)
    assert earning_base(found.lines, found.payable_fen) == found.base_fen
    everything = tuple(replace(line, earns=True) for line in found.lines)
    assert earning_base(everything, collected_fen) == min(collected_fen, found.payable_fen)


@examples
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=8), st.integers(0, 50_000))
def test_an_allocation_places_everything_it_can_and_nothing_twice_r6(pairs: list[tuple[int, int]], amount: int) -> None:
    weights, caps = [weight for weight, _ in pairs], [cap for _, cap in pairs]
    found = allocate(weights, amount, caps)
    assert sum(found.shares) + found.unallocated == amount
    assert all(0 <= share <= cap for share, cap in zip(found.shares, caps, strict=True))
    assert all(share == 0 for share, weight in zip(found.shares, weights, strict=True) if weight == 0)
    room = sum(cap for weight, cap in pairs if weight > 0)
    assert found.unallocated == max(0, amount - room)


@examples
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=8), st.integers(0, 50_000))
def test_a_share_is_off_by_less_than_a_fen_and_ties_go_to_the_first_line_r6(weights: list[int], amount: int) -> None:
    shares, total = allocate(weights, amount).shares, sum(weights)
    assert all(abs(share * total - amount * weight) < total for share, weight in zip(shares, weights, strict=True))
    for index, weight in enumerate(weights):
        later = [shares[j] for j in range(index + 1, len(weights)) if weights[j] == weight]
        assert all(share <= shares[index] for share in later)
