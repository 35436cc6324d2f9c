"""Whose phone number is this? Asked of HQ each time, within the till's deadline; neither number nor answer is kept.

Used by agent.identify_asked. A till holds no phone and no index of phones (docs/wire.md); HQ bounds how many numbers a
workstation may ask for.
"""

import asyncio
from typing import Final, Protocol

from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.limits import NETWORK_DEADLINE_MS
from agent.replica_ports import FoundMember
from sync.phone_protocol import PhoneAnswer, PhoneRequest

TRIED_TOO_OFTEN: Final = "PHONE_TRIED_TOO_OFTEN"


class PhoneDesk(Protocol):
    """HQ, as far as it is asked here. Raises HqUnreachable or HqRejected."""

    async def phone(self, request: PhoneRequest) -> PhoneAnswer:
        """Say whose number it is."""
        ...


class MembersById(Protocol):
    """The replica, as far as it is asked here."""

    async def by_id(self, member_id: str) -> FoundMember | None:
        """A member by HQ's id."""
        ...


class PhoneLookup:
    """Asks HQ."""

    def __init__(self, hq: PhoneDesk, members: MembersById) -> None:
        self._hq = hq
        self._members = members

    async def owner(self, phone: str) -> FoundMember | None:
        """The member of a number (agent.domain.phone.mobile) as the replica has them, within NETWORK_DEADLINE_MS.

        None where nobody has it, or somebody who joined just now. Refusal PHONE_NEEDS_NETWORK (409),
        PHONE_TRIED_TOO_OFTEN (409).
        """
        answer, rejected = None, ""
        try:
            async with asyncio.timeout(NETWORK_DEADLINE_MS / 1000):
                answer = await self._hq.phone(PhoneRequest(phone=phone))
        except (TimeoutError, HqUnreachable):
            rejected = "PHONE_NEEDS_NETWORK"
        except HqRejected as error:
            rejected = error.code
        if answer is None:  # Raised out here, so that no exception chain carries the request along.
            raise _too_often() if rejected == TRIED_TOO_OFTEN else _needs_network()
        return None if answer.member_id is None else await self._members.by_id(answer.member_id)


def _needs_network() -> Refusal:
    """An HQ that is away, or too old to be asked, is the same to whoever stands here."""
    return Refusal(
        "PHONE_NEEDS_NETWORK",
        "headquarters alone knows phone numbers, and did not answer",
        hint="ask for the member code instead",
        field="phone",
        status=409,
    )


def _too_often() -> Refusal:
    return Refusal(
        TRIED_TOO_OFTEN,
        "this till asked for too many phone numbers within the hour",
        hint="ask for the member code until the hour is over; headquarters has taken note",
        field="phone",
        status=409,
    )
