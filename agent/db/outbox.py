"""The part of books.db that faces HQ: what waits, what HQ said of each event, and what was proven.

Called by sync.push and sync.reconcile through the Outbox port. A row moves only on HQ's verdict for that very event.
"""

import json
from collections.abc import Sequence

from agent.books_ports import OutboxCounts, ProofRecord, StoredEvent
from agent.db.book_rows import insert_epoch, note_forks
from agent.db.store import Store
from agent.domain.digest import canonical
from agent.proof_ports import Witness
from agent.sqlite import Connection
from agent.witness_mark import Mark
from sync.protocol import BatchAnswer, Verdict, VerdictKind

_STATE_OF = {
    VerdictKind.CREATED: "acknowledged",
    VerdictKind.EXISTS: "acknowledged",
    VerdictKind.SUSPENDED: "suspended",
    VerdictKind.CONFLICT: "conflict",
}

_ODD = "SELECT state, count(*) FROM outbox WHERE state IN ('suspended', 'conflict') GROUP BY state"
_EVENTS = "SELECT COALESCE(SUM((SELECT MAX(seq) FROM events e WHERE e.epoch = p.epoch)), 0) FROM epochs p"
"""How many there are, from the last number of each epoch: nothing is counted that grows with every sale."""


class OutboxDb:
    """The Outbox port over books.db."""

    def __init__(self, store: Store, workstation_id: str, witness: Witness | None = None) -> None:
        self._store = store
        self._witness = witness
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
                "SELECT epoch FROM epochs e WHERE EXISTS (SELECT 1 FROM outbox o INDEXED BY outbox_waiting"
                " WHERE o.epoch = e.epoch AND o.state = 'pending') ORDER BY number LIMIT 1"
            ).fetchone()
            if first is None:
                return "", []
            rows = connection.execute(
                "SELECT e.seq, e.body, e.chain FROM outbox o INDEXED BY outbox_waiting CROSS JOIN events e"
                " USING (epoch, seq) WHERE o.state = 'pending' AND o.epoch = :epoch ORDER BY o.seq LIMIT :limit",
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

    async def settle(self, epoch: str, answer: BatchAnswer, at_ms: int, fresh: str = "") -> bool:
        """Apply HQ's verdicts, one by one. A fork puts `fresh` in force in the same transaction: selling goes on there.

        A fork is a conflict, or a watermark beyond our last event: HQ has seen books that went on from here otherwise.
        """

        def work(connection: Connection) -> bool:
            connection.executemany(
                "UPDATE outbox SET state = :state, code = :code, settled_at_ms = :at"
                " WHERE epoch = :epoch AND seq BETWEEN :first AND :last",
                [{**run, "epoch": epoch, "at": at_ms} for run in _runs(answer.verdicts)],
            )
            top = connection.execute("SELECT MAX(seq) FROM events WHERE epoch = :epoch", {"epoch": epoch}).fetchone()[0]
            forks = [said.seq for said in answer.verdicts if said.verdict is VerdictKind.CONFLICT]
            if answer.watermark > (top or 0):
                forks.append(answer.watermark)
            current = connection.execute("SELECT epoch FROM epochs ORDER BY number DESC LIMIT 1").fetchone()
            note_forks(connection, epoch, forks, at_ms)
            if not forks or not fresh or current["epoch"] != epoch:
                return False
            insert_epoch(connection, fresh, at_ms)
            return True

        forked = await self._store.run(work)
        if self._witness is not None:
            # ORDER: after the commit; a witness that knows less than the books does no harm, one that knows more does.
            await self._store.read(lambda connection: self._testify(connection, epoch, answer))
        return forked

    def _testify(self, connection: Connection, epoch: str, answer: BatchAnswer) -> None:
        assert self._witness is not None
        held = [said.seq for said in answer.verdicts if said.verdict is not VerdictKind.CONFLICT]
        if not held or not answer.watermark:
            return
        row = connection.execute(
            "SELECT e.seq, e.chain, p.number FROM events e JOIN epochs p USING (epoch)"
            " WHERE e.epoch = :epoch AND e.seq = :seq",
            {"epoch": epoch, "seq": max(held)},
        ).fetchone()
        before = self._witness.read()
        if row is None:
            return
        if before is not None:
            known = connection.execute(
                "SELECT number FROM epochs WHERE epoch = :epoch", {"epoch": before.epoch}
            ).fetchone()
            if known is not None and (known["number"], before.seq) >= (row["number"], row["seq"]):
                return
        self._witness.write(Mark(epoch, row["seq"], row["chain"].hex()))

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

    async def outbox_counts(self) -> OutboxCounts:
        """Totals by state."""

        def work(connection: Connection) -> OutboxCounts:
            waiting = connection.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()[0]
            odd = dict(connection.execute(_ODD).fetchall())
            events = connection.execute(_EVENTS).fetchone()[0]
            return OutboxCounts(
                pending=waiting,
                suspended=odd.get("suspended", 0),
                conflict=odd.get("conflict", 0),
                acknowledged=events - waiting - sum(odd.values()),
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


def _runs(verdicts: Sequence[Verdict]) -> list[dict[str, int | str]]:
    """Verdicts of neighbouring events that say the same, as one (first, last, state, code): most batches are one."""
    runs: list[dict[str, int | str]] = []
    for said in sorted(verdicts, key=lambda one: one.seq):
        state, last = _STATE_OF[said.verdict], runs[-1] if runs else None
        if last is not None and (last["last"], last["state"], last["code"]) == (said.seq - 1, state, said.code):
            last["last"] = said.seq
        else:
            runs.append({"first": said.seq, "last": said.seq, "state": state, "code": said.code})
    return runs
