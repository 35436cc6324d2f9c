"""The pipeline (R2): one frozen basket in, every figure of the sale out. Called for quotes, sales and recomputation.

1 line price, 2 promotions, 3 coupons, 4 points, 5 prepaid tenders, 6 抹零, 8 earn; 7 is the cash itself, and 9 is how
the result is kept: by line. Pure and exact; the same basket always gives the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.cart import CartLine
from agent.domain.errors import Refusal
from agent.domain.floors import floor_unit
from agent.domain.money import allocate
from agent.domain.offers import Offer
from agent.domain.points import EarnRule, earned, event_multiplier
from agent.domain.prepaid import Covered, Drawn, Purse, Voucher, cover, draw
from agent.domain.pricing import LinePrice, PriceSource, TierRound, amount_at, line_price
from agent.domain.redemption import Asked, Redeemed, RedeemRule, redeem, spread
from agent.domain.risk import price_ok
from agent.domain.rounding import CashStep, wiped
from agent.domain.stages import Outcome, Shelf, run_stage


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys. `prices` False: known too late to be priced as a member (R20). `points` is what may be spent."""

    prices: bool = True
    pay_rate_bps: int | None = None
    earns: bool = True
    earn_mult_x100: int = 100
    points: int = 0


NOBODY = Buyer(prices=False, earns=False)
"""An anonymous sale: list prices, and 0 points earned."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The brand's rules that decide a sale, as of one version and business day."""

    promos: tuple[Offer, ...] = ()
    redeem: RedeemRule | None = None
    earn: EarnRule = EarnRule()
    event_mults_x100: tuple[int, ...] = ()
    moling: CashStep | None = None
    tier_round: TierRound = TierRound.UNIT
    market_rule: bool = True
    business_day: str | None = None
    """For the periods of offers; None checks none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the customer asks for and how the rest is paid. `below_market_ok`: a supervisor allowed PRICE_BELOW_70."""

    coupons: tuple[Offer, ...] = ()
    points: Asked = 0
    vouchers: tuple[Voucher, ...] = ()
    purse: Purse | None = None
    cash: bool = False
    below_market_ok: bool = False


@dataclass(frozen=True, slots=True)
class Basket:
    """Everything that decides a sale. Lines numbered in `sold` (from 0) stand as they were charged."""

    cart: Sequence[CartLine]
    buyer: Buyer = NOBODY
    terms: Terms = Terms()
    ask: Ask = Ask()
    sold: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Every figure of a sale (R7). Tuples hold one entry a line, in the basket's order; amounts are fen."""

    prices: tuple[LinePrice, ...]
    nets: tuple[int, ...]
    """After promotions and coupons, before points."""
    points_off: tuple[int, ...]
    points_used: tuple[int, ...]
    rounding_off: tuple[int, ...]
    paid: tuple[int, ...]
    promos: tuple[Outcome, ...]
    coupons: tuple[Outcome, ...]
    redeemed: Redeemed
    covered: tuple[Covered, ...]
    drawn: Drawn
    payable_fen: int
    """After points and 抹零, before tenders."""
    lost_fen: int
    base_fen: int
    earned: int
    balance_after: int
    below_market: tuple[int, ...]
    """Lines whose list or promo price is under 70 % of the market's: sold by a supervisor's word, or sold already."""

    @property
    def gross(self) -> tuple[int, ...]:
        """After the line price (R3)."""
        return tuple([price.line_fen for price in self.prices])

    @property
    def other_tender_fen(self) -> int:
        """What is left to be paid after everything prepaid."""
        return self.payable_fen - self.drawn.amount_fen - sum(one.amount_fen for one in self.covered)


def evaluate(basket: Basket) -> Evaluated:
    """Run the whole pipeline of R2 over a basket.

    Raises Refusal: PRICE_BELOW_70 (R4), POINTS_NOT_MULTIPLE, POINTS_INSUFFICIENT, POINTS_OVER_CAP (R8),
    VOUCHER_SET_INCOMPLETE (R5).

    >>> from agent.domain.pricing import Item
    >>> cart = (CartLine(Item("a", "杯", 2990), 2), CartLine(Item("b", "茶", 1550)))
    >>> found = evaluate(Basket(cart, terms=Terms(moling=CashStep.JIAO), ask=Ask(cash=True)))
    >>> found.payable_fen, found.paid
    (7530, (5980, 1550))
    """
    cart, buyer, terms, ask = basket.cart, basket.buyer, basket.terms, basket.ask
    below = _below_market(basket)
    prices, floors = _price(basket)
    shelf = Shelf(tuple([one.item.sku for one in cart]), tuple([one.pieces for one in cart]), floors, basket.sold)
    after_promos = run_stage(terms.promos, shelf, [price.line_fen for price in prices], terms.business_day)
    after_coupons = run_stage(ask.coupons, shelf, after_promos.nets, terms.business_day, coupons=True)
    nets = after_coupons.nets
    rooms = [max(0, net - floor) for net, floor in zip(nets, floors, strict=True)]
    redeemed = redeem(ask.points, buyer.points, sum(nets), sum(rooms), terms.redeem)
    points_off, points_used = spread(redeemed, nets, rooms)
    due = [net - off for net, off in zip(nets, points_off, strict=True)]
    due_fen = sum(due)
    covered = tuple(cover(ask.vouchers, shelf.skus, shelf.pieces, due))
    covered_fen = sum(one.amount_fen for one in covered)
    drawn = draw(ask.purse, due_fen - covered_fen)
    wiped_fen = wiped(due_fen, covered_fen + drawn.amount_fen, terms.moling, cash=ask.cash)
    rest = [amount - sum([one.shares[line] for one in covered]) for line, amount in enumerate(due)] if covered else due
    rounding_off = allocate(rest, wiped_fen, rest).shares  # never off what a voucher paid: its line has no cash (R17)
    paid = tuple([amount - off for amount, off in zip(due, rounding_off, strict=True)])
    base_fen = _earning_base(cart, paid, covered, drawn)
    points = _earned(base_fen, buyer, terms)
    outcomes = (*after_promos.outcomes, *after_coupons.outcomes)
    return Evaluated(
        prices=prices,
        nets=nets,
        points_off=points_off,
        points_used=points_used,
        rounding_off=rounding_off,
        paid=paid,
        promos=after_promos.outcomes,
        coupons=after_coupons.outcomes,
        redeemed=redeemed,
        covered=covered,
        drawn=drawn,
        payable_fen=due_fen - wiped_fen,
        lost_fen=sum([price.lost_fen for price in prices]) + sum([one.lost_fen for one in outcomes]),
        base_fen=base_fen,
        earned=points,
        balance_after=buyer.points - redeemed.points + points,
        below_market=below,
    )


def _below_market(basket: Basket) -> tuple[int, ...]:
    """R4: lines on offer under 70 % of the market price; refused unless allowed or sold already."""
    if not basket.terms.market_rule:
        return ()
    found: list[int] = []
    for line, one in enumerate(basket.cart):
        item = one.item
        if item.market_fen is None:
            continue
        price_fen = item.list_fen if item.promo_fen is None else min(item.list_fen, item.promo_fen)
        if not price_ok(price_fen, item.market_fen):
            found.append(line)
            if not basket.ask.below_market_ok and line not in basket.sold:
                raise Refusal(
                    "PRICE_BELOW_70",
                    f"line {line + 1}: {price_fen} fen is under 70 % of the market price {item.market_fen} fen",
                    hint="a supervisor may allow it; HQ is told",
                    field=f"lines.{line}",
                )
    return tuple(found)


def _price(basket: Basket) -> tuple[tuple[LinePrice, ...], tuple[int, ...]]:
    """Line prices (R3), and the floor of each line (R4)."""
    buyer, terms = basket.buyer, basket.terms
    prices: list[LinePrice] = []
    floors: list[int] = []
    for line, one in enumerate(basket.cart):
        item = one.item
        floor = 0
        if item.min_fen is not None or item.market_fen is not None:
            floor = floor_unit(item.min_fen, item.market_fen, market_rule=terms.market_rule)
        if line in basket.sold:
            charged_fen = one.charged_fen or 0
            prices.append(LinePrice(charged_fen // max(1, one.pieces), charged_fen, PriceSource.CHARGED))
        else:
            prices.append(
                line_price(
                    item,
                    qty=one.qty,
                    grams=one.grams,
                    label_fen=one.label_fen,
                    is_member=buyer.prices,
                    pay_rate_bps=buyer.pay_rate_bps,
                    tier_round=terms.tier_round,
                    floor_unit_fen=floor,
                )
            )
        floors.append(amount_at(item, floor, one.qty, one.grams, one.label_fen) if floor else 0)
    return tuple(prices), tuple(floors)


def _earning_base(cart: Sequence[CartLine], paid: Sequence[int], covered: Sequence[Covered], drawn: Drawn) -> int:
    """R11: what earning lines cost, without what vouchers covered of them and without gift stored value."""
    base_fen = sum([amount for amount, one in zip(paid, cart, strict=True) if one.item.earns])
    for voucher in covered:
        base_fen -= sum([share for share, one in zip(voucher.shares, cart, strict=True) if one.item.earns])
    return max(0, base_fen - drawn.gift_fen)


def _earned(base_fen: int, buyer: Buyer, terms: Terms) -> int:
    if not buyer.earns:
        return 0
    event_x100 = event_multiplier(terms.event_mults_x100)
    return earned(base_fen, terms.earn, tier_x100=buyer.earn_mult_x100, event_x100=event_x100)
