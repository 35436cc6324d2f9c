"""The wire of the hourly proof: request, answer, seals, findings, and the descent to what was altered.

Pure; used by both ends. WIRE: frozen by deployed peers, like sync.protocol. Text form and reasons: docs/wire.md.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agent.domain.digest import Json, canonical
from agent.limits import FINDINGS, LOCATE_PLACES, PROOF_SEALS, SUSPENSIONS, TEXT_CHARS
from sync.message import PROTOCOL, Count, Hex32, Message, Name, Seq

_CHINA = timedelta(hours=8)
TotalsRow = tuple[str, str, str, int, int, int]
"""(business_day, kind, `ok` or `suspended`, events, payable fen, points)."""


class Seal(Message):
    """A proven range of one epoch, signed by HQ over `seal_signing_bytes`. What HQ's own systems may rely on."""

    workstation_id: Name
    number: Seq
    """1, 2, 3 … within its epoch."""
    epoch: Name
    first: Seq
    last: Seq
    head: Hex32
    """Chain hash after `last`."""
    hour: Annotated[str, Field(max_length=32)]
    """The hour it was sealed in, `YYYY-MM-DDTHH:00+08:00`."""
    at_ms: int
    totals: list[TotalsRow]
    suspended: Hex32
    """`suspended_hash` of the events of the range that HQ holds suspended."""
    signature: str


class Finding(Message):
    """One thing that does not follow from what it must follow from: which side, table, epoch and key."""

    side: Literal["store", "hq", "both"]
    table: Annotated[str, Field(max_length=64)]
    epoch: Annotated[str, Field(max_length=64)]
    key: Annotated[str, Field(max_length=TEXT_CHARS)]
    code: Annotated[str, Field(max_length=64)]
    detail: Annotated[str, Field(max_length=TEXT_CHARS)] = ""
    heals: bool = False
    """Whether it was put right from the other side (missing rows only)."""


class ProofRide(Message):
    """A proof riding on a batch: the batch's `last` and `head` are its count and head."""

    after: Count


class ProofRequest(Message):
    """Ask HQ to rehash what it holds of one epoch up to `count`, from the seal that ends at `after`."""

    protocol: int = PROTOCOL
    epoch: Name
    after: Count = 0
    count: Count
    head: Hex32
    seals: Annotated[list[Seal], Field(max_length=PROOF_SEALS)] = Field(default_factory=list)
    """Seals that HQ has lost, given back: its own signature is on them."""
    findings: Annotated[list[Finding], Field(max_length=FINDINGS)] = Field(default_factory=list)
    """What the store's audit of its own rows found, so that HQ knows too."""


class ProofAnswer(Message):
    """What HQ's own rehash gives for the same range. `missing` lists seq ranges it lacks below `count`."""

    epoch: Name
    count: Count
    head: Hex32
    equal: bool
    missing: list[tuple[int, int]]
    suspended: Count
    at_ms: int
    signature: str
    """HQ's Ed25519 over `proof_signing_bytes`, base64: the store can keep and show it."""
    after: Count = 0
    """Where HQ's rehash began: a seal of its own that ends there, or 0."""
    held: Count = 0
    """HQ's highest seq of this epoch; beyond the store's last event its books are older than what it once sent."""
    sealed: Count = 0
    """Where HQ's last seal before this proof ends; below the store's, HQ lost seals."""
    seals: Annotated[list[Seal], Field(max_length=PROOF_SEALS)] = Field(default_factory=list)
    """Seals behind the asked `after`, oldest first, a new one last."""
    buckets: str = ""
    """Bucket sums of HQ's events `after` + 1 to `count`, base64 of agent.domain.buckets.pack; when not equal."""
    totals: list[TotalsRow] = Field(default_factory=list)
    """Business totals of HQ's events of the range; when not equal."""
    suspensions: Annotated[list[tuple[int, str]], Field(max_length=SUSPENSIONS)] = Field(default_factory=list)
    """(seq, code) of events of this epoch that HQ holds suspended, the newest ones when there are more."""
    findings: Annotated[list[Finding], Field(max_length=FINDINGS)] = Field(default_factory=list)
    """What HQ's audit of its own rows found for this workstation."""


class Level(StrEnum):
    """How close a look is: bucket sums, sub-bucket sums, digests of sub-buckets, whole events."""

    BUCKETS = "buckets"
    SUBS = "subs"
    DIGESTS = "digests"
    EVENTS = "events"


class LocateRequest(Message):
    """Look closer at places of one epoch: bucket, sub-bucket or seq numbers, by level; nothing beyond `count`."""

    protocol: int = PROTOCOL
    epoch: Name
    count: Count
    level: Annotated[Level, Field(strict=False)]
    places: Annotated[list[Count], Field(min_length=1, max_length=LOCATE_PLACES)]


class HeldEvent(Message):
    """One event as HQ holds it now, for a person who compares both sides."""

    seq: Seq
    body: str
    state: str
    code: str


class LocateAnswer(Message):
    """`packed`: base64 of the asked places one after another (pack or pack_h); `events` at the last level."""

    packed: str = ""
    events: list[HeldEvent] = Field(default_factory=list)


def proof_signing_bytes(workstation_id: str, epoch: str, count: int, head: str, equal: bool, at_ms: int) -> bytes:
    """Bytes of HQ's signature under a proof answer."""
    verdict = "equal" if equal else "different"
    return f"pos-agent/proof/1\n{workstation_id}\n{epoch}\n{count}\n{head}\n{verdict}\n{at_ms}\n".encode()


def seal_signing_bytes(seal: Seal) -> bytes:
    """Bytes of HQ's signature under a seal: every field, the totals by their hash."""
    rows: Json = [list(row) for row in seal.totals]
    totals = hashlib.sha256(canonical(rows)).hexdigest()
    return (
        f"pos-agent/seal/1\n{seal.workstation_id}\n{seal.number}\n{seal.epoch}\n{seal.first}\n{seal.last}\n"
        f"{seal.head}\n{seal.hour}\n{seal.at_ms}\n{totals}\n{seal.suspended}\n"
    ).encode()


def suspended_hash(suspensions: list[tuple[int, str]]) -> str:
    """Hash of (seq, code) pairs, ascending by seq, hex.

    >>> suspended_hash([]) == hashlib.sha256(b"").hexdigest()
    True
    """
    return hashlib.sha256("".join(f"{seq}:{code}\n" for seq, code in suspensions).encode()).hexdigest()


def hour_label(at_ms: int) -> str:
    """The hour in Asia/Shanghai, which has no summer time.

    >>> hour_label(1_795_291_846_453)
    '2026-11-22T04:00+08:00'
    """
    return (datetime.fromtimestamp(at_ms // 1000, UTC) + _CHINA).strftime("%Y-%m-%dT%H:00+08:00")
