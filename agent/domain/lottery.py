"""How a lottery is drawn, so that anybody can draw again and compare (S29). Pure; docs/hq-members.md tells the same.

Each lottery has one secret seed a business day. Its SHA-256, the commitment, is told before anything is drawn by it;
the seed itself once the day is over. A draw is HMAC-SHA256 under the seed over what names it, a number nobody can know
before and nobody can change after: neither the order of draws nor their time goes into it.
"""

import hashlib
import hmac
from collections.abc import Sequence


def commitment(seed: bytes) -> str:
    """What is told of a seed before it is used: its SHA-256, hex.

    >>> commitment(bytes(32))[:16]
    '66687aadf862bd77'
    """
    return hashlib.sha256(seed).hexdigest()


def drawn(seed: bytes, lottery_id: str, day: str, channel: str, request_id: str, member_id: str) -> int:
    """The 256-bit number of one draw: HMAC-SHA256(seed, the five names joined by line feeds).

    >>> drawn(bytes(32), "wheel", "2026-11-22", "mini", "d-1", "m_1") % 1000
    618
    """
    message = f"{lottery_id}\n{day}\n{channel}\n{request_id}\n{member_id}".encode()
    return int.from_bytes(hmac.digest(seed, message, "sha256"), "big")


def picked(number: int, weights: Sequence[int]) -> int:
    """The place of the prize that a number falls on: number modulo the sum of weights, counted off from the first.

    A sum is at most 50 million, so no prize is likelier than its weight says by more than one in 2^230.

    >>> [picked(number, (1, 2, 1)) for number in range(5)]
    [0, 1, 1, 2, 0]
    """
    rest = number % sum(weights)
    for place, weight in enumerate(weights):
        if rest < weight:
            return place
        rest -= weight
    raise AssertionError("the rest is below the sum")
