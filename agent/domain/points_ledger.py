"""R10 and the points half of R12: one member's points in buckets, each with its own last day, and a debt.

Pure. HQ folds a member through these operations; the till plans returns with `put_back`. Each takes a ledger and gives
a new one. Only a reversal makes debt; every point that comes in repays it first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from agent.domain.errors import Refusal

REMIND_DAYS: Final = 15  # before the last day (S27)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one earning event left. `expires` None never ends; `expired` is what ended here unspent."""

    bucket_id: str
    points: int
    expires: date | None = None
    expired: int = 0

    def usable(self, day: date | None) -> bool:
        """Usable through 23:59:59 of the last local day; without a day nothing has expired."""
        return self.expires is None or day is None or day <= self.expires


@dataclass(frozen=True, slots=True)
class Taken:
    """Points one redemption took from one bucket, with the last day they had there."""

    bucket_id: str
    points: int
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a redemption took, in the order taken, and how much of it came back since."""

    ref: str
    taken: tuple[Taken, ...]
    returned: int = 0


@dataclass(frozen=True, slots=True)
class PointsLedger:
    """Buckets in earning order, debt (never negative) and the redemptions that may still come back."""

    buckets: tuple[Bucket, ...] = ()
    debt: int = 0
    redemptions: tuple[Redemption, ...] = ()

    def __post_init__(self) -> None:
        if self.debt < 0 or any(bucket.points < 0 for bucket in self.buckets):
            raise ValueError("neither a bucket nor the debt of a points ledger may be negative")

    @property
    def balance(self) -> int:
        """Points held minus debt; points whose last day has passed count until `expire` clears them."""
        return sum(bucket.points for bucket in self.buckets) - self.debt

    def spendable(self, day: date | None) -> int:
        """What a redemption on `day` may take: usable points minus debt, never below 0 (R8, R12)."""
        return max(0, sum(bucket.points for bucket in self.buckets if bucket.usable(day)) - self.debt)


def remind_on(expires: date) -> date:
    """Give the day of the reminder, 15 days before the last day (R10).

    >>> remind_on(date(2028, 3, 10))
    datetime.date(2028, 2, 24)
    """
    return expires - timedelta(days=REMIND_DAYS)


def earn(ledger: PointsLedger, bucket_id: str, points: int, expires: date | None) -> PointsLedger:
    """Open the bucket of one earning event; debt is repaid first. The same event twice changes nothing.

    >>> earn(PointsLedger(debt=20), "s1", 50, None)
    PointsLedger(buckets=(Bucket(bucket_id='s1', points=30, expires=None, expired=0),), debt=0, redemptions=())
    """
    if points < 0:
        raise ValueError("an earning event adds points")
    if any(bucket.bucket_id == bucket_id for bucket in ledger.buckets):
        return ledger
    repaid = min(ledger.debt, points)
    bucket = Bucket(bucket_id, points - repaid, expires)
    return replace(ledger, buckets=(*ledger.buckets, bucket), debt=ledger.debt - repaid)


def redeem(ledger: PointsLedger, points: int, day: date | None, ref: str) -> tuple[PointsLedger, tuple[Taken, ...]]:
    """Take points by expiry, then earning order; gives (ledger, what was taken). POINTS_INSUFFICIENT takes nothing.

    >>> book = PointsLedger((Bucket("late", 9, date(2027, 3, 31)), Bucket("soon", 5, date(2026, 6, 30))))
    >>> [(took.bucket_id, took.points) for took in redeem(book, 7, date(2026, 6, 1), "r")[1]]
    [('soon', 5), ('late', 2)]
    """
    if points < 0:
        raise ValueError("a redemption takes points")
    if points > ledger.spendable(day):
        raise Refusal("POINTS_INSUFFICIENT", "more points than may be spent", field="points")
    buckets, taken = _take(ledger.buckets, points, day)
    made = next((made for made in ledger.redemptions if made.ref == ref), Redemption(ref, ()))
    others = tuple(other for other in ledger.redemptions if other.ref != ref)
    redemptions = (*others, replace(made, taken=made.taken + taken))
    return replace(ledger, buckets=buckets, redemptions=redemptions), taken


def put_back(
    taken: Sequence[Taken], returned: int, points: int, day: date | None, grace_days: int = 0
) -> tuple[Taken, ...]:
    """Say where returned points go: their own buckets, latest expiry first, with the date they keep (R10).

    `returned` of what was `taken` came back before. A bucket whose last day has passed gets a new one beside it, named
    with `'`: it ends `grace_days` after the return, or with 0 on the old date. Never more than was taken comes back.

    >>> taken = (Taken("soon", 120, date(2026, 6, 30)), Taken("late", 80, date(2027, 3, 31)))
    >>> [(put.bucket_id, put.points) for put in put_back(taken, 0, 100, date(2026, 7, 5))]
    [('late', 80), ("soon'", 20)]
    """
    if min(returned, points, grace_days) < 0:
        raise ValueError("returned points and grace are not negative")
    order = sorted(range(len(taken)), key=lambda place: (taken[place].expires or date.max, place), reverse=True)
    skip, put = returned, list[Taken]()
    for source in (taken[place] for place in order):
        passed = min(skip, source.points)
        skip -= passed
        share = min(points, source.points - passed)
        points -= share
        if share:
            put.append(_own_bucket(source, share, day, grace_days))
    return tuple(put)


def give_back(
    ledger: PointsLedger, points: int, ref: str, day: date | None, grace_days: int = 0
) -> tuple[PointsLedger, tuple[Taken, ...]]:
    """Return points of redemption `ref`; gives (ledger, what was put where). Debt is repaid first, like by new points.

    The repayment takes the points that end soonest, so the member keeps the longest dates. More than the redemption
    took does not come back, and an unknown redemption returns nothing: the caller sees it by what was put.
    """
    made = next((made for made in ledger.redemptions if made.ref == ref), Redemption(ref, ()))
    back = put_back(made.taken, made.returned, points, day, grace_days)
    total = sum(put.points for put in back)
    repaid = min(ledger.debt, total)
    kept = put_back(made.taken, made.returned, total - repaid, day, grace_days)
    buckets, put = ledger.buckets, list[Taken]()
    for target in kept:
        buckets, name = _put(buckets, target)
        put.append(replace(target, bucket_id=name))
    redemptions = tuple(
        replace(other, returned=other.returned + total) if other.ref == ref else other for other in ledger.redemptions
    )
    return PointsLedger(buckets, ledger.debt - repaid, redemptions), tuple(put)


def reverse(ledger: PointsLedger, bucket_id: str, points: int, day: date | None) -> PointsLedger:
    """Take earned points back: the sale's bucket, what expired there unspent, then as a spend would, then debt (R12).

    >>> book = PointsLedger((Bucket("old", 30, date(2026, 9, 30)), Bucket("s1", 60, date(2027, 1, 31))))
    >>> reverse(book, "s1", 100, date(2026, 3, 1)).balance
    -10
    """
    if points < 0:
        raise ValueError("a reversal takes points")
    buckets = list(ledger.buckets)
    for place, bucket in enumerate(buckets):
        if bucket.bucket_id.removeprefix(bucket_id).strip("'") == "":
            held = min(points, bucket.points)
            lapsed = min(points - held, bucket.expired)
            buckets[place] = replace(bucket, points=bucket.points - held, expired=bucket.expired - lapsed)
            points -= held + lapsed
    usable = sum(bucket.points for bucket in buckets if bucket.usable(day))
    left, _ = _take(buckets, min(points, usable), day)
    return replace(ledger, buckets=left, debt=ledger.debt + max(0, points - usable))


def expire(ledger: PointsLedger, day: date) -> tuple[PointsLedger, int]:
    """Clear the buckets whose last day is before `day`; gives (ledger, points cleared)."""
    gone = sum(bucket.points for bucket in ledger.buckets if not bucket.usable(day))
    buckets = tuple(
        bucket if bucket.usable(day) else replace(bucket, points=0, expired=bucket.expired + bucket.points)
        for bucket in ledger.buckets
    )
    return replace(ledger, buckets=buckets), gone


def _own_bucket(source: Taken, points: int, day: date | None, grace_days: int) -> Taken:
    if source.expires is None or day is None or day <= source.expires:
        return replace(source, points=points)
    expires = day + timedelta(days=grace_days) if grace_days else source.expires
    return Taken(source.bucket_id + "'", points, expires)


def _put(buckets: Iterable[Bucket], target: Taken) -> tuple[tuple[Bucket, ...], str]:
    """Add to the bucket of that name and date; a name taken by another date gets one more `'`."""
    held, name = list(buckets), target.bucket_id
    for place, bucket in enumerate(held):
        if bucket.bucket_id == name:
            if bucket.expires == target.expires:
                held[place] = replace(bucket, points=bucket.points + target.points)
                return tuple(held), name
            name += "'"
    return (*held, Bucket(name, target.points, target.expires)), name


def _take(buckets: Sequence[Bucket], points: int, day: date | None) -> tuple[tuple[Bucket, ...], tuple[Taken, ...]]:
    left, taken = list(buckets), list[Taken]()
    for place in sorted(range(len(left)), key=lambda place: (left[place].expires or date.max, place)):
        bucket = left[place]
        share = min(points, bucket.points) if bucket.usable(day) else 0
        if share:
            left[place] = replace(bucket, points=bucket.points - share)
            taken.append(Taken(bucket.bucket_id, share, bucket.expires))
            points -= share
    assert points == 0, "more points taken than the usable buckets hold"
    return tuple(left), tuple(taken)
