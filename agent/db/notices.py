"""The replayable event stream and the API's tokens, both part of books.db.

Notices carry no personal data and no code that was scanned; the live stream may add what must not be stored.
"""

import hashlib
import json

from agent.db.store import Store
from agent.domain.digest import Json, canonical
from agent.limits import NOTICES_KEPT
from agent.ports import Notice
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


class TokensDb:
    """API tokens: stored as SHA-256 only (they are 32 random bytes, so no slow hash is needed)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._active: dict[bytes, str] | None = None

    async def add(self, token: str, app: str, at_ms: int) -> None:
        """Accept a token from now on."""
        row = {"hash": token_hash(token), "app": app, "at": at_ms}
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO api_tokens (token_sha256, app, created_at_ms) VALUES (:hash, :app, :at)", row
            )
        )
        self._active = None

    async def active(self) -> dict[bytes, str]:
        """Hash -> app of every token that was not revoked; asked on every call, so kept in memory."""
        if self._active is not None:
            return self._active

        def work(connection: Connection) -> dict[bytes, str]:
            rows = connection.execute("SELECT token_sha256, app FROM api_tokens WHERE revoked_at_ms IS NULL")
            return {row["token_sha256"]: row["app"] for row in rows}

        self._active = await self._store.read(work)
        return self._active


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()
