"""The access log in books.db: reads of personal data in the clear, each judged and noted in one transaction (S55)."""

from agent.db.store import Store
from agent.domain.risk import READ_WINDOW_MS, may_read_plaintext
from agent.sensitive import Reading, Request
from agent.sqlite import Connection


class AccessDb:
    """The AccessLog port over books.db."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, request: Request, at_ms: int) -> bool:
        """Judge a read by those of the minute before, whoever made them, and note it; whether it may be."""

        def work(connection: Connection) -> bool:
            rows = connection.execute(
                "SELECT at_ms FROM access_log WHERE at_ms > :after", {"after": at_ms - READ_WINDOW_MS}
            )
            # A read the clock now calls future was made before it was set back: it counts as made just now.
            allowed = may_read_plaintext([min(row["at_ms"], at_ms) for row in rows], at_ms)
            connection.execute(
                "INSERT INTO access_log (at_ms, member_id, field, operator, app, reason, allowed)"
                " VALUES (:at, :member, :field, :operator, :app, :reason, :allowed)",
                {
                    "at": at_ms, "member": request.member_id, "field": request.field, "operator": request.operator,
                    "app": request.app, "reason": request.reason, "allowed": int(allowed),
                },
            )  # fmt: skip
            return allowed

        return await self._store.run(work)

    async def latest(self, limit: int) -> list[Reading]:
        """The newest reads, refused ones too."""
        query = "SELECT * FROM access_log ORDER BY number DESC LIMIT :limit"
        rows = await self._store.read(lambda c: c.execute(query, {"limit": limit}).fetchall())
        return [
            Reading(
                Request(row["member_id"], row["field"], row["operator"], row["app"], row["reason"]),
                row["at_ms"],
                row["allowed"] == 1,
            )
            for row in rows
        ]
