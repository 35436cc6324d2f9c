"""What spending offline needs, as Protocols: `Leases` for the flow, `LeaseBooks` and `LeaseHq` for agent.leasing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.domain.lease import Closing, Lot, OpenedLease
from sync.lease_protocol import LeaseAnswer, LeasePage, LeaseReport, LeaseReported, LeaseRequest, LeaseWant


class Leases(Protocol):
    """What a till may spend of members' accounts now, with HQ or without."""

    async def spendable(self, member_id: str, account: str, business_day: str) -> list[Lot]:
        """Lots of one account, less what is promised to quotes: by expiry (what never expires last), then as earned."""
        ...

    async def acquire(self, member_id: str, wants: Sequence[LeaseWant], deadline_s: float) -> bool:
        """Ask HQ for leases, for at most `deadline_s` seconds; whether HQ answered. What is held stays spendable."""
        ...

    async def hold(self, lease_id: str, amount: int, hold_id: str, until_ms: int) -> None:
        """Promise a part of a lease to one quote, over a restart too; Refusal LEASE_SHORT. A second one replaces it."""
        ...

    async def release(self, hold_id: str) -> None:
        """End a promise; one that is not there is fine. A sale that names it in `EventDraft.holds` ends it itself."""
        ...

    async def close_idle(self) -> int:
        """Give back what nobody used or HQ recalled; how many leases were closed."""
        ...


@dataclass(frozen=True, slots=True)
class OpenLease:
    """An open lease as the books hold it; `settled` counts its postings up to HQ's watermark, as HQ does."""

    lease: OpenedLease
    epoch: str
    seq: int
    remaining: int
    settled: int


class LeaseBooks(Protocol):
    """Leases in books.db, besides what the events of sales do to them."""

    async def spendable(self, member_id: str, account: str, business_day: str, at_ms: int) -> list[Lot]:
        """What may be spent in the epoch in force."""
        ...

    async def hold(self, lease_id: str, amount: int, hold_id: str, until_ms: int, at_ms: int, day: str) -> None:
        """Promise a part of a lease; Refusal LEASE_SHORT."""
        ...

    async def release(self, hold_id: str) -> None:
        """End a promise."""
        ...

    async def position(self) -> tuple[str, int]:
        """The epoch in force and its last event."""
        ...

    async def missing(self, lease_ids: Sequence[str]) -> set[str]:
        """Those of the ids that these books have never opened."""
        ...

    async def want_back(self, lease_ids: Sequence[str]) -> int:
        """Mark open leases that HQ recalls; how many were new."""
        ...

    async def closable(self, at_ms: int, idle_before_ms: int, business_day: str) -> Closing | None:
        """Leases of the epoch in force that ended, were recalled or lie idle, and are promised to nobody."""
        ...

    async def ends(self) -> dict[str, int]:
        """The last event of each epoch, 0 where it has none."""
        ...

    async def suspended(self) -> list[Closing]:
        """Open leases of epochs that were left, one closing for each epoch."""
        ...

    async def last_seq(self, epoch: str) -> int:
        """The highest event of an epoch that these books or their witness know."""
        ...

    async def open_leases(self, watermarks: dict[str, int]) -> list[OpenLease]:
        """All open leases whose first event HQ holds, for the comparison with HQ's list, plus those granted."""
        ...


class LeaseHq(Protocol):
    """HQ's side of leases. Raises HqUnreachable or HqRejected."""

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Ask for leases."""
        ...

    async def leases(self, after: str) -> LeasePage:
        """Open leases of this workstation as HQ holds them."""
        ...

    async def report_leases(self, told: LeaseReport) -> LeaseReported:
        """Tell an HQ that was restored how far these books go."""
        ...


class Resend(Protocol):
    """The outbox, for what a restored HQ has lost."""

    async def requeue(self, epoch: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Send events again; how many were settled before."""
        ...
