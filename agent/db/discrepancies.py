"""Discrepancies in books.db: what differed, both sides of it, and what a person said about it.

Called by agent.db.proofs. An explanation covers exactly what it was given for: other contents under the same key are
a new discrepancy and stand open again.
"""

from collections.abc import Sequence

from agent.domain.errors import Refusal
from agent.proof_ports import Difference
from agent.sqlite import Connection, Row

_SAME = (
    "store_digest IS excluded.store_digest AND hq_digest IS excluded.hq_digest AND detail = excluded.detail"
    " AND store_fen IS excluded.store_fen AND hq_fen IS excluded.hq_fen"
)
_LISTED = 1000  # LIMIT: a person reads a page of them; the table holds all


def record(connection: Connection, differences: Sequence[Difference], at_ms: int) -> list[Difference]:
    """Keep what was found, first and last time seen, inside the caller's transaction; give those that are explained."""
    explained = []
    for one in differences:
        row = connection.execute(
            "INSERT INTO discrepancies (side, place, epoch, key, code, detail, seq, sale_id, store_digest,"
            " store_fen, store_points, hq_digest, hq_fen, hq_points, first_seen_ms, last_seen_ms)"
            " VALUES (:side, :table, :epoch, :key, :code, :detail, :seq, :sale_id, :store_digest, :store_fen,"
            " :store_points, :hq_digest, :hq_fen, :hq_points, :at, :at)"
            " ON CONFLICT (side, place, epoch, key, code) DO UPDATE SET last_seen_ms = excluded.last_seen_ms,"
            f" state = CASE WHEN {_SAME} THEN state ELSE 'open' END, detail = excluded.detail,"
            " store_digest = excluded.store_digest, store_fen = excluded.store_fen,"
            " store_points = excluded.store_points, hq_digest = excluded.hq_digest, hq_fen = excluded.hq_fen,"
            " hq_points = excluded.hq_points RETURNING state",
            {**one.row(), "at": at_ms},
        ).fetchone()
        if row["state"] == "explained":
            explained.append(one)
    return explained


def listed(connection: Connection, *, everything: bool) -> list[Row]:
    """Discrepancies, newest first: the open ones, or all of them."""
    return connection.execute(
        "SELECT * FROM discrepancies WHERE state = 'open' OR :everything ORDER BY number DESC LIMIT :limit",
        {"everything": everything, "limit": _LISTED},
    ).fetchall()


def explain(connection: Connection, number: int, by: str, why: str, at_ms: int) -> None:
    """Note who explained one and how, inside the caller's transaction; raises Refusal for an unknown number."""
    changed = connection.execute(
        "UPDATE discrepancies SET state = 'explained', explained_by = :by, why = :why, explained_at_ms = :at"
        " WHERE number = :number",
        {"number": number, "by": by, "why": why, "at": at_ms},
    ).rowcount
    if changed != 1:
        hint = "`pos-agent differences` lists them"
        raise Refusal("DISCREPANCY_UNKNOWN", f"there is no discrepancy {number}", hint=hint, status=404)
