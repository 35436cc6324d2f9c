"""What the application needs from the world, as Protocols; adapters implement them, the composition root joins them.

Imports domain and protocol only. Everything that blocks or may wait is `async`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.ids import EventName
from agent.domain.member import Member
from agent.domain.pricing import Item
from agent.domain.receipt import Document
from agent.domain.rules import RuleSet
from agent.domain.sale import Posting
from agent.domain.scan import RawScan
from sync.proof import LocateAnswer, LocateRequest
from sync.protocol import (
    Batch,
    BatchAnswer,
    EnrolAnswer,
    EnrolRequest,
    Feed,
    FeedPage,
    PayerIdentity,
    ProofAnswer,
    ProofRequest,
)
from sync.ranges import RangesAnswer, RangesRequest


# --- time, chance, keys ---------------------------------------------------------------------------------------------
class Clock(Protocol):
    """Wall time for records, monotonic time for patience."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def mono_s(self) -> float:
        """Seconds of monotonic time since some fixed moment of this process."""
        ...


class Entropy(Protocol):
    """Randomness, so that a simulation can seed it."""

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number for jitter; never for secrets."""
        ...


class KeyRing(Protocol):
    """All secrets of the store. No other module sees a key."""

    def encrypt(self, table: str, column: str, row: str, plaintext: str) -> bytes:
        """Seal one field (AES-256-GCM, AAD table|column|row, suite id first)."""
        ...

    def decrypt(self, table: str, column: str, row: str, sealed: bytes) -> str:
        """Open one field; raises StorageError when it does not belong there."""
        ...

    def blind_index(self, kind: Literal["code", "wx"], value: str) -> bytes:
        """Keyed 16-byte index of an identity: `code` = member code or number, `wx` = `appid:openid`."""
        ...

    def open_snapshot(self, snapshot_id: str, number: int, sealed: bytes) -> bytes | None:
        """Open part `number` of a snapshot of the brand; None when it was not sealed as that."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign as this workstation (Ed25519)."""
        ...

    def verify_hq(self, signature: bytes, message: bytes) -> bool:
        """Check HQ's signature with its public key."""
        ...


# --- devices --------------------------------------------------------------------------------------------------------
class Scanner(Protocol):
    """One QR scanner. `open` raises DeviceUnavailable; `scans` ends or raises DeviceError when it is gone."""

    name: str

    async def open(self) -> None:
        """Take the device."""
        ...

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is lost."""
        ...

    def close(self) -> None:
        """Let go of the device; safe at any time."""
        ...


class PrintVerdict(StrEnum):
    """How a job ended when no exception was raised."""

    SENT = "sent"
    """All bytes were taken by a device that cannot answer: unverified, never called printed."""
    CONFIRMED = "confirmed"
    """The printer itself said that everything before was processed."""


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What the printer says of itself; `verified` False means it cannot answer, which is not the same as fine."""

    verified: bool
    online: bool | None = None
    paper: Literal["ok", "near_end", "out"] | None = None
    cover_open: bool | None = None
    fault: bool | None = None
    """Cutter, paper path, heat: what a person has to look at."""

    @property
    def trouble(self) -> str | None:
        """What keeps it from printing, most useful reason first, as a code of agent.wording; None when nothing known.

        >>> PrinterStatus(True, online=False, cover_open=True).trouble, PrinterStatus(True, paper="near_end").trouble
        ('PRINTER_COVER_OPEN', None)
        """
        if self.cover_open:
            return "PRINTER_COVER_OPEN"
        if self.paper == "out":
            return "PRINTER_PAPER_OUT"
        if self.fault:
            return "PRINTER_ERROR"
        return "PRINTER_OFFLINE" if self.online is False else None


class Printer(Protocol):
    """One receipt printer, owned by one thread behind this port."""

    name: str

    async def print(self, document: Document) -> PrintVerdict:
        """Put a document on paper. DeviceUnavailable: nothing left us. DeviceAmbiguous: bytes may have."""
        ...

    async def status(self) -> PrinterStatus:
        """Ask the printer; raises DeviceUnavailable when it cannot be reached.

        While a job is on its way: what the printer last said, without waiting for the job's end.
        """
        ...

    def distrust(self, document: Document) -> None:
        """Tell it that an earlier process may have broken off in this job: it may still wait for the rest of it."""
        ...

    def close(self) -> None:
        """Abandon the device and its thread."""
        ...


# --- replica: members, prices, rules (rebuildable) ------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class MerchantScope:
    """What HQ's map says of one (mch_id, sub_mch_id): the brand, and the stores it may serve."""

    brand_id: str
    store_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member and the watermarks (epoch -> seq of this workstation) already inside their points."""

    member: Member
    watermarks: Mapping[str, int]


class Members(Protocol):
    """Look-ups in the local replica; never the network."""

    async def by_code(self, code: str) -> FoundMember | None:
        """By static code, card number or membership number, of the workstation's brand."""
        ...

    async def by_openid(self, appid: str, openid: str) -> FoundMember | None:
        """By one WeChat identity pair."""
        ...

    async def merchant(self, mch_id: str, sub_mch_id: str) -> MerchantScope | None:
        """The scope of a merchant pair, None when HQ does not know it (fails closed)."""
        ...


class Coupons(Protocol):
    """Coupons of the local replica; never the network."""

    async def coupons_of(self, member_id: str) -> list[HeldCoupon]:
        """What a member may still use, as HQ knew: those that end first come first."""
        ...

    async def coupon(self, code: str) -> HeldCoupon | None:
        """By its scanned code or its id, in whatever state it is; None when HQ never issued it."""
        ...

    async def by_id(self, member_id: str) -> FoundMember | None:
        """Who holds it."""
        ...


class Pricebook(Protocol):
    """Prices and rules of the local replica."""

    async def item(self, code: str) -> Item | None:
        """By sku or barcode."""
        ...

    async def rules(self) -> RuleSet:
        """The rule set in force; NO_RULES before the first pull."""
        ...

    async def version(self) -> int:
        """The pricebook's feed cursor: which prices these are."""
        ...


class Replica(Members, Coupons, Pricebook, Protocol):
    """The replica's writing side, for pull."""

    async def cursor(self, feed: Feed) -> int:
        """Last applied cursor of a feed, 0 at the start."""
        ...

    async def apply(self, page: FeedPage) -> None:
        """Apply one page and its cursor in one transaction (in bounded jobs)."""
        ...

    async def counts(self) -> dict[str, int]:
        """Rows per table, for status."""
        ...


# --- books ----------------------------------------------------------------------------------------------------------
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


# --- HQ -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Traffic:
    """What the conversation with HQ has cost so far."""

    requests: int
    bytes_up: int
    bytes_down: int


class Hq(Protocol):
    """HQ as the store sees it. Raises HqUnreachable (back off) or HqRejected (HQ said no)."""

    async def enrol(self, request: EnrolRequest) -> EnrolAnswer:
        """Become a workstation."""
        ...

    async def push(self, batch: Batch) -> BatchAnswer:
        """Hand over events."""
        ...

    async def pull(self, feed: Feed, cursor: int) -> FeedPage:
        """Read a change feed."""
        ...

    async def prove(self, request: ProofRequest) -> ProofAnswer:
        """Ask for HQ's own rehash."""
        ...

    async def locate(self, request: LocateRequest) -> LocateAnswer:
        """Look closer at places of an epoch."""
        ...

    async def ranges(self, request: RangesRequest) -> RangesAnswer:
        """Compare ranges of the replica's keys."""
        ...

    def traffic(self) -> Traffic:
        """Counters since start."""
        ...
