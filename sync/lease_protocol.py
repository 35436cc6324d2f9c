"""The wire of leases: a workstation asks for the right to spend offline, HQ grants it; what HQ holds as granted.

Pure; used by both ends. WIRE: frozen by deployed peers, like sync.protocol. Text form and reasons: docs/wire.md.
"""

from typing import Annotated, Literal

from pydantic import Field

from agent.domain.ledger import LOT_CHARS
from agent.limits import LEASE_WANTS, LEASES_A_PAGE, POINTS
from sync.message import PROTOCOL, Count, Message, Name, Text

Lot = Annotated[str, Field(max_length=LOT_CHARS)]
LeaseId = Annotated[str, Field(min_length=1, max_length=LOT_CHARS)]
Amount = Annotated[int, Field(ge=1, le=POINTS)]
Account = Literal["points", "sv_principal", "sv_gift", "count", "coupon"]


class LeaseWant(Message):
    """How much of one account is asked for, in its own units; `bucket` only where one lot is meant."""

    account: Account
    amount: Amount | Literal["all"]
    bucket: Annotated[Text, Field(max_length=LOT_CHARS)] = ""


class LeaseRequest(Message):
    """Ask for leases of one member; the same `request_id` gives the same leases again."""

    protocol: int = PROTOCOL
    request_id: Name
    epoch: Name
    last: Count
    """The last event these books hold of the epoch: books that lack events HQ has seen were restored."""
    member_id: Name
    wants: Annotated[list[LeaseWant], Field(min_length=1, max_length=LEASE_WANTS)]


class LeaseGrant(Message):
    """One lease, of one lot. `usable_until_ms` 0: as long as the lot; `expires` "": the lot has no end."""

    lease_id: LeaseId
    epoch: Name
    member_id: Name
    account: Account
    bucket: Lot
    expires: Annotated[str, Field(max_length=10)]
    amount: Amount
    usable_until_ms: Count


class LeaseShort(Message):
    """A want that could not be met in full: code INSUFFICIENT; `granted` is what there is."""

    account: Account
    bucket: Lot
    wanted: Amount
    granted: Count
    code: Literal["INSUFFICIENT"] = "INSUFFICIENT"


class LeaseAnswer(Message):
    """What was granted."""

    leases: list[LeaseGrant]
    short: list[LeaseShort] = Field(default_factory=list)


class HeldLease(LeaseGrant):
    """A lease as HQ holds it open; `settled` counts the postings up to the page's watermarks."""

    settled: int
    opened: bool
    """Whether HQ holds the event with which the workstation took it up."""
    wanted: bool = False
    """Another workstation needs it: close it as soon as it is idle."""


class LeaseReport(Message):
    """What a workstation tells an HQ that was restored: how far its books go, epoch by epoch.

    Every lease it took up is an event of these books, so an HQ that holds them whole knows every right it gave away.
    """

    protocol: int = PROTOCOL
    restoration: Name
    """What a look or the page of the members feed named: an answer to an earlier restoration counts for nothing."""
    epochs: dict[Name, Count]


class LeaseReported(Message):
    """`done`: HQ knows all this workstation holds. Else `missing`: (epoch, first, last) that it has to send first."""

    done: bool
    missing: list[tuple[str, int, int]] = Field(default_factory=list)


class LeasePage(Message):
    """Open leases of a workstation behind the id asked for, by id; ask again from the last one while `more`."""

    leases: Annotated[list[HeldLease], Field(max_length=LEASES_A_PAGE)]
    more: bool
    watermarks: dict[str, Count]
    """Epoch -> last contiguous event HQ holds (of the same moment)."""
