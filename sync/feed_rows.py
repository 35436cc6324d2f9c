"""Pull, HQ -> store: the feeds, their rows and their pages. Pure; used by both ends through sync.protocol.

WIRE: frozen by deployed peers. A field that came later is left out of the text while it has its default, so that rows
without it keep the bytes (and the digests of the downward check) that deployed tills know. HQ is upgraded before its
tills, tills before the new fields are filled.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from agent.limits import FEED_PAGE_ROWS, LEASES_RECALLED, TEXT_CHARS
from sync.message import PROTOCOL, Count, Message, Name

Day = Annotated[str, Field(max_length=10)]
"""YYYY-MM-DD in Asia/Shanghai; "" is none."""


def _absent(value: object) -> bool:
    """Whether a later field has its default: nothing, zero, empty or false."""
    return not value


class Feed(StrEnum):
    """What a store pulls. Order matters to a first load: rules before members, members before identities.

    Later feeds come last, so that a till of today still pulls everything else from an HQ that lacks them.
    """

    RULES = "rules"
    ITEMS = "items"
    MERCHANTS = "merchants"
    MEMBERS = "members"
    IDENTITIES = "identities"
    COUPONS = "coupons"


LATER_FEEDS: Final = frozenset({Feed.COUPONS})
"""Feeds that an HQ of before does not know; a till does without them until HQ is upgraded."""


class RulesRow(Message):
    """One rule set as JSON text (agent.domain.rules.rule_set reads it)."""

    kind: Literal["rules"] = "rules"
    version: Count
    body: str


class ItemRow(Message):
    """One article. Prices in fen per piece, or per kilogram when `by_weight`."""

    kind: Literal["items"] = "items"
    sku: Name
    barcode: str
    name: Annotated[str, Field(max_length=TEXT_CHARS)]
    list_fen: Count
    member_fen: Count | None = None
    promo_fen: Count | None = None
    no_member_discount: bool = False
    earns: bool = True
    by_weight: bool = False
    deleted: bool = False
    min_fen: Annotated[Count | None, Field(exclude_if=lambda value: value is None)] = None
    """No discount takes a unit below it (R4)."""
    market_fen: Annotated[Count | None, Field(exclude_if=lambda value: value is None)] = None
    """Market price of a unit, for the 70 % floor (R4, S54)."""


class MerchantRow(Message):
    """One (mch_id, sub_mch_id) -> brand, store; many-to-many, so a pair may come several times."""

    kind: Literal["merchants"] = "merchants"
    mch_id: str
    sub_mch_id: str
    brand_id: Name
    store_id: Name
    deleted: bool = False


class CardRow(Message):
    """One count card 次卡 of a member (R18). The id is the bucket of its lot in account `count`."""

    card_id: Name
    name: Annotated[str, Field(max_length=TEXT_CHARS)]
    left: int
    """Uses left, below zero when a late event took more than there was."""
    total: Count
    price_fen: Count
    expires: Day


class MemberRow(Message):
    """One member: random id, tier, balances at HQ after this workstation's events up to the page's watermarks."""

    kind: Literal["members"] = "members"
    member_id: Name
    tier_id: Name
    points: int
    masked: Annotated[str, Field(max_length=64)]
    deleted: bool = False
    sv_principal_fen: Annotated[int, Field(exclude_if=_absent)] = 0
    sv_gift_fen: Annotated[int, Field(exclude_if=_absent)] = 0
    cards: Annotated[list[CardRow], Field(max_length=64, exclude_if=_absent)] = Field(default_factory=list)
    """In order of card id."""
    expiring_points: Annotated[Count, Field(exclude_if=_absent)] = 0
    """Of the bucket that expires next, at HQ's last run over the buckets (R10)."""
    expiring_day: Annotated[Day, Field(exclude_if=_absent)] = ""
    """The last day those are good for."""
    month: Annotated[str, Field(max_length=7, exclude_if=_absent)] = ""
    """YYYY-MM that `month_spend_fen` speaks of; in any other month nothing is known to be spent."""
    month_spend_fen: Annotated[int, Field(exclude_if=_absent)] = 0
    birthday: Annotated[str, Field(max_length=5, exclude_if=_absent)] = ""
    """MM-DD: the year is nobody's business at a till (R19)."""
    growth: Annotated[int, Field(exclude_if=_absent)] = 0
    next_tier_id: Annotated[str, Field(max_length=64, exclude_if=_absent)] = ""
    next_tier_growth: Annotated[Count, Field(exclude_if=_absent)] = 0
    """The growth at which the member becomes `next_tier_id` (HQ decides, the till shows)."""
    quarter: Annotated[Day, Field(exclude_if=_absent)] = ""
    """First day of the quarter that the three below speak of (S18)."""
    quarter_spend_fen: Annotated[int, Field(exclude_if=_absent)] = 0
    quarter_visits: Annotated[Count, Field(exclude_if=_absent)] = 0
    quarter_invites: Annotated[Count, Field(exclude_if=_absent)] = 0
    first_order: Annotated[bool, Field(exclude_if=_absent)] = False
    """The member's next order is their first (S20)."""
    frozen: Annotated[bool, Field(exclude_if=_absent)] = False
    """HQ's decision (S53): nothing may be spent."""
    frozen_at_ms: Annotated[Count, Field(exclude_if=_absent)] = 0
    """When HQ last froze or released; a release ends freezes that tills made before it."""
    points_spent_at_ms: Annotated[Count, Field(exclude_if=_absent)] = 0
    coupon_used_at_ms: Annotated[Count, Field(exclude_if=_absent)] = 0
    """The member's last redemptions anywhere, filled only where the brand's rules have a cool-down (S32)."""


class IdentityRow(Message):
    """One way to recognise a member: the keyed 16-byte index of `kind:value`, hex. No identity in the clear."""

    kind: Literal["identities"] = "identities"
    index: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    member_id: Name
    deleted: bool = False


class CouponRow(Message):
    """One coupon that a member holds, with the offer as it was when it was issued (S46)."""

    kind: Literal["coupons"] = "coupons"
    coupon_id: Name
    """Unique for ever; its code is `CP.` and the id, its lot's bucket in account `coupon` is the id."""
    member_id: Name
    batch_id: Name
    version: Count
    state: Annotated[str, Field(max_length=16)]
    """`issued`, `used` or `void`; only `issued` may be spent."""
    start_day: Day
    end_day: Day
    """Valid from the start of the one to the end of the other (R15)."""
    claimed_at_ms: Count
    body: str
    """The offer as canonical JSON (agent.domain.coupon_batch), empty once deleted."""
    deleted: bool = False


FeedRow = Annotated[
    RulesRow | ItemRow | MerchantRow | MemberRow | IdentityRow | CouponRow,
    Field(discriminator="kind"),
]


class FeedPage(Message):
    """Rows after the cursor asked for, in feed order; ask again from `cursor` while `more`."""

    feed: Annotated[Feed, Field(strict=False)]
    rows: Annotated[list[FeedRow], Field(max_length=FEED_PAGE_ROWS)]
    cursor: Count
    more: bool
    watermarks: dict[str, Count] = Field(default_factory=dict)
    """Epoch -> seq of this workstation that balances on this page include (read in the same transaction)."""
    recalls: Annotated[list[str], Field(max_length=LEASES_RECALLED, exclude_if=_absent)] = Field(default_factory=list)
    """Leases of this workstation that another one needs (members only): close them as soon as they are idle."""
    report: Annotated[str, Field(max_length=64, exclude_if=_absent)] = ""
    """The restoration to which this workstation should answer with a LeaseReport (members only)."""


class LookRequest(Message):
    """How far a till has read each feed, asked before it reads any."""

    protocol: int = PROTOCOL
    cursors: Annotated[dict[Name, Count], Field(max_length=32)]
    """By the name of the feed; one that HQ does not know is passed over."""


class LookAnswer(Message):
    """The feeds that a till should read, and what else a page of members would have told it."""

    moved: list[Annotated[Feed, Field(strict=False)]]
    """Those with rows behind the cursor, or whose cursor HQ would refuse as ahead."""
    recalls: Annotated[list[str], Field(max_length=LEASES_RECALLED, exclude_if=_absent)] = Field(default_factory=list)
    """As of FeedPage."""
    report: Annotated[str, Field(max_length=64, exclude_if=_absent)] = ""
    """As of FeedPage."""
