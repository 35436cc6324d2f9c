"""Members, tiers and identifications: who stands at the till, and how sure we are.

Pure data. No name, phone number or openid ever enters these types: only random ids and masked text (R19).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.verified import VerifiedTicket


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
class HeldCard:
    """One count card 次卡 as HQ had it; its id is the bucket of account `count` (R18)."""

    card_id: str
    name: str
    left: int
    total: int
    price_fen: int
    expires: str
    """The last day it is good for; "" is never."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the store knows them: random id, tier, and what HQ had booked when the row was sent."""

    member_id: str
    brand_id: str
    tier_id: str
    points: int
    masked: str
    """What may be shown: `138****8000` or a card's last digits."""
    sv_principal_fen: int = 0
    sv_gift_fen: int = 0
    cards: tuple[HeldCard, ...] = ()
    expiring_points: int = 0
    """Of the bucket that expires next, the last day of which is `expiring_day`."""
    expiring_day: str = ""
    month: str = ""
    """YYYY-MM that `month_spend_fen` speaks of."""
    month_spend_fen: int = 0
    birthday: str = ""
    """MM-DD, "" when it is not known; the year never comes to a till (R19)."""
    growth: int = 0
    next_tier_id: str = ""
    next_tier_growth: int = 0
    """The growth at which HQ will make the member a `next_tier_id`."""
    quarter: str = ""
    """First day of the quarter that the three below speak of, "" where HQ said nothing."""
    quarter_spend_fen: int = 0
    quarter_visits: int = 0
    quarter_invites: int = 0
    first_order: bool = False
    """The next order is the member's first (S20)."""
    frozen: bool = False
    """HQ's decision: nothing may be spent (S53)."""
    frozen_at_ms: int = 0
    """When HQ last froze or released; a release ends freezes made at a till before it."""
    points_spent_at_ms: int = 0
    coupon_used_at_ms: int = 0
    """The last redemptions HQ knows of, anywhere; told only where the brand's rules have a cool-down (S32)."""

    @property
    def accounts(self) -> Mapping[str, int]:
        """Balances by account, as of HQ's row: points, and fen of principal and gift."""
        return {"points": self.points, "sv_principal": self.sv_principal_fen, "sv_gift": self.sv_gift_fen}

    def redeemed_at_ms(self, account: str) -> int:
        """When the member last redeemed points or a coupon as far as HQ knew; 0: never, or nobody asks."""
        return {"points": self.points_spent_at_ms, "coupon": self.coupon_used_at_ms}.get(account, 0)

    def spent_in(self, month: str) -> int:
        """Fen spent in a month YYYY-MM as far as HQ knew (S17); of any month but the row's own nothing is known.

        >>> Member("m1", "b1", "n", 0, "", month="2026-11", month_spend_fen=52000).spent_in("2026-12")
        0
        """
        return self.month_spend_fen if month == self.month else 0


class IdentifiedBy(StrEnum):
    """Which evidence named the member or payer."""

    MEMBER_CODE = "member_code"
    DYNAMIC_CODE = "dynamic_code"
    WECHAT_PAYMENT = "wechat_payment"
    PAYMENT_CODE = "payment_code"
    """A payment code resolved through HQ before anything was paid (R20)."""
    PHONE = "phone"
    """A phone number that HQ knew."""
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
    payer_fen: int | None = None
    """What the payer paid of the total; a voucher of WeChat's own paid the rest. None: WeChat did not say."""

    @property
    def voucher_fen(self) -> int:
        """What WeChat's voucher paid."""
        return 0 if self.payer_fen is None else self.total_fen - self.payer_fen


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
    """Of a dynamic code, or of a ticket; stored durably in the transaction of the sale that uses it."""
    ticket: VerifiedTicket | None = None
    """HQ's word that the member was verified, where the certainty is VERIFIED; the sale carries it."""

    @property
    def prices(self) -> bool:
        """R20: an identity learnt from a completed payment earns but never changes a price."""
        return self.member is not None and self.by is not IdentifiedBy.WECHAT_PAYMENT
