"""A cart priced, and what a completed sale books: tenders, postings, discrepancies.

Pure and exact: the same inputs give the same quote at the till and the same recomputation at HQ. Every figure comes
from the pipeline (agent.domain.evaluate); here it becomes the lines that are recorded, beside the member comparison.
"""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.cart import CartLine, Earner, LineOffer, PricedCart, SaleLine
from agent.domain.errors import Refusal
from agent.domain.evaluate import Ask, Basket, Buyer, Evaluated, Terms, evaluate
from agent.domain.member import Tier
from agent.domain.money import allocate
from agent.domain.points import earned
from agent.domain.pricing import LinePrice, PriceSource, amount_at
from agent.domain.rules import RuleSet

__all__ = [
    "Ask",
    "CartLine",
    "Discrepancy",
    "Earner",
    "LineOffer",
    "Posting",
    "PricedCart",
    "SaleLine",
    "TenderLine",
    "TenderType",
    "booked_base",
    "earning_base",
    "price_cart",
]


class TenderType(StrEnum):
    """How money came: taken outside the agent, by the POS or the payment terminal, or held by the member before."""

    CASH = "cash"
    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    CARD = "card"
    OTHER = "other"
    STORED_VALUE = "stored_value"
    COUNT_CARD = "count_card"
    VOUCHER = "voucher"
    """A group voucher 团购券: a coupon that pays for its set."""


@dataclass(frozen=True, slots=True)
class TenderLine:
    """One tender: `received_fen` is what the customer handed over when change was given.

    Stored value says its split; a count card or voucher says which one it is and how many units it gave.
    """

    type: TenderType
    amount_fen: int
    transaction_id: str | None = None
    received_fen: int | None = None
    principal_fen: int = 0
    gift_fen: int = 0
    source: str = ""
    units: int = 0
    voucher_fen: int = 0
    """Of a WeChat payment: what a voucher of WeChat's own paid of it, as WeChat said."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of one sub-account: the unit of the ledger both ends fold."""

    account: str
    owner: str
    amount: int
    bucket: str = ""
    """The lot within the account; empty where the account has one only."""
    expires: str = ""
    """Business day up to which the lot may be used; empty: for ever."""
    lease: str = ""
    """What was spent, or given back to: a lease of this workstation; for what is earned here the lot's own name."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A fact that disagrees: recorded, shown, sent to HQ; never a reason to lose the sale."""

    code: str
    detail: str


_NOTHING_REFUSED = Ask(below_market_ok=True)


def price_cart(
    cart: Sequence[CartLine], who: Earner, rules: RuleSet, business_day: str, ask: Ask | None = None
) -> PricedCart:
    """Run a cart through the pipeline (R2), beside what a member pays on it.

    What was charged stays as sold: a line whose charge differs from our net (before points and 抹零) takes no part in
    offers. Without `ask` nothing is asked and nothing refused; with it Refusal is raised as `evaluate` does, and
    STORED_VALUE_REFUSED where the merchant may take none (S38). A charge was taken already, so it is never refused.
    """
    asked = ask or _NOTHING_REFUSED
    if asked.purse is not None and not rules.stored_value:
        raise Refusal("STORED_VALUE_REFUSED", "this merchant takes no stored value", field="stored_value")
    terms = _terms(rules, business_day, birthday=who.birthday)
    charged = [line for line, one in enumerate(cart) if one.charged_fen is not None]
    if charged:
        asked = dataclasses.replace(asked, below_market_ok=True)
    basket = Basket(cart, _buyer(who.price_tier, who.earn_tier, who.points), terms, asked)
    found, prices = _as_charged(basket, charged) if charged else _plain(evaluate(basket))
    comparison = who.earn_tier or who.price_tier or rules.tier(rules.join_tier_id)
    if comparison == who.price_tier and not charged:
        member = found
    else:
        compared = Ask(coupons=asked.coupons, cash=asked.cash, below_market_ok=True)
        member = evaluate(Basket(cart, _buyer(comparison, comparison), terms, compared))
    member_paid = _compared(found, member, charged)
    member_base = sum([paid for paid, one in zip(member_paid, cart, strict=True) if one.item.earns])
    event_x100 = terms.event_mults_x100[0]
    lines = _lines(cart, found, prices, member_paid)
    return PricedCart(
        lines=lines,
        list_fen=sum([line.list_fen for line in lines]),
        payable_fen=found.payable_fen,
        base_fen=found.base_fen,
        points_earned=found.earned,
        member_payable_fen=sum(member_paid),
        member_points=earned(member_base, rules.earn, tier_x100=comparison.earn_mult_x100, event_x100=event_x100),
        promos=found.promos,
        coupons=found.coupons,
        redeemed=found.redeemed,
        balance_after=found.balance_after,
        covered=found.covered,
        drawn=found.drawn,
        rounding_off_fen=sum(found.rounding_off),
        lost_fen=found.lost_fen,
        below_market=tuple([line + 1 for line in found.below_market]),
    )


def _terms(rules: RuleSet, business_day: str, *, birthday: bool) -> Terms:
    return Terms(
        promos=rules.promos,
        redeem=rules.redeem,
        earn=rules.earn,
        event_mults_x100=(rules.event_x100(business_day, birthday=birthday),),
        moling=rules.moling,
        tier_round=rules.tier_round,
        market_rule=rules.floor_rule_on,
        business_day=business_day,
    )


def _buyer(price_tier: Tier | None, earn_tier: Tier | None, points: int = 0) -> Buyer:
    return Buyer(
        prices=price_tier is not None,
        pay_rate_bps=price_tier.pay_rate_bps if price_tier is not None and price_tier.pay_rate_bps < 10_000 else None,
        earns=earn_tier is not None,
        earn_mult_x100=earn_tier.earn_mult_x100 if earn_tier is not None else 100,
        points=points,
    )


def _plain(found: Evaluated) -> tuple[Evaluated, tuple[LinePrice, ...]]:
    return found, found.prices


def _as_charged(basket: Basket, charged: Collection[int]) -> tuple[Evaluated, tuple[LinePrice, ...]]:
    """Evaluate with every charge that differs from ours standing as it was taken, and the prices to record.

    A charge taken out of the offers may change what the others get; if one of them then differs too, all charges
    stand as taken. An unknown article stands so from the start.
    """
    cart, ours = basket.cart, evaluate(basket)
    sold = {line for line in charged if not cart[line].known or cart[line].charged_fen != ours.nets[line]}
    if not sold:
        return _plain(ours)
    found = evaluate(dataclasses.replace(basket, sold=frozenset(sold)))
    if any(cart[line].charged_fen != found.nets[line] for line in charged):
        sold = set(charged)
        found = evaluate(dataclasses.replace(basket, sold=frozenset(sold)))
    prices = list(found.prices)
    for line in sold:
        own = ours.prices[line]
        if cart[line].charged_fen == (ours.nets[line] if cart[line].known else own.line_fen):
            prices[line] = dataclasses.replace(own, line_fen=prices[line].line_fen, lost_fen=0)
    return found, tuple(prices)


def _compared(found: Evaluated, member: Evaluated, charged: Collection[int]) -> tuple[int, ...]:
    """What a member pays line by line; what the customer pays, where a member would not pay less in all."""
    paid = list(member.paid)
    for line in charged:
        paid[line] = min(paid[line], found.paid[line])
    return tuple(paid) if sum(paid) < sum(found.paid) else found.paid


def _lines(
    cart: Sequence[CartLine], found: Evaluated, prices: Sequence[LinePrice], member_paid: Sequence[int]
) -> tuple[SaleLine, ...]:
    """Every line as recorded (R7)."""
    offers: list[list[LineOffer]] = [[] for _ in cart]
    for outcomes, coupon in ((found.promos, False), (found.coupons, True)):
        for outcome in outcomes:
            if outcome.applied:
                offer_id, name = outcome.offer.offer_id, outcome.offer.name
                for line, share in enumerate(outcome.shares):
                    if share:
                        offers[line].append(LineOffer(offer_id, name, share, coupon))
    return tuple(
        [
            SaleLine(
                line=line + 1,
                sku=entry.item.sku,
                name=entry.item.name,
                qty=entry.qty,
                grams=entry.grams,
                list_unit_fen=entry.item.list_fen,
                list_fen=_list_fen(entry, prices[line]),
                unit_fen=prices[line].unit_fen,
                source=prices[line].source,
                gross_fen=prices[line].line_fen,
                net_fen=found.nets[line],
                paid_fen=found.paid[line],
                earns=entry.item.earns,
                member_fen=member_paid[line],
                offers=tuple(offers[line]),
                points_off_fen=found.points_off[line],
                points_used=found.points_used[line],
                rounding_off_fen=found.rounding_off[line],
                route=prices[line].route,
            )
            for line, entry in enumerate(cart)
        ]
    )


def _list_fen(entry: CartLine, price: LinePrice) -> int:
    """The line at its list price; of an unknown article that is whatever was charged."""
    if not entry.known or price.source is PriceSource.LIST:
        return price.line_fen
    return amount_at(entry.item, entry.item.list_fen, entry.qty, entry.grams, entry.label_fen)


def earning_base(lines: Sequence[SaleLine], collected_fen: int) -> int:
    """Base when another amount was collected than quoted: spread what was collected over the lines (R6), keep earners.

    Never more than the quote's own base: money beyond the quote earns nothing until somebody explains it.
    """
    payable = sum(line.paid_fen for line in lines)
    shares = allocate([line.paid_fen for line in lines], min(collected_fen, payable)).shares
    return sum(share for share, line in zip(shares, lines, strict=True) if line.earns)


def booked_base(cart: PricedCart, collected_fen: int) -> int:
    """The earning base: the cart's own; of what came in, where that is another amount (gift money never earns)."""
    if collected_fen == cart.payable_fen:
        return cart.base_fen
    prepaid_fen = cart.drawn.gift_fen + sum(one.amount_fen for one in cart.covered)
    return max(0, min(cart.base_fen, earning_base(cart.lines, collected_fen) - prepaid_fen))
