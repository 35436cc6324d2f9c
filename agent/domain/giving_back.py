"""The postings of a return or void: what was spent goes back to its lots, what was earned is taken back (R10, R12).

Pure; called by agent.aftersales with a plan of agent.domain.refunds. Only here does a till make debt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agent.domain.lease import Lot
from agent.domain.ledger import (
    COUNT_ACCOUNT,
    COUPON_ACCOUNT,
    DEBT_BUCKET,
    GIFT_ACCOUNT,
    OWN_LOT,
    PENDING_ACCOUNT,
    POINTS_ACCOUNT,
    PRINCIPAL_ACCOUNT,
    fold,
)
from agent.domain.points_ledger import Taken
from agent.domain.refunds import ReturnPlan
from agent.domain.sale import Posting
from agent.domain.sold import Sold


@dataclass(frozen=True, slots=True)
class Rights:
    """What a till may take of the member's points now: lots with leases here, in the order of spending.

    `own_left` is what the sale's own lot had left when its lease was closed here; `debt` what the member owes already.
    """

    lots: Sequence[Lot] = ()
    own_left: int = 0
    debt: int = 0


@dataclass(frozen=True, slots=True)
class GivenBack:
    """All postings of one return, and the part of the reversal that became debt."""

    postings: tuple[Posting, ...]
    debt: int = 0
    coupons: tuple[str, ...] = ()

    def sum(self, account: str) -> int:
        """What comes back to one account."""
        return sum(one.amount for one in self.postings if one.account == account)

    @property
    def counts(self) -> dict[str, int]:
        """Units that come back, by card."""
        return {card: amount for (card, _), amount in fold(_by_bucket(self.postings)).items()}


def give_back(
    of: Sold,
    plan: ReturnPlan,
    units: Sequence[tuple[str, int]],
    earlier: Sequence[Posting],
    rights: Rights,
    day: str,
    *,
    in_cash: int = 0,
) -> GivenBack:
    """Post a plan. `units` are (card, units) that come back, `earlier` the postings of earlier returns of the sale.

    The reversal comes first: points that come back repay what it could not take, then what was owed before (R10).
    `in_cash` of what it could not take is paid out of the refund (agent.domain.short) and posted nowhere.
    """
    reversal, short = reverse(of, plan.points_reversed, earlier, rights, in_cash)
    points = _points_back(of, plan, rights.debt + short)
    principal, beyond = refill(of.taken(PRINCIPAL_ACCOUNT), earlier, plan.principal_fen)
    beyond = min(beyond, _gift_left(of, earlier))
    if beyond:  # gift money that was spent comes back as principal: a lot that may be spent here at once (R9)
        principal.append(Posting(PRINCIPAL_ACCOUNT, _owner(of), beyond, "", "", OWN_LOT))
    gift, _ = refill(of.taken(GIFT_ACCOUNT), earlier, plan.gift_fen)
    counts: list[Posting] = []
    for card_id, back in units:
        taken = [one for one in of.taken(COUNT_ACCOUNT) if one.bucket == card_id]
        counts += refill(taken, earlier, back)[0]
    coupons = [
        replace(one, amount=-one.amount)
        for one in of.taken(COUPON_ACCOUNT)
        if plan.coupon_restored and (not one.expires or day <= one.expires)
    ]
    return GivenBack(
        (*reversal, *points, *principal, *gift, *counts, *coupons), short, tuple(one.bucket for one in coupons)
    )


def _gift_left(of: Sold, earlier: Sequence[Posting]) -> int:
    """Gift money the sale really took that has not come back, in whichever ledger: no refund makes money."""
    leases = {one.lease for one in of.taken(PRINCIPAL_ACCOUNT)}
    back = sum(
        one.amount
        for one in earlier
        if one.amount > 0
        and (one.account == GIFT_ACCOUNT or (one.account == PRINCIPAL_ACCOUNT and one.lease not in leases))
    )
    return max(0, -sum(one.amount for one in of.taken(GIFT_ACCOUNT)) - back)


def reverse(
    of: Sold, amount: int, earlier: Sequence[Posting], rights: Rights, in_cash: int = 0
) -> tuple[list[Posting], int]:
    """Take earned points back: those a freeze held, the sale's own lot, what else may be spent here, then debt (R12).

    Gives the postings and how much became debt. What the sale's lot has left but not here stands under its name
    without a lease: HQ takes it there.
    """
    made: list[Posting] = []
    earned = [one for one in of.postings if one.amount > 0 and one.account in (POINTS_ACCOUNT, PENDING_ACCOUNT)]
    pending = sum(one.amount for one in (*earned, *earlier) if one.account == PENDING_ACCOUNT)
    rest = amount - _take(made, Posting(PENDING_ACCOUNT, _owner(of), min(amount, max(0, pending))))
    own = next((one for one in earned if one.account == POINTS_ACCOUNT and one.bucket != DEBT_BUCKET), None)
    if own is not None:
        for lot in [lot for lot in rights.lots if _is_own(lot, own)]:
            rest -= _take(made, _of_lot(lot, min(rest, lot.remaining)))
        gone = sum(one.amount for one in earlier if one.account == POINTS_ACCOUNT and _same_lot(one, own))
        left = max(0, (rights.own_left if own.lease else own.amount) + gone)
        rest -= _take(made, Posting(POINTS_ACCOUNT, own.owner, min(rest, left), own.bucket, own.expires))
    for lot in [lot for lot in rights.lots if own is None or not _is_own(lot, own)]:
        rest -= _take(made, _of_lot(lot, min(rest, lot.remaining)))
    rest = max(0, rest - in_cash)
    _take(made, Posting(POINTS_ACCOUNT, _owner(of), rest, DEBT_BUCKET))
    return made, rest


def refill(taken: Iterable[Posting], earlier: Sequence[Posting], amount: int) -> tuple[list[Posting], int]:
    """Give `amount` back to the leases it was `taken` from, as far as earlier returns left room; and the rest.

    >>> took = [Posting("sv_principal", "m", -500, lease="a"), Posting("sv_principal", "m", -300, lease="b")]
    >>> refill(took, [Posting("sv_principal", "m", 400, lease="a")], 250)[0][1]
    Posting(account='sv_principal', owner='m', amount=150, bucket='', expires='', lease='b')
    """
    made: list[Posting] = []
    for one in taken:
        back = sum(
            two.amount
            for two in earlier
            if two.amount > 0 and (two.account, two.lease, two.bucket) == (one.account, one.lease, one.bucket)
        )
        part = min(amount, -one.amount - back)
        if part > 0:
            made.append(replace(one, amount=part))
            amount -= part
    return made, amount


def _points_back(of: Sold, plan: ReturnPlan, debt: int) -> list[Posting]:
    """Points that had been spent: debt is repaid by those that end soonest, the others keep lot and date (R10).

    A lot that ended meanwhile and gets a grace is a new lot of this return.
    """
    total = sum(put.points for put in plan.points_put)
    repaid = min(debt, total)
    made = [Posting(POINTS_ACCOUNT, _owner(of), repaid, DEBT_BUCKET)] if repaid else []
    sources = {one.lease or one.bucket: one for one in of.taken(POINTS_ACCOUNT)}
    rest, fresh = total - repaid, dict[str, int]()
    for put in plan.points_put:
        part = min(rest, put.points)
        rest -= part
        source = sources[put.bucket_id.removesuffix("'") if put.bucket_id not in sources else put.bucket_id]
        if part and _iso(put) != source.expires:
            fresh[_iso(put)] = fresh.get(_iso(put), 0) + part
        elif part:
            made.append(replace(source, amount=part))
    made += [Posting(POINTS_ACCOUNT, _owner(of), n, OWN_LOT, expires, OWN_LOT) for expires, n in fresh.items()]
    return made


def _by_bucket(postings: Iterable[Posting]) -> list[Posting]:
    return [replace(one, account=one.bucket) for one in postings if one.account == COUNT_ACCOUNT]


def _iso(put: Taken) -> str:
    return put.expires.isoformat() if put.expires is not None else ""


def _is_own(lot: Lot, own: Posting) -> bool:
    """The sale's own lease, or another one that HQ granted of the same lot."""
    return lot.lease_id == own.lease or (own.bucket != "" and lot.bucket == own.bucket)


def _same_lot(one: Posting, own: Posting) -> bool:
    return one.amount < 0 and not one.lease and one.bucket == own.bucket


def _of_lot(lot: Lot, amount: int) -> Posting:
    return Posting(lot.account, lot.owner, amount, lot.bucket, lot.expires, lot.lease_id)


def _take(made: list[Posting], one: Posting) -> int:
    """Add a posting that takes `one.amount`, unless it is nothing; how much that was."""
    if one.amount > 0:
        made.append(replace(one, amount=-one.amount))
    return max(0, one.amount)


def _owner(of: Sold) -> str:
    return of.member_id or next((one.owner for one in of.postings), "")
