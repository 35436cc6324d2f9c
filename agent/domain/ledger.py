"""The fold: balances are sums of postings, at the store and at HQ alike, so late arrivals commute.

Pure. Accounts: `points` (owner: member_id). Stored value, gifts and counts join as accounts of their own.
"""

from collections.abc import Iterable, Mapping

from agent.domain.sale import Posting

POINTS_ACCOUNT = "points"


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


def unseen(postings: Iterable[tuple[str, int, int]], watermarks: Mapping[str, int]) -> int:
    """Sum the (epoch, seq, amount) postings that a snapshot taken at `watermarks` does not hold yet.

    >>> unseen([("e1", 1, 10), ("e1", 2, 5), ("e2", 1, 7)], {"e1": 1})
    12
    """
    return sum(amount for epoch, seq, amount in postings if seq > watermarks.get(epoch, 0))
