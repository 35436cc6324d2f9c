"""Rows that several parts of books.db write or read: epochs, forks, the end of a chain, sealed answers.

Called inside the transactions of agent.db.books, outbox, proofs and walk.
"""

import hashlib
import json
from collections.abc import Sequence

import orjson

from agent.domain.digest import Json, genesis
from agent.domain.evidence import transaction_used
from agent.sqlite import Connection


def seal_answer(answer: dict[str, Json], request: bytes) -> str:
    """What is sealed beside a request: its answer, and the request's hash, so that an altered one shows."""
    return plain({"answer": answer, "request_sha256": hashlib.sha256(request).hexdigest()})


def open_answer(opened: str) -> tuple[dict[str, Json], str]:
    """(answer, request's hash); rows written before the hash was kept give an empty one."""
    content = json.loads(opened)
    if content.keys() == {"answer", "request_sha256"}:
        return content["answer"], content["request_sha256"]
    return content, ""


def note_forks(connection: Connection, epoch: str, seqs: Sequence[int], at_ms: int, detail: str = "") -> None:
    """Record forks for a person, inside the caller's transaction."""
    connection.executemany(
        "INSERT INTO discrepancies (side, place, epoch, key, code, detail, seq, first_seen_ms, last_seen_ms)"
        " VALUES ('both', 'events', :epoch, :key, 'FORK', :detail, :seq, :at, :at)"
        " ON CONFLICT (side, place, epoch, key, code) DO UPDATE SET last_seen_ms = excluded.last_seen_ms",
        [{"epoch": epoch, "key": str(seq), "seq": seq, "at": at_ms, "detail": detail} for seq in seqs],
    )


def insert_epoch(connection: Connection, epoch: str, at_ms: int) -> None:
    """Put a new epoch in force, inside the caller's transaction."""
    connection.execute(
        "INSERT INTO epochs (epoch, number, created_at_ms) "
        " SELECT :epoch, COALESCE(MAX(number), 0) + 1, :now FROM epochs",
        {"epoch": epoch, "now": at_ms},
    )


def use_up(connection: Connection, transaction_ids: Sequence[str], where: dict[str, Json]) -> None:
    """Let the event `where` (epoch, seq) use up WeChat transactions; Refusal TRANSACTION_USED where one was before."""
    for one in transaction_ids:
        fresh = connection.execute(
            "INSERT INTO used_transactions (transaction_id, epoch, seq) VALUES (:id, :epoch, :seq)"
            " ON CONFLICT DO NOTHING",
            {**where, "id": one},
        )
        if fresh.rowcount != 1:
            raise transaction_used()


def current_epoch(connection: Connection) -> str | None:
    """The epoch in force, None before the first is minted."""
    row = connection.execute("SELECT epoch FROM epochs ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else str(row["epoch"])


def require_epoch(connection: Connection) -> str:
    """The epoch in force."""
    epoch = current_epoch(connection)
    assert epoch is not None, "the composition root mints the first epoch before anything is booked"
    return epoch


def end_in_force(connection: Connection, workstation_id: str) -> tuple[str, int, bytes]:
    """The epoch in force with its count and chain head, in one look: this runs inside every commit."""
    row = connection.execute(
        "SELECT p.epoch, e.seq, e.chain FROM epochs p LEFT JOIN events e ON e.epoch = p.epoch"
        " AND e.seq = (SELECT MAX(seq) FROM events WHERE epoch = p.epoch) ORDER BY p.number DESC LIMIT 1"
    ).fetchone()
    assert row is not None, "the composition root mints the first epoch before anything is booked"
    epoch = str(row["epoch"])
    return (epoch, 0, genesis(workstation_id, epoch)) if row["seq"] is None else (epoch, row["seq"], row["chain"])


def plain(value: dict[str, Json]) -> str:
    """JSON whose text is kept and hashed as it is: without the checks of the canonical form."""
    return orjson.dumps(value).decode()
