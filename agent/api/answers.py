"""What callers get: the answer models of the OpenAPI document. Tests validate every real answer against them.

Handlers return plain JSON made by agent.views, so nothing is serialised twice; these models describe it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict


def _open(schema: JsonDict) -> None:
    """Strict for our tests, open in the document: a vendor's generated reader must survive an added field."""
    schema.pop("additionalProperties", None)


class Answer(BaseModel):
    """Base of every answer; fields may be added within /v1, so readers must ignore unknown ones."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_open)


class Hello(Answer):
    """Who answers, and whether it is ready to sell."""

    name: str
    version: str
    api: str
    capabilities: list[str]
    store_id: str
    store_name: str
    workstation_id: str
    ready: bool
    not_ready: list[str]


class Paired(Answer):
    """The token, shown once."""

    token: str
    app: str


class TierView(Answer):
    """`pay_rate_bps` 8800: the member pays 88 %."""

    tier_id: str
    name: str
    pay_rate_bps: int
    earn_mult_x100: int


class MemberView(Answer):
    """A member, masked."""

    member_id: str
    masked: str
    tier: TierView
    points: int | None


class PaymentView(Answer):
    """A payment as the POS asserted it. `scope`: known, unknown_merchant or other_store; only known may earn."""

    transaction_id: str
    total_fen: int
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


class QuoteLine(Answer):
    """One priced line. `reason`: tier, member_fixed, promo, list or charged."""

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


class AsMember(Answer):
    """What a member would pay and earn (for a member: the same)."""

    payable_fen: int
    points: int


class QuoteView(Answer):
    """A quote, valid for `valid_s` seconds."""

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


class EventNameView(Answer):
    """The event's name in the books."""

    workstation_id: str
    epoch: str
    seq: int


class SaleMember(Answer):
    """Who earned."""

    member_id: str
    masked: str


class JoinView(Answer):
    """The join prompt of this sale."""

    url: str
    saved_fen: int
    points: int


class DiscrepancyView(Answer):
    """A fact that disagrees; recorded and sent to HQ."""

    code: str
    detail: str


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


class ComponentView(Answer):
    """A device or HQ: `up` is null until it first reported."""

    up: bool | None
    since_at_ms: int
    reason: str
    counters: dict[str, int]


class OutboxView(Answer):
    """Events by what HQ said of them; `suspended` and `conflict` wait for a person."""

    pending: int
    suspended: int
    conflict: int
    acknowledged: int


class ProofView(Answer):
    """A finished reconciliation: `equal`, `healed`, `different` or `unreachable`."""

    at_ms: int
    trigger: str
    epoch: str
    count: int
    head: str
    result: Literal["equal", "healed", "different", "unreachable"]
    detail: dict[str, object]


class StatusView(Hello):
    """What is up and since when, what waits for HQ, what the replica holds, the latest proof and the next one."""

    components: dict[str, ComponentView]
    outbox: OutboxView
    sync_alarm: str
    replica: dict[str, int]
    last_proof: ProofView | None
    next_proof_at_ms: int


class Problem(Answer):
    """RFC 9457: `code` is stable, `detail` is the cashier's sentence in Chinese, `hint` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
