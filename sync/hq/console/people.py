"""Who may sign in at HQ's console: names with a password and a role, lock-out, sessions.

Called by sync.hq.console.desk. Passwords are kept as scrypt, tokens as SHA-256; both lie in HQ's database, so that
every process of one headquarters knows them. A session ends by itself, with its user, and with a new password.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from agent.domain.errors import Refusal
from agent.ports import Clock, Entropy
from sync.hq import console_log as log
from sync.hq.bounds import (
    CONSOLE_LOCK_CAP_S,
    CONSOLE_LOCK_S,
    CONSOLE_NAME_CHARS,
    CONSOLE_PASSWORD_CHARS,
    CONSOLE_SESSION_S,
    CONSOLE_TRIES,
)
from sync.hq.db.seam import Connection, Row
from sync.hq.wechat_calls import Books

T = TypeVar("T")
_SALT_BYTES: Final = 16
_TOKEN_BYTES: Final = 32
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1


class Role(StrEnum):
    """What somebody may do at the console; each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may.

        >>> Role.OPERATOR.covers(Role.VIEWER), Role.OPERATOR.covers(Role.ADMIN)
        (True, False)
        """
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class Reckoner(Protocol):
    """A thread of its own for what takes long."""

    async def call(self, work: Callable[[], T]) -> T:
        """Run it there."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class People:
    """Sign-in at the console."""

    books: Books
    clock: Clock
    entropy: Entropy
    reckoner: Reckoner
    """Where a password is reckoned, some 100 ms: neither the loop nor the database waits for it."""

    async def sign_in(self, name: str, password: str) -> tuple[str, Person]:
        """A token for a working day. Refusal SIGN_IN_REFUSED (403), SIGN_IN_LOCKED (429).

        An unknown name is answered like a wrong password, and costs as much time.
        """
        now = self.clock.now_ms()
        row = await self.books.read(lambda c: _user(c, name))
        _refuse_locked(row, now)
        stored = _NOBODY if row is None else str(row["password"])
        right = await self.reckoner.call(lambda: _matches(stored, password))
        token = base64.urlsafe_b64encode(self.entropy.token(_TOKEN_BYTES)).decode().rstrip("=")
        person = await self.books.write(lambda c: _enter(c, name, stored, right, token, now))
        if person is None:
            raise Refusal("SIGN_IN_REFUSED", "name or password is wrong", hint="an admin can set a new one", status=403)
        return token, person

    async def holder(self, token: str) -> Person | None:
        """Whose session a token is; None when it is none, or over."""
        key = {"hash": _hash(token), "now": self.clock.now_ms()}
        row = await self.books.read(
            lambda c: c.execute(
                "SELECT u.name, u.role FROM console_sessions s JOIN console_users u ON u.name = s.name"
                " WHERE s.token_sha256 = :hash AND s.until_ms > :now",
                key,
            ).fetchone()
        )
        return None if row is None else Person(row["name"], Role(row["role"]))

    async def sign_out(self, token: str) -> None:
        """End a session."""
        await self.books.write(
            lambda c: c.execute("DELETE FROM console_sessions WHERE token_sha256 = :hash", {"hash": _hash(token)})
        )

    async def put(self, name: str, role: Role, password: str, by: str) -> None:
        """Add somebody, or give them a new role and password; their sessions end.

        Refusal TEXT_INVALID, PASSWORD_WEAK, LAST_ADMIN.
        """
        if not 1 <= len(name) <= CONSOLE_NAME_CHARS or not name.isprintable() or name != name.strip():
            message = f"a name has 1 to {CONSOLE_NAME_CHARS} printable characters"
            raise Refusal("TEXT_INVALID", message, field="name")
        least, most = CONSOLE_PASSWORD_CHARS
        if not least <= len(password) <= most or len(set(password)) < least // 2 or name.lower() in password.lower():
            message = f"a password has {least} to {most} characters, at least {least // 2} different ones, and no name"
            raise Refusal("PASSWORD_WEAK", message, field="password")
        salt = self.entropy.token(_SALT_BYTES)
        sealed = await self.reckoner.call(lambda: _written(salt, password))
        now = self.clock.now_ms()

        def work(connection: Connection) -> None:
            _keep_an_admin(connection, name, role)
            connection.execute(
                "INSERT INTO console_users (name, role, password, created_at_ms)"
                " VALUES (:name, :role, :password, :now) ON CONFLICT (name) DO UPDATE SET role = excluded.role,"
                " password = excluded.password, failures = 0, locked_until_ms = 0",
                {"name": name, "role": role.value, "password": sealed, "now": now},
            )
            connection.execute("DELETE FROM console_sessions WHERE name = :name", {"name": name})
            log.note(connection, log.Entry(by, log.Act.USER_PUT, name, "", role.value), now)

        await self.books.write(work)

    async def remove(self, name: str, by: str) -> None:
        """Forget somebody and end their sessions; what they did stays in the log. Refusal USER_UNKNOWN, LAST_ADMIN."""
        now = self.clock.now_ms()

        def work(connection: Connection) -> None:
            _keep_an_admin(connection, name, None)
            gone = connection.execute("DELETE FROM console_users WHERE name = :name", {"name": name}).rowcount
            if not gone:
                raise Refusal("USER_UNKNOWN", "nobody signs in by that name", status=404)
            connection.execute("DELETE FROM console_sessions WHERE name = :name", {"name": name})
            log.note(connection, log.Entry(by, log.Act.USER_REMOVE, name, "", ""), now)

        await self.books.write(work)

    async def listed(self) -> list[dict[str, object]]:
        """Who may sign in, by name."""
        rows = await self.books.read(
            lambda c: c.execute("SELECT name, role, created_at_ms FROM console_users ORDER BY name").fetchall()
        )
        return [dict(row) for row in rows]


def _user(connection: Connection, name: str) -> Row | None:
    row: Row | None = connection.execute("SELECT * FROM console_users WHERE name = :name", {"name": name}).fetchone()
    return row


def _refuse_locked(row: Row | None, now_ms: int) -> None:
    left_ms = 0 if row is None else row["locked_until_ms"] - now_ms
    if left_ms > 0:
        # LIMIT: a clock that was set back locks nobody out for longer than the longest wait.
        left_s = min(left_ms // 1000 + 1, CONSOLE_LOCK_CAP_S)
        raise Refusal("SIGN_IN_LOCKED", f"locked for {left_s} s", hint="wait, or ask an admin", status=429)


def _enter(connection: Connection, name: str, stored: str, right: bool, token: str, now_ms: int) -> Person | None:
    """Count the try, and open the session of a right one; the row is read again, for tries come side by side."""
    connection.hold(f"console user {name}")
    row = _user(connection, name)
    if row is None:
        return None
    _refuse_locked(row, now_ms)
    if not right or row["password"] != stored:
        failures = row["failures"] + 1
        over = failures - CONSOLE_TRIES
        wait_s = 0 if over < 0 else min(CONSOLE_LOCK_CAP_S, CONSOLE_LOCK_S * 2 ** min(over, 16))
        connection.execute(
            "UPDATE console_users SET failures = :failures, locked_until_ms = :until WHERE name = :name",
            {"failures": failures, "until": now_ms + wait_s * 1000 if wait_s else 0, "name": name},
        )
        log.note(connection, log.Entry(name, log.Act.SIGN_IN_REFUSED, name, "", f"{failures}"), now_ms)
        return None
    connection.execute("UPDATE console_users SET failures = 0, locked_until_ms = 0 WHERE name = :name", {"name": name})
    connection.execute("DELETE FROM console_sessions WHERE until_ms <= :now", {"now": now_ms})
    connection.execute(
        "INSERT INTO console_sessions (token_sha256, name, until_ms) VALUES (:hash, :name, :until)",
        {"hash": _hash(token), "name": name, "until": now_ms + CONSOLE_SESSION_S * 1000},
    )
    log.note(connection, log.Entry(name, log.Act.SIGN_IN, name, "", ""), now_ms)
    return Person(name, Role(row["role"]))


def _keep_an_admin(connection: Connection, name: str, role: Role | None) -> None:
    """Refuse to take the last admin away."""
    connection.hold("console users")
    row = _user(connection, name)
    if role is Role.ADMIN or row is None or row["role"] != Role.ADMIN:
        return
    others = connection.execute(
        "SELECT COUNT(*) FROM console_users WHERE role = 'admin' AND name <> :name", {"name": name}
    )
    if not others.fetchone()[0]:
        raise Refusal("LAST_ADMIN", "this is the last admin", hint="add another one first", status=409)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _written(salt: bytes, password: str) -> str:
    return json.dumps({"salt": salt.hex(), "scrypt": _scrypt(salt, password).hex()})


def _matches(stored: str, password: str) -> bool:
    row = json.loads(stored)
    return hmac.compare_digest(bytes.fromhex(row["scrypt"]), _scrypt(bytes.fromhex(row["salt"]), password))


def _scrypt(salt: bytes, password: str) -> bytes:
    most = 64 * 1024 * 1024
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=most, dklen=32
    )  # fmt: skip


_NOBODY: Final = json.dumps({"salt": "00" * _SALT_BYTES, "scrypt": "00" * 32})
"""No password matches it."""
