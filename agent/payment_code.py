"""Whose payment code is this? Asked of HQ once per code, within the till's deadline; the code itself is never kept.

Used by agent.identify. WeChat binds a code that was asked for to one merchant until it refreshes (facts/wechat.md B),
so a cashier who asks twice gets the first answer again; what is remembered is a keyed digest, for a minute, in memory.
"""

import asyncio
import hmac
from collections import OrderedDict
from typing import Final, Protocol

from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.limits import NETWORK_DEADLINE_MS, PAYMENT_CODE_KEPT_S, PAYMENT_CODES_KEPT
from agent.ports import Clock, Entropy
from agent.replica_ports import FoundMember
from sync.payer_protocol import PayerAnswer, PayerRequest

_SALT_BYTES: Final = 32
_PASSED_ON: Final = {
    "WECHAT_MERCHANT_UNNAMED": "this store has several WeChat merchants: name the sub_mch_id that will charge the code",
    "WECHAT_CODE_REFUSED": "the payment code is used up or too old: ask the customer to refresh it",
}


class PayerDesk(Protocol):
    """HQ, as far as it is asked here. Raises HqUnreachable or HqRejected."""

    async def payer(self, request: PayerRequest) -> PayerAnswer:
        """Say whose payment code it is."""
        ...


class MembersById(Protocol):
    """The replica, as far as it is asked here."""

    async def by_id(self, member_id: str) -> FoundMember | None:
        """A member by HQ's id."""
        ...


class PaymentCodes:
    """Asks HQ, and remembers answers for as long as WeChat's codes live."""

    def __init__(self, hq: PayerDesk, members: MembersById, clock: Clock, entropy: Entropy) -> None:
        self._hq = hq
        self._members = members
        self._clock = clock
        self._salt = entropy.token(_SALT_BYTES)
        self._known: OrderedDict[bytes, tuple[PayerAnswer, float]] = OrderedDict()

    async def owner(self, code: str, mch_id: str, sub_mch_id: str) -> PayerAnswer:
        """Ask HQ within NETWORK_DEADLINE_MS. Refusal PAYMENT_CODE_NEEDS_NETWORK (409: sell without it),
        WECHAT_MERCHANT_UNNAMED, WECHAT_CODE_REFUSED (409).
        """
        digest = hmac.digest(self._salt, f"{mch_id}/{sub_mch_id}/{code}".encode(), "sha256")
        mono_s = self._clock.mono_s()
        known = self._known.get(digest)
        if known is not None and mono_s < known[1]:
            return known[0]
        answer, rejected = None, ""
        try:
            async with asyncio.timeout(NETWORK_DEADLINE_MS / 1000):
                answer = await self._hq.payer(PayerRequest(auth_code=code, mch_id=mch_id, sub_mch_id=sub_mch_id))
        except (TimeoutError, HqUnreachable):
            rejected = "PAYMENT_CODE_NEEDS_NETWORK"
        except HqRejected as error:
            rejected = error.code
        if answer is None:  # Raised out here, so that no exception chain carries the request along.
            if rejected in _PASSED_ON:
                raise Refusal(rejected, _PASSED_ON[rejected], hint=_PASSED_ON[rejected], field="auth_code", status=409)
            raise payment_code_needs_network()
        self._known[digest] = (answer, mono_s + PAYMENT_CODE_KEPT_S)
        while len(self._known) > PAYMENT_CODES_KEPT:
            self._known.popitem(last=False)
        return answer

    async def member(self, member_id: str) -> FoundMember | None:
        """The member as the replica has them; None for one who joined just now."""
        return await self._members.by_id(member_id)


def payment_code_needs_network() -> Refusal:
    """The local answer: a payment code alone names nobody here."""
    return Refusal(
        "PAYMENT_CODE_NEEDS_NETWORK",
        "a payment code can be resolved by HQ only",
        hint="scan the member code instead, or take the payment and hand over WeChat's answer",
        status=409,
    )
