"""What a sale asks before it credits or spends (R13, R15, R16), as Protocols.

`Risk` is for the flow and after-sales (agent.risk_watch), `RiskBooks` is what it reads and keeps in books.db
(agent.db.risk), `Snapshot` the age of the replica.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.books_ports import Notice
from agent.domain.budget_rule import Used
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.member import Member


@dataclass(frozen=True, slots=True)
class PointsVerdict:
    """Where points earned now go (S53). `pending`: to account `points_pending`, and the member is frozen here.

    The freeze is written by the very transaction that books the posting, so neither exists without the other.
    """

    pending: bool


@dataclass(frozen=True, slots=True)
class ClockState:
    """Whether this machine's wall clock may decide what is valid today, and why (a word of agent.clock_trust).

    Not trusted: offers bound to a date and all spending are off; selling and earning go on.
    """

    trusted: bool
    why: str

    def row(self) -> dict[str, Json]:
        """As every event's body says it under `clock`."""
        return {"trusted": self.trusted, "why": self.why}


@dataclass(frozen=True, slots=True)
class Risked:
    """What was spent beyond leases today (R13), and what of a member's leases is promised to quotes, by account."""

    used: Used
    promised: Mapping[str, int]


class Risk(Protocol):
    """Rules that hold while disconnected."""

    async def points_verdict(self, member_id: str, points: int, at_ms: int) -> PointsVerdict:
        """Judge points about to be credited against those credited here in the hour before (R16)."""
        ...

    async def may_spend(self, member: Member, at_ms: int) -> Refusal | None:
        """None, or why nothing of this member may be spent: CLOCK_NOT_TRUSTED, MEMBER_FROZEN, SNAPSHOT_TOO_OLD."""
        ...

    async def redemption_needs_confirmation(self, member_id: str, at_ms: int) -> bool:
        """Whether the cashier must confirm a second time: this member has redeemed often of late (S48)."""
        ...

    async def cooling(self, member: Member, account: str, at_ms: int) -> Refusal | None:
        """None, or why nothing of account `points` or `coupon` may be redeemed yet: REDEMPTION_COOLING (S32)."""
        ...

    def clock(self) -> ClockState:
        """The clock as it is trusted now; every event records it."""
        ...

    async def risked(self, member_id: str, at_ms: int) -> Risked:
        """What of the store's risk budget is used today, and what quotes hold of the member."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFreeze:
    """A member frozen by this till: by which event, when, for how many points; lifted by whom, if it is."""

    number: int
    member_id: str
    at_ms: int
    epoch: str
    seq: int
    points: int
    lifted_by: str = ""
    why: str = ""


class RiskBooks(Protocol):
    """The part of books.db that risk reads and keeps."""

    async def credited(self, member_id: str, after_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """(at_ms, points) of every credit by a sale booked here in (after, until]."""
        ...

    async def redemptions(self, member_id: str, after_ms: int, until_ms: int) -> list[int]:
        """at_ms of every event booked here in (after, until] that spent something of the member."""
        ...

    async def redemptions_of(self, member_id: str, account: str, after_ms: int, until_ms: int) -> list[int]:
        """at_ms of every sale booked here in (after, until] that took from one account of the member."""
        ...

    async def frozen_here(self, member_id: str) -> LocalFreeze | None:
        """The latest freeze of a member that nobody has lifted."""
        ...

    async def freezes(self) -> list[LocalFreeze]:
        """All freezes nobody has lifted, newest first."""
        ...

    async def risked(self, member_id: str, day: str, at_ms: int) -> Risked:
        """What was risked on a business day, and what is promised now."""
        ...

    async def risked_by_member(self, day: str) -> list[tuple[str, int, int]]:
        """(member_id, fen, sales) of a business day, those who risked most first."""
        ...

    async def lift(self, member_id: str, by: str, why: str, at_ms: int) -> tuple[Sequence[LocalFreeze], Notice | None]:
        """End every freeze of a member, with the notice of it stored beside; nothing where none stands."""
        ...


class Snapshot(Protocol):
    """How old what the replica holds is."""

    async def age_ms(self) -> int | None:
        """Milliseconds since the last whole pull; None where there was none, or nobody can tell."""
        ...
