"""Is this really the member? Asked of HQ with what the customer entered, within the till's deadline; nothing is kept.

Used by agent.identify_asked. A till holds no PIN and nothing to try one against: without HQ nobody is verified here.
HQ's answer counts only with its signature over this workstation, brand and member.
"""

import asyncio
import base64
from collections.abc import Awaitable
from typing import Final, Protocol, TypeVar

from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.domain.verified import VerifiedTicket
from agent.limits import NETWORK_DEADLINE_MS
from agent.ports import KeyRing
from sync.verify_protocol import SmsAnswer, SmsRequest, VerifyAnswer, VerifyRequest

T = TypeVar("T")

_NEEDS_NETWORK: Final = "VERIFY_NEEDS_NETWORK"
_SENT: Final = "ask for the dynamic code of the mini-program, or the PIN"
_PASSED_ON: Final = {
    "MEMBER_PIN_WRONG": "the fifth wrong PIN in a row locks it for a while",
    "MEMBER_PIN_LOCKED": "ask for the dynamic code of the mini-program, where a new PIN can be set too",
    "MEMBER_PIN_UNSET": "ask for the dynamic code of the mini-program, where a PIN can be set",
    "PIN_TRIED_TOO_OFTEN": "ask for the dynamic code until the hour is over; headquarters has taken note",
    "SMS_CODE_WRONG": "the fifth wrong try ends the code",
    "SMS_CODE_EXPIRED": "have another code sent",
    "SMS_NOT_CONFIGURED": _SENT,
    "SMS_NOT_SENT": "ask once more; or for the dynamic code of the mini-program, or the PIN",
    "SMS_TOO_SOON": "wait for the message; another one can be sent a minute later",
    "SMS_TOO_MANY": _SENT,
    "PHONE_NOT_THEIRS": "ask for the number again: it is not the one this member gave",
    "PHONE_TRIED_TOO_OFTEN": "ask for the dynamic code until the hour is over; headquarters has taken note",
}
_FIELDS: Final = {"MEMBER": "pin", "PIN": "pin", "PHONE": "phone"}
"""Which field a refusal speaks of, by the first word of its code."""


class VerifyDesk(Protocol):
    """HQ, as far as it is asked here. Raises HqUnreachable or HqRejected."""

    async def verify(self, request: VerifyRequest) -> VerifyAnswer:
        """Say whether it is the member's own PIN, or the code that was sent to them."""
        ...

    async def send_sms(self, request: SmsRequest) -> SmsAnswer:
        """Send a code to a member's phone."""
        ...


class Verifier:
    """Asks HQ."""

    def __init__(self, hq: VerifyDesk, keys: KeyRing, workstation_id: str, brand_id: str) -> None:
        self._hq = hq
        self._keys = keys
        self._workstation_id = workstation_id
        self._brand_id = brand_id

    async def word(self, member_id: str, *, pin: str = "", sms_code: str = "") -> VerifiedTicket:
        """HQ's word for the PIN of a member, or for the code on their phone (six digits), within NETWORK_DEADLINE_MS.

        Refusal VERIFY_NEEDS_NETWORK, MEMBER_PIN_WRONG, MEMBER_PIN_LOCKED, MEMBER_PIN_UNSET, PIN_TRIED_TOO_OFTEN,
        SMS_CODE_WRONG, SMS_CODE_EXPIRED (409).
        """
        answer = await _asked(self._hq.verify(VerifyRequest(member_id=member_id, pin=pin, sms_code=sms_code)))
        ticket = VerifiedTicket(answer.how, answer.at_s, answer.nonce, answer.signature)
        said = ticket.signed_bytes(self._workstation_id, self._brand_id, member_id)
        if not self._keys.verify_hq(base64.b64decode(answer.signature), said):
            raise verify_needs_network()  # whoever that was, it was not our HQ
        return ticket

    async def send_sms(self, member_id: str, phone: str) -> int:
        """Have a code sent to the phone (agent.domain.phone.mobile) of a member; how long it may be entered, seconds.

        Refusal VERIFY_NEEDS_NETWORK, SMS_NOT_CONFIGURED, SMS_NOT_SENT, SMS_TOO_SOON, SMS_TOO_MANY, PHONE_NOT_THEIRS,
        PHONE_TRIED_TOO_OFTEN (409).
        """
        return (await _asked(self._hq.send_sms(SmsRequest(member_id=member_id, phone=phone)))).expires_s


async def _asked(question: Awaitable[T]) -> T:
    answer, rejected = None, ""
    try:
        async with asyncio.timeout(NETWORK_DEADLINE_MS / 1000):
            answer = await question
    except (TimeoutError, HqUnreachable):
        rejected = _NEEDS_NETWORK
    except HqRejected as error:
        rejected = error.code
    if answer is None:  # Raised out here, so that no exception chain carries the request along.
        raise _refused(rejected)
    return answer


def _refused(code: str) -> Refusal:
    """An HQ that is away, or too old to be asked, is the same to whoever stands here."""
    if code not in _PASSED_ON:
        return verify_needs_network()
    field = _FIELDS.get(code.partition("_")[0], "sms_code")
    return Refusal(code, "headquarters did not verify the member", hint=_PASSED_ON[code], field=field, status=409)


def verify_needs_network() -> Refusal:
    """The local answer: nobody is verified without HQ."""
    return Refusal(
        _NEEDS_NETWORK,
        "headquarters alone can verify a member, and did not answer",
        hint="ask for the dynamic code of the mini-program, which needs no network",
        status=409,
    )
