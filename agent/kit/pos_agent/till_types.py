"""Bodies and answers of the till's API, as PosAgent has them.

Made by `python -m agent.kit.generate` from docs/openapi.json. Do not edit.
"""

from typing import Any, Literal, NotRequired, TypedDict


class Hello(TypedDict):
    """Who answers, and whether it is ready to sell."""

    api: str
    capabilities: list[str]
    name: str
    not_ready: list[str]
    ready: bool
    store_id: str
    store_name: str
    training: bool
    version: str
    workstation_id: str


class ClockView(TypedDict):
    """ClockView."""

    trusted: bool
    why: str


class ComponentView(TypedDict):
    """A device or HQ: `up` is null until it first reported."""

    counters: dict[str, int]
    reason: str
    since_at_ms: int
    up: bool | None


class ProofView(TypedDict):
    """A finished reconciliation: `equal`, `healed`, `different` or `unreachable`."""

    at_ms: int
    count: int
    detail: dict[str, Any]
    epoch: str
    head: str
    result: Literal["equal", "healed", "different", "unreachable"]
    trigger: str


class ModeView(TypedDict):
    """Which books the till books into: its own, or those of a training that nobody keeps."""

    changing: bool
    fixed_by: Literal["file", "run"] | None
    real_waiting: int
    training: bool


class BudgetView(TypedDict):
    """BudgetView."""

    business_day: str
    left_fen: int
    member_day_fen: int
    till_day_fen: int
    used_fen: int


class OutboxView(TypedDict):
    """Events by what HQ said of them; `suspended` and `conflict` wait for a person."""

    acknowledged: int
    conflict: int
    pending: int
    suspended: int


class StatusView(TypedDict):
    """StatusView."""

    api: str
    capabilities: list[str]
    clock: ClockView
    components: dict[str, ComponentView]
    frozen_here: int
    last_proof: ProofView | None
    mode: ModeView
    name: str
    next_proof_at_ms: int
    not_ready: list[str]
    offline_budget: BudgetView | None
    outbox: OutboxView
    ready: bool
    replica: dict[str, int]
    snapshot_age_s: int | None
    store_id: str
    store_name: str
    sync_alarm: str
    training: bool
    version: str
    workstation_id: str


class Paired(TypedDict):
    """The token, shown once."""

    app: str
    scopes: list[Literal["sell", "print", "drawer", "manage"]]
    token: str


class Problem(TypedDict):
    """RFC 9457: `code` is stable, `detail` is the cashier's sentence in Chinese, `hint` says what to do."""

    code: str
    detail: str
    errors: NotRequired[list[dict[str, str]] | None]
    field: NotRequired[str | None]
    hint: str
    status: int
    title: str
    type: str


class ResolveRequest(TypedDict):
    """ResolveRequest."""

    auth_code: NotRequired[str | None]
    code: NotRequired[str | None]
    last_scan: NotRequired[bool]
    mch_id: NotRequired[str]
    phone: NotRequired[str | None]
    sub_mch_id: NotRequired[str]


class CountCardView(TypedDict):
    """A count card: what is left of it. `expires` "": never."""

    card_id: str
    expires: str
    left: int
    name: str
    total: int


class CouponView(TypedDict):
    """CouponView."""

    coupon_id: str
    end: str
    min_fen: int
    name: str
    off_bp: int
    off_fen: int
    start: str
    type: str
    usable_today: bool


class NextTierView(TypedDict):
    """The tier HQ will give at `at_growth`; the member has `growth` now."""

    at_growth: int
    earn_mult_x100: int
    growth: int
    name: str
    pay_rate_bps: int
    tier_id: str


class ExpiringView(TypedDict):
    """Points that end within fifteen days, on the last day they may be used."""

    day: str
    points: int


class SpendableView(TypedDict):
    """What this till may spend now without HQ; more may be had while HQ can be reached."""

    counts: dict[str, int]
    coupons: list[str]
    points: int
    stored_value_fen: int


class StoredValueView(TypedDict):
    """Stored value in fen, by what was paid in and what was given on top."""

    gift_fen: int
    principal_fen: int
    total_fen: int


class TierView(TypedDict):
    """`pay_rate_bps` 8800: the member pays 88 %."""

    earn_mult_x100: int
    name: str
    pay_rate_bps: int
    tier_id: str


class WayUpView(TypedDict):
    """WayUpView."""

    by: str
    missing: int
    tier_id: str


class TierReviewView(TypedDict):
    """This quarter as HQ counted it, and what is missing to the next tier: both are needed (S18)."""

    missing_spend_fen: int
    missing_visits: int
    next_tier_id: str | None
    quarter_ends: str
    spend_fen: int
    visits: int
    ways_up: list[WayUpView]


class MemberView(TypedDict):
    """A member, masked. What is null is not known here at this moment."""

    birthday_today: bool
    count_cards: list[CountCardView]
    coupons: list[CouponView]
    first_order: bool
    masked: str
    member_id: str
    next_tier: NextTierView | None
    points: int | None
    points_expiring: ExpiringView | None
    spendable_here: SpendableView
    spending_refused: str | None
    stored_value: StoredValueView | None
    tier: TierView
    tier_review: TierReviewView | None


class PaymentView(TypedDict):
    """PaymentView."""

    evidence: str
    payer_fen: int | None
    scope: str
    sub_mch_id: str
    total_fen: int
    transaction_id: str


class IdentificationView(TypedDict):
    """Who it is, and how sure."""

    by: str
    certainty: Literal["code", "payment", "dynamic", "verified"] | None
    identification_id: str
    join_prompt: bool
    may_price: bool
    may_spend: bool
    member: MemberView | None
    payment: PaymentView | None
    provisional: bool


class CountCardRequest(TypedDict):
    """CountCardRequest."""

    card_id: str
    line: NotRequired[int | None]
    units: NotRequired[int]


class LineRequest(TypedDict):
    """One line: pieces, or grams for goods by weight."""

    code: str
    grams: NotRequired[int | None]
    qty: NotRequired[int]


class OverrideRequest(TypedDict):
    """A supervisor allows a price under 70 % of the market; recorded with the sale and told to HQ."""

    operator: str
    reason: str


class QuoteRequest(TypedDict):
    """QuoteRequest."""

    cash: NotRequired[bool]
    confirmed: NotRequired[bool]
    count_card: NotRequired[CountCardRequest | None]
    coupons: NotRequired[list[str]]
    hold: NotRequired[bool]
    identification_id: NotRequired[str | None]
    lines: list[LineRequest]
    override: NotRequired[OverrideRequest | None]
    points: NotRequired[int | Literal["max"]]
    stored_value: NotRequired[int | Literal["max"]]


class LeftView(TypedDict):
    """What the member has afterwards, as far as this till knows; `points` null: it does not."""

    count_card: CountCardView | None
    gift_fen: int
    points: int | None
    principal_fen: int


class AsMember(TypedDict):
    """What a member would pay and earn (for a member: the same)."""

    payable_fen: int
    points: int


class OfferView(TypedDict):
    """OfferView."""

    applied: bool
    id: str
    lost_fen: int
    name: str
    off_fen: int
    why: Literal["period", "no_goods", "threshold", "suppressed"] | None


class LineOfferView(TypedDict):
    """What one promotion or coupon took off one line."""

    coupon: bool
    id: str
    name: str
    off_fen: int


class QuoteLine(TypedDict):
    """One priced line. `reason`: tier, member_fixed, promo, list or charged."""

    earns: bool
    grams: int | None
    gross_fen: int
    line: int
    list_fen: int
    list_unit_fen: int
    name: str
    net_fen: int
    offers: list[LineOfferView]
    payable_fen: int
    points_off_fen: int
    points_used: int
    qty: int
    reason: str
    rounding_off_fen: int
    saved_fen: int
    sku: str
    unit_fen: int


class CoveredView(TypedDict):
    """What a group coupon or count card pays for."""

    amount_fen: int
    id: str
    units: int


class PrepaidView(TypedDict):
    """What the member had paid before: no discount, a tender."""

    counts: list[CoveredView]
    gift_fen: int
    principal_fen: int
    vouchers: list[CoveredView]


class RedeemedView(TypedDict):
    """Points spent, and what they take off."""

    off_fen: int
    points: int


class QuoteView(TypedDict):
    """A quote, valid for `valid_s` seconds. `due_fen` is to be tendered outside: cash, WeChat, a card."""

    after: LeftView | None
    as_member: AsMember
    below_market: list[int]
    coupons: list[OfferView]
    due_fen: int
    held: bool
    lines: list[QuoteLine]
    list_fen: int
    lost_fen: int
    payable_fen: int
    points_to_earn: int
    prepaid: PrepaidView
    pricebook_version: int
    promos: list[OfferView]
    quote_id: str
    redeemed: RedeemedView
    rounding_off_fen: int
    rules_version: int
    saved_fen: int
    valid_s: int


class ChargedLineRequest(TypedDict):
    """A line of a sale that was not quoted here, with what the POS charged for it."""

    charged_fen: NotRequired[int | None]
    code: str
    grams: NotRequired[int | None]
    name: NotRequired[str | None]
    qty: NotRequired[int]


class TenderRequest(TypedDict):
    """TenderRequest."""

    amount_fen: int
    received_fen: NotRequired[int | None]
    transaction_id: NotRequired[str | None]
    type: Literal["cash", "wechat", "alipay", "unionpay", "card", "other"]


class SaleRequest(TypedDict):
    """A sale that was paid. It is always recorded when its tenders are there and add up to `total_fen`."""

    identification_id: NotRequired[str | None]
    lines: NotRequired[list[ChargedLineRequest]]
    open_drawer: NotRequired[bool]
    operator: NotRequired[str | None]
    paper: NotRequired[Literal["receipt", "join_prompt", "none"]]
    quote_id: NotRequired[str | None]
    sale_id: str
    table: NotRequired[str | None]
    tenders: list[TenderRequest]
    total_fen: NotRequired[int | None]


class DiscrepancyView(TypedDict):
    """A fact that disagrees; recorded and sent to HQ."""

    code: str
    detail: str


class EventNameView(TypedDict):
    """The event's name in the books."""

    epoch: str
    seq: int
    workstation_id: str


class JoinView(TypedDict):
    """The join prompt of this sale."""

    points: int
    saved_fen: int
    url: str


class SaleMember(TypedDict):
    """Who earned."""

    masked: str
    member_id: str


class OverrideView(TypedDict):
    """What a supervisor allowed, and who; the reason goes to HQ alone."""

    code: str
    operator: str


class SaleView(TypedDict):
    """A booked sale. `outcome` is `created` (201) or `exists` (200, the first answer again)."""

    after: LeftView | None
    certainty: str | None
    collected_fen: int
    coupons: list[OfferView]
    discrepancies: list[DiscrepancyView]
    due_fen: int
    event: EventNameView
    foregone_fen: int
    join: JoinView | None
    list_fen: int
    lost_fen: int
    member: SaleMember | None
    outcome: Literal["created", "exists"]
    overrides: list[OverrideView]
    payable_fen: int
    points_balance: int | None
    points_earned: int
    points_expire: str | None
    points_pending: bool
    prepaid: PrepaidView
    redeemed: RedeemedView
    rounding_off_fen: int
    sale_id: str
    saved_fen: int


class ReturnLineRequest(TypedDict):
    """Units of one line of the sale, by its number from 1; goods by weight come back whole (1)."""

    line: int
    qty: NotRequired[int]


class ReturnRequest(TypedDict):
    """Goods that come back. `preview` only tells what would be given back."""

    lines: list[ReturnLineRequest]
    operator: NotRequired[str | None]
    paper: NotRequired[Literal["receipt", "none"]]
    preview: NotRequired[bool]
    reason: NotRequired[str | None]
    return_id: str
    sale_id: str


class UnitsBack(TypedDict):
    """Units credited to one count card."""

    card_id: str
    units: int


class ReturnedLine(TypedDict):
    """One line's part."""

    line: int
    name: str
    points_returned: int
    qty: int
    refund_fen: int
    sku: str


class StoredValueBack(TypedDict):
    """Stored value credited by this return."""

    gift_fen: int
    principal_fen: int


class RefundTender(TypedDict):
    """RefundTender."""

    amount_fen: int
    by: Literal["cash", "pos", "agent"]
    to_payer_fen: int
    transaction_id: str | None
    type: str


class ReturnView(TypedDict):
    """A return."""

    counts: list[UnitsBack]
    coupons: list[str]
    event: NotRequired[EventNameView | None]
    kept_fen: int
    lines: list[ReturnedLine]
    outcome: Literal["created", "exists", "preview"]
    points_balance: int | None
    points_debt: int | None
    points_in_cash: int
    points_returned: int
    points_reversed: int
    refund_fen: int
    return_id: str
    sale_id: str
    stored_value: StoredValueBack
    tenders: list[RefundTender]
    whole: bool


class VoidRequest(TypedDict):
    """A sale that is taken back whole, or what is left of it."""

    operator: NotRequired[str | None]
    paper: NotRequired[Literal["receipt", "none"]]
    preview: NotRequired[bool]
    reason: NotRequired[str | None]
    void_id: str


class VoidView(TypedDict):
    """A void."""

    counts: list[UnitsBack]
    coupons: list[str]
    event: NotRequired[EventNameView | None]
    kept_fen: int
    lines: list[ReturnedLine]
    outcome: Literal["created", "exists", "preview"]
    points_balance: int | None
    points_debt: int | None
    points_in_cash: int
    points_returned: int
    points_reversed: int
    refund_fen: int
    sale_id: str
    stored_value: StoredValueBack
    tenders: list[RefundTender]
    void_id: str
    whole: bool


class TextBlock(TypedDict):
    """A paragraph; wraps at the paper's width. `scale` multiplies width and height."""

    align: NotRequired[Literal["left", "center", "right"]]
    bold: NotRequired[bool]
    kind: Literal["text"]
    scale: NotRequired[int]
    text: str


class PairBlock(TypedDict):
    """Left text and right text on one line."""

    bold: NotRequired[bool]
    kind: Literal["pair"]
    left: str
    right: str


class RuleBlock(TypedDict):
    """A line across the paper."""

    kind: Literal["rule"]


class QrBlock(TypedDict):
    """A QR code."""

    kind: Literal["qr"]
    payload: str


class FeedBlock(TypedDict):
    """Blank lines."""

    kind: Literal["feed"]
    lines: NotRequired[int]


class PrintRequest(TypedDict):
    """PrintRequest."""

    blocks: list[TextBlock | PairBlock | RuleBlock | QrBlock | FeedBlock]
    cut: NotRequired[bool]
    print_id: str
    printer: NotRequired[str | None]


class PrintJobView(TypedDict):
    """One row of the print ledger."""

    created_at_ms: int
    expires_at_ms: int
    job_id: str
    kind: Literal["receipt", "join_prompt", "drawer", "test"]
    note: str
    printer: str
    reprint_of: str | None
    state: Literal["queued", "sending", "sent", "confirmed", "unconfirmed", "expired", "failed"]


class DrawerRequest(TypedDict):
    """DrawerRequest."""

    drawer_id: str
    operator: str
    printer: NotRequired[str | None]
    reason: str
