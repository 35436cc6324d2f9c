"""The API's tokens in books.db: stored as SHA-256 only (they are 32 random bytes, so no slow hash is needed).

Called by pairing, sign-in and the door.
"""

import hashlib

from agent.db.store import Store
from agent.grants import Grant, read, words
from agent.sqlite import Connection, Row

_ID_CHARS = 12


class TokensDb:
    """The Tokens port over books.db."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._active: dict[bytes, Grant] | None = None

    async def add(self, token: str, grant: Grant) -> None:
        """Accept a token from now on; its id comes from its hash."""
        row = {
            "hash": token_hash(token),
            "app": grant.app,
            "at": grant.created_at_ms,
            "scopes": words(grant.scopes),
            "operator": grant.operator,
            "boot_id": grant.boot_id,
            "until": grant.until_boot_ms,
        }
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO api_tokens (token_sha256, app, created_at_ms, scopes, operator, boot_id, until_boot_ms)"
                " VALUES (:hash, :app, :at, :scopes, :operator, :boot_id, :until)",
                row,
            )
        )
        self._active = None

    async def active(self) -> dict[bytes, Grant]:
        """Hash -> grant of every token that was not revoked; asked on every call, so kept in memory."""
        if self._active is not None:
            return self._active

        def work(connection: Connection) -> dict[bytes, Grant]:
            rows = connection.execute("SELECT * FROM api_tokens WHERE revoked_at_ms IS NULL")
            return {row["token_sha256"]: _grant(row) for row in rows}

        self._active = await self._store.read(work)
        return self._active

    async def revoke(self, token_id: str, at_ms: int) -> bool:
        """Refuse a token from now on; whether there was one in force."""
        for stored, grant in (await self.active()).items():
            if grant.token_id == token_id:
                row = {"hash": stored, "at": at_ms}
                await self._store.run(
                    lambda connection, row=row: connection.execute(  # type: ignore[misc]
                        "UPDATE api_tokens SET revoked_at_ms = :at WHERE token_sha256 = :hash", row
                    )
                )
                self._active = None
                return True
        return False


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def _grant(row: Row) -> Grant:
    return Grant(
        token_id=row["token_sha256"].hex()[:_ID_CHARS],
        app=row["app"],
        scopes=read(row["scopes"]),
        operator=row["operator"],
        boot_id=row["boot_id"],
        until_boot_ms=row["until_boot_ms"],
        created_at_ms=row["created_at_ms"],
    )
