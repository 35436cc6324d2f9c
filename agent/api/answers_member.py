"""What resolve and payments answer: who it is, what they hold, what of it may be spent here (see agent.api.answers)."""

from typing import Literal

from agent.api.answers import Answer


class TierView(Answer):
    """`pay_rate_bps` 8800: the member pays 88 %."""

    tier_id: str
    name: str
    pay_rate_bps: int
    earn_mult_x100: int


class CouponView(Answer):
    """A coupon the member holds. `face`: off_fen fen, or off_bp basis points off; type gift or group neither."""

    coupon_id: str
    name: str
    type: str
    off_fen: int
    off_bp: int
    min_fen: int
    start: str
    end: str
    usable_today: bool


class CountCardView(Answer):
    """A count card: what is left of it. `expires` "": never."""

    card_id: str
    name: str
    left: int
    total: int
    expires: str


class StoredValueView(Answer):
    """Stored value in fen, by what was paid in and what was given on top."""

    principal_fen: int
    gift_fen: int
    total_fen: int


class SpendableView(Answer):
    """What this till may spend now without HQ; more may be had while HQ can be reached."""

    points: int
    stored_value_fen: int
    coupons: list[str]
    counts: dict[str, int]


class NextTierView(Answer):
    """The tier HQ will give at `at_growth`; the member has `growth` now."""

    tier_id: str
    name: str
    growth: int
    at_growth: int
    pay_rate_bps: int
    earn_mult_x100: int


class WayUpView(Answer):
    """A shorter way to a tier (S20); `by` spend_fen, invites, visits or first_order, `missing` of it. 0: reached."""

    tier_id: str
    by: str
    missing: int


class TierReviewView(Answer):
    """This quarter as HQ counted it, and what is missing to the next tier: both are needed (S18)."""

    quarter_ends: str
    spend_fen: int
    visits: int
    next_tier_id: str | None
    missing_spend_fen: int
    missing_visits: int
    ways_up: list[WayUpView]


class ExpiringView(Answer):
    """Points that end within fifteen days, on the last day they may be used."""

    points: int
    day: str


class MemberView(Answer):
    """A member, masked. What is null is not known here at this moment.

    `spending_refused`: the code a quote that spends would be refused with now, such as MEMBER_FROZEN; null: none.
    """

    member_id: str
    masked: str
    tier: TierView
    points: int | None
    points_expiring: ExpiringView | None
    stored_value: StoredValueView | None
    count_cards: list[CountCardView]
    coupons: list[CouponView]
    spendable_here: SpendableView
    next_tier: NextTierView | None
    tier_review: TierReviewView | None
    birthday_today: bool
    first_order: bool
    spending_refused: str | None


class PaymentView(Answer):
    """A payment as the POS asserted it. `scope`: known, unknown_merchant or other_store; only known may earn.

    `payer_fen` of `total_fen` was paid by the payer, the rest by a voucher of WeChat's; null: WeChat did not say.
    """

    transaction_id: str
    total_fen: int
    payer_fen: int | None
    sub_mch_id: str
    scope: str
    evidence: str


class IdentificationView(Answer):
    """Who it is, and how sure."""

    identification_id: str
    by: str
    certainty: Literal["code", "payment", "dynamic", "verified"] | None
    may_price: bool
    may_spend: bool
    member: MemberView | None
    provisional: bool
    payment: PaymentView | None
    join_prompt: bool


class SmsView(Answer):
    """A code is on its way to the member's phone."""

    expires_in_s: int
