"""Who may sign in at the pages of this till: operators with a PIN, lock-out, sessions.

Called by the API (sign-in, sign-out) and by the control socket (`pos-agent operator`). Nothing depends on the wall
clock: a session lasts a shift of the machine's own life, a lock-out some minutes of monotonic time (pains 36).
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from agent.domain.errors import Refusal
from agent.grants import EVERYTHING, VENDOR, Grant
from agent.limits import NAMES_COUNTED, PIN_ATTEMPTS, PIN_LOCK_CAP_S, PIN_LOCK_S, SESSION_S
from agent.pairing import Pairing
from agent.ports import Clock, Entropy

T = TypeVar("T")
_SALT_BYTES: Final = 16
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1
PAGES: Final = "pos-agent pages"
"""The program a session's token is noted for."""


class Role(StrEnum):
    """What an operator may do at the pages."""

    CASHIER = "cashier"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a PIN; `operator` is the number or short name that stands on receipts."""

    operator: str
    name: str
    role: Role
    pin: str
    """Salt and scrypt of the PIN, as JSON."""
    failures: int = 0


class Operators(Protocol):
    """Where operators are kept; PINs sealed."""

    async def put(self, one: Operator, at_ms: int) -> None:
        """Add, or replace the one of the same name."""
        ...

    async def find(self, operator: str) -> Operator | None:
        """Look one up."""
        ...

    async def listed(self) -> list[Operator]:
        """All, by name."""
        ...

    async def remove(self, operator: str) -> bool:
        """Forget one; whether there was one."""
        ...

    async def note(self, operator: str, failures: int) -> None:
        """Keep how often in a row a PIN was wrong."""
        ...


class Reckoner(Protocol):
    """A thread of its own for what takes long."""

    async def call(self, work: Callable[[], T]) -> T:
        """Run it there."""
        ...


@dataclass(frozen=True, slots=True)
class Locks:
    """Wrong PINs in a row by name, whether anybody has that name or not: a lock must not tell who exists.

    Handed on when the agent turns to the books of a training and back: no switch opens a lock.
    """

    until_s: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class People:
    """Sign-in at this till."""

    operators: Operators
    pairing: Pairing
    clock: Clock
    entropy: Entropy
    boot: Callable[[], tuple[str, int]]
    """Names this run of the machine, and its age in milliseconds."""
    reckoner: Reckoner
    """Where a PIN is reckoned, some 50 ms: no scan waits for it."""
    locks: Locks = field(default_factory=Locks)

    async def sign_in(self, operator: str, pin: str) -> tuple[str, Grant, Operator]:
        """A token for a shift. Refusal SIGN_IN_REFUSED (403), SIGN_IN_LOCKED (429).

        An unknown operator is answered like a wrong PIN, and costs as much time.
        """
        self._refuse_locked(operator)
        found = await self.operators.find(operator)
        right = await self.reckoner.call(lambda: _matches(found.pin if found is not None else _NOBODY, pin))
        self._refuse_locked(operator)  # ORDER: again; guesses made side by side count one after another
        if found is None or not right:
            await self._failed(operator, found)
            raise Refusal("SIGN_IN_REFUSED", "operator or PIN is wrong", hint="a manager can set a new PIN", status=403)
        self.locks.until_s.pop(operator, None)
        self.locks.failures.pop(operator, None)
        if found.failures:
            await self.operators.note(operator, 0)
        boot_id, boot_ms = self.boot()
        await self.pairing.sweep(boot_id, boot_ms)
        scopes = EVERYTHING if found.role is Role.MANAGER else VENDOR
        grant = Grant("", PAGES, scopes, operator, boot_id, boot_ms + SESSION_S * 1000)
        token, grant = await self.pairing.issue(grant)
        return token, grant, found

    async def put(self, operator: str, name: str, role: Role, pin: str) -> None:
        """Add an operator or give them a new PIN; Refusal PIN_WEAK. Their sessions end."""
        if not (4 <= len(pin) <= 12 and pin.isascii() and pin.isdigit()) or len(set(pin)) == 1 or pin in _GUESSED:
            raise Refusal("PIN_WEAK", "a PIN has 4 to 12 digits and is no 1111 or 1234", field="pin")
        salt = self.entropy.token(_SALT_BYTES)
        sealed = await self.reckoner.call(lambda: _written(salt, pin))
        await self.operators.put(Operator(operator, name, role, sealed), self.clock.now_ms())
        self.locks.until_s.pop(operator, None)
        self.locks.failures.pop(operator, None)
        await self._end_sessions(operator)

    async def remove(self, operator: str) -> None:
        """Forget an operator and end their sessions; Refusal OPERATOR_UNKNOWN."""
        if not await self.operators.remove(operator):
            raise Refusal("OPERATOR_UNKNOWN", "nobody signs in by that name", status=404)
        await self._end_sessions(operator)

    async def listens(self, grant: Grant | None) -> bool:
        """Whether a token that was good when a stream began still is; None is the trusted socket."""
        return grant is None or (not self.has_ended(grant) and await self.pairing.in_force(grant.token_id))

    def has_ended(self, grant: Grant) -> bool:
        """Whether a session is over."""
        return not grant.holds(*self.boot())

    def session(self, grant: Grant) -> dict[str, object]:
        """A session as callers see it, without the operator's name and role."""
        left_ms = None if grant.until_boot_ms is None else max(0, grant.until_boot_ms - self.boot()[1])
        return {
            "operator": grant.operator,
            "scopes": sorted(grant.scopes),
            "expires_in_s": None if left_ms is None else left_ms // 1000,
        }

    async def described(self, grant: Grant | None) -> dict[str, object]:
        """Whose token it is; None is the trusted socket."""
        if grant is None:
            return {"operator": "", "name": "", "role": None, "scopes": sorted(EVERYTHING), "expires_in_s": None}
        found = await self.operators.find(grant.operator) if grant.operator else None
        named = {"name": found.name if found is not None else "", "role": found.role if found is not None else None}
        return {**self.session(grant), **named}

    async def _end_sessions(self, operator: str) -> None:
        for grant in await self.pairing.given():
            if grant.operator == operator:
                await self.pairing.revoke(grant.token_id)

    def _refuse_locked(self, operator: str) -> None:
        left_s = self.locks.until_s.get(operator, 0.0) - self.clock.mono_s()
        if left_s > 0:
            raise Refusal(
                "SIGN_IN_LOCKED", f"locked for {int(left_s) + 1} s", hint="wait, or ask a manager", status=429
            )

    async def _failed(self, operator: str, found: Operator | None) -> None:
        # ORDER: counted and locked before anything is awaited, so that guesses side by side count one by one.
        known = 0 if found is None else found.failures
        failures = self.locks.failures[operator] = max(known, self.locks.failures.pop(operator, 0)) + 1
        if failures >= PIN_ATTEMPTS:
            again = min(failures - PIN_ATTEMPTS, 16)
            self.locks.until_s[operator] = self.clock.mono_s() + min(PIN_LOCK_CAP_S, PIN_LOCK_S * 2**again)
        for forgotten in list(self.locks.failures)[:-NAMES_COUNTED]:
            self.locks.failures.pop(forgotten)
            self.locks.until_s.pop(forgotten, None)
        if found is not None:
            await self.operators.note(operator, failures)


_GUESSED: Final = frozenset({"1234", "12345", "123456", "1234567", "12345678", "4321", "654321", "123123"})


def _written(salt: bytes, pin: str) -> str:
    return json.dumps({"salt": salt.hex(), "scrypt": _scrypt(salt, pin).hex()})


def _matches(stored: str, pin: str) -> bool:
    row = json.loads(stored)
    return hmac.compare_digest(bytes.fromhex(row["scrypt"]), _scrypt(bytes.fromhex(row["salt"]), pin))


def _scrypt(salt: bytes, pin: str) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, dklen=32)


_NOBODY: Final = json.dumps({"salt": "00" * _SALT_BYTES, "scrypt": "00" * 32})
"""No PIN matches it."""
