"""What the application reads from the replica: members, coupons, prices and rules (rebuildable), as Protocols."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.domain.coupon_batch import HeldCoupon
from agent.domain.member import Member
from agent.domain.pricing import Item
from agent.domain.rules import RuleSet
from sync.protocol import (
    Feed,
    FeedPage,
)


@dataclass(frozen=True, slots=True)
class MerchantScope:
    """What HQ's map says of one (mch_id, sub_mch_id): the brand, and the stores it may serve."""

    brand_id: str
    store_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member and the watermarks (epoch -> seq of this workstation) already inside their points."""

    member: Member
    watermarks: Mapping[str, int]


class Members(Protocol):
    """Look-ups in the local replica; never the network."""

    async def by_code(self, code: str) -> FoundMember | None:
        """By static code, card number or membership number, of the workstation's brand."""
        ...

    async def by_openid(self, appid: str, openid: str) -> FoundMember | None:
        """By one WeChat identity pair."""
        ...

    async def merchant(self, mch_id: str, sub_mch_id: str) -> MerchantScope | None:
        """The scope of a merchant pair, None when HQ does not know it (fails closed)."""
        ...


class Coupons(Protocol):
    """Coupons of the local replica; never the network."""

    async def coupons_of(self, member_id: str) -> list[HeldCoupon]:
        """What a member may still use, as HQ knew: those that end first come first."""
        ...

    async def coupon(self, code: str) -> HeldCoupon | None:
        """By its scanned code or its id, in whatever state it is; None when HQ never issued it."""
        ...

    async def by_id(self, member_id: str) -> FoundMember | None:
        """Who holds it."""
        ...


class Pricebook(Protocol):
    """Prices and rules of the local replica."""

    async def item(self, code: str) -> Item | None:
        """By sku or barcode."""
        ...

    async def rules(self) -> RuleSet:
        """The rule set in force; NO_RULES before the first pull."""
        ...

    async def version(self) -> int:
        """The pricebook's feed cursor: which prices these are."""
        ...


class Replica(Members, Coupons, Pricebook, Protocol):
    """The replica's writing side, for pull."""

    async def cursor(self, feed: Feed) -> int:
        """Last applied cursor of a feed, 0 at the start."""
        ...

    async def apply(self, page: FeedPage) -> None:
        """Apply one page and its cursor in one transaction (in bounded jobs)."""
        ...

    async def counts(self) -> dict[str, int]:
        """Rows per table, for status."""
        ...
