"""Reads of what is personal and not masked: audited, and the fourth within a minute refused and alarmed (S55, R16).

Called by the API for a manager. A till holds no name, no phone number and no openid that a person could read: phones
exist as their masked form alone, at HQ too, and openids are sealed for HQ's eyes. What is left is the birthday, a month
and a day. Whatever plaintext a till may show one day goes through here.
"""

from dataclasses import dataclass
from typing import Protocol

from agent.announce import Announcer
from agent.domain.errors import Refusal
from agent.domain.risk import READS_A_WINDOW
from agent.ports import Clock
from agent.replica_ports import FoundMember

BIRTHDAY = "birthday"


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to read what, of whom and why; `app` is the program whose token was used."""

    member_id: str
    field: str
    operator: str
    app: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One entry of the access log."""

    request: Request
    at_ms: int
    allowed: bool


class AccessLog(Protocol):
    """Where reads are noted."""

    async def note(self, request: Request, at_ms: int) -> bool:
        """Note a read; whether it may be."""
        ...

    async def latest(self, limit: int) -> list[Reading]:
        """The newest, refused ones too."""
        ...


class Known(Protocol):
    """The members of the replica."""

    async def by_id(self, member_id: str) -> FoundMember | None:
        """A member by HQ's id."""
        ...


class SensitiveReads:
    """The one way to personal data in the clear."""

    def __init__(self, members: Known, log: AccessLog, announcer: Announcer, clock: Clock) -> None:
        self._members = members
        self._log = log
        self._announcer = announcer
        self._clock = clock

    async def birthday(self, member_id: str, operator: str, app: str, reason: str) -> str:
        """Month and day MM-DD, "" where it is not known. Refusal MEMBER_UNKNOWN (404), PLAINTEXT_READS (429).

        Counted by till, not by person or token: nobody gets more by signing in twice. Refused reads count too.
        """
        request = Request(member_id, BIRTHDAY, operator, app, reason)
        if not await self._log.note(request, self._clock.now_ms()):
            await self._announcer.announce(
                "privacy.alarm", {"field": BIRTHDAY, "operator": operator, "app": app, "member_id": member_id}
            )
            raise Refusal(
                "PLAINTEXT_READS",
                f"more than {READS_A_WINDOW} reads of personal data within a minute",
                hint="wait a minute; the manager is told",
                status=429,
            )
        found = await self._members.by_id(member_id)
        if found is None:
            raise Refusal("MEMBER_UNKNOWN", "the till knows no such member", hint="resolve the member", status=404)
        return found.member.birthday

    async def latest(self, limit: int) -> list[Reading]:
        """The access log, newest first."""
        return await self._log.latest(limit)
