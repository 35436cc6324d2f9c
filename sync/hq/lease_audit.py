"""HQ's audit of lots and leases: what is out, what is left and what is closed must follow from postings and closings.

Called by sync.hq.prove, a bounded part per proof, round robin. The fields of a lease are compared with its event by
sync.hq.walk. It names what does not follow and repairs nothing.
"""

from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT, lot_name, own_lease
from sync.hq.audit import keep_place
from sync.hq.bounds import AUDIT_ACCOUNTS, AUDIT_LEASES
from sync.hq.db.seam import Connection, Row
from sync.hq.lease_book import HELD
from sync.proof import Finding


def leases(connection: Connection, workstation_id: str) -> list[Finding]:
    """The next AUDIT_LEASES leases of a workstation: settled by postings, state by closings and write-offs."""
    key = {"who": workstation_id, "place": _place(connection, workstation_id, "leases"), "limit": AUDIT_LEASES}
    rows = connection.execute(
        "SELECT l.*, (SELECT COALESCE(SUM(p.amount), 0) FROM postings p WHERE p.workstation_id = l.workstation_id"
        " AND p.lease = l.lease_id AND p.lease <> ''"
        " AND p.member_id = l.member_id AND p.account = l.account) AS posted,"
        " EXISTS (SELECT 1 FROM lease_closings c WHERE c.workstation_id = l.workstation_id"
        " AND c.lease_id = l.lease_id AND c.honoured = 1) AS closed,"
        " EXISTS (SELECT 1 FROM write_offs w WHERE w.workstation_id = l.workstation_id"
        " AND w.lease_id = l.lease_id AND w.amount = CASE WHEN w.settled <= 0 THEN l.amount"
        " WHEN w.settled >= l.amount THEN 0 ELSE l.amount - w.settled END) AS written_off"
        " FROM leases l WHERE l.workstation_id = :who AND l.lease_id > :place ORDER BY l.lease_id LIMIT :limit",
        key,
    ).fetchall()
    found = [one for row in rows for one in _lease(row)]
    keep_place(connection, workstation_id, "leases", rows[-1]["lease_id"] if len(rows) == AUDIT_LEASES else "", 0)
    return found + _strays(connection, workstation_id)


def _lease(row: Row) -> list[Finding]:
    name = EventName(row["workstation_id"], row["epoch"], row["seq"])
    own = row["lease_id"] == own_lease(row["account"], lot_name(name))
    settled = (row["amount"] if own else 0) - row["posted"]
    faults = [] if settled == row["settled"] else [f"settled {row['settled']}, by postings {settled}"]
    ended = "written_off" if row["written_off"] else "closed" if row["closed"] else "open"
    if row["state"] != ended:
        faults.append(f"state {row['state']}, by closings and write-offs {ended}")
    return [_finding("leases", row["epoch"], row["lease_id"], ", ".join(faults))] if faults else []


def _strays(connection: Connection, workstation_id: str) -> list[Finding]:
    """Write-offs of nothing."""
    rows = connection.execute(
        "SELECT lease_id FROM write_offs w WHERE workstation_id = :who AND NOT EXISTS (SELECT 1 FROM leases l"
        " WHERE l.workstation_id = w.workstation_id AND l.lease_id = w.lease_id AND l.state = 'written_off') LIMIT 100",
        {"who": workstation_id},
    )
    return [_finding("write_offs", "", row["lease_id"], "no lease that was written off") for row in rows]


def lots(connection: Connection) -> list[Finding]:
    """The next AUDIT_ACCOUNTS members: balance and openings must be what lots and open leases hold together."""
    place = _place(connection, "", "lots")
    ids = [
        row["member_id"]
        for row in connection.execute(
            "SELECT member_id FROM (SELECT member_id FROM lots WHERE member_id > :place"
            " UNION SELECT member_id FROM accounts WHERE member_id > :place"
            " UNION SELECT member_id FROM lot_openings WHERE member_id > :place"
            " UNION SELECT member_id FROM leases WHERE member_id > :place AND state = 'open') AS everyone"
            " ORDER BY member_id LIMIT :limit",
            {"place": place, "limit": AUDIT_ACCOUNTS},
        )
    ]
    last = ids[-1] if ids else ""
    key = {"place": place, "last": last}
    owned = _sums(connection, "accounts", "balance", key) | {}
    for place_of, amount in _sums(connection, "lot_openings", "amount", key).items():
        owned[place_of] = owned.get(place_of, 0) + amount
    there = _sums(connection, "lots", "available", key)
    for row in connection.execute(
        f"SELECT member_id, account, SUM({HELD}) AS held FROM leases WHERE state = 'open'"
        " AND member_id > :place AND member_id <= :last GROUP BY member_id, account",
        key,
    ):
        one = (row["member_id"], row["account"])
        there[one] = there.get(one, 0) + int(row["held"])
    keep_place(connection, "", "lots", last if len(ids) == AUDIT_ACCOUNTS else "", 0)
    found = [
        _finding("lots", "", " ".join(one), f"owned {owned.get(one, 0)}, in lots and leases {there.get(one, 0)}")
        for one in sorted(owned.keys() | there.keys())
        if one[1] != PENDING_ACCOUNT and owned.get(one, 0) != there.get(one, 0)
    ]
    return found + _nameless(connection, key)


def _sums(connection: Connection, table: str, column: str, key: dict[str, str]) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        f"SELECT member_id, account, SUM({column}) AS amount FROM {table} WHERE member_id > :place"
        " AND member_id <= :last GROUP BY member_id, account",
        key,
    )
    return {(row["member_id"], row["account"]): row["amount"] for row in rows}


def _nameless(connection: Connection, key: dict[str, str]) -> list[Finding]:
    """Lots that nothing names, or with an expiry that nothing gives them."""
    rows = connection.execute(
        "SELECT member_id, account, bucket FROM lots l WHERE member_id > :place AND member_id <= :last"
        " AND NOT (bucket IN ('', 'opening', 'debt') AND expires = '')"
        " AND NOT EXISTS (SELECT 1 FROM postings p WHERE p.member_id = l.member_id AND p.account = l.account"
        "  AND p.expires = l.expires AND (p.bucket = l.bucket OR (p.bucket = 'debt'"
        "  AND l.bucket = p.workstation_id || '.' || p.epoch || '.' || p.seq)))"
        " AND NOT EXISTS (SELECT 1 FROM leases s WHERE s.member_id = l.member_id AND s.account = l.account"
        "  AND s.bucket = l.bucket AND s.expires = l.expires)"
        " AND NOT EXISTS (SELECT 1 FROM hq_postings h WHERE h.member_id = l.member_id AND h.account = l.account"
        "  AND h.bucket = l.bucket AND h.expires = l.expires)"
        " AND NOT EXISTS (SELECT 1 FROM count_cards c WHERE l.account = 'count' AND c.member_id = l.member_id"
        "  AND c.card_id = l.bucket AND c.expires = l.expires)"
        " AND NOT EXISTS (SELECT 1 FROM coupons c WHERE l.account = 'coupon' AND c.member_id = l.member_id"
        "  AND c.coupon_id = l.bucket AND c.end_day = l.expires)"
        " UNION ALL SELECT member_id, account, bucket FROM lot_openings o WHERE member_id > :place"
        " AND member_id <= :last AND NOT (account IN ('points', 'sv_gift') AND bucket = 'opening')"
        " AND NOT (account = 'sv_principal' AND bucket = '') AND NOT (account = 'count' AND EXISTS"
        "  (SELECT 1 FROM count_cards c WHERE c.member_id = o.member_id AND c.card_id = o.bucket))"
        " AND NOT (account = 'coupon' AND EXISTS"
        "  (SELECT 1 FROM coupons c WHERE c.member_id = o.member_id AND c.coupon_id = o.bucket)) LIMIT 100",
        key,
    )
    return [_finding("lots", "", " ".join(row), "nothing names this lot") for row in rows]


def _place(connection: Connection, workstation_id: str, what: str) -> str:
    row = connection.execute(
        "SELECT epoch FROM audits WHERE workstation_id = :who AND what = :what", {"who": workstation_id, "what": what}
    ).fetchone()
    return "" if row is None else str(row["epoch"])


def _finding(table: str, epoch: str, key: str, detail: str) -> Finding:
    return Finding(side="hq", table=table, epoch=epoch[:64], key=key[:200], code="DOES_NOT_FOLLOW", detail=detail[:200])
