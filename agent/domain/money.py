"""Integer money: half-up division, largest-remainder allocation, and how fen are written for people.

Pure. Every amount is int fen, every rate int basis points of price (R1). There is no float and no Decimal here.
"""

from collections.abc import Sequence
from dataclasses import dataclass


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
    if amount < 0 or any(weight < 0 for weight in weights):
        raise ValueError("allocate takes no negative amount or weight")
    shares = [0] * len(weights)
    limits = list(caps) if caps is not None else [amount] * len(weights)
    if len(limits) != len(weights):
        raise ValueError("one cap per weight")
    open_lines = [index for index, weight in enumerate(weights) if weight > 0]
    rest = amount
    while open_lines and rest > 0:
        total = sum(weights[index] for index in open_lines)
        part = {index: rest * weights[index] // total for index in open_lines}
        spare = rest - sum(part.values())
        by_remainder = sorted(open_lines, key=lambda index: (-(rest * weights[index] % total), index))
        for index in by_remainder[:spare]:
            part[index] += 1
        over = [index for index in open_lines if part[index] > limits[index]]
        if not over:
            for index in open_lines:
                shares[index] = part[index]
            rest = 0
            break
        for index in over:
            shares[index] = max(0, limits[index])
            rest -= shares[index]
            open_lines.remove(index)
    return Allocation(tuple(shares), rest)


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
