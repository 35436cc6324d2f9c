"""The replayable event stream, part of books.db.

Notices carry no personal data and no code that was scanned; the live stream may add what must not be stored.
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
        """The number of the latest notice; 0 where there is none."""
        row = await self._store.read(
            lambda connection: connection.execute("SELECT COALESCE(max(id), 0) FROM notices").fetchone()
        )
        return int(row[0])


def insert_notice(connection: Connection, kind: str, data: dict[str, Json], at_ms: int) -> Notice:
    """Append one notice inside the caller's transaction; the tail is pruned a stretch at a time."""
    number = connection.execute(
        "INSERT INTO notices (at_ms, kind, data) VALUES (:at, :kind, :data)",
        {"at": at_ms, "kind": kind, "data": canonical(data).decode()},
    ).lastrowid
    assert number is not None
    if number % _PRUNE_EVERY == 0:
        connection.execute("DELETE FROM notices WHERE id <= :oldest", {"oldest": number - NOTICES_KEPT})
    return Notice(number, at_ms, kind, data)
