"""The part of books.db that faces HQ: what waits, what HQ said of each event, and what was proven.

Called by sync.push and sync.reconcile through the Outbox port. A row moves only on HQ's verdict for that very event.
"""

import json
from collections.abc import Sequence

from agent.db.store import Store
from agent.domain.digest import canonical, event_digest, extend, genesis
from agent.ports import OutboxCounts, ProofRecord, StoredEvent
from agent.sqlite import Connection
from sync.protocol import BatchAnswer, VerdictKind

_STATE_OF = {
    VerdictKind.CREATED: "acknowledged",
    VerdictKind.EXISTS: "acknowledged",
    VerdictKind.SUSPENDED: "suspended",
    VerdictKind.CONFLICT: "conflict",
}


class OutboxDb:
    """The Outbox port over books.db."""

    def __init__(self, store: Store, workstation_id: str) -> None:
        self._store = store
        self._workstation_id = workstation_id

    async def epoch(self) -> str:
        """The epoch in force."""
        return (await self.epochs())[-1]

    async def epochs(self) -> list[str]:
        """All epochs, oldest first."""
        return await self._store.read(
            lambda connection: [row["epoch"] for row in connection.execute("SELECT epoch FROM epochs ORDER BY number")]
        )

    async def pending(self, limit: int, max_bytes: int) -> tuple[str, list[StoredEvent]]:
        """The oldest unacknowledged events of one epoch, at most `limit` and about `max_bytes`, at least one."""

        def work(connection: Connection) -> tuple[str, list[StoredEvent]]:
            first = connection.execute(
                "SELECT o.epoch FROM outbox o JOIN epochs e USING (epoch) WHERE o.state = 'pending'"
                " ORDER BY e.number, o.seq LIMIT 1"
            ).fetchone()
            if first is None:
                return "", []
            rows = connection.execute(
                "SELECT e.seq, e.body, e.chain FROM outbox o JOIN events e USING (epoch, seq)"
                " WHERE o.state = 'pending' AND o.epoch = :epoch ORDER BY o.seq LIMIT :limit",
                {"epoch": first["epoch"], "limit": limit},
            )
            events: list[StoredEvent] = []
            size = 0
            for row in rows:
                body = row["body"].encode()
                if events and size + len(body) > max_bytes:
                    break
                size += len(body)
                events.append(StoredEvent(row["seq"], body, row["chain"]))
            return first["epoch"], events

        return await self._store.read(work)

    async def settle(self, epoch: str, answer: BatchAnswer, at_ms: int) -> None:
        """Apply HQ's verdicts, one by one."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE outbox SET state = :state, code = :code, settled_at_ms = :at"
                " WHERE epoch = :epoch AND seq = :seq",
                [
                    {"state": _STATE_OF[said.verdict], "code": said.code, "at": at_ms, "epoch": epoch, "seq": said.seq}
                    for said in answer.verdicts
                ],
            )

        await self._store.run(work)

    async def requeue(self, epoch: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Mark events in `ranges` (inclusive) as pending again; how many were settled before."""

        def work(connection: Connection) -> int:
            return sum(
                connection.execute(
                    "UPDATE outbox SET state = 'pending', code = '', settled_at_ms = NULL"
                    " WHERE epoch = :epoch AND seq BETWEEN :first AND :last AND state <> 'pending'",
                    {"epoch": epoch, "first": first, "last": last},
                ).rowcount
                for first, last in ranges
            )

        return await self._store.run(work)

    async def rehash(self, epoch: str) -> tuple[int, str, list[int]]:
        """Rehash stored bodies: (count, head hex, seqs whose stored digest or chain does not follow from them)."""

        def work(connection: Connection) -> tuple[int, str, list[int]]:
            head, count, altered = genesis(self._workstation_id, epoch), 0, []
            rows = connection.execute(
                "SELECT seq, body, digest, chain FROM events WHERE epoch = :epoch ORDER BY seq", {"epoch": epoch}
            )
            for row in rows:
                digest = event_digest(row["body"].encode())
                if row["seq"] != count + 1 or digest != row["digest"] or extend(head, digest) != row["chain"]:
                    altered.append(row["seq"])
                head, count = extend(head, digest), row["seq"]
            return count, head.hex(), altered

        return await self._store.read(work)

    async def outbox_counts(self) -> OutboxCounts:
        """Totals by state."""

        def work(connection: Connection) -> OutboxCounts:
            by_state = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
            return OutboxCounts(
                pending=by_state.get("pending", 0),
                suspended=by_state.get("suspended", 0),
                conflict=by_state.get("conflict", 0),
                acknowledged=by_state.get("acknowledged", 0),
            )

        return await self._store.read(work)

    async def record_proof(self, proof: ProofRecord) -> None:
        """Keep the result of a reconciliation."""
        row = {
            "at": proof.at_ms,
            "trigger": proof.trigger,
            "epoch": proof.epoch,
            "count": proof.count,
            "head": proof.head,
            "result": proof.result,
            "detail": canonical(proof.detail).decode(),
        }
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO proofs (at_ms, trigger, epoch, count, head, result, detail)"
                " VALUES (:at, :trigger, :epoch, :count, :head, :result, :detail)",
                row,
            )
        )

    async def proofs(self, limit: int) -> list[ProofRecord]:
        """Latest reconciliations, newest first."""

        def work(connection: Connection) -> list[ProofRecord]:
            rows = connection.execute("SELECT * FROM proofs ORDER BY number DESC LIMIT :limit", {"limit": limit})
            return [
                ProofRecord(
                    at_ms=row["at_ms"],
                    trigger=row["trigger"],
                    epoch=row["epoch"],
                    count=row["count"],
                    head=row["head"],
                    result=row["result"],
                    detail=json.loads(row["detail"]),
                )
                for row in rows
            ]

        return await self._store.read(work)
