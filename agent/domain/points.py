"""R11: points earned by a sale. One floor per order; the event multiplier is the maximum of those that apply.

Pure. Spending, buckets and reversals are rules of their own (R8, R10, R12).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EarnRule:
    """`points` for every `per_fen` of the earning base; 1 per 100 fen is one point a yuan (S23)."""

    points: int = 1
    per_fen: int = 100

    def __post_init__(self) -> None:
        if self.points < 0 or self.per_fen <= 0:
            raise ValueError("an earn rule needs points >= 0 and per_fen > 0")


def event_multiplier(mults_x100: Iterable[int]) -> int:
    """Take the maximum of member day, birthday and campaign multipliers; none means 1x (R11).

    >>> event_multiplier([]), event_multiplier([200, 150])
    (100, 200)
    """
    return max([100, *mults_x100])


def earned(base_fen: int, rule: EarnRule, *, tier_x100: int = 100, event_x100: int = 100) -> int:
    """Points for an earning base, floored once per order (R11).

    >>> earned(19990, EarnRule(), tier_x100=150, event_x100=200)
    599
    """
    return base_fen * rule.points * tier_x100 * event_x100 // (rule.per_fen * 10_000)
