"""A cart, its quote, and what a completed sale books: lines, tenders, totals, postings.

Pure and exact: the same inputs give the same quote at the till and the same recomputation at HQ. Only the stages that
exist so far are here (R2: line price, earn, allocate); promotions, coupons and points spending join them in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.member import Tier
from agent.domain.money import allocate
from agent.domain.points import earned
from agent.domain.pricing import Item, LinePrice, PriceSource, line_price
from agent.domain.rules import RuleSet


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line to price: pieces, or grams for goods by weight. `charged_fen` is what was already taken for it.

    `known` False: the pricebook has no such article, so its list price is whatever was charged.
    """

    item: Item
    qty: int = 1
    grams: int | None = None
    charged_fen: int | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One line as recorded (R7). `member_fen` is the whole line at the member price, for the comparison on paper."""

    line: int
    sku: str
    name: str
    qty: int
    grams: int | None
    list_unit_fen: int
    list_fen: int
    unit_fen: int
    source: PriceSource
    gross_fen: int
    net_fen: int
    paid_fen: int
    earns: bool
    member_fen: int

    @property
    def saved_fen(self) -> int:
        """What this line cost less than its list price; a line charged above it saved nothing."""
        return max(0, self.list_fen - self.paid_fen)


@dataclass(frozen=True, slots=True)
class PricedCart:
    """The cart priced for whoever stands there, beside what a member pays (for the join prompt or R20)."""

    lines: tuple[SaleLine, ...]
    list_fen: int
    payable_fen: int
    base_fen: int
    points_earned: int
    member_payable_fen: int
    """Payable at the comparison tier: the payer's own tier after payment (R20), else the tier a new member gets."""
    member_points: int
    """Points the comparison would earn."""

    @property
    def saved_fen(self) -> int:
        """List total minus payable; never negative, for paper calls it saved."""
        return max(0, self.list_fen - self.payable_fen)

    @property
    def foregone_fen(self) -> int:
        """What the member price would have saved on top; never negative."""
        return max(0, self.payable_fen - self.member_payable_fen)


class TenderType(StrEnum):
    """How money came. All of them are taken outside the agent, by the POS or the payment terminal."""

    CASH = "cash"
    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    CARD = "card"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TenderLine:
    """One tender: `received_fen` is what the customer handed over when change was given."""

    type: TenderType
    amount_fen: int
    transaction_id: str | None = None
    received_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of one sub-account: the unit of the ledger both ends fold."""

    account: str
    owner: str
    amount: int


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A fact that disagrees: recorded, shown, sent to HQ; never a reason to lose the sale."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Earner:
    """Who earns and who prices: tier for the price (None = list), tier for the multiplier (None = nobody earns)."""

    price_tier: Tier | None = None
    earn_tier: Tier | None = None


def price_cart(cart: Sequence[CartLine], who: Earner, rules: RuleSet, business_day: str) -> PricedCart:
    """Price a cart (R3), sum it and say what it earns (R11), beside the member comparison."""
    comparison = who.earn_tier or who.price_tier or rules.tier(rules.join_tier_id)
    lines: list[SaleLine] = []
    for number, entry in enumerate(cart, start=1):
        chosen = _charged(entry, _price(entry, who.price_tier, rules))
        plain = _price(entry, None, rules, at_list=True)
        member = _price(entry, comparison, rules)
        lines.append(
            SaleLine(
                line=number,
                sku=entry.item.sku,
                name=entry.item.name,
                qty=entry.qty,
                grams=entry.grams,
                list_unit_fen=entry.item.list_fen,
                list_fen=plain.line_fen if entry.known else chosen.line_fen,
                unit_fen=chosen.unit_fen,
                source=chosen.source,
                gross_fen=chosen.line_fen,
                net_fen=chosen.line_fen,
                paid_fen=chosen.line_fen,
                earns=entry.item.earns,
                member_fen=min(member.line_fen, chosen.line_fen),
            )
        )
    event_x100 = rules.event_x100(business_day)
    base = sum(line.paid_fen for line in lines if line.earns)
    member_base = sum(line.member_fen for line in lines if line.earns)
    tier_x100 = who.earn_tier.earn_mult_x100 if who.earn_tier is not None else 0
    return PricedCart(
        lines=tuple(lines),
        list_fen=sum(line.list_fen for line in lines),
        payable_fen=sum(line.paid_fen for line in lines),
        base_fen=base,
        points_earned=earned(base, rules.earn, tier_x100=tier_x100, event_x100=event_x100),
        member_payable_fen=sum(line.member_fen for line in lines),
        member_points=earned(member_base, rules.earn, tier_x100=comparison.earn_mult_x100, event_x100=event_x100),
    )


def _charged(entry: CartLine, ours: LinePrice) -> LinePrice:
    """What was sold stays as sold: a charge that differs from our price replaces it and says so."""
    if entry.charged_fen is None or entry.charged_fen == ours.line_fen:
        return ours
    pieces = entry.qty if entry.grams is None else 1
    return LinePrice(entry.charged_fen // max(1, pieces), entry.charged_fen, PriceSource.CHARGED)


def _price(entry: CartLine, tier: Tier | None, rules: RuleSet, *, at_list: bool = False) -> LinePrice:
    item = entry.item
    if at_list:
        item = Item(item.sku, item.name, item.list_fen, by_weight=item.by_weight)
    return line_price(
        item,
        qty=entry.qty,
        grams=entry.grams,
        is_member=tier is not None,
        pay_rate_bps=tier.pay_rate_bps if tier is not None and tier.pay_rate_bps < 10_000 else None,
        tier_round=rules.tier_round,
    )


def earning_base(lines: Sequence[SaleLine], collected_fen: int) -> int:
    """Base when another amount was collected than quoted: spread what was collected over the lines (R6), keep earners.

    Never more than the quote's own base: money beyond the quote earns nothing until somebody explains it.
    """
    payable = sum(line.paid_fen for line in lines)
    shares = allocate([line.paid_fen for line in lines], min(collected_fen, payable)).shares
    return sum(share for share, line in zip(shares, lines, strict=True) if line.earns)
