"""What a receipt tells, as data, and the small words it needs: rates as a shop says them, numbers masked.

Pure. Filled by agent.flow from a booked sale, read by agent.domain.receipts. Must never hold more than masked
personal data (R19): `mask` is the last defence, not the first.
"""

import re
from dataclasses import dataclass

from agent.domain.holdings import Left
from agent.domain.member import Certainty
from agent.domain.rules import JoinOffer
from agent.domain.sale import PricedCart, TenderLine
from agent.wording import CHINESE, label

_LONG_NUMBER = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class ShownMember:
    """The member as the receipt may show them; `pay_rate_bps` 8800 is printed as 8.8折."""

    masked: str
    tier_name: str
    certainty: Certainty | None = None
    pay_rate_bps: int = 10_000


@dataclass(frozen=True, slots=True)
class JoinInvitation:
    """Why and how to join: the URL carries the claim; `saved_fen` and `points` are what a member had on this sale."""

    url: str
    offer: JoinOffer = JoinOffer()
    saved_fen: int = 0
    points: int = 0


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """Everything a sale receipt tells. Discrepancies are for the shop and HQ: none of them is shown to the customer.

    `foregone_fen` is R20's: what a member known only by their payment would have saved. `balance_as_of_ms` is given
    when the balance is not fresh from HQ. `seq` is the receipt's number within the workstation's books.
    """

    store_name: str
    store_id: str
    workstation: str
    sale_id: str
    seq: int
    at_ms: int
    operator: str
    cart: PricedCart
    tenders: tuple[TenderLine, ...]
    collected_fen: int
    change_fen: int = 0
    member: ShownMember | None = None
    points_earned: int = 0
    points_balance: int | None = None
    balance_as_of_ms: int | None = None
    foregone_fen: int = 0
    join: JoinInvitation | None = None
    footer: tuple[str, ...] = ()
    table: str = ""
    """Where it was served (S10)."""
    language: int = CHINESE
    left: Left = Left()
    """What the member has after the sale: stored value, the count card used, points that end within 15 days."""
    points_pending: bool = False
    """The points earned wait for a person (S53)."""
    points_expire: str = ""
    """Last day of the points earned, "" for ever (S28)."""
    custodian: str = ""
    """Who keeps the money of stored value (S36)."""


def rate_words(pay_rate_bps: int, language: int = CHINESE) -> str:
    """Write a pay rate as a shop says it: 8800 means PAY 88 %, which is 8.8折.

    >>> rate_words(8800), rate_words(9000), rate_words(8850), rate_words(8800, 1)
    ('8.8折', '9折', '8.85折', '12% off')
    """
    tenths = f"{pay_rate_bps / 1000:g}"
    off = f"{(10_000 - pay_rate_bps) / 100:g}"
    return label("rate", language).format(tenths=tenths, off=off)


def mask(text: str) -> str:
    """Hide any long number that reached us unmasked; what is masked already stays as it is (R19).

    >>> mask("138****8000"), mask("13812348000"), mask("卡尾号8000")
    ('138****8000', '138****8000', '卡尾号8000')
    """
    return _LONG_NUMBER.sub(lambda found: f"{found[0][:3]}****{found[0][-4:]}", text)
