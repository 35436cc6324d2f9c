"""Tokens of HQ's own systems, which read seals: 32 random bytes, kept as a hash, shown once.

Called by sync.hq.service inside its transactions.
"""

import base64
import hashlib
from typing import Final

from agent.domain.errors import Refusal
from agent.sqlite import Connection

TOKEN_BYTES: Final = 32
_NAME_CHARS: Final = 64


def add(connection: Connection, name: str, token: bytes, at_ms: int) -> str:
    """Accept a new token under a name; a name may have several."""
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        raise Refusal("TEXT_INVALID", f"the name needs 1 to {_NAME_CHARS} printable characters", field="name")
    text = base64.urlsafe_b64encode(token).decode().rstrip("=")
    connection.execute(
        "INSERT INTO reader_tokens (token_sha256, name, created_at_ms) VALUES (:hash, :name, :at_ms)",
        {"hash": _hash(text), "name": name, "at_ms": at_ms},
    )
    return text


def owner(connection: Connection, token: str) -> str | None:
    """The name a token was given under, None for an unknown or revoked one."""
    row = connection.execute(
        "SELECT name FROM reader_tokens WHERE token_sha256 = :hash AND revoked_at_ms IS NULL", {"hash": _hash(token)}
    ).fetchone()
    return None if row is None else str(row["name"])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
