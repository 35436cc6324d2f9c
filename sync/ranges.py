"""The downward check: a store's replica against HQ, by digests over ranges of keys. Messages and the pure arithmetic.

Used by both ends. Digests are of HQ's rows as of one cursor; the store compares only when it has pulled up to that very
cursor, so a balance that moved between two pulls is never a difference. WIRE: frozen by deployed peers.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from agent.limits import FEED_PAGE_ROWS, RANGES_ASKED
from sync.message import PROTOCOL, Count, Message
from sync.protocol import CouponRow, Feed, FeedRow, IdentityRow, ItemRow, MemberRow, MerchantRow, RulesRow

_BYTES = 16
Key = Annotated[str, Field(max_length=200)]


class KeyRange(Message):
    """Rows with after < key <= until (an empty `until` has no end): how many, and the XOR of their digests, hex."""

    after: Key
    until: Key
    count: Count
    xor: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class RangesRequest(Message):
    """The store's digests of some ranges of one feed, at its cursor; `rows` asks for HQ's rows where they differ."""

    protocol: int = PROTOCOL
    feed: Annotated[Feed, Field(strict=False)]
    cursor: Count
    rows: bool = False
    ranges: Annotated[list[KeyRange], Field(min_length=1, max_length=RANGES_ASKED)]


class RangesAnswer(Message):
    """`cursor` is HQ's own: another than asked means pull and ask again. `differing` are places in the request."""

    cursor: Count
    differing: list[Count] = Field(default_factory=list)
    rows: Annotated[list[FeedRow], Field(max_length=FEED_PAGE_ROWS)] = Field(default_factory=list)
    """With `rows`: HQ's rows of the differing ranges; ranges that do not fit any more are left out of `differing`."""
    watermarks: dict[str, Count] = Field(default_factory=dict)
    """Members only: what the balances in `rows` include."""


def key_of(row: FeedRow) -> str:
    """What a row is found by, ordered as text on both ends."""
    match row:
        case MemberRow():
            return row.member_id
        case IdentityRow():
            return row.index
        case ItemRow():
            return row.sku
        case MerchantRow():
            return f"{row.mch_id}\n{row.sub_mch_id}\n{row.store_id}"
        case CouponRow():
            return row.coupon_id
        case RulesRow():
            return f"{row.version:016d}"


def digest_of(row: FeedRow) -> bytes:
    """16 bytes of SHA-256 of the row as it travels."""
    return hashlib.sha256(row.model_dump_json().encode()).digest()[:_BYTES]


def xor_of(digests: Iterable[bytes]) -> str:
    """XOR of digests, hex; of none it is zero.

    >>> xor_of([b"\\x01" * 16, b"\\x03" * 16])
    '02020202020202020202020202020202'
    """
    total = 0
    for digest in digests:
        total ^= int.from_bytes(digest, "big")
    return total.to_bytes(_BYTES, "big").hex()


def range_of(rows: list[FeedRow], after: str, until: str) -> KeyRange:
    """Digest the rows of one range."""
    return KeyRange(after=after, until=until, count=len(rows), xor=xor_of(digest_of(row) for row in rows))


def cut(rows: list[FeedRow], after: str, until: str, size: int) -> list[KeyRange]:
    """Cut a range, rows ascending by key, into ranges of `size` rows; the last one ends where the whole does."""
    found = []
    for start in range(0, max(1, len(rows)), size):
        part = rows[start : start + size]
        end = until if start + size >= len(rows) else key_of(part[-1])
        found.append(range_of(part, after, end))
        after = end
    return found
