"""The fold: balances are sums of postings, at the store and at HQ alike, so late arrivals commute.

Pure. Accounts, always of one member: points, stored value (principal and gift), visits of count cards, coupons. Each
has lots (`bucket`); a posting that spends names the lease it spends from (agent.domain.lease).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent.domain.digest import Json
from agent.domain.ids import EventName
from agent.domain.sale import Posting

POINTS_ACCOUNT = "points"
PRINCIPAL_ACCOUNT: Final = "sv_principal"
GIFT_ACCOUNT: Final = "sv_gift"
COUNT_ACCOUNT: Final = "count"
COUPON_ACCOUNT: Final = "coupon"
PENDING_ACCOUNT: Final = "points_pending"
"""Points held back by a freeze (S53): no lots, nothing to spend; headquarters releases them into `points`."""
ACCOUNTS: Final = (POINTS_ACCOUNT, PRINCIPAL_ACCOUNT, GIFT_ACCOUNT, COUNT_ACCOUNT, COUPON_ACCOUNT)
OPENING_BUCKET: Final = "opening"
"""The lot of a balance that HQ imported, and of points earned before events named their lots."""
DEBT_BUCKET: Final = "debt"
"""The lot that holds what was spent or clawed back beyond what was there; never above zero."""
OWN_LOT: Final = "@"
"""In a draft: the lot of the very event, whose name the books give inside their transaction."""
LOT_CHARS: Final = 160  # LIMIT: workstation (64), epoch (64), seq (16), an account


def lot_name(name: EventName) -> str:
    """Name the lot that an event opens.

    >>> lot_name(EventName("S001-1", "ep_a", 7))
    'S001-1.ep_a.7'
    """
    return f"{name.workstation_id}.{name.epoch}.{name.seq}"


def own_lease(account: str, lot: str) -> str:
    """Name the self-lease of one account of an event: points by the lot, all others by lot and account.

    >>> own_lease("points", "S1.e.7"), own_lease("sv_gift", "S1.e.7")
    ('S1.e.7', 'S1.e.7.sv_gift')
    """
    return lot if account == POINTS_ACCOUNT else f"{lot}.{account}"


def named(postings: Iterable[Posting], lot: str) -> tuple[Posting, ...]:
    """Put the event's own lot and self-lease where a draft says OWN_LOT.

    >>> named([Posting("sv_gift", "m1", 5, OWN_LOT, "2027-12-31", OWN_LOT)], "S1.e.7")[0]
    Posting(account='sv_gift', owner='m1', amount=5, bucket='S1.e.7', expires='2027-12-31', lease='S1.e.7.sv_gift')
    """
    return tuple(
        replace(
            one,
            bucket=lot if one.bucket == OWN_LOT else one.bucket,
            lease=own_lease(one.account, lot) if one.lease == OWN_LOT else one.lease,
        )
        for one in postings
    )


def posting_rows(postings: Iterable[Posting]) -> list[Json]:
    """Postings as an event's body says them; what is empty is absent (WIRE: old events keep their bytes).

    >>> posting_rows([Posting("points", "m1", -2, lease="ls_1")])
    [{'account': 'points', 'owner': 'm1', 'amount': -2, 'lease': 'ls_1'}]
    """
    rows: list[Json] = []
    for one in postings:
        more: dict[str, Json] = {"bucket": one.bucket, "expires": one.expires, "lease": one.lease}
        said = {key: value for key, value in more.items() if value}
        rows.append({"account": one.account, "owner": one.owner, "amount": one.amount, **said})
    return rows


def posting_columns(event: Mapping[str, object]) -> list[tuple[object, ...]]:
    """What the rows of table postings must hold for a body: (position, account, owner, amount, bucket, expires, lease).

    >>> posting_columns({"postings": [{"account": "points", "owner": "m1", "amount": 5}]})
    [(0, 'points', 'm1', 5, '', '', '')]
    """
    said = event.get("postings")
    return [
        (
            place,
            *(one.get(key) for key in ("account", "owner", "amount")),
            *(one.get(key, "") for key in ("bucket", "expires", "lease")),
        )
        for place, one in enumerate(said if isinstance(said, list) else [])
        if isinstance(one, dict)
    ]


def opens_own_lease(posting: Posting, lot: str) -> bool:
    """Whether a posting opens a self-lease of its event: what is earned here may be spent here at once."""
    return posting.amount > 0 and posting.lease == own_lease(posting.account, lot)


def fold(postings: Iterable[Posting]) -> dict[tuple[str, str], int]:
    """Sum postings by (account, owner).

    >>> fold([Posting("points", "m1", 5), Posting("points", "m1", -2)])
    {('points', 'm1'): 3}
    """
    sums: dict[tuple[str, str], int] = {}
    for posting in postings:
        key = (posting.account, posting.owner)
        sums[key] = sums.get(key, 0) + posting.amount
    return sums


def earning(owner: str, points: int, expires: str, debt: int) -> Sequence[Posting]:
    """Postings of earned points: debt (a number of points owed, 0 or more) is repaid first, the rest is a lot here.

    >>> [(one.amount, one.bucket) for one in earning("m1", 100, "", 30)]
    [(30, 'debt'), (70, '@')]
    """
    repaid = min(points, max(0, debt))
    found = [Posting(POINTS_ACCOUNT, owner, repaid, DEBT_BUCKET)] if repaid else []
    if points > repaid:
        found.append(Posting(POINTS_ACCOUNT, owner, points - repaid, OWN_LOT, expires, OWN_LOT))
    return found


def unseen(postings: Iterable[tuple[str, int, int]], watermarks: Mapping[str, int]) -> int:
    """Sum the (epoch, seq, amount) postings that a snapshot taken at `watermarks` does not hold yet.

    >>> unseen([("e1", 1, 10), ("e1", 2, 5), ("e2", 1, 7)], {"e1": 1})
    12
    """
    return sum(amount for epoch, seq, amount in postings if seq > watermarks.get(epoch, 0))
