"""Tokens of HQ's own systems, which read seals, and of join pages: 32 random bytes, kept as a hash, shown once.

Called by sync.hq.service inside its transactions.
"""

import base64
import hashlib
from typing import Final

from agent.domain.errors import Refusal
from sync.hq.db.seam import Connection

TOKEN_BYTES: Final = 32
_NAME_CHARS: Final = 64


def add(connection: Connection, name: str, token: bytes, at_ms: int, *, join_brand: str = "") -> str:
    """Accept a new token under a name; a name may have several. `join_brand`: it may join members of that brand."""
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        raise Refusal("TEXT_INVALID", f"the name needs 1 to {_NAME_CHARS} printable characters", field="name")
    text = base64.urlsafe_b64encode(token).decode().rstrip("=")
    connection.execute(
        "INSERT INTO reader_tokens (token_sha256, name, created_at_ms, kind, brand_id)"
        " VALUES (:hash, :name, :at_ms, :kind, :brand)",
        {
            "hash": _hash(text),
            "name": name,
            "at_ms": at_ms,
            "kind": "join" if join_brand else "seals",
            "brand": join_brand,
        },
    )
    return text


def owner(connection: Connection, token: str) -> str | None:
    """The name a token for seals was given under, None for an unknown or revoked one."""
    return _held(connection, token, "seals", "name")


def join_brand(connection: Connection, token: str) -> str | None:
    """The brand whose members a token may join, None for an unknown, revoked or other one."""
    return _held(connection, token, "join", "brand_id")


def _held(connection: Connection, token: str, kind: str, column: str) -> str | None:
    row = connection.execute(
        f"SELECT {column} FROM reader_tokens WHERE token_sha256 = :hash AND kind = :kind AND revoked_at_ms IS NULL",
        {"hash": _hash(token), "kind": kind},
    ).fetchone()
    return None if row is None else str(row[column])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
