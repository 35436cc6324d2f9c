"""Everything a sale event records, gathered before it is booked.

Pure data. Made by agent.booking; read by agent.domain.sale_event, the answer and the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.domain.asks import Override, Want
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.holdings import NOTHING_HELD, Holdings
from agent.domain.member import Identification, Member
from agent.domain.rules import RuleSet
from agent.domain.sale import Discrepancy, Posting, PricedCart, TenderLine
from agent.domain.sale_inputs import NO_INPUTS, Inputs


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """Everything a sale event records."""

    sale_id: str
    brand_id: str
    store_id: str
    workstation_id: str
    at_ms: int
    business_day: str
    operator: str | None
    cart: PricedCart
    tenders: Sequence[TenderLine]
    collected_fen: int
    base_fen: int
    points_earned: int
    event_x100: int
    member: Member | None
    by: Identification | None
    """The identification that named the member, or the payer, or nobody."""
    priced: bool
    """Whether that identification also set the prices: it was known at the quote and was no payment (R20)."""
    payment: Identification | None
    """The identification of the payment, kept as evidence even where a code named the member."""
    rules: RuleSet
    pricebook_version: int
    claim_sha256: str | None
    discrepancies: Sequence[Discrepancy]
    table: str | None = None
    """The table it was served at (S10)."""
    spent: tuple[Posting, ...] = ()
    """Postings of leases: points, coupons, stored value, units. What could not be spent any more is not among them."""
    unbooked: tuple[Want, ...] = ()
    """What the customer was granted and no right covered when it was booked."""
    coupons: Sequence[HeldCoupon] = ()
    """The coupons asked, in the version the member holds (S46)."""
    count_card: str = ""
    overrides: Sequence[Override] = ()
    has: Holdings = NOTHING_HELD
    """What the member had before, as far as this till knows; points earned repay what is owed first (R12)."""
    pending: bool = False
    """Too many points in an hour: they wait for a person (S53)."""
    clock: dict[str, Json] = field(default_factory=dict)
    due_fen: int = 0
    """What was to be tendered outside, as it was quoted."""
    inputs: Inputs = NO_INPUTS

    @property
    def points_expire(self) -> str:
        """Last day of the points earned here, "" for ever."""
        return self.rules.points_expire(self.business_day)
