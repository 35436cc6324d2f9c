"""Who switched training on and off, and what a switch would cut short, in books.db. Called by agent.mode and the
composition root.
"""

from agent.db.store import Store
from agent.mode import ModeChange
from agent.sqlite import Connection


class ModesDb:
    """The ModeAudit port over the till's own books."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def asked(self, at_ms: int, training: bool, operator: str, app: str) -> int:
        """Note who asks; the number of the row."""

        def work(connection: Connection) -> int:
            number = connection.execute(
                "INSERT INTO mode_changes (at_ms, training, operator, app) VALUES (:at, :training, :operator, :app)",
                {"at": at_ms, "training": int(training), "operator": operator, "app": app},
            ).lastrowid
            assert number is not None
            return number

        self._store.require_room()
        return await self._store.run(work)

    async def begun(self, number: int, at_ms: int) -> None:
        """Note that the books which were asked for are open; kept from the first time."""
        row = {"number": number, "at": at_ms}
        await self._store.run(
            lambda connection: connection.execute(
                "UPDATE mode_changes SET begun_at_ms = :at WHERE number = :number AND begun_at_ms IS NULL", row
            )
        )

    async def latest(self, limit: int) -> list[ModeChange]:
        """Newest first."""
        rows = await self._store.read(
            lambda connection: connection.execute(
                "SELECT * FROM mode_changes ORDER BY number DESC LIMIT :limit", {"limit": limit}
            ).fetchall()
        )
        return [
            ModeChange(
                row["number"], row["at_ms"], row["training"] == 1, row["operator"], row["app"], row["begun_at_ms"]
            )
            for row in rows
        ]

    async def waiting(self) -> int:
        """Events of these books that HQ has not acknowledged."""
        row = await self._store.read(
            lambda connection: connection.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()
        )
        return int(row[0])

    async def unfinished(self, now_ms: int) -> tuple[int, int]:
        """(quotes whose rights are held, receipts not yet on paper) at this moment."""

        def work(connection: Connection) -> tuple[int, int]:
            now = {"now": now_ms}
            held = connection.execute("SELECT count(*) FROM held_quotes WHERE until_ms > :now", now).fetchone()[0]
            paper = connection.execute(
                "SELECT count(*) FROM print_jobs WHERE kind = 'receipt'"
                " AND (state = 'sending' OR (state = 'queued' AND expires_at_ms > :now))",
                now,
            ).fetchone()[0]
            return held, paper

        return await self._store.read(work)
