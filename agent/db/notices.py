"""The replayable event stream, part of books.db.

Notices carry no personal data and no code that was scanned; the live stream may add what must not be stored. Their
numbers are one series over both modes: a training takes them up where the till's own books stand, and those go on where
it ended, so that a Last-Event-ID means one place whatever the mode (ADR-0013).
"""

import json

from agent.books_ports import Notice
from agent.db.store import Store
from agent.domain.digest import Json, canonical
from agent.limits import NOTICES_KEPT
from agent.sqlite import Connection

_PRUNE_EVERY = 64


class NoticesDb:
    """The Notices port over books.db."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(self, kind: str, data: dict[str, Json], at_ms: int) -> Notice:
        """Append one notice and prune the tail."""
        return await self._store.run(lambda connection: insert_notice(connection, kind, data, at_ms))

    async def after(self, last_id: int, limit: int) -> list[Notice]:
        """Replay what came after `last_id`, oldest first."""

        def work(connection: Connection) -> list[Notice]:
            rows = connection.execute(
                "SELECT * FROM notices WHERE id > :last ORDER BY id LIMIT :limit", {"last": last_id, "limit": limit}
            )
            return [Notice(row["id"], row["at_ms"], row["kind"], json.loads(row["data"])) for row in rows]

        return await self._store.read(work)

    async def newest(self) -> int:
        """Where the series stands: the number given last, 0 before the first."""
        return await self._store.read(_last_number)

    async def go_on_behind(self, number: int) -> None:
        """Give no number up to this one again."""

        def work(connection: Connection) -> None:
            if _last_number(connection) < number:
                connection.execute("DELETE FROM sqlite_sequence WHERE name = 'notices'")
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('notices', :n)", {"n": number})

        await self._store.run(work)


class TrainingNotices(NoticesDb):
    """The Notices port in a training: replays what was missed of the till's own books first, then of the training."""

    def __init__(self, store: Store, real: NoticesDb) -> None:
        super().__init__(store)
        self._real = real

    async def after(self, last_id: int, limit: int) -> list[Notice]:
        """Replay what came after `last_id`, oldest first; of both books, one after the other."""
        return await self._real.after(last_id, limit) or await super().after(last_id, limit)


def _last_number(connection: Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'notices'").fetchone()
    return 0 if row is None else int(row[0])


def insert_notice(connection: Connection, kind: str, data: dict[str, Json], at_ms: int) -> Notice:
    """Append one notice inside the caller's transaction; the tail is pruned a stretch at a time."""
    number = connection.execute(
        "INSERT INTO notices (at_ms, kind, data) VALUES (:at, :kind, :data)",
        {"at": at_ms, "kind": kind, "data": canonical(data).decode()},
    ).lastrowid
    assert number is not None
    if number % _PRUNE_EVERY == 0:
        # Counted, not reckoned from the number: a training leaves a gap in the series.
        connection.execute(
            "DELETE FROM notices WHERE id <= (SELECT id FROM notices ORDER BY id DESC LIMIT 1 OFFSET :kept)",
            {"kept": NOTICES_KEPT},
        )
    return Notice(number, at_ms, kind, data)
