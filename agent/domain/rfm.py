"""Scores of RFM (S66): how recently, how often, how much; 1 to 5 by fifths of a brand's buyers. Pure.

Called by agent.cli.hq_reports. Equal values have equal scores, whatever their order.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T", int, str)


def fifths(values: Sequence[T]) -> list[T]:
    """The upper ends of the lower four fifths of values.

    >>> fifths([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    [2, 4, 6, 8]
    """
    ordered = sorted(values)
    return [ordered[(len(ordered) * part + 4) // 5 - 1] for part in range(1, 5)] if ordered else []


def score(value: T, ends: Sequence[T]) -> int:
    """1 for the lowest fifth, 5 for the highest; a value that ends a fifth belongs to it.

    >>> [score(value, [2, 4, 6, 8]) for value in (1, 2, 3, 8, 9)]
    [1, 1, 2, 4, 5]
    """
    return bisect_left(ends, value) + 1
