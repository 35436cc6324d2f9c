"""Pairing: a code a manager reads out, once, for a token a POS keeps. Called by the API and the control socket.

Codes live in memory and on monotonic time: nothing here depends on the wall clock (pains 36).
"""

import base64
import hmac
from dataclasses import dataclass, replace
from typing import Protocol

from agent.domain.errors import Refusal
from agent.grants import VENDOR, ApiScope, Grant
from agent.limits import PAIRING_ATTEMPTS, PAIRING_CODE_TTL_S
from agent.ports import Clock, Entropy

_TOKEN_BYTES = 32


class Tokens(Protocol):
    """Where accepted tokens are kept, hashed."""

    async def add(self, token: str, grant: Grant) -> None:
        """Accept a token from now on."""
        ...

    async def active(self) -> dict[bytes, Grant]:
        """Hash -> grant of every token in force."""
        ...

    async def revoke(self, token_id: str, at_ms: int) -> bool:
        """Refuse a token from now on; whether there was one in force."""
        ...


@dataclass(slots=True)
class _Open:
    code: str
    until_s: float
    scopes: frozenset[ApiScope]
    attempts: int = 0


class Pairing:
    """One pairing code at a time; wrong guesses kill it."""

    def __init__(self, tokens: Tokens, clock: Clock, entropy: Entropy) -> None:
        self._tokens = tokens
        self._clock = clock
        self._entropy = entropy
        self._open: _Open | None = None

    def new_code(self, scopes: frozenset[ApiScope] = VENDOR) -> str:
        """Open pairing for PAIRING_CODE_TTL_S, for tokens of these scopes; the code before, if any, ends."""
        number = int.from_bytes(self._entropy.token(8), "big") % 100_000_000
        self._open = _Open(f"{number:08d}", self._clock.mono_s() + PAIRING_CODE_TTL_S, scopes)
        return self._open.code

    async def redeem(self, code: str, app: str) -> tuple[str, Grant]:
        """Give a token for a right code, and what it may do; raises Refusal PAIRING_REFUSED."""
        opened = self._open
        if opened is None or opened.until_s <= self._clock.mono_s():
            raise _refused("no pairing code is open")
        if not hmac.compare_digest(code.encode(), opened.code.encode()):
            opened.attempts += 1
            if opened.attempts >= PAIRING_ATTEMPTS:
                self._open = None
            raise _refused("the pairing code is wrong")
        self._open = None
        return await self.issue(Grant("", app, opened.scopes))

    async def issue(self, grant: Grant) -> tuple[str, Grant]:
        """Make and keep a token; shown once, stored as a hash."""
        token = base64.urlsafe_b64encode(self._entropy.token(_TOKEN_BYTES)).decode().rstrip("=")
        grant = replace(grant, created_at_ms=self._clock.now_ms())
        await self._tokens.add(token, grant)
        return token, grant

    async def in_force(self, token_id: str) -> bool:
        """Whether a token was not revoked."""
        return any(one.token_id == token_id for one in (await self._tokens.active()).values())

    async def sweep(self, boot_id: str, boot_ms: int) -> None:
        """Revoke sessions that ended."""
        for one in await self.given():
            if not one.holds(boot_id, boot_ms):
                await self._tokens.revoke(one.token_id, self._clock.now_ms())

    async def given(self) -> list[Grant]:
        """Every token in force, newest first."""
        return sorted((await self._tokens.active()).values(), key=lambda one: -one.created_at_ms)

    async def revoke(self, token_id: str) -> None:
        """Refuse a token from now on; raises Refusal TOKEN_UNKNOWN."""
        if not await self._tokens.revoke(token_id, self._clock.now_ms()):
            raise Refusal("TOKEN_UNKNOWN", "no such token is in force", hint="list them again", status=404)


def _refused(why: str) -> Refusal:
    return Refusal(
        "PAIRING_REFUSED", why, hint="run `pos-agent pair` again and use its code within 5 minutes", status=403
    )
