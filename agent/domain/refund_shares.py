"""The arithmetic of R12: shares of a refund, from cumulative figures, so that splitting a refund changes no total.

Pure. agent.domain.refunds plans returns with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.domain.errors import Refusal
from agent.domain.money import allocate, hu

WECHAT_REFUNDS: Final = 50  # LIMIT: WeChat takes no more partial refunds of one payment


@dataclass(frozen=True, slots=True)
class EarnRatio:
    """The sale's own multipliers as one fraction: `earn(base) = base * num // den`, one floor (R11)."""

    num: int
    den: int

    def __post_init__(self) -> None:
        if self.num < 0 or self.den <= 0:
            raise ValueError("an earn ratio needs num >= 0 and den > 0")

    def earn(self, base_fen: int) -> int:
        """Points for a base; a base below 0 earns nothing."""
        return max(0, base_fen) * self.num // self.den


def cumulative(amount: int, units: int, qty: int) -> int:
    """Give what the first `units` of `qty` carry of an amount: the cumulative floor (R6).

    >>> [cumulative(1000, k, 3) for k in range(4)]
    [0, 333, 666, 1000]
    """
    return amount * units // qty


def base_remaining(base_fen: int, of_fen: int, refunded_fen: int) -> int:
    """Give the earning base left when `refunded_fen` of `of_fen` went back: the base loses its R6 share (R12).

    >>> base_remaining(7910, 7910, 3432), base_remaining(500, 1000, 333), base_remaining(0, 0, 0)
    (4478, 333, 0)
    """
    refunded = min(refunded_fen, of_fen)
    if base_fen >= of_fen:  # recorded by hand above what the lines paid: the excess stays until all is back
        return base_fen - refunded if refunded < of_fen else 0
    return base_fen - allocate([base_fen, of_fen - base_fen], refunded).shares[0]


def reversal(earned_so_far: int, ratio: EarnRatio, base_left_fen: int) -> int:
    """Give the points to take back: what is still earned minus what the base left would earn (R12).

    >>> reversal(10, EarnRatio(1, 1000), 10000 - 2200)
    3
    """
    return max(0, earned_so_far - ratio.earn(base_left_fen))


def tender_shares(tenders_fen: Sequence[int], refunded_fen: int, given_fen: Sequence[int] | None = None) -> list[int]:
    """Split what was refunded in all, `refunded_fen`, over the recorded tenders by R6; gives what each gets now.

    `given_fen` went back to each before. A largest remainder may shrink when the amount grows (the Alabama paradox):
    a tender that got more already keeps it and the rest is split over the others, so no share is ever negative.

    >>> tender_shares([3000, 50000, 10000], 53000)
    [2524, 42063, 8413]
    >>> tender_shares([6, 6, 2], 10), tender_shares([6, 6, 2], 11, given_fen=[4, 4, 2])
    ([4, 4, 2], [1, 0, 0])
    """
    given = list(given_fen) if given_fen is not None else [0] * len(tenders_fen)
    if refunded_fen > sum(tenders_fen):
        raise Refusal("RETURN_EXCEEDS_SALE", "more money than the tenders took", field="refund_fen")
    target = [0] * len(given)
    open_places, rest = list(range(len(given))), refunded_fen
    while open_places:
        caps = [tenders_fen[place] for place in open_places]
        shares = allocate(caps, rest, caps).shares
        kept = [place for place, share in zip(open_places, shares, strict=True) if share < given[place]]
        for place, share in zip(open_places, shares, strict=True):
            target[place] = given[place] if place in kept else share
        if not kept:
            break
        open_places = [place for place in open_places if place not in kept]
        rest -= sum(given[place] for place in kept)
    return [new - old for new, old in zip(target, given, strict=True)]


def wechat_to_user(total_fen: int, paid_fen: int, refund_fen: int) -> int:
    """Give what reaches the payer when `refund_fen` of a WeChat order is asked back, half-up, in WeChat's proportion.

    `total_fen` is the order before WeChat's voucher, `paid_fen` after it. RETURN_EXCEEDS_SALE above the total.

    >>> wechat_to_user(1000, 700, 900)
    630
    """
    if refund_fen > total_fen:
        raise Refusal("RETURN_EXCEEDS_SALE", "more than the order's total", field="refund_fen")
    return hu(refund_fen * paid_fen, total_fen) if total_fen else 0


def payer_shares(tender_fen: int, voucher_fen: int, before_fen: int, fen: int) -> int:
    """Give what reaches the payer of a refund of `fen` after `before_fen`, where a voucher paid a part (R12).

    Cumulative, so that parts add up to the whole.

    >>> [payer_shares(1000, 300, before, 300) for before in (0, 300, 600)], payer_shares(1000, 300, 900, 100)
    ([210, 210, 210], 70)
    """
    paid_fen = tender_fen - voucher_fen
    return wechat_to_user(tender_fen, paid_fen, before_fen + fen) - wechat_to_user(tender_fen, paid_fen, before_fen)


def short_in_cash(short_points: int, refund_fen: int, *, points_per_unit: int, fen_per_unit: int) -> tuple[int, int]:
    """Pay points that cannot be taken back out of the refund, where the brand set `short=cash` (R12).

    Gives (fen to deduct, points that stay as debt): whole units of the redemption rate, never more than the refund.

    >>> short_in_cash(250, 1000, points_per_unit=100, fen_per_unit=100)
    (200, 50)
    """
    units = short_points // points_per_unit
    if fen_per_unit:
        units = min(units, refund_fen // fen_per_unit)
    return units * fen_per_unit, short_points - units * points_per_unit
