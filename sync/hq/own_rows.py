"""Rows of HQ's own postings: dense numbers, a digest over each, and the balance they move.

Called by sync.hq.own_books and sync.hq.expiry, which say what becomes of lots.
"""

from dataclasses import asdict, dataclass
from typing import Final

from agent.domain.digest import canonical, event_digest
from agent.domain.ids import EventName
from agent.domain.ledger import lot_name
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand, touch_members

HQ: Final = "hq"
"""Workstation and epoch of HQ's own lots: `hq.hq.<seq>`."""
OF_LOT: Final = "channel_use"
"""Kind of what is taken from lots that are there, or put back into them; it has no lot of its own."""


@dataclass(frozen=True, slots=True)
class OwnPosting:
    """One row of HQ's own: why (`kind`, `reference`), whose, of which account, how much. `expires`: "" is never."""

    brand_id: str
    kind: str
    reference: str
    member_id: str
    account: str
    amount: int
    expires: str
    at_ms: int


def own_name(seq: int) -> str:
    """Name the lot of a row, and a row that has no other reference.

    >>> own_name(7)
    'hq.hq.7'
    """
    return lot_name(EventName(HQ, HQ, seq))


def insert(connection: Connection, one: OwnPosting, lot: str = "") -> str:
    """Write a row and move the balance; the lot it is about: `lot`, else one of its own.

    A posting without a reference is named after its number.
    """
    hold_brand(connection, one.brand_id)
    connection.hold("hq_postings")  # ORDER: after the brand; to the commit, so that numbers are dense
    seq = connection.execute("SELECT COALESCE(MAX(seq), 0) + 1 AS seq FROM hq_postings").fetchone()["seq"]
    bucket = lot or own_name(seq)
    row = {**asdict(one), "seq": seq, "bucket": bucket, "reference": one.reference or own_name(seq)}
    connection.execute(
        "INSERT INTO hq_postings (seq, brand_id, kind, reference, member_id, account, amount, bucket, expires, at_ms,"
        " digest) VALUES (:seq, :brand_id, :kind, :reference, :member_id, :account, :amount, :bucket, :expires, :at_ms,"
        " :digest)",
        {**row, "digest": digest_of(row)},
    )
    connection.execute(
        "INSERT INTO accounts (member_id, account, balance) VALUES (:member_id, :account, :amount)"
        " ON CONFLICT (member_id, account) DO UPDATE SET balance = accounts.balance + excluded.balance",
        row,
    )
    touch_members(connection, one.brand_id, [one.member_id])
    return bucket


def digest_of(row: dict[str, object] | Row) -> bytes:
    """The digest a row must have."""
    names = ("seq", "brand_id", "kind", "reference", "member_id", "account", "amount", "bucket", "expires", "at_ms")
    return event_digest(canonical({name: row[name] for name in names}))  # type: ignore[misc]
