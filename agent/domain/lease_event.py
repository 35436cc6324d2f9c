"""The events that open and close leases: their bodies without `epoch` and `seq`, which the books add.

Pure; called by agent.leasing. WIRE: field names are frozen by deployed peers. They move no money and post nothing: what
a member owns stays the same, only who may spend it changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.lease import LEASE_CLOSE, LEASE_OPEN, Closing, OpenedLease


@dataclass(frozen=True, slots=True)
class LeasePlace:
    """Whose books these are."""

    workstation_id: str
    store_id: str
    brand_id: str


def opening_body(place: LeasePlace, at_ms: int, leases: Sequence[OpenedLease]) -> dict[str, Json]:
    """HQ has granted these."""
    return {**_head(place, LEASE_OPEN, at_ms), "leases": [one.as_json() for one in leases]}


def closing_body(place: LeasePlace, at_ms: int, closing: Closing) -> dict[str, Json]:
    """These can spend no more; HQ may give what is left to others once it holds everything before."""
    return {
        **_head(place, LEASE_CLOSE, at_ms),
        "leases": [one.as_json() for one in closing.leases],
        "of_epoch": closing.of_epoch,
        "after_seq": closing.after_seq,
    }


def _head(place: LeasePlace, kind: str, at_ms: int) -> dict[str, Json]:
    return {
        "v": 1,
        "kind": kind,
        "workstation_id": place.workstation_id,
        "store_id": place.store_id,
        "brand_id": place.brand_id,
        "at_ms": at_ms,
        "business_day": business_day(at_ms),
        "postings": [],
        "discrepancies": [],
    }
