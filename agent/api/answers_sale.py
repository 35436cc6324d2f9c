"""What quotes and sales answer: every price explained, what was used and what is left. Models as agent.api.answers."""

from typing import Literal

from agent.api.answers import Answer, EventNameView, SaleMember
from agent.api.answers_member import CountCardView


class LineOfferView(Answer):
    """What one promotion or coupon took off one line."""

    id: str
    name: str
    off_fen: int
    coupon: bool


class QuoteLine(Answer):
    """One priced line. `reason`: tier, member_fixed, promo, list or charged.

    `gross_fen` at that price; then `offers`, points and 抹零 take off, and `payable_fen` is left.
    """

    line: int
    sku: str
    name: str
    qty: int
    grams: int | None
    list_unit_fen: int
    unit_fen: int
    list_fen: int
    payable_fen: int
    saved_fen: int
    reason: str
    earns: bool
    gross_fen: int
    net_fen: int
    offers: list[LineOfferView]
    points_off_fen: int
    points_used: int
    rounding_off_fen: int


class AsMember(Answer):
    """What a member would pay and earn (for a member: the same)."""

    payable_fen: int
    points: int


class OfferView(Answer):
    """What became of a promotion or coupon. `why` it was not applied: period, no_goods, threshold or suppressed.

    `lost_fen` is face value that found no room: it is gone.
    """

    id: str
    name: str
    applied: bool
    why: Literal["period", "no_goods", "threshold", "suppressed"] | None
    off_fen: int
    lost_fen: int


class RedeemedView(Answer):
    """Points spent, and what they take off."""

    points: int
    off_fen: int


class CoveredView(Answer):
    """What a group coupon or count card pays for."""

    id: str
    units: int
    amount_fen: int


class PrepaidView(Answer):
    """What the member had paid before: no discount, a tender."""

    principal_fen: int
    gift_fen: int
    counts: list[CoveredView]
    vouchers: list[CoveredView]


class LeftView(Answer):
    """What the member has afterwards, as far as this till knows; `points` null: it does not."""

    points: int | None
    principal_fen: int
    gift_fen: int
    count_card: CountCardView | None


class QuoteView(Answer):
    """A quote, valid for `valid_s` seconds. `due_fen` is to be tendered outside: cash, WeChat, a card."""

    quote_id: str
    valid_s: int
    lines: list[QuoteLine]
    list_fen: int
    saved_fen: int
    payable_fen: int
    points_to_earn: int
    as_member: AsMember
    rules_version: int
    pricebook_version: int
    due_fen: int
    promos: list[OfferView]
    coupons: list[OfferView]
    redeemed: RedeemedView
    prepaid: PrepaidView
    rounding_off_fen: int
    lost_fen: int
    after: LeftView | None
    held: bool
    below_market: list[int]


class JoinView(Answer):
    """The join prompt of this sale."""

    url: str
    saved_fen: int
    points: int


class DiscrepancyView(Answer):
    """A fact that disagrees; recorded and sent to HQ."""

    code: str
    detail: str


class OverrideView(Answer):
    """What a supervisor allowed, and who; the reason goes to HQ alone."""

    code: str
    operator: str


class SaleView(Answer):
    """A booked sale. `outcome` is `created` (201) or `exists` (200, the first answer again)."""

    outcome: Literal["created", "exists"]
    sale_id: str
    event: EventNameView
    list_fen: int
    saved_fen: int
    payable_fen: int
    collected_fen: int
    foregone_fen: int
    points_earned: int
    points_balance: int | None
    member: SaleMember | None
    certainty: str | None
    join: JoinView | None
    discrepancies: list[DiscrepancyView]
    due_fen: int
    redeemed: RedeemedView
    prepaid: PrepaidView
    coupons: list[OfferView]
    rounding_off_fen: int
    lost_fen: int
    points_pending: bool
    points_expire: str | None
    after: LeftView | None
    overrides: list[OverrideView]
