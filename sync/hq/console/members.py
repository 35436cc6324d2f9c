"""Members at the console: found by number, card, phone or id through a keyed index, shown masked; who joined.

Called by sync.hq.console.desk. No list of members can be read here, no identity and no birthday is shown: what is
personal is read through sync.hq.console.plain.
"""

from typing import Any

from sync.hq import enrol
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.hq.member_rows import MEMBER_SELECT, member_row
from sync.protocol import identity_index

_CHARS = 64


def find(connection: Connection, keys: HqKeys, brand_id: str, code: str) -> dict[str, Any] | None:
    """The member behind a number, an old card, a phone or a member id; None where the brand has none."""
    member_id = _member_id(connection, keys, brand_id, code.strip()[:_CHARS])
    row = connection.execute(
        f"{MEMBER_SELECT} WHERE m.member_id = :id AND m.brand_id = :brand", {"id": member_id or "", "brand": brand_id}
    ).fetchone()
    if row is None:
        return None
    key = {"id": row["member_id"], "limit": CONSOLE_LISTED}
    kinds = connection.execute(
        "SELECT kind, COUNT(*) AS n FROM identities WHERE member_id = :id AND deleted = 0 GROUP BY kind", key
    )
    freezes = connection.execute(
        "SELECT decided_at_ms, frozen, reason FROM freezes WHERE member_id = :id ORDER BY decided_at_ms DESC"
        " LIMIT :limit",
        key,
    )
    leases = connection.execute(
        "SELECT workstation_id, account, COUNT(*) AS leases, SUM(CASE WHEN settled < 0 THEN amount"
        " WHEN settled < amount THEN amount - settled ELSE 0 END) AS amount FROM leases WHERE member_id = :id"
        " AND state = 'open' GROUP BY workstation_id, account ORDER BY workstation_id, account",
        key,
    )
    pending = connection.execute(
        "SELECT balance FROM accounts WHERE member_id = :id AND account = 'points_pending'", key
    ).fetchone()
    return {
        "brand_id": brand_id,
        "erased": row["status"] == "deleted",
        "member": member_row(connection, row).model_dump(mode="json", exclude={"birthday"}),
        "identities": {one["kind"]: int(one["n"]) for one in kinds.fetchall()},
        "pending": int(pending["balance"]) if pending is not None else 0,
        "freezes": [dict(one) for one in freezes.fetchall()],
        "leases": [dict(one) | {"amount": int(one["amount"])} for one in leases.fetchall()],
    }


def _member_id(connection: Connection, keys: HqKeys, brand_id: str, code: str) -> str | None:
    if connection.execute("SELECT 1 FROM members WHERE member_id = :id", {"id": code}).fetchone() is not None:
        return code
    index_key = enrol.index_key(connection, keys, brand_id)
    for index in (identity_index(index_key, "code", code), keys.phone_index(brand_id, code.removeprefix("+86"))):
        row = connection.execute(
            "SELECT member_id FROM identities WHERE brand_id = :brand AND identity_index = :index AND deleted = 0",
            {"brand": brand_id, "index": index},
        ).fetchone()
        if row is not None:
            return str(row["member_id"])
    return None


def joins(connection: Connection, brand_id: str) -> list[dict[str, Any]]:
    """Who joined by a receipt lately, newest first."""
    rows = connection.execute(
        "SELECT at_ms, member_id, is_new, state, code, points, pack_points, coupon_id FROM claim_joins"
        " WHERE brand_id = :brand ORDER BY at_ms DESC LIMIT :limit",
        {"brand": brand_id, "limit": CONSOLE_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]
