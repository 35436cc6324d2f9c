"""Integer money: half-up division, largest-remainder allocation, and how fen are written for people.

Pure. Every amount is int fen, every rate int basis points of price (R1). There is no float and no Decimal here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import gt


def hu(numerator: int, denominator: int) -> int:
    """Divide half-up (R1). Used for discounts, so that a tie goes to the customer.

    >>> hu(5 * 1000, 10000), hu(4 * 1000, 10000)
    (1, 0)
    """
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True, slots=True)
class Allocation:
    """Shares in input order, and what could not be placed because every share reached its cap."""

    shares: tuple[int, ...]
    unallocated: int


def allocate(weights: Sequence[int], amount: int, caps: Sequence[int] | None = None) -> Allocation:
    """Split `amount` over `weights` by largest remainder (R6); ties go to the lowest index.

    A share above its cap is fixed at the cap and the rest is re-allocated over the others; what cannot be placed is
    `unallocated`. A zero weight gets 0. Amounts are never negative: refunds negate what was recorded.

    >>> allocate([4300, 1400, 2300], 299)
    Allocation(shares=(161, 52, 86), unallocated=0)
    >>> allocate([100, 100], 50, caps=[10, 100])
    Allocation(shares=(10, 40), unallocated=0)
    """
    if amount < 0 or (weights and min(weights) < 0):
        raise ValueError("allocate takes no negative amount or weight")
    if caps is not None and len(caps) != len(weights):
        raise ValueError("one cap per weight")
    shares = [0] * len(weights)
    open_lines: Sequence[int] = range(len(weights)) if any(weights) else ()
    open_weights, rest = weights, amount
    while open_lines and rest:
        placed = _place(open_weights, rest)
        limits = placed if caps is None else [caps[index] for index in open_lines]
        if not any(map(gt, placed, limits)):
            for index, share in zip(open_lines, placed, strict=True):
                shares[index] = share
            return Allocation(tuple(shares), 0)
        still_open: list[int] = []
        for index, share, limit in zip(open_lines, placed, limits, strict=True):
            if share > limit:
                shares[index] = max(0, limit)
                rest -= shares[index]
            elif weights[index]:
                still_open.append(index)
        open_lines, open_weights = still_open, [weights[index] for index in still_open]
    return Allocation(tuple(shares), rest)


def _place(weights: Sequence[int], amount: int) -> list[int]:
    """Split by largest remainder. The spare fen are fewer than the remainders above zero: a zero weight gets none."""
    total = sum(weights)
    scaled = [amount * weight for weight in weights]
    parts = [one // total for one in scaled]
    spare = amount - sum(parts)
    if spare:
        by_remainder = sorted(range(len(parts)), key=[-(one % total) for one in scaled].__getitem__)  # stable: ties
        for index in by_remainder[:spare]:
            parts[index] += 1
    return parts


def unit_fen(line_fen: int, pieces: int, unit: int) -> int:
    """Value of unit `unit` (1..pieces) of a line by cumulative floor (R6): F(k) = line * k // pieces.

    >>> [unit_fen(2000, 3, unit) for unit in (1, 2, 3)]
    [666, 667, 667]
    """
    return line_fen * unit // pieces - line_fen * (unit - 1) // pieces


def yuan(fen: int) -> str:
    """Write fen as yuan with two decimals.

    >>> yuan(123456), yuan(-5)
    ('1234.56', '-0.05')
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan_short(fen: int) -> str:
    """Write fen as yuan without a zero fraction, for incentives such as 5元券.

    >>> yuan_short(500), yuan_short(550)
    ('5', '5.50')
    """
    return str(fen // 100) if fen % 100 == 0 else yuan(fen)
