"""R12: what a return gives back and takes back, from what the sale recorded; nothing is priced again.

Pure. The flow plans a return or void of a recorded sale with `plan_return` and `plan_void`, shows the plan, books it.
Every figure is a difference of cumulative ones, so splitting a return changes no total and the last fen always fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from agent.domain.errors import Refusal
from agent.domain.points_ledger import Taken, put_back
from agent.domain.refund_shares import EarnRatio, base_remaining, cumulative, reversal, tender_shares


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One recorded line (R7): units (1 for weighed goods), fen paid, points used, whether its money was in the base."""

    qty: int
    paid_fen: int
    points_used: int = 0
    earns: bool = True

    def __post_init__(self) -> None:
        if self.qty <= 0 or self.paid_fen < 0 or self.points_used < 0:
            raise ValueError("a sold line needs qty > 0 and nothing negative")


@dataclass(frozen=True, slots=True)
class SoldSale:
    """What a return reads of the recorded sale. Tenders are (name, fen) and add up to what the lines paid.

    `stored_value` is the name of the tender whose own split was (`principal_fen`, `gift_fen`). `points_taken` are the
    buckets the redemption took, in order. `coupon`: one was used and it is still valid.
    """

    lines: tuple[SoldLine, ...]
    base_fen: int
    earned: int
    ratio: EarnRatio
    tenders: tuple[tuple[str, int], ...] = ()
    points_taken: tuple[Taken, ...] = ()
    principal_fen: int = 0
    gift_fen: int = 0
    coupon: bool = False
    stored_value: str = "stored_value"

    def __post_init__(self) -> None:
        if self.base_fen < 0 or self.earned < 0:
            raise ValueError("neither base nor points earned may be negative")
        if self.tenders and sum(fen for _, fen in self.tenders) != self.paid_fen:
            raise ValueError("the tenders must add up to what the lines paid")
        if self.principal_fen + self.gift_fen != sum(fen for name, fen in self.tenders if name == self.stored_value):
            raise ValueError("principal and gift must add up to the stored-value tender")

    @property
    def paid_fen(self) -> int:
        """What the lines paid together."""
        return sum(line.paid_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class LineBack:
    """One line's part of a return; `line` counts from 0, `units` are those given back now."""

    line: int
    units: int
    refund_fen: int
    points_returned: int


@dataclass(frozen=True, slots=True)
class ReturnPlan:
    """All that one return moves. `tenders` stand in the sale's order.

    Of the stored-value tender `principal_fen` and `gift_fen` say where it goes. `points_put` are the buckets for the
    returned points, before any debt is repaid.
    """

    lines: tuple[LineBack, ...]
    refund_fen: int
    tenders: tuple[tuple[str, int], ...]
    principal_fen: int
    gift_fen: int
    points_returned: int
    points_put: tuple[Taken, ...]
    points_reversed: int
    coupon_restored: bool
    whole: bool
    """Nothing of the sale is left after this return."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What earlier returns of a sale gave back: units by line, fen by tender, in the sale's order."""

    units: tuple[int, ...]
    tenders_fen: tuple[int, ...] = ()

    def plus(self, plan: ReturnPlan) -> "Returned":
        """Add a plan that was booked."""
        units = list(self.units)
        for line in plan.lines:
            units[line.line] += line.units
        fens = tuple(fen + more for fen, (_, more) in zip(self.tenders_fen, plan.tenders, strict=True))
        return Returned(tuple(units), fens)


def nothing_returned(sale: SoldSale) -> Returned:
    """Where every sale begins."""
    return Returned((0,) * len(sale.lines), (0,) * len(sale.tenders))


def plan_return(
    sale: SoldSale,
    before: Returned,
    asked: Sequence[tuple[int, int]],
    *,
    day: date | None = None,
    grace_days: int = 0,
) -> ReturnPlan:
    """Plan the return of `asked` [(line from 0, units)] on top of what came back `before` (R12).

    The stored-value share goes to the principal, never to gift (R9); `day` and `grace_days` decide the buckets of
    returned points (R10). RETURN_EXCEEDS_SALE for a line that is not there or more units than it has left.

    >>> sale = SoldSale((SoldLine(3, 1000),), 1000, 10, EarnRatio(1, 100), (("cash", 1000),))
    >>> plan = plan_return(sale, nothing_returned(sale), [(0, 1)])
    >>> plan.refund_fen, plan.tenders, plan.points_reversed, plan.whole
    (333, (('cash', 333),), 4, False)
    """
    units = _units_after(sale, before, asked)
    lines = tuple(
        LineBack(
            place,
            now - then,
            cumulative(line.paid_fen, now, line.qty) - cumulative(line.paid_fen, then, line.qty),
            cumulative(line.points_used, now, line.qty) - cumulative(line.points_used, then, line.qty),
        )
        for place, (line, then, now) in enumerate(zip(sale.lines, before.units, units, strict=True))
        if now > then
    )
    refund_fen = sum(line.refund_fen for line in lines)
    fens = [fen for _, fen in sale.tenders]
    shares = tender_shares(fens, sum(before.tenders_fen) + refund_fen, before.tenders_fen) if fens else []
    tenders = tuple((name, share) for (name, _), share in zip(sale.tenders, shares, strict=True))
    points_returned = sum(line.points_returned for line in lines)
    points_before = sum(
        cumulative(line.points_used, then, line.qty) for line, then in zip(sale.lines, before.units, strict=True)
    )
    sold = tuple(line.qty for line in sale.lines)
    return ReturnPlan(
        lines=lines,
        refund_fen=refund_fen,
        tenders=tenders,
        principal_fen=sum(share for name, share in tenders if name == sale.stored_value),
        gift_fen=0,
        points_returned=points_returned,
        points_put=put_back(sale.points_taken, points_before, points_returned, day, grace_days),
        points_reversed=points_kept(sale, before.units) - points_kept(sale, units),
        coupon_restored=sale.coupon and units == sold != before.units,
        whole=units == sold,
    )


def plan_void(sale: SoldSale, before: Returned, *, day: date | None = None, grace_days: int = 0) -> ReturnPlan:
    """Plan the void of a sale: everything that is left of it (R12).

    A void undoes the consumption itself, so gift money goes back to gift: what returns before credited to the
    principal counts as principal, the rest is the consumption's own split.
    """
    left = [(place, line.qty - then) for place, (line, then) in enumerate(zip(sale.lines, before.units, strict=True))]
    plan = plan_return(sale, before, left, day=day, grace_days=grace_days)
    credited = sum(
        fen for (name, _), fen in zip(sale.tenders, before.tenders_fen, strict=True) if name == sale.stored_value
    )
    principal = min(plan.principal_fen, max(0, sale.principal_fen - credited))
    return replace(plan, principal_fen=principal, gift_fen=plan.principal_fen - principal)


def points_kept(sale: SoldSale, units: Sequence[int]) -> int:
    """Give the points still earned when `units` of each line came back; with none that is what the sale earned."""
    if not any(units):
        return sale.earned
    earning = [(line, back) for line, back in zip(sale.lines, units, strict=True) if line.earns]
    of_fen = sum(line.paid_fen for line, _ in earning)
    refunded = sum(cumulative(line.paid_fen, back, line.qty) for line, back in earning)
    return sale.earned - reversal(sale.earned, sale.ratio, base_remaining(sale.base_fen, of_fen, refunded))


def _units_after(sale: SoldSale, before: Returned, asked: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    units = list(before.units)
    for line, back in asked:
        if back < 0:
            raise ValueError("a return gives units back")
        if not 0 <= line < len(units) or units[line] + back > sale.lines[line].qty:
            raise Refusal("RETURN_EXCEEDS_SALE", f"line {line} has fewer units left", field="lines")
        units[line] += back
    return tuple(units)
