"""What the application needs from the books: events, outbox, notices and the print ledger, as Protocols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from agent.domain.digest import Json
from agent.domain.ids import EventName
from agent.domain.receipt import Document
from agent.domain.sale import Posting
from sync.protocol import (
    BatchAnswer,
    PayerIdentity,
)


class JobKind(StrEnum):
    """Kinds of print job; each has its own expiry (pains 18)."""

    RECEIPT = "receipt"
    JOIN_PROMPT = "join_prompt"
    DRAWER = "drawer"
    TEST = "test"


class JobState(StrEnum):
    """The print ledger's states. SENDING is durable before the first byte leaves; found at start it is UNCONFIRMED."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    FAILED = "failed"
    """Certainly not printed, and not to be tried again (a drawer that could not be reached)."""


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One row of the print ledger."""

    job_id: str
    printer: str
    kind: JobKind
    document: Document
    state: JobState
    created_at_ms: int
    expires_at_ms: int
    reprint_of: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class NewPrintJob:
    """A job to enter in the ledger together with its event."""

    job_id: str
    printer: str
    kind: JobKind
    document: Document
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class EventDraft:
    """Everything that one transaction commits: event, outbox row, postings, print jobs, idempotency, used-up secrets.

    `body` lacks `epoch` and `seq`, which the books add inside the transaction. `answer` is kept and given again to a
    caller who repeats `caller_id`; `request` is compared to find a conflict.
    """

    kind: str
    caller_id: str
    request: dict[str, Json]
    body: dict[str, Json]
    answer: dict[str, Json]
    postings: Sequence[Posting] = ()
    print_jobs: Callable[[EventName], Sequence[NewPrintJob]] = lambda _: ()
    """Made from the event's name inside the transaction, because the receipt shows its number."""
    transaction_ids: Sequence[str] = ()
    nonces: Sequence[str] = ()
    told: Sequence[str] = ()
    """Keys of the answer that the event stream tells as `<kind>.recorded`, stored in the same transaction."""
    at_ms: int = 0
    holds: Sequence[str] = ()
    """Promises of leases (agent.lease_ports) that end with this event, because it spends what they held."""
    in_epoch: str = ""
    """The only epoch it may be booked in, where that matters; Refusal EPOCH_NOT_IN_FORCE in any other."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry of the event stream, replayable by id."""

    id: int
    at_ms: int
    kind: str
    data: dict[str, Json]


class OutcomeKind(StrEnum):
    """What commit did."""

    CREATED = "created"
    EXISTS = "exists"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`created` / `exists` with the (first) answer, or `conflict` naming the field that differs."""

    kind: OutcomeKind
    name: EventName
    answer: dict[str, Json]
    field: str | None = None
    notice: Notice | None = None
    """What was stored for the event stream, to be handed to those who listen now."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as the books hold it."""

    seq: int
    body: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """What waits for HQ and what waits for a person."""

    pending: int
    suspended: int
    conflict: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class ProofRecord:
    """One finished reconciliation, kept for the history."""

    at_ms: int
    trigger: str
    epoch: str
    count: int
    head: str
    result: str
    """`equal`, `healed`, `different` or `unreachable`."""
    detail: dict[str, Json] = field(default_factory=dict)


class Books(Protocol):
    """books.db: the only place where a sale exists. Every method is one transaction of the writer thread."""

    async def commit(self, draft: EventDraft) -> Outcome:
        """Book one event, or answer for the one this caller id already booked."""
        ...

    async def answer(self, kind: str, caller_id: str, request: dict[str, Json]) -> Outcome | None:
        """The outcome (`exists` or `conflict`) of an earlier commit under this caller id, None when there is none."""
        ...

    async def is_used(self, *, transaction_id: str | None = None, nonce: str | None = None) -> bool:
        """Whether a WeChat transaction or a dynamic code's nonce is already in the books."""
        ...

    async def postings(self, account: str, owner: str) -> list[tuple[str, int, int]]:
        """(epoch, seq, amount) of every posting of one sub-account."""
        ...

    async def payer_ref(self, brand_id: str, pairs: Sequence[tuple[str, str]]) -> str:
        """The random reference of a provisional payer, made at the first meeting; identity sealed beside it."""
        ...

    async def payers(self, refs: Sequence[str]) -> list[PayerIdentity]:
        """The identities behind payer references, for HQ only."""
        ...


class Outbox(Protocol):
    """The part of books.db that faces HQ: what waits, what was acknowledged, what was proven."""

    async def epoch(self) -> str:
        """The epoch that new events get."""
        ...

    async def pending(self, limit: int, max_bytes: int) -> tuple[str, list[StoredEvent]]:
        """The oldest unacknowledged events of one epoch, ascending; an empty list when all are settled."""
        ...

    async def settle(self, epoch: str, answer: BatchAnswer, at_ms: int, fresh: str = "") -> bool:
        """Apply HQ's verdicts, one by one; whether the epoch proved forked and `fresh` was put in force."""
        ...

    async def requeue(self, epoch: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Mark acknowledged events HQ says it lacks as pending again; returns how many."""
        ...

    async def epochs(self) -> list[str]:
        """All epochs, oldest first."""
        ...

    async def outbox_counts(self) -> OutboxCounts:
        """Totals of the outbox."""
        ...

    async def record_proof(self, proof: ProofRecord) -> None:
        """Keep the result of a reconciliation."""
        ...

    async def proofs(self, limit: int) -> list[ProofRecord]:
        """Latest reconciliations, newest first."""
        ...


class Notices(Protocol):
    """The replayable event stream, part of books.db."""

    async def append(self, kind: str, data: dict[str, Json], at_ms: int) -> Notice:
        """Append to the replayable event stream and prune its tail."""
        ...

    async def after(self, last_id: int, limit: int) -> list[Notice]:
        """Replay."""
        ...

    async def newest(self) -> int:
        """The number of the latest notice; 0 where there is none."""
        ...


class PrintLedger(Protocol):
    """The print ledger, part of books.db."""

    async def add(self, job: NewPrintJob, at_ms: int, reprint_of: str | None = None) -> None:
        """Queue a job that no event carries (a test page, a reprint)."""
        ...

    async def expire(self, printer: str, now_ms: int) -> list[str]:
        """Mark queued jobs past their expiry as expired and drop their documents; returns their ids."""
        ...

    async def next_job(self, printer: str) -> PrintJob | None:
        """The oldest queued job of a printer; drawer pulses before paper, for which they need not wait."""
        ...

    async def last_sent(self, printer: str) -> PrintJob | None:
        """The newest job of a printer of which bytes may have left it, None when there is none."""
        ...

    async def mark(self, job_id: str, state: JobState, note: str = "") -> None:
        """Move a job to a state."""
        ...

    async def job(self, job_id: str) -> PrintJob | None:
        """One job."""
        ...

    async def jobs(self, limit: int) -> list[PrintJob]:
        """Latest jobs, newest first."""
        ...

    async def recover(self) -> list[str]:
        """At start: every SENDING job becomes UNCONFIRMED; returns their ids."""
        ...
