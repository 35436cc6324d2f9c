"""Members who want to be forgotten, at the console: one person asks, a second one confirms (sync.hq.erasures does it).

Called by sync.hq.console.desk inside its transactions.
"""

from typing import Any

from agent.domain.errors import Refusal
from sync.hq import console_log as log
from sync.hq import erasures
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.db.seam import Connection, Row


def ask(connection: Connection, request_id: str, brand_id: str, member_id: str, entry: log.Entry, at_ms: int) -> None:
    """Ask to forget a member. Refusal 404 MEMBER_UNKNOWN, 409 ERASURE_ASKED, 422 REASON_NEEDED."""
    why = log.reason(entry.why)
    connection.hold(f"erasure {member_id}")
    known = connection.execute(
        "SELECT 1 FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
        {"id": member_id, "brand": brand_id},
    ).fetchone()
    if known is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    open_one = "SELECT 1 FROM erasure_requests WHERE member_id = :id AND state = 'asked'"
    if connection.execute(open_one, {"id": member_id}).fetchone() is not None:
        raise Refusal("ERASURE_ASKED", "somebody has asked for this before", status=409)
    connection.execute(
        "INSERT INTO erasure_requests (request_id, brand_id, member_id, state, why, asked_by, asked_at_ms)"
        " VALUES (:request, :brand, :id, 'asked', :why, :name, :at_ms)",
        {"request": request_id, "brand": brand_id, "id": member_id, "why": why, "name": entry.name, "at_ms": at_ms},
    )
    log.note(connection, entry, at_ms)


def asked(connection: Connection, request_id: str, name: str, *, erase: bool) -> Row:
    """The open request that `name` may decide. Refusal 404 ERASURE_UNKNOWN, 409 DECIDED_BEFORE, 403 SECOND_PERSON
    (whoever asked may only withdraw)."""
    row: Row | None = connection.execute(
        "SELECT * FROM erasure_requests WHERE request_id = :id", {"id": request_id}
    ).fetchone()
    if row is None:
        raise Refusal("ERASURE_UNKNOWN", "nobody asked for this", status=404)
    if row["state"] != "asked":
        raise Refusal("DECIDED_BEFORE", f"{row['decided_by']} decided this before", status=409)
    if erase and row["asked_by"] == name:
        raise Refusal("SECOND_PERSON", "a second person has to confirm", hint="ask another admin", status=403)
    return row


def decide(connection: Connection, request_id: str, name: str, *, erase: bool, why: str, at_ms: int) -> None:
    """Note the decision; for an erasure after it was carried out."""
    connection.hold(f"erasure request {request_id}")
    row = asked(connection, request_id, name, erase=erase)
    connection.execute(
        "UPDATE erasure_requests SET state = :state, decided_by = :name, decided_at_ms = :at_ms WHERE request_id = :id",
        {"state": "erased" if erase else "refused", "name": name, "at_ms": at_ms, "id": request_id},
    )
    act = log.Act.ERASURE_CONFIRM if erase else log.Act.ERASURE_REFUSE
    log.note(connection, log.Entry(name, act, row["member_id"], why, request_id), at_ms)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Requests, newest first; of one that was carried out, the workstations that have not acknowledged it."""
    rows = connection.execute(
        "SELECT * FROM erasure_requests ORDER BY asked_at_ms DESC, request_id LIMIT :limit", {"limit": CONSOLE_LISTED}
    ).fetchall()
    done = {one["member_id"]: one["missing"] for one in erasures.listed(connection, "")}
    found = []
    for row in rows:
        missing = done.get(row["member_id"], []) if row["state"] == "erased" else []
        found.append({**dict(row), "lacking": len(missing), "stations": missing[:CONSOLE_LISTED]})
    return found
