"""HQ's audit of claims: who took one, and for how many points, must follow from HQ's own postings, and the reverse.

Called by sync.hq.prove, a bounded part per proof, round robin. That a claim belongs to its event is looked at by
sync.hq.walk.
"""

from sync.hq.audit import keep_place
from sync.hq.bounds import AUDIT_ACCOUNTS
from sync.hq.db.seam import Connection
from sync.proof import Finding


def claims(connection: Connection, brand_id: str) -> list[Finding]:
    """The next claims of a brand that were taken, and the next postings of claims."""
    return _taken(connection, brand_id) + _posted(connection, brand_id)


def _taken(connection: Connection, brand_id: str) -> list[Finding]:
    """Claims whose taker has no such posting."""
    what = f"claims {brand_id}"
    place = _place(connection, what)
    rows = connection.execute(
        "SELECT c.sha256, c.taken_by, c.points, h.amount, h.member_id FROM claims c LEFT JOIN hq_postings h"
        " ON h.kind = 'claim' AND h.reference = c.sha256 AND h.account = 'points' AND h.brand_id = c.brand_id"
        " WHERE c.brand_id = :brand AND c.sha256 > :place AND (c.taken_by <> '' OR c.points <> 0)"
        " ORDER BY c.sha256 LIMIT :limit",
        {"brand": brand_id, "place": place[0], "limit": AUDIT_ACCOUNTS},
    ).fetchall()
    keep_place(connection, "", what, rows[-1]["sha256"] if len(rows) == AUDIT_ACCOUNTS else "", 0)
    return [
        _finding("claims", row["sha256"], "no posting of headquarters credits it so")
        for row in rows
        if (row["amount"] or 0) != row["points"] or (row["points"] and row["member_id"] != row["taken_by"])
    ]


def _posted(connection: Connection, brand_id: str) -> list[Finding]:
    """Postings for claims that nobody took."""
    what = f"claim postings {brand_id}"
    place = _place(connection, what)
    rows = connection.execute(
        "SELECT h.seq, c.taken_by FROM hq_postings h LEFT JOIN claims c ON c.brand_id = h.brand_id"
        " AND c.sha256 = h.reference AND c.taken_by = h.member_id WHERE h.seq > :place AND h.kind = 'claim'"
        " AND h.brand_id = :brand ORDER BY h.seq LIMIT :limit",
        {"brand": brand_id, "place": place[1], "limit": AUDIT_ACCOUNTS},
    ).fetchall()
    keep_place(connection, "", what, "", rows[-1]["seq"] if len(rows) == AUDIT_ACCOUNTS else 0)
    return [
        _finding("hq_postings", str(row["seq"]), "no claim was taken for it") for row in rows if row["taken_by"] is None
    ]


def _place(connection: Connection, what: str) -> tuple[str, int]:
    row = connection.execute(
        "SELECT epoch, seq FROM audits WHERE workstation_id = '' AND what = :what", {"what": what}
    ).fetchone()
    return ("", 0) if row is None else (str(row["epoch"]), int(row["seq"]))


def _finding(table: str, key: str, detail: str) -> Finding:
    return Finding(side="hq", table=table, epoch="", key=key, code="DOES_NOT_FOLLOW", detail=detail)
