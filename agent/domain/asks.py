"""What a customer asks of a quote besides prices: coupons, points, stored value, a count card; and what it takes.

Pure data between the API's edge models and the flow, and the JSON in which a held quote keeps it over a restart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.lease import Lot, plan_spend, spending
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.prepaid import Drawn
from agent.domain.sale import Posting, PricedCart, TenderLine, TenderType

Amount = int | Literal["max"]
"""Points or fen, or as much as the rules and the balance allow."""
SPENT_ACCOUNTS: Final = (POINTS_ACCOUNT, PRINCIPAL_ACCOUNT, GIFT_ACCOUNT, COUNT_ACCOUNT, COUPON_ACCOUNT)


@dataclass(frozen=True, slots=True)
class CardUse:
    """Units of a count card for pieces of one article: those of line `line` (from 1); None where there is one line."""

    card_id: str
    units: int = 1
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A supervisor's word that a price under 70 % of the market stands (R4): recorded with the sale, told to HQ."""

    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asks:
    """All a quote may be asked beside its cart. `confirmed`: the cashier confirmed a frequent redemption (S48)."""

    coupons: tuple[str, ...] = ()
    points: Amount = 0
    stored_value: Amount = 0
    count_card: CardUse | None = None
    cash: bool = False
    hold: bool = False
    override: Override | None = None
    confirmed: bool = False

    @property
    def spends(self) -> bool:
        """Whether anything of the member's is to be spent: it takes certainty, and a right to spend it here."""
        return bool(self.coupons or self.points or self.stored_value or self.count_card)


NOTHING_ASKED: Final = Asks()


@dataclass(frozen=True, slots=True)
class Want:
    """So much of one account, in its own units; `bucket` where one lot is meant: a coupon, a card."""

    account: str
    amount: int
    bucket: str = ""

    def as_json(self) -> dict[str, Json]:
        """As a discrepancy and a stored quote say it."""
        return {"account": self.account, "amount": self.amount, "bucket": self.bucket}

    def words(self) -> str:
        """For a discrepancy: what was not booked.

        >>> Want("coupon", 1, "c7").words(), Want("points", 300).words()
        ('coupon c7 1', 'points 300')
        """
        return f"{self.account} {self.bucket} {self.amount}" if self.bucket else f"{self.account} {self.amount}"


def wanted(cart: PricedCart, count_card: CardUse | None) -> tuple[Want, ...]:
    """What a priced cart spends of its member: points, both purses, the units of a card, each coupon applied."""
    wants = [
        Want(POINTS_ACCOUNT, cart.redeemed.points),
        Want(PRINCIPAL_ACCOUNT, cart.drawn.principal_fen),
        Want(GIFT_ACCOUNT, cart.drawn.gift_fen),
    ]
    for one in cart.covered:
        if count_card is not None and one.voucher.voucher_id == count_card.card_id:
            wants.append(Want(COUNT_ACCOUNT, count_card.units, count_card.card_id))
        else:
            wants.append(Want(COUPON_ACCOUNT, 1, one.voucher.voucher_id))
    wants += [Want(COUPON_ACCOUNT, 1, one.offer.offer_id) for one in cart.coupons if one.applied]
    return tuple(one for one in wants if one.amount)


@dataclass(frozen=True, slots=True)
class Planned:
    """What of some wants can be spent here, as postings of the leases they name, and what cannot."""

    postings: tuple[Posting, ...] = ()
    missing: tuple[Want, ...] = ()
    """Only the part that is not there."""
    dropped: tuple[Want, ...] = ()
    """The wants it belongs to, whole."""


def plan(wants: Sequence[Want], lots: Sequence[Lot]) -> Planned:
    """Take wants from lots in their order; a want is taken whole or not at all.

    >>> lots = [Lot("l1", "points", "m1", "opening", "", 30)]
    >>> plan([Want("points", 20), Want("coupon", 1, "c7")], lots).missing
    (Want(account='coupon', amount=1, bucket='c7'),)
    """
    postings: list[Posting] = []
    missing: list[Want] = []
    dropped: list[Want] = []
    for want in wants:
        ours = [one for one in lots if one.account == want.account and want.bucket in ("", one.bucket)]
        try:
            postings += spending(ours, plan_spend(ours, want.amount))
        except Refusal:
            missing.append(Want(want.account, want.amount - sum(one.remaining for one in ours), want.bucket))
            dropped.append(want)
    return Planned(tuple(postings), tuple(missing), tuple(dropped))


def unspent(cart: PricedCart, dropped: Sequence[Want]) -> PricedCart:
    """The cart as charged, without taking what no right covers any more; prices and points off stay as granted."""
    if not dropped:
        return cart
    accounts = {one.account for one in dropped}
    buckets = {one.bucket for one in dropped if one.bucket}
    if POINTS_ACCOUNT in accounts:
        lines = tuple(replace(line, points_used=0) for line in cart.lines)
        cart = replace(cart, lines=lines, redeemed=replace(cart.redeemed, points=0))
    principal_fen = 0 if PRINCIPAL_ACCOUNT in accounts else cart.drawn.principal_fen
    gift_fen = 0 if GIFT_ACCOUNT in accounts else cart.drawn.gift_fen
    covered = tuple(one for one in cart.covered if one.voucher.voucher_id not in buckets)
    return replace(cart, drawn=Drawn(principal_fen, gift_fen), covered=covered)


def prepaid_tenders(cart: PricedCart, count_card: str) -> tuple[TenderLine, ...]:
    """What the member had paid before, as tenders: vouchers and cards, then stored value with its split (R9)."""
    found = []
    for one in cart.covered:
        card = one.voucher.voucher_id == count_card
        kind, units = (TenderType.COUNT_CARD, sum(one.voucher.goods.values())) if card else (TenderType.VOUCHER, 1)
        found.append(TenderLine(kind, one.amount_fen, source=one.voucher.voucher_id, units=units))
    drawn = cart.drawn
    if drawn.amount_fen:
        principal_fen, gift_fen = drawn.principal_fen, drawn.gift_fen
        found.append(
            TenderLine(TenderType.STORED_VALUE, drawn.amount_fen, principal_fen=principal_fen, gift_fen=gift_fen)
        )
    return tuple(found)


def asks_json(asks: Asks) -> dict[str, Json]:
    """Write asks for the books."""
    card, override = asks.count_card, asks.override
    return {
        "coupons": list(asks.coupons),
        "points": asks.points,
        "stored_value": asks.stored_value,
        "count_card": None if card is None else {"card_id": card.card_id, "units": card.units, "line": card.line},
        "cash": asks.cash,
        "override": None if override is None else {"operator": override.operator, "reason": override.reason},
    }


def asks_of(row: Mapping[str, Json]) -> Asks:
    """Read what `asks_json` wrote.

    >>> asks = Asks(("c1",), 300, "max", CardUse("k1", 2, 1), cash=True, override=Override("店长", "临期"))
    >>> asks_of(asks_json(asks)) == asks
    True
    """
    coupons, card, override = row["coupons"], row["count_card"], row["override"]
    return Asks(
        coupons=tuple(map(str, coupons)) if isinstance(coupons, list) else (),
        points=_amount(row["points"]),
        stored_value=_amount(row["stored_value"]),
        count_card=CardUse(str(card["card_id"]), _int(card["units"]), _line(card["line"]))
        if isinstance(card, dict)
        else None,
        cash=row["cash"] is True,
        override=Override(str(override["operator"]), str(override["reason"])) if isinstance(override, dict) else None,
    )


def _int(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _line(value: Json) -> int | None:
    return value if isinstance(value, int) else None


def _amount(value: Json) -> Amount:
    return "max" if value == "max" else _int(value)
