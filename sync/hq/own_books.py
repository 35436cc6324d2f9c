"""HQ's own postings: what no till's event moves. Dense numbers, a digest over each row, one posting per reference.

Called by sync.hq.claims, sync.hq.joining and sync.hq.releases inside their transactions. A balance is the sum of tills'
postings and of these; tills learn of it with the member's next row.
"""

from dataclasses import asdict, dataclass
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.digest import canonical, event_digest
from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT, lot_name
from agent.sqlite import Connection, Row
from sync.hq import lots
from sync.hq.audit import keep_place
from sync.hq.bounds import AUDIT_ACCOUNTS
from sync.hq.feeds import touch_members
from sync.proof import Finding

HQ: Final = "hq"
"""Workstation and epoch of HQ's own lots: `hq.hq.<seq>`."""


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


def post(connection: Connection, one: OwnPosting) -> bool:
    """Book a posting and move its lots; False where its reference was posted before. An amount of 0 books nothing."""
    if one.amount == 0 or _posted(connection, one):
        return False
    seq = connection.execute("SELECT COALESCE(MAX(seq), 0) + 1 FROM hq_postings").fetchone()[0]
    bucket = lot_name(EventName(HQ, HQ, seq))
    row = {**asdict(one), "seq": seq, "bucket": bucket}
    connection.execute(
        "INSERT INTO hq_postings (seq, brand_id, kind, reference, member_id, account, amount, bucket, expires, at_ms,"
        " digest) VALUES (:seq, :brand_id, :kind, :reference, :member_id, :account, :amount, :bucket, :expires, :at_ms,"
        " :digest)",
        {**row, "digest": _digest(row)},
    )
    connection.execute(
        "INSERT INTO accounts (member_id, account, balance) VALUES (:member_id, :account, :amount)"
        " ON CONFLICT (member_id, account) DO UPDATE SET balance = accounts.balance + excluded.balance",
        row,
    )
    if one.account == PENDING_ACCOUNT:
        pass  # held back: there is no lot of it
    elif one.amount > 0:
        lots.credit(
            connection, one.member_id, one.account, bucket, one.amount, expires=one.expires, at_ms=one.at_ms
        )  # fmt: skip
    else:
        lots.debit(connection, one.member_id, one.account, "", -one.amount, day=business_day(one.at_ms))
    touch_members(connection, one.brand_id, [one.member_id])
    return True


def sum_of(connection: Connection, kinds: tuple[str, ...], references: tuple[str, ...]) -> int:
    """What postings of some kinds and references come to."""
    found = connection.execute(
        f"SELECT COALESCE(SUM(amount), 0) FROM hq_postings WHERE kind IN ({', '.join('?' * len(kinds))})"
        f" AND reference IN ({', '.join('?' * len(references))})",
        (*kinds, *references),
    ).fetchone()
    return int(found[0])


def _posted(connection: Connection, one: OwnPosting) -> bool:
    key = {"kind": one.kind, "reference": one.reference, "account": one.account}
    query = "SELECT 1 FROM hq_postings WHERE kind = :kind AND reference = :reference AND account = :account"
    return connection.execute(query, key).fetchone() is not None


def _digest(row: dict[str, object] | Row) -> bytes:
    names = ("seq", "brand_id", "kind", "reference", "member_id", "account", "amount", "bucket", "expires", "at_ms")
    return event_digest(canonical({name: row[name] for name in names}))  # type: ignore[misc]


# --- the audit ------------------------------------------------------------------------------------------------------
def audit(connection: Connection) -> list[Finding]:
    """The next rows, round robin: numbers dense, digests of their rows, lots named after them."""
    place = connection.execute("SELECT seq FROM audits WHERE workstation_id = '' AND what = 'hq_postings'").fetchone()
    after = 0 if place is None else int(place["seq"])
    rows = connection.execute(
        "SELECT * FROM hq_postings WHERE seq > :after ORDER BY seq LIMIT :limit",
        {"after": after, "limit": AUDIT_ACCOUNTS},
    ).fetchall()
    found = []
    for wanted, row in enumerate(rows, start=after + 1):
        faults = [] if row["seq"] == wanted else [f"number {wanted} is missing"]
        faults += [] if row["digest"] == _digest(row) else ["digest"]
        faults += [] if row["bucket"] == lot_name(EventName(HQ, HQ, row["seq"])) else ["bucket"]
        if faults:
            found.append(_finding(str(row["seq"]), ", ".join(faults)))
            break  # what follows a gap would all be named
    keep_place(connection, "", "hq_postings", "", rows[-1]["seq"] if len(rows) == AUDIT_ACCOUNTS else 0)
    return found


def _finding(key: str, detail: str) -> Finding:
    return Finding(side="hq", table="hq_postings", epoch="", key=key, code="DOES_NOT_FOLLOW", detail=detail[:200])
