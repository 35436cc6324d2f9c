"""Seals at HQ: proven ranges, signed, kept for ever; what HQ's own systems read.

Called by sync.hq.prove and sync.hq.service. Ranges of one epoch are contiguous; corrections are new events.
"""

import base64
import csv
import io
import json
from collections.abc import Sequence

from agent.domain.digest import Json, canonical
from agent.limits import PROOF_SEALS
from sync.hq.bounds import READER_PAGE_SEALS
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys, verify
from sync.proof import Seal, TotalsRow, hour_label, seal_signing_bytes, suspended_hash

CSV_HEADER = (
    "number", "workstation_id", "epoch", "first", "last", "hour", "at_ms", "business_day", "kind", "state",
    "events", "payable_fen", "points", "head", "signature",
)  # fmt: skip


def seal_of(row: Row) -> Seal:
    """Read one row."""
    return Seal(
        workstation_id=row["workstation_id"],
        number=row["number"],
        epoch=row["epoch"],
        first=row["first"],
        last=row["last"],
        head=row["head"].hex(),
        hour=row["hour"],
        at_ms=row["at_ms"],
        totals=[(str(a), str(b), str(c), int(d), int(e), int(f)) for a, b, c, d, e, f in json.loads(row["totals"])],
        suspended=row["suspended"].hex(),
        signature=base64.b64encode(row["signature"]).decode(),
    )


def is_ours(seal: Seal, public_key: bytes) -> bool:
    """Whether HQ itself signed this seal."""
    try:
        signature = base64.b64decode(seal.signature, validate=True)
    except ValueError:
        return False
    return verify(public_key, signature, seal_signing_bytes(seal))


def behind(connection: Connection, workstation_id: str, epoch: str, after: int, limit: int = PROOF_SEALS) -> list[Row]:
    """Rows of the seals of an epoch that end behind `after`, oldest first."""
    return connection.execute(
        "SELECT * FROM seals WHERE workstation_id = :id AND epoch = :epoch AND last > :after"
        " ORDER BY last LIMIT :limit",
        {"id": workstation_id, "epoch": epoch, "after": after, "limit": limit},
    ).fetchall()


def ending_at(connection: Connection, workstation_id: str, epoch: str, last: int) -> Row | None:
    """The seal that ends exactly there."""
    row: Row | None = connection.execute(
        "SELECT * FROM seals WHERE workstation_id = :id AND epoch = :epoch AND last = :last",
        {"id": workstation_id, "epoch": epoch, "last": last},
    ).fetchone()
    return row


def sealed_to(connection: Connection, workstation_id: str, epoch: str) -> int:
    """Where the last seal of an epoch ends, 0 before the first."""
    found = connection.execute(
        "SELECT MAX(last) FROM seals WHERE workstation_id = :id AND epoch = :epoch",
        {"id": workstation_id, "epoch": epoch},
    ).fetchone()[0]
    return int(found or 0)


def make(
    connection: Connection,
    keys: HqKeys,
    *,
    workstation_id: str,
    epoch: str,
    last: int,
    head: str,
    totals: Sequence[TotalsRow],
    at_ms: int,
) -> Seal:
    """Seal what is proven behind the last seal, up to `last`; inside the caller's transaction."""
    first = sealed_to(connection, workstation_id, epoch) + 1
    number = 1 + last_number(connection, workstation_id, epoch)
    draft = Seal(
        workstation_id=workstation_id,
        number=number,
        epoch=epoch,
        first=first,
        last=last,
        head=head,
        hour=hour_label(at_ms),
        at_ms=at_ms,
        totals=list(totals),
        suspended=suspended_hash(suspensions(connection, workstation_id, epoch, first, last)),
        signature="",
    )
    seal = draft.model_copy(update={"signature": base64.b64encode(keys.sign(seal_signing_bytes(draft))).decode()})
    insert(connection, keys, seal, at_ms)
    return seal


def last_number(connection: Connection, workstation_id: str, epoch: str) -> int:
    """Number of the last seal of an epoch, 0 before the first."""
    found = connection.execute(
        "SELECT MAX(number) FROM seals WHERE workstation_id = :id AND epoch = :epoch",
        {"id": workstation_id, "epoch": epoch},
    ).fetchone()[0]
    return int(found or 0)


def place_holds(row: Row, public_key: bytes) -> bool:
    """Whether a row stands where HQ put it."""
    return verify(public_key, row["place_signature"], _place_bytes(seal_of(row), row["place"]))


def _place_bytes(seal: Seal, place: int) -> bytes:
    return f"pos-agent/seal-place/1\n{place}\n{seal.signature}\n".encode()


def insert(connection: Connection, keys: HqKeys, seal: Seal, now_ms: int) -> None:
    """Store a seal as it is, at a place behind all others; inside the caller's transaction.

    Places are milliseconds, or dense where several seals fall into one: an HQ restored from a copy goes on behind
    every place it ever gave, so that the cursor of a reader stays good and what was given back is read again.
    """
    rows: Json = [list(row) for row in seal.totals]
    last = connection.execute("SELECT MAX(place) FROM seals").fetchone()[0]
    place = max(int(last or 0) + 1, now_ms)
    connection.execute(
        "INSERT INTO seals (place, place_signature, number, workstation_id, epoch, first, last, head, hour, at_ms,"
        " totals, suspended, signature) VALUES (:place, :place_signature, :number, :workstation_id, :epoch, :first,"
        " :last, :head, :hour, :at_ms, :totals, :suspended, :signature)",
        {
            "place": place,
            "place_signature": keys.sign(_place_bytes(seal, place)),
            **seal.model_dump(exclude={"totals", "head", "suspended", "signature"}),
            "head": bytes.fromhex(seal.head),
            "totals": canonical(rows).decode(),
            "suspended": bytes.fromhex(seal.suspended),
            "signature": base64.b64decode(seal.signature),
        },
    )


def suspensions(
    connection: Connection, workstation_id: str, epoch: str, first: int, last: int, newest: int = 2**62
) -> list[tuple[int, str]]:
    """(seq, code) of the suspended events of a range, ascending; only the `newest` ones when given."""
    rows = connection.execute(
        "SELECT seq, code FROM events WHERE workstation_id = :id AND epoch = :epoch AND state = 'suspended'"
        " AND seq BETWEEN :first AND :last ORDER BY seq DESC LIMIT :newest",
        {"id": workstation_id, "epoch": epoch, "first": first, "last": last, "newest": newest},
    ).fetchall()
    return [(row["seq"], row["code"]) for row in reversed(rows)]


def page(connection: Connection, after: int, limit: int = READER_PAGE_SEALS) -> tuple[list[Seal], int]:
    """Seals of all workstations behind place `after`, for HQ's own systems, and the place to ask from next."""
    rows = connection.execute(
        "SELECT * FROM seals WHERE place > :after ORDER BY place LIMIT :limit", {"after": after, "limit": limit}
    ).fetchall()
    return [seal_of(row) for row in rows], int(rows[-1]["place"]) if rows else after


def as_csv(found: Sequence[Seal]) -> str:
    """One line per seal, business day, kind and state; amounts in fen."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for seal in found:
        name = (seal.number, seal.workstation_id, seal.epoch, seal.first, seal.last, seal.hour, seal.at_ms)
        for row in seal.totals:
            writer.writerow((*name, *row, seal.head, seal.signature))
    return text.getvalue()
