"""Pairing: a code a manager reads out, once, for a token a POS keeps. Called by the API and the control socket.

Codes live in memory and on monotonic time: nothing here depends on the wall clock (pains 36).
"""

import base64
import hmac
from dataclasses import dataclass
from typing import Protocol

from agent.domain.errors import Refusal
from agent.limits import PAIRING_ATTEMPTS, PAIRING_CODE_TTL_S
from agent.ports import Clock, Entropy

_TOKEN_BYTES = 32


class Tokens(Protocol):
    """Where accepted tokens are kept, hashed."""

    async def add(self, token: str, app: str, at_ms: int) -> None:
        """Accept a token from now on."""
        ...

    async def active(self) -> dict[bytes, str]:
        """Hash -> app of every token in force."""
        ...


@dataclass(slots=True)
class _Open:
    code: str
    until_s: float
    attempts: int = 0


class Pairing:
    """One pairing code at a time; wrong guesses kill it."""

    def __init__(self, tokens: Tokens, clock: Clock, entropy: Entropy) -> None:
        self._tokens = tokens
        self._clock = clock
        self._entropy = entropy
        self._open: _Open | None = None

    def new_code(self) -> str:
        """Open pairing for PAIRING_CODE_TTL_S; the code before, if any, ends."""
        number = int.from_bytes(self._entropy.token(8), "big") % 100_000_000
        self._open = _Open(f"{number:08d}", self._clock.mono_s() + PAIRING_CODE_TTL_S)
        return self._open.code

    async def redeem(self, code: str, app: str) -> str:
        """Give a token for a right code; raises Refusal PAIRING_REFUSED."""
        opened = self._open
        if opened is None or opened.until_s <= self._clock.mono_s():
            raise _refused("no pairing code is open")
        if not hmac.compare_digest(code.encode(), opened.code.encode()):
            opened.attempts += 1
            if opened.attempts >= PAIRING_ATTEMPTS:
                self._open = None
            raise _refused("the pairing code is wrong")
        self._open = None
        return await self.issue(app)

    async def issue(self, app: str) -> str:
        """Make and keep a token for `app`; shown once, stored as a hash."""
        token = base64.urlsafe_b64encode(self._entropy.token(_TOKEN_BYTES)).decode().rstrip("=")
        await self._tokens.add(token, app, self._clock.now_ms())
        return token


def _refused(why: str) -> Refusal:
    return Refusal(
        "PAIRING_REFUSED", why, hint="run `pos-agent pair` again and use its code within 5 minutes", status=403
    )
