"""One store as the console shows it: proofs, discrepancies with both sides, suspended events, forks, leases.

Called by sync.hq.console.desk inside a read. Every list is bounded (CONSOLE_LISTED, newest first); counts say more.
"""

from collections.abc import Mapping
from typing import Any

from agent.domain.errors import Refusal
from sync.hq import leases
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.console import sides, wechat
from sync.hq.console.decisions import discrepancy_key
from sync.hq.db.seam import Connection, among


def view(connection: Connection, store_id: str) -> dict[str, Any]:
    """Everything of a store's page; Refusal 404 STORE_UNKNOWN."""
    store = connection.execute(
        "SELECT s.store_id, s.name, s.brand_id, b.name AS brand_name FROM stores s"
        " JOIN brands b ON b.brand_id = s.brand_id WHERE s.store_id = :id",
        {"id": store_id},
    ).fetchone()
    if store is None:
        raise Refusal("STORE_UNKNOWN", "there is no such store", status=404)
    stations = [
        dict(row)
        for row in connection.execute(
            "SELECT workstation_id, state, enrolled_at_ms FROM workstations WHERE store_id = :id"
            " ORDER BY workstation_id LIMIT :limit",
            {"id": store_id, "limit": CONSOLE_LISTED},
        ).fetchall()
    ]
    standing = connection.execute("SELECT * FROM store_standings WHERE store_id = :id", {"id": store_id}).fetchone()
    found: dict[str, Any] = {
        "store": dict(store),
        "stations": stations,
        "standing": dict(standing) if standing is not None else None,
    }
    if not stations:
        lists = ("proofs", "discrepancies", "differences", "suspended", "forks", "leases", "frozen")
        return {**found, **{name: [] for name in lists}}
    places, key = among("id", [one["workstation_id"] for one in stations])
    key["limit"] = CONSOLE_LISTED
    return {
        **found,
        "proofs": _proofs(connection, places, key),
        "discrepancies": _discrepancies(connection, places, key),
        "differences": _differences(connection, places, key),
        "suspended": _suspended(connection, places, key),
        "forks": _forks(connection, places, key),
        "leases": [_risk(one) for who in stations for one in leases.at_risk(connection, who["workstation_id"])],
        "frozen": frozen_of_stations(connection, places, key),
    }


def _risk(one: leases.AtRisk) -> dict[str, Any]:
    names = ("workstation_id", "account", "leases", "amount")
    return {name: getattr(one, name) for name in names}


def _proofs(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT workstation_id, epoch, proof_no, at_ms, asked_count, held_count, asked_head, held_head, equal,"
        f" suspended FROM proofs WHERE workstation_id IN ({places}) ORDER BY at_ms DESC LIMIT :limit",
        key,
    )
    return [
        {**dict(row), "asked_head": row["asked_head"].hex(), "held_head": row["held_head"].hex()}
        for row in rows.fetchall()
    ]


def _discrepancies(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = connection.execute(
        f"SELECT * FROM discrepancies WHERE workstation_id IN ({places}) AND NOT (place = 'wechat' AND EXISTS"
        " (SELECT 1 FROM wechat_differences d WHERE d.transaction_id = discrepancies.key"
        " AND d.code = discrepancies.code)) ORDER BY state DESC, last_seen_ms DESC, place, key LIMIT :limit",
        key,
    ).fetchall()
    found = []
    for row in rows:
        store, ours = sides.of_discrepancy(connection, row)
        named = discrepancy_key(row["side"], row["place"], row["key"], row["code"])
        decided = decision(connection, row["workstation_id"], "discrepancy", row["epoch"], named)
        if row["state"] == "open" and decided is not None:
            decided["outdated"] = True  # it was explained, and says something else since
        found.append({**dict(row), "store": store, "hq": ours, "decision": decided})
    return found + wechat.of_stations(connection, places, key)


def _differences(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = connection.execute(
        f"SELECT * FROM recomputations WHERE workstation_id IN ({places})"
        " ORDER BY at_ms DESC, workstation_id, epoch, seq DESC, code LIMIT :limit",
        key,
    ).fetchall()
    found = []
    for row in rows:
        store, ours = sides.of_difference(row["detail"])
        decided = decision(connection, row["workstation_id"], "difference", row["epoch"], f"{row['seq']} {row['code']}")
        if decided is not None and decided["covers"] != row["detail"]:
            decided["outdated"] = True
        found.append({**dict(row), "store": store, "hq": ours, "decision": decided})
    return found


def _suspended(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT workstation_id, epoch, seq, code, body, digest, received_at_ms FROM events WHERE state = 'suspended'"
        f" AND workstation_id IN ({places}) ORDER BY received_at_ms DESC, workstation_id, epoch, seq LIMIT :limit",
        key,
    ).fetchall()
    return [
        {
            **{name: row[name] for name in ("workstation_id", "epoch", "seq", "code", "received_at_ms")},
            "says": sides.of_event(row),
            "decision": decision(connection, row["workstation_id"], "suspended", row["epoch"], str(row["seq"])),
        }
        for row in rows
    ]


def _forks(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT c.workstation_id, c.epoch, c.seq, c.digest, c.body, c.received_at_ms, e.body AS first_body,"
        " e.digest AS first_digest, e.received_at_ms AS first_at_ms FROM conflicts c LEFT JOIN events e"
        " ON e.workstation_id = c.workstation_id AND e.epoch = c.epoch AND e.seq = c.seq"
        f" WHERE c.workstation_id IN ({places}) ORDER BY c.received_at_ms DESC, c.workstation_id, c.epoch, c.seq"
        " LIMIT :limit",
        key,
    ).fetchall()
    return [
        {
            **{name: row[name] for name in ("workstation_id", "epoch", "seq", "received_at_ms", "first_at_ms")},
            "digest": row["digest"].hex(),
            "first": sides.of_event({"body": row["first_body"] or "", "digest": row["first_digest"] or b""}),
            "other": sides.of_event(row),
            "first_body": row["first_body"] or "",
            "other_body": row["body"],
            "decision": decision(connection, row["workstation_id"], "fork", row["epoch"], str(row["seq"])),
        }
        for row in rows
    ]


def decision(connection: Connection, workstation_id: str, what: str, epoch: str, key: str) -> dict[str, Any] | None:
    """What a person decided about something, None where nobody did."""
    row = connection.execute(
        "SELECT decision, name, why, at_ms, covers FROM decisions WHERE workstation_id = :id AND what = :what"
        " AND epoch = :epoch AND key = :key",
        {"id": workstation_id, "what": what, "epoch": epoch, "key": key},
    ).fetchone()
    return None if row is None else dict(row)


def body(connection: Connection, workstation_id: str, epoch: str, seq: int) -> dict[str, Any]:
    """One event as it came; Refusal 404 EVENT_UNKNOWN."""
    row = connection.execute(
        "SELECT body, state, code, received_at_ms FROM events WHERE workstation_id = :id AND epoch = :epoch"
        " AND seq = :seq",
        {"id": workstation_id, "epoch": epoch, "seq": seq},
    ).fetchone()
    if row is None:
        raise Refusal("EVENT_UNKNOWN", "headquarters has no such event", status=404)
    return dict(row)


# --- members whose account is frozen, or whose points are held back -----------------------------------------------
_FROZEN = (
    "SELECT m.member_id, m.brand_id, m.masked, m.frozen, m.frozen_at_ms, COALESCE(a.balance, 0) AS pending,"
    " (SELECT f.reason FROM freezes f WHERE f.member_id = m.member_id AND f.decided_at_ms = m.frozen_at_ms) AS reason"
    " FROM members m LEFT JOIN accounts a ON a.member_id = m.member_id AND a.account = 'points_pending'"
)


def frozen_of_stations(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Members of whom these workstations held points back, while they are frozen or points are held back."""
    rows = connection.execute(
        f"{_FROZEN} WHERE m.member_id IN (SELECT p.member_id FROM postings p WHERE p.account = 'points_pending'"
        f" AND p.workstation_id IN ({places})) AND (m.frozen = 1 OR COALESCE(a.balance, 0) <> 0)"
        " ORDER BY m.member_id LIMIT :limit",
        key,
    )
    return [dict(row) for row in rows.fetchall()]


def frozen(connection: Connection, brand_id: str, after: str) -> list[dict[str, Any]]:
    """Frozen members of a brand and those with points held back, behind an id."""
    rows = connection.execute(
        f"{_FROZEN} WHERE m.brand_id = :brand AND m.member_id > :after AND (m.member_id IN (SELECT x.member_id FROM"
        " members x WHERE x.brand_id = :brand AND x.frozen = 1) OR m.member_id IN (SELECT y.member_id FROM accounts y"
        " WHERE y.account = 'points_pending' AND y.balance <> 0)) ORDER BY m.member_id LIMIT :limit",
        {"brand": brand_id, "after": after, "limit": CONSOLE_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]
