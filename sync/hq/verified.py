"""Sales that say their member was verified, held against HQ's own word of it: what was not is a fact for a person.

Called by sync.hq.fold for the events that join the books. Nothing is suspended: the goods are gone, and what a sale
spent is bounded by leases; but a till that says `verified` without HQ having said so was altered.
"""

import base64
from collections.abc import Sequence
from typing import Final

from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.judge import Judgement
from sync.hq.keys import verify
from sync.proof import Finding

VERIFICATION_UNPROVEN: Final = "VERIFICATION_UNPROVEN"


def of_events(
    connection: Connection, station: Station, epoch: str, moves: Sequence[tuple[int, Judgement]]
) -> list[Finding]:
    """Events that rest on a verification which HQ did not sign for this member and workstation, or long before."""
    asked = [(seq, one) for seq, one in moves if one.ticket is not None]
    if not asked:
        return []
    key = bytes(connection.execute("SELECT public_key FROM hq_identity WHERE id = 1").fetchone()["public_key"])
    return [_finding(epoch, seq, one) for seq, one in asked if not _holds(key, station, one)]


def _holds(key: bytes, station: Station, one: Judgement) -> bool:
    ticket = one.ticket
    assert ticket is not None
    try:
        signature = base64.b64decode(ticket.signature, validate=True)
    except ValueError:
        return False
    said = ticket.signed_bytes(station.workstation_id, station.brand_id, one.member_id)
    return ticket.covers(one.at_ms) and verify(key, signature, said)


def _finding(epoch: str, seq: int, one: Judgement) -> Finding:
    detail = f"says that {one.member_id} was verified, which headquarters did not say of this sale"
    return Finding(
        side="store", table="verified", epoch=epoch, key=str(seq), code=VERIFICATION_UNPROVEN, detail=detail
    )  # fmt: skip
