"""Members, tiers and identifications: who stands at the till, and how sure we are.

Pure data. No name, phone number or openid ever enters these types: only random ids and masked text (R19).
"""

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How sure an identification is, weakest first; spending needs DYNAMIC or VERIFIED."""

    CODE = "code"
    PAYMENT = "payment"
    DYNAMIC = "dynamic"
    VERIFIED = "verified"

    @property
    def may_spend(self) -> bool:
        """WeChat forbids deducting points or balance on an openid alone (facts/wechat.md, B)."""
        return self in (Certainty.DYNAMIC, Certainty.VERIFIED)


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier of a brand. `pay_rate_bps` 8800 means the member PAYS 88 %; `earn_mult_x100` 150 means 1.5 times."""

    tier_id: str
    name: str
    pay_rate_bps: int
    earn_mult_x100: int

    def __post_init__(self) -> None:
        if not 0 < self.pay_rate_bps <= 10_000:
            raise ValueError(f"tier {self.tier_id}: pay_rate_bps {self.pay_rate_bps} is not in 1..10000")
        if not 0 <= self.earn_mult_x100 <= 10_000:
            raise ValueError(f"tier {self.tier_id}: earn_mult_x100 {self.earn_mult_x100} is not in 0..10000")


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the store knows them: random id, tier, and the points HQ had booked when the row was sent."""

    member_id: str
    brand_id: str
    tier_id: str
    points: int
    masked: str
    """What may be shown: `138****8000` or a card's last digits."""


class IdentifiedBy(StrEnum):
    """Which evidence named the member or payer."""

    MEMBER_CODE = "member_code"
    DYNAMIC_CODE = "dynamic_code"
    WECHAT_PAYMENT = "wechat_payment"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class PaymentEvidence:
    """A WeChat payment as the POS handed it over: asserted, checked against the tender, used once (wire.md)."""

    transaction_id: str
    total_fen: int
    mch_id: str
    sub_mch_id: str
    scope: str
    """`known`, `unknown_merchant` or `other_store`: what HQ's map says of (mch_id, sub_mch_id) for this store."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What resolve and payments hand out; quotes and sales accept nothing else.

    Exactly one of these holds: `member` is set; `payer_ref` is set (a provisional payer 临时会员); neither (nobody).
    """

    identification_id: str
    by: IdentifiedBy
    member: Member | None = None
    certainty: Certainty | None = None
    payer_ref: str | None = None
    payment: PaymentEvidence | None = None
    nonce: str | None = None
    """Of a dynamic code; stored durably in the transaction of the sale that uses it."""

    @property
    def prices(self) -> bool:
        """R20: an identity learnt from a completed payment earns but never changes a price."""
        return self.member is not None and self.by is not IdentifiedBy.WECHAT_PAYMENT
