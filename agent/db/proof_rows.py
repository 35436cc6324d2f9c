"""Rows behind the store's proof: seals as they are stored, audit positions, digests of events. For agent.db.proofs."""

from collections.abc import Sequence

from agent.domain.buckets import BUCKET_EVENTS, SUB_EVENTS, h42
from agent.domain.digest import event_digest
from agent.sqlite import Connection
from sync.proof import Finding, Seal


def odd_codes(connection: Connection, epoch: str) -> list[Finding]:
    """Outbox rows whose code does not fit their state."""
    rows = connection.execute(
        "SELECT seq FROM outbox WHERE epoch = :epoch AND state IN ('acknowledged', 'pending') AND code <> '' LIMIT 100",
        {"epoch": epoch},
    )
    return [
        Finding(side="store", table="outbox", epoch=epoch, key=str(row["seq"]), code="CODE_WITHOUT_STATE")
        for row in rows
    ]


def seal_of_row(text: str, epoch: str, first: int, last: int) -> Seal:
    """Read a stored seal; one whose columns do not fit it has no valid signature."""
    try:
        seal = Seal.model_validate_json(text)
    except ValueError:
        seal = None
    if seal is None or (seal.epoch, seal.first, seal.last) != (epoch, first, last):
        nothing = {"number": 1, "head": "00" * 32, "hour": "", "at_ms": 0, "totals": [], "suspended": "00" * 32}
        return Seal(workstation_id="-", epoch=epoch, first=first, last=last, signature="", **nothing)  # type: ignore[arg-type]
    return seal


def seal_gaps(epoch: str, seals: Sequence[Seal]) -> list[Finding]:
    """Seals are contiguous from 1: where one begins elsewhere, one is missing (HQ gives it again)."""
    found, expected = [], 1
    for seal in seals:
        if seal.first != expected:
            key = f"{expected}-{seal.first - 1}"
            found.append(Finding(side="store", table="seals", epoch=epoch, key=key, code="MISSING", heals=True))
        expected = seal.last + 1
    return found


def audit_place(connection: Connection, epoch: str) -> int:
    """How far the rolling audit came."""
    row = connection.execute("SELECT seq FROM audits WHERE epoch = :epoch", {"epoch": epoch}).fetchone()
    return 0 if row is None else int(row["seq"])


def keep_audit_place(connection: Connection, epoch: str, seq: int) -> None:
    """Remember how far the rolling audit came."""
    connection.execute(
        "INSERT INTO audits (epoch, seq) VALUES (:epoch, :seq) ON CONFLICT (epoch) DO UPDATE SET seq = excluded.seq",
        {"epoch": epoch, "seq": seq},
    )


def event_digests(connection: Connection, epoch: str, places: Sequence[int], size: int, count: int) -> dict[int, int]:
    """42 bits of the digest of each event in these places (numbers of `size` events), by seq."""
    assert size in (BUCKET_EVENTS, SUB_EVENTS)
    found: dict[int, int] = {}
    for place in places:
        rows = connection.execute(
            "SELECT seq, body FROM events WHERE epoch = :epoch AND seq BETWEEN :first AND :last AND seq <= :count",
            {"epoch": epoch, "first": place * size, "last": place * size + size - 1, "count": count},
        )
        found |= {row["seq"]: h42(event_digest(row["body"].encode())) for row in rows}
    return found
