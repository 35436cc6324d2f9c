"""What a member has as far as this till knows, and what of it may be spent here now, with HQ or without.

Pure. Made by agent.spending from HQ's last row, what these books posted since, and the leases they hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.lease import Lot
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.member import HeldCard, Member
from agent.domain.points_ledger import remind_on
from agent.domain.sale import Posting

Posted = tuple[str, str, str, int, int]
"""(account, bucket, epoch, seq, amount) of one posting of a member's."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Balances by account, cards with what is left of them, and the lots this till may spend, in order."""

    balances: Mapping[str, int] = field(default_factory=dict)
    cards: tuple[HeldCard, ...] = ()
    lots: tuple[Lot, ...] = ()
    expiring_points: int = 0
    expiring_day: str = ""
    used_coupons: frozenset[str] = frozenset()
    """Used here since HQ's row."""

    def balance(self, account: str) -> int:
        """What the member has of an account; debt makes it negative."""
        return self.balances.get(account, 0)

    def here(self, account: str, bucket: str = "") -> int:
        """What may be spent here now."""
        return sum(one.remaining for one in self.lots if one.account == account and bucket in ("", one.bucket))

    @property
    def debt(self) -> int:
        """Points owed, 0 or more: what is earned repays them first (R12)."""
        return max(0, -self.balance(POINTS_ACCOUNT))

    @property
    def points_known(self) -> int:
        """Points that could be spent if every right to them were here: never more than the balance (R8)."""
        return max(0, self.balance(POINTS_ACCOUNT))

    @property
    def points_here(self) -> int:
        """Points that may be spent here; debt is no right to spend (R12)."""
        return min(self.points_known, self.here(POINTS_ACCOUNT))

    def card(self, card_id: str) -> HeldCard | None:
        """One of the member's count cards."""
        return next((one for one in self.cards if one.card_id == card_id), None)

    def expires_soon(self, business_day: str) -> tuple[int, str]:
        """(points, last day) of the lot that ends next, within the fifteen days of S27; (0, "") when none does."""
        if not self.expiring_points or not business_day <= self.expiring_day:
            return 0, ""
        if remind_on(parse_day(self.expiring_day)).isoformat() > business_day:
            return 0, ""
        return min(self.expiring_points, self.points_known), self.expiring_day


NOTHING_HELD: Final = Holdings()


@dataclass(frozen=True, slots=True)
class Left:
    """What a member has after an event, for answer and paper. `points` None: this till does not know the balance."""

    points: int | None = None
    principal_fen: int = 0
    gift_fen: int = 0
    card: HeldCard | None = None
    """The count card that was used."""
    expiring_points: int = 0
    expiring_day: str = ""


def after(has: Holdings, postings: Sequence[Posting], business_day: str, card_id: str = "") -> Left:
    """Add an event's postings to what the member had. The lot that ends next is what was spent first (R10).

    >>> after(Holdings({"points": 100}), [Posting("points", "m1", -30)], "2026-11-22").points
    70
    """
    moved: dict[str, int] = {}
    for one in postings:
        moved[one.account] = moved.get(one.account, 0) + one.amount
    soon, day = has.expires_soon(business_day)
    soon += sum(one.amount for one in postings if one.account == POINTS_ACCOUNT and one.expires == day and soon)
    card = has.card(card_id)
    return Left(
        points=has.balance(POINTS_ACCOUNT) + moved.get(POINTS_ACCOUNT, 0),
        principal_fen=has.balance(PRINCIPAL_ACCOUNT) + moved.get(PRINCIPAL_ACCOUNT, 0),
        gift_fen=has.balance(GIFT_ACCOUNT) + moved.get(GIFT_ACCOUNT, 0),
        card=None if card is None else replace(card, left=card.left + moved.get(COUNT_ACCOUNT, 0)),
        expiring_points=max(0, soon),
        expiring_day=day,
    )


def holdings(member: Member, watermarks: Mapping[str, int], posted: Iterable[Posted], lots: Sequence[Lot]) -> Holdings:
    """Add what HQ's row does not hold yet to it; a card sold here and not yet known to HQ is known by its lot.

    >>> from agent.domain.lease import Lot
    >>> who = Member("m1", "b1", "n", 100, "138****8000")
    >>> holdings(who, {"e": 1}, [("points", "opening", "e", 2, -30)], []).balance("points")
    70
    """
    balances = dict(member.accounts)
    units: dict[str, int] = {}
    coupons: dict[str, int] = {}
    for account, bucket, epoch, seq, amount in posted:
        if seq > watermarks.get(epoch, 0):
            balances[account] = balances.get(account, 0) + amount
            if account == COUNT_ACCOUNT:
                units[bucket] = units.get(bucket, 0) + amount
            elif account == COUPON_ACCOUNT:
                coupons[bucket] = coupons.get(bucket, 0) + amount
    cards = [replace(one, left=max(0, one.left + units.pop(one.card_id, 0))) for one in member.cards]
    for lot in lots:
        if lot.account == COUNT_ACCOUNT and all(one.card_id != lot.bucket for one in cards):
            left = units.get(lot.bucket, lot.remaining)
            cards.append(HeldCard(lot.bucket, lot.bucket, left, left, 0, lot.expires))
    used = frozenset(bucket for bucket, amount in coupons.items() if amount < 0)
    return Holdings(balances, tuple(cards), tuple(lots), member.expiring_points, member.expiring_day, used)
