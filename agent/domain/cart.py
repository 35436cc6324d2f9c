"""A cart before and after pricing: what is asked, and every figure a line records (R7).

Pure data; agent.domain.sale makes one of the other, sale_event and the receipt read the result.
"""

from dataclasses import dataclass
from typing import NamedTuple

from agent.domain.member import Tier
from agent.domain.prepaid import Covered, Drawn
from agent.domain.pricing import Item, PriceSource, Route
from agent.domain.redemption import Redeemed
from agent.domain.stages import Outcome


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line to price: pieces, or grams for goods by weight. `charged_fen` is what was already taken for it.

    `label_fen` is the amount on a scale's label, which is authoritative (R3). `known` False: the pricebook has no such
    article, so its list price is whatever was charged.
    """

    item: Item
    qty: int = 1
    grams: int | None = None
    charged_fen: int | None = None
    known: bool = True
    label_fen: int | None = None

    @property
    def pieces(self) -> int:
        """How many pieces; weighed goods count as one."""
        return self.qty if self.grams is None and self.label_fen is None else 1


@dataclass(frozen=True, slots=True)
class Earner:
    """Who earns and who prices: tier for the price (None = list), tier for the multiplier (None = nobody earns).

    `points` is the balance that may be spent: without frozen points, debt and what this sale earns (R8).
    """

    price_tier: Tier | None = None
    earn_tier: Tier | None = None
    points: int = 0
    birthday: bool = False


class LineOffer(NamedTuple):
    """What one promotion or coupon took off one line. A tuple, for a quote makes one per line and offer."""

    offer_id: str
    name: str
    off_fen: int
    coupon: bool = False


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
    offers: tuple[LineOffer, ...] = ()
    points_off_fen: int = 0
    points_used: int = 0
    rounding_off_fen: int = 0
    route: Route = Route.UNIT

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
    promos: tuple[Outcome, ...] = ()
    """In the rule set's order, those without effect too; `coupons` in the order asked."""
    coupons: tuple[Outcome, ...] = ()
    redeemed: Redeemed = Redeemed()
    balance_after: int = 0
    covered: tuple[Covered, ...] = ()
    drawn: Drawn = Drawn()
    rounding_off_fen: int = 0
    lost_fen: int = 0
    """Face value that found no room above the floors: printed, for the customer gave it up (R4, R5)."""
    below_market: tuple[int, ...] = ()
    """Numbers of the lines on sale under 70 % of the market price: recorded and told to HQ (R4, S54)."""

    @property
    def prepaid_fen(self) -> int:
        """What vouchers, count cards and stored value pay of it."""
        return self.drawn.amount_fen + sum([one.amount_fen for one in self.covered])

    @property
    def due_fen(self) -> int:
        """What is left to be tendered outside: cash, WeChat, a card."""
        return self.payable_fen - self.prepaid_fen

    @property
    def saved_fen(self) -> int:
        """List total minus payable; never negative, for paper calls it saved."""
        return max(0, self.list_fen - self.payable_fen)

    @property
    def foregone_fen(self) -> int:
        """What the member price would have saved on top; never negative."""
        return max(0, self.payable_fen - self.member_payable_fen)
