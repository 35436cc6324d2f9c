"""Tenders that were paid before: 团购券 and 次卡 cover goods of the cart, stored value covers an amount (R2 stage 5).

Pure; called by the pipeline. What they cover is no discount: it is what was still to be paid, and it earns nothing,
but for stored value's principal (R9, R11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.errors import Refusal
from agent.domain.money import unit_fen
from agent.domain.stored_value import consume_split


@dataclass(frozen=True, slots=True)
class Voucher:
    """A group voucher or the uses of a count card: pieces by sku, all of them or nothing (R5, R18)."""

    voucher_id: str
    goods: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Covered:
    """What one voucher pays, line by line (fen)."""

    voucher: Voucher
    shares: tuple[int, ...]

    @property
    def amount_fen(self) -> int:
        """What it pays of the sale."""
        return sum(self.shares)


def cover(vouchers: Sequence[Voucher], skus: Sequence[str], pieces: Sequence[int], due: Sequence[int]) -> list[Covered]:
    """Let each voucher cover its set of goods at what is due for them; no piece is covered twice.

    Raises Refusal VOUCHER_SET_INCOMPLETE when the cart lacks a piece of the set.

    >>> [one.shares for one in cover([Voucher("g", {"a": 2})], ["a", "b"], [3, 1], [1000, 500])]
    [(666, 0)]
    """
    used = [0] * len(skus)
    found: list[Covered] = []
    for voucher in vouchers:
        shares = [0] * len(skus)
        for sku, wanted in voucher.goods.items():
            missing = wanted
            for line, line_sku in enumerate(skus):
                while missing and line_sku == sku and used[line] < pieces[line]:
                    used[line] += 1
                    missing -= 1
                    shares[line] += unit_fen(due[line], pieces[line], used[line])
            if missing:
                detail = f"the set of {voucher.voucher_id} needs {missing} more of {sku}"
                raise Refusal("VOUCHER_SET_INCOMPLETE", detail, hint="add the article, or pay another way")
        found.append(Covered(voucher, tuple(shares)))
    return found


@dataclass(frozen=True, slots=True)
class Purse:
    """Stored value offered: both balances, how much of it is asked (None: all that is due), and what goes first."""

    principal_fen: int
    gift_fen: int
    amount_fen: int | None = None
    mode: str = "principal_first"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Stored value used by a sale, from each of its two ledgers (R9)."""

    principal_fen: int = 0
    gift_fen: int = 0

    @property
    def amount_fen(self) -> int:
        """Both together."""
        return self.principal_fen + self.gift_fen


def draw(purse: Purse | None, due_fen: int) -> Drawn:
    """Pay what is due with stored value as far as it reaches; what is left needs another tender (R9).

    >>> draw(Purse(10000, 3000), 12000)
    Drawn(principal_fen=10000, gift_fen=2000)
    """
    if purse is None:
        return Drawn()
    held = max(0, purse.principal_fen) + max(0, purse.gift_fen)
    asked = due_fen if purse.amount_fen is None else min(due_fen, purse.amount_fen)
    principal, gift = consume_split(min(asked, held), max(0, purse.principal_fen), max(0, purse.gift_fen), purse.mode)
    return Drawn(principal, gift)
