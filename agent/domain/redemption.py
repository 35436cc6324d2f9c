"""R8: how many points a sale takes, and what they are worth. Asked too many, it refuses; it never cuts silently.

Pure; called by the pipeline with the balance that may be spent: no points of this sale, none frozen, no debt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.domain.errors import Refusal
from agent.domain.money import allocate

Asked = int | Literal["max"]
"""Points the customer wants to spend, or as many as the rules allow."""


@dataclass(frozen=True, slots=True)
class RedeemRule:
    """One unit of `points_per_unit` points takes `fen_per_unit` fen off, up to `cap_bp` of what is payable (S24)."""

    points_per_unit: int = 1
    fen_per_unit: int = 1
    cap_bp: int = 10_000
    max_points: int | None = None

    def __post_init__(self) -> None:
        if self.points_per_unit <= 0 or self.fen_per_unit <= 0 or not 0 <= self.cap_bp <= 10_000:
            raise ValueError("a redeem rule needs points_per_unit > 0, fen_per_unit > 0 and cap_bp in 0..10000")
        if self.max_points is not None and self.max_points < 0:
            raise ValueError("max_points of a redeem rule is never negative")


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a redemption takes: points from the member, fen off the sale."""

    points: int = 0
    off_fen: int = 0


def redeem(asked: Asked, balance: int, payable_fen: int, room_fen: int, rule: RedeemRule | None) -> Redeemed:
    """Price a redemption (R8). `room_fen` is the sum of room above the floors of R4.

    Raises Refusal in this order: POINTS_NOT_MULTIPLE, POINTS_INSUFFICIENT, POINTS_OVER_CAP. Without a rule nothing
    may be spent.

    >>> redeem("max", 3000, 3990, 3990, RedeemRule(100, 100, 5000))
    Redeemed(points=1900, off_fen=1900)
    """
    if asked == 0:
        return Redeemed()
    most = 0
    if rule is not None:
        unit_points, unit_fen = rule.points_per_unit, rule.fen_per_unit
        most = min(
            max(0, balance) // unit_points, payable_fen * rule.cap_bp // 10_000 // unit_fen, room_fen // unit_fen
        )
        if rule.max_points is not None:
            most = min(most, rule.max_points // unit_points)
    if asked == "max":
        return Redeemed(most * rule.points_per_unit, most * rule.fen_per_unit) if rule is not None else Redeemed()
    if asked < 0 or (rule is not None and asked % rule.points_per_unit):
        unit = rule.points_per_unit if rule is not None else 1
        raise Refusal("POINTS_NOT_MULTIPLE", f"points are spent in units of {unit}", field="points")
    if asked > balance:
        raise Refusal("POINTS_INSUFFICIENT", f"{asked} points asked, {max(0, balance)} may be spent", field="points")
    if rule is None or asked > most * rule.points_per_unit:
        most_points = 0 if rule is None else most * rule.points_per_unit
        raise Refusal("POINTS_OVER_CAP", f"this sale takes at most {most_points} points", field="points")
    return Redeemed(asked, asked // rule.points_per_unit * rule.fen_per_unit)


def spread(redeemed: Redeemed, nets: Sequence[int], rooms: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give (fen off, points used) of every line: both by R6 on the nets, above the floors (R8).

    A line takes no more points than its room is worth at the rate of this redemption, rounded up: none at its floor.

    >>> spread(Redeemed(2000, 100), (2000, 1500), (2000, 1500))
    ((57, 43), (1143, 857))
    >>> spread(Redeemed(2000, 100), (10000, 500), (100, 0))
    ((100, 0), (2000, 0))
    """
    points, off_fen = redeemed.points, redeemed.off_fen
    by_fen = allocate(nets, off_fen, rooms).shares
    if points == off_fen:
        return by_fen, by_fen
    return by_fen, allocate(nets, points, [-(-room * points // off_fen) for room in rooms]).shares
