"""HQ's own postings: what no till's event moves. Dense numbers, a digest over each row, one posting per reference.

Called by sync.hq.claims, sync.hq.joining and sync.hq.releases inside their transactions. A balance is the sum of tills'
postings and of these; tills learn of it with the member's next row.
"""

from agent.domain.business_day import business_day
from agent.domain.ledger import PENDING_ACCOUNT
from sync.hq import lots, own_rows
from sync.hq.audit import keep_place
from sync.hq.bounds import AUDIT_ACCOUNTS
from sync.hq.db.seam import Connection, among
from sync.hq.expiry import EXPIRE
from sync.hq.feeds import hold_brand
from sync.hq.own_rows import OF_LOT, OwnPosting, digest_of, own_name
from sync.proof import Finding


def post(connection: Connection, one: OwnPosting) -> bool:
    """Book a posting and move its lots; False where its reference was posted before. An amount of 0 books nothing."""
    hold_brand(connection, one.brand_id)  # ORDER: before it is asked whether it was posted
    if one.amount == 0 or _posted(connection, one):
        return False
    bucket = own_rows.insert(connection, one)
    if one.account == PENDING_ACCOUNT:
        pass  # held back: there is no lot of it
    elif one.amount > 0:
        lots.credit(
            connection, one.member_id, one.account, bucket, one.amount, expires=one.expires, at_ms=one.at_ms
        )  # fmt: skip
    else:
        lots.debit(
            connection, one.member_id, one.account, "", -one.amount, day=business_day(one.at_ms), now_ms=one.at_ms
        )  # fmt: skip
    return True


def sum_of(connection: Connection, kinds: tuple[str, ...], references: tuple[str, ...]) -> int:
    """What postings of some kinds and references come to."""
    of_kinds, kind_values = among("kind", kinds)
    of_references, reference_values = among("reference", references)
    found = connection.execute(
        f"SELECT COALESCE(SUM(amount), 0) AS amount FROM hq_postings WHERE kind IN ({of_kinds})"
        f" AND reference IN ({of_references})",
        {**kind_values, **reference_values},
    ).fetchone()
    return int(found["amount"])


def _posted(connection: Connection, one: OwnPosting) -> bool:
    key = {"kind": one.kind, "reference": one.reference, "account": one.account}
    query = "SELECT 1 FROM hq_postings WHERE kind = :kind AND reference = :reference AND account = :account"
    return connection.execute(query, key).fetchone() is not None


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
        faults += [] if row["digest"] == digest_of(row) else ["digest"]
        named = "reference" if row["kind"] in (EXPIRE, OF_LOT) else "bucket"
        faults += [] if row[named] == own_name(row["seq"]) else [named]
        if faults:
            found.append(_finding(str(row["seq"]), ", ".join(faults)))
            break  # what follows a gap would all be named
    found += _revived(connection)
    keep_place(connection, "", "hq_postings", "", rows[-1]["seq"] if len(rows) == AUDIT_ACCOUNTS else 0)
    return found


def _revived(connection: Connection) -> list[Finding]:
    """Lots of which more came back than had ended."""
    rows = connection.execute(
        "SELECT member_id, account, bucket FROM hq_postings WHERE kind = 'expire'"
        " GROUP BY member_id, account, bucket HAVING SUM(amount) > 0 LIMIT 100"
    )
    detail = "more came back than had ended"
    return [_finding(f"{row['member_id']} {row['account']} {row['bucket']}", detail) for row in rows]


def _finding(key: str, detail: str) -> Finding:
    return Finding(side="hq", table="hq_postings", epoch="", key=key[:200], code="DOES_NOT_FOLLOW", detail=detail[:200])
