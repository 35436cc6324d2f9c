"""How HQ asks WeChat: accounts opened when they changed, calls of v2 and v3, and what ails an account kept.

Used by sync.hq.wechat_desk, wechat_worker and wechat_office; made by sync.hq.service, which gives it its database. No
transaction is open while WeChat is asked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from agent.ports import Clock, Entropy
from sync.hq import wechat_accounts
from sync.hq.bounds import WECHAT_QUIET_S
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.wechat.account import Account
from sync.wechat.failures import WechatRefused, WechatUntrusted
from sync.wechat.states import Refused
from sync.wechat.transport import Transport
from sync.wechat.v2_calls import V2Calls
from sync.wechat.v3_calls import V3Calls

T = TypeVar("T")
_NONCE_BYTES = 16  # 32 hex digits, the longest v2 takes
FOR_A_PERSON = frozenset({Refused.SIGNATURE, Refused.PERMISSION, Refused.RATE})
"""Refusals that a person must end, or time: operators see them."""


class Run(Protocol):
    """Runs work on HQ's database."""

    async def __call__(self, work: Callable[[Connection], T], /) -> T:
        """Give what the work gives."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """HQ's database, as its service gives it: `write` runs work in one transaction."""

    read: Run
    write: Run


class WechatCalls:
    """Calls to WeChat for any merchant. Errors: WechatRefused, WechatUnreachable, WechatUntrusted."""

    def __init__(
        self, books: Books, keys: HqKeys, clock: Clock, entropy: Entropy, *, transport: Transport | None = None
    ) -> None:
        self._books = books
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._transport = transport
        self._accounts: dict[str, tuple[int, Account]] = {}

    async def account(self, mch_id: str) -> Account:
        """An account with its keys, read again whenever it was changed. Refusal WECHAT_ACCOUNT_UNKNOWN (404)."""
        revision = await self._books.read(lambda c: wechat_accounts.revision(c, mch_id))
        known = self._accounts.get(mch_id)
        if known is None or known[0] != revision:
            account = await self._books.read(lambda c: wechat_accounts.opened(c, self._keys, mch_id))
            known = self._accounts[mch_id] = (revision, account)
        return known[1]

    @property
    def v2(self) -> V2Calls:
        """Calls of v2."""
        return V2Calls(self._way(), self._nonce)

    @property
    def v3(self) -> V3Calls:
        """Calls of v3."""
        return V3Calls(self._way(), lambda: self._clock.now_ms() // 1000, self._nonce)

    def warm(self) -> None:
        """Make the way to WeChat now: its authorities take a tenth of a second, which no payment code should wait."""
        self._way()

    def _way(self) -> Transport:
        """Made when it is needed: an HQ without merchants never makes one."""
        if self._transport is None:
            self._transport = Transport()
        return self._transport

    def _nonce(self) -> str:
        return self._entropy.token(_NONCE_BYTES).hex()

    def rests(self, mch_id: str, error: WechatRefused | WechatUntrusted) -> bool:
        """Whether every call of the account would meet this. A service provider's sub-merchant that gave no permission
        concerns that sub-merchant alone.
        """
        if isinstance(error, WechatUntrusted):
            return True
        known = self._accounts.get(mch_id)
        one_of_many = error.kind is Refused.PERMISSION and known is not None and known[1].is_partner
        return error.kind in FOR_A_PERSON and not one_of_many

    async def noted(self, mch_id: str, call: Awaitable[T]) -> T:
        """Make a call, and keep what ails the account for its operator; what it raises goes on."""
        now = self._clock.now_ms()
        try:
            result = await call
        except (WechatRefused, WechatUntrusted) as error:
            code = error.code if isinstance(error, WechatRefused) else "UNTRUSTED"
            if isinstance(error, WechatUntrusted) or error.kind in FOR_A_PERSON:
                kind = error.kind.value if isinstance(error, WechatRefused) else "signature of WeChat's"
                quiet = now + WECHAT_QUIET_S * 1000 if self.rests(mch_id, error) else 0
                await self._books.write(lambda c: wechat_accounts.note(c, mch_id, f"{kind}: {code}", now, quiet))
            raise
        await self._books.write(lambda c: wechat_accounts.note(c, mch_id, "", now, 0))
        return result

    async def close(self) -> None:
        """Let go of WeChat."""
        if self._transport is not None:
            await self._transport.close()
