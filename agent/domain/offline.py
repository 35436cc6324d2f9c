"""R13 under a store risk budget: what HQ makes of events that tills booked beyond their leases.

Pure. HQ calls `judge` over a member's events; the till asks the caps before it spends without a lease. Only brands
that switched the budget on come here. Balances are sums, so the order of arrival changes nothing; the order of the
books, (offset-corrected time, till, seq), decides who overdrew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain


class Kind(StrEnum):
    """What an event is: only a sale can overdraw or win a coupon, only a refund waits for another event."""

    SALE = "sale"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class TillEvent:
    """One event of one till. `at_ms` is already corrected by the till's offset to HQ; points and sv are signed.

    `coupon` of a sale is redeemed, of a refund given back. `of` names the sale a refund undoes.
    """

    event_id: str
    till: str
    seq: int
    at_ms: int
    kind: Kind = Kind.SALE
    points: int = 0
    sv_fen: int = 0
    coupon: str | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A redemption that stands for the customer and is recorded; `amount` is what it overdrew (0 for a coupon)."""

    event_id: str
    code: str
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """What HQ had sealed before: balances, the events in them, and who redeemed which coupon. It never flips."""

    points: int = 0
    sv_fen: int = 0
    applied: frozenset[str] = frozenset()
    coupons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """Balances after all events, conflicts and parked refunds in the order of the books, winners by coupon."""

    points: int
    sv_fen: int
    conflicts: tuple[Conflict, ...]
    coupon_winner: Mapping[str, str]
    parked: tuple[str, ...]
    applied: int


def judge(opening: Opening, events: Iterable[TillEvent]) -> Judged:
    """Apply each event once and name the redemptions that went too far (R13).

    A sale that takes more than there was then is POINTS_OVERDRAWN or SV_OVERDRAWN, a coupon redeemed before is
    COUPON_DOUBLE; all of them stay applied. A refund makes debt, never a conflict. One whose sale is unknown is parked.

    >>> a = TillEvent("a1", "A", 1, 1000, points=-800)
    >>> b = TillEvent("b1", "B", 1, 2000, points=-800)
    >>> found = judge(Opening(points=1000), [b, a, b])
    >>> found.points, found.conflicts
    (-600, (Conflict(event_id='b1', code='POINTS_OVERDRAWN', amount=600),))
    """
    distinct: dict[str, TillEvent] = {}
    for event in events:
        if event.event_id not in opening.applied:
            distinct.setdefault(event.event_id, event)
    ordered, parked = _in_order(distinct, opening.applied)
    points, sv_fen = opening.points, opening.sv_fen
    winner = dict(opening.coupons)
    free: set[str] = set()
    conflicts: list[Conflict] = []
    for event in ordered:
        points += event.points
        sv_fen += event.sv_fen
        if event.kind is Kind.REFUND:
            if event.coupon is not None and winner.get(event.coupon) == event.of:
                free.add(event.coupon)
            continue
        if event.coupon is not None:
            if event.coupon in winner and event.coupon not in free:
                conflicts.append(Conflict(event.event_id, "COUPON_DOUBLE"))
            else:
                winner[event.coupon] = event.event_id
                free.discard(event.coupon)
        for code, after, change in (("POINTS_OVERDRAWN", points, event.points), ("SV_OVERDRAWN", sv_fen, event.sv_fen)):
            if change < 0 and after < 0:
                conflicts.append(Conflict(event.event_id, code, min(-after, -change)))
    return Judged(points, sv_fen, tuple(conflicts), winner, parked, len(ordered))


def _in_order(events: Mapping[str, TillEvent], known: frozenset[str]) -> tuple[list[TillEvent], tuple[str, ...]]:
    """Sort by time, till, seq; a refund stamped before its sale follows it at once. Gives (events, parked ids)."""
    ordered: list[TillEvent] = []
    waiting: dict[str, list[TillEvent]] = {}
    done = set(known)
    for event in sorted(events.values(), key=_place):
        if event.kind is Kind.REFUND and event.of is not None and event.of not in done:
            waiting.setdefault(event.of, []).append(event)
            continue
        queue = [event]
        while queue:
            first = queue.pop(0)
            ordered.append(first)
            done.add(first.event_id)
            queue = waiting.pop(first.event_id, []) + queue
    return ordered, tuple(event.event_id for event in sorted(chain(*waiting.values()), key=_place))


def _place(event: TillEvent) -> tuple[int, str, int, str]:
    return event.at_ms, event.till, event.seq, event.event_id


def corrected_ms(stamped_ms: int, offset_ms: int) -> int:
    """Give the time HQ orders by: the till's stamp plus what HQ's clock was ahead of it."""
    return stamped_ms + offset_ms


def may_redeem(points: int, *, cached_spendable: int, local_holds: int, offline_cap: int) -> bool:
    """Tell whether points may be redeemed beyond the leases: within the snapshot less local holds, and the cap (R13).

    >>> [may_redeem(n, cached_spendable=1000, local_holds=300, offline_cap=500) for n in (500, 501)]
    [True, False]
    >>> may_redeem(300, cached_spendable=500, local_holds=300, offline_cap=500)
    False
    """
    return points <= most_beyond(cached_spendable, local_holds, offline_cap)


def may_spend_sv(sv_fen: int, *, cached_fen: int, local_holds_fen: int, offline_sv_cap_fen: int) -> bool:
    """Tell whether stored value may be spent beyond the leases: the same bound, with a cap of its own (R13).

    >>> may_spend_sv(10_000, cached_fen=50_000, local_holds_fen=0, offline_sv_cap_fen=9_999)
    False
    """
    return sv_fen <= most_beyond(cached_fen, local_holds_fen, offline_sv_cap_fen)


def most_beyond(cached: int, holds: int, cap: int) -> int:
    """What may be spent beyond the leases at most: within the snapshot less local holds, and the cap (R13).

    >>> most_beyond(1000, 300, 500), most_beyond(200, 300, 500)
    (500, 0)
    """
    return max(0, min(cached - holds, cap))
