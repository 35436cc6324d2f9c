"""Openings of the cash drawer in books.db, beside the pulse they caused. Called by agent.print_desk."""

from dataclasses import asdict, replace

from agent.books_ports import NewPrintJob
from agent.db.print_jobs import insert_job
from agent.db.store import Store
from agent.ports import KeyRing
from agent.print_desk import DrawerOpening
from agent.sqlite import Connection


class DrawersDb:
    """The DrawerBook port over books.db. In a training `real` are the till's own books: the drawer is the real one."""

    def __init__(self, store: Store, keys: KeyRing, real: Store | None = None) -> None:
        self._store = store
        self._keys = keys
        self._real = real

    async def note(self, one: DrawerOpening, job: NewPrintJob) -> None:
        """Write it down and queue the pulse, in one transaction; in a training in two, the writing first."""

        def work(connection: Connection) -> None:
            _insert(connection, one)
            insert_job(connection, self._keys, job, one.at_ms)

        if self._real is not None:
            # Its name is free in the training alone: the till's own books may know another drawer call by it.
            there = replace(one, job_id=f"{one.job_id}@training-{one.at_ms}")
            await self._real.run(lambda connection: _insert(connection, there))
        await self._store.run(work)

    async def openings(self, limit: int) -> list[DrawerOpening]:
        """Newest first."""
        rows = await (self._real or self._store).read(
            lambda connection: connection.execute(
                "SELECT job_id, at_ms, operator, reason, app FROM drawer_openings ORDER BY at_ms DESC LIMIT :limit",
                {"limit": limit},
            ).fetchall()
        )
        return [DrawerOpening(**dict(row)) for row in rows]


def _insert(connection: Connection, one: DrawerOpening) -> None:
    connection.execute(
        "INSERT INTO drawer_openings (job_id, at_ms, operator, reason, app)"
        " VALUES (:job_id, :at_ms, :operator, :reason, :app)",
        asdict(one),
    )
