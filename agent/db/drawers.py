"""Openings of the cash drawer in books.db, beside the pulse they caused. Called by agent.print_desk."""

from dataclasses import asdict

from agent.books_ports import NewPrintJob
from agent.db.print_jobs import insert_job
from agent.db.store import Store
from agent.ports import KeyRing
from agent.print_desk import DrawerOpening
from agent.sqlite import Connection


class DrawersDb:
    """The DrawerBook port over books.db."""

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def note(self, one: DrawerOpening, job: NewPrintJob) -> None:
        """Write it down and queue the pulse, in one transaction."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO drawer_openings (job_id, at_ms, operator, reason, app)"
                " VALUES (:job_id, :at_ms, :operator, :reason, :app)",
                asdict(one),
            )
            insert_job(connection, self._keys, job, one.at_ms)

        await self._store.run(work)

    async def openings(self, limit: int) -> list[DrawerOpening]:
        """Newest first."""
        rows = await self._store.read(
            lambda connection: connection.execute(
                "SELECT job_id, at_ms, operator, reason, app FROM drawer_openings ORDER BY at_ms DESC LIMIT :limit",
                {"limit": limit},
            ).fetchall()
        )
        return [DrawerOpening(**dict(row)) for row in rows]
