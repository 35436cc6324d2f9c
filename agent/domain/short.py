"""R12 `short=cash`: earned points that cannot be taken back any more are paid out of the refund.

Pure; called by agent.aftersales for the plan of a return and by recompute_after, which must find the same. A brand
switches it on (`return_short` of its rule set); without it the points stay as debt. Money that the member had stored
goes back whole: what is kept comes off the other tenders, cash first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.domain.redemption import RedeemRule
from agent.domain.refund_shares import short_in_cash
from agent.domain.sale import TenderType

_CASH: Final = TenderType.CASH.value
_STORED: Final = TenderType.STORED_VALUE.value


@dataclass(frozen=True, slots=True)
class Short:
    """Points paid in money, and the fen kept of each tender's share, in the order of the tenders."""

    points: int = 0
    kept: tuple[int, ...] = ()

    @property
    def fen(self) -> int:
        """All that is kept of the refund."""
        return sum(self.kept)

    def of(self, tender: int) -> int:
        """What is kept of one tender's share."""
        return self.kept[tender] if self.kept else 0


NOTHING_SHORT: Final = Short()


def settle(owed: int, tenders: Sequence[tuple[str, int]], rule: RedeemRule | None) -> Short:
    """Pay `owed` points out of a refund's (type, fen) shares, in whole units of the redemption rule.

    >>> settle(250, [("wechat", 700), ("cash", 150)], RedeemRule(100, 100))
    Short(points=200, kept=(50, 150))
    >>> settle(250, [("stored_value", 700)], RedeemRule(100, 100))
    Short(points=0, kept=())
    """
    if rule is None or owed <= 0:
        return NOTHING_SHORT
    there_fen = sum(fen for kind, fen in tenders if kind != _STORED)
    fen, left = short_in_cash(owed, there_fen, points_per_unit=rule.points_per_unit, fen_per_unit=rule.fen_per_unit)
    return Short(owed - left, keep(tenders, fen)) if fen else NOTHING_SHORT


def keep(tenders: Sequence[tuple[str, int]], fen: int) -> tuple[int, ...]:
    """Take `fen` off the shares of a refund: cash first, then the others in their order, stored value never.

    >>> keep([("stored_value", 300), ("wechat", 200), ("cash", 100)], 150)
    (0, 50, 100)
    """
    kept = [0] * len(tenders)
    order = sorted(range(len(tenders)), key=lambda place: tenders[place][0] != _CASH)
    for place in order:
        kind, share = tenders[place]
        if kind != _STORED:
            kept[place] = min(share, fen)
            fen -= kept[place]
    return tuple(kept)
