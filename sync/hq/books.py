"""HQ's books: take batches in, keep every event exactly as it came, fold each one exactly once.

Called by sync.hq.service; one batch is one transaction, unless the database refuses a value of it. An event is
`created`, `exists`, `conflict` (another content under its name: both kept) or `suspended` (stored and in the chain,
waits for a person). Postings are folded when the event becomes contiguous, so a watermark says precisely which events
the balances hold. Nothing here refuses one event because of another.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from agent.domain.digest import event_digest
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.lease import OpenedLease
from sync.hq import poison
from sync.hq.bounds import RANGES
from sync.hq.clashes import Clashes
from sync.hq.db.seam import Connection, Contended, NotAlone
from sync.hq.enrol import Station
from sync.hq.event_fields import MALFORMED
from sync.hq.fold import Folder, Stored
from sync.hq.judge import Judgement, judge
from sync.hq.keys import verify
from sync.protocol import PROTOCOL, Batch, BatchAnswer, Verdict, VerdictKind, WireEvent, batch_signing_bytes


def check_batch(station: Station, batch: Batch) -> None:
    """Refuse a batch that contradicts itself (422 BATCH_SHAPE), is of another protocol, or is not signed (401)."""
    if batch.protocol != PROTOCOL:
        raise Refusal("PROTOCOL_UNSUPPORTED", f"this HQ speaks protocol {PROTOCOL}", status=426)
    seqs = [event.seq for event in batch.events]
    if any(after <= before for before, after in pairwise(seqs)):
        raise Refusal("BATCH_SHAPE", "events must ascend by seq", field="events")
    if (batch.first, batch.last, batch.head) != (seqs[0], seqs[-1], batch.events[-1].chain):
        raise Refusal("BATCH_SHAPE", "first, last and head must be those of the events", field="head")
    message = batch_signing_bytes(station.workstation_id, batch.epoch, batch.first, batch.last, batch.head)
    try:
        signature = base64.b64decode(batch.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if station.public_key is None or not verify(station.public_key, signature, message):
        raise Refusal("BATCH_SIGNATURE", "the batch is not signed by this workstation", status=401)


def ingest(
    connection: Connection,
    station: Station,
    batch: Batch,
    at_ms: int,
    *,
    beside: Callable[[], None] | None = None,
    on_strangers: Callable[[Sequence[OpenedLease]], None] = lambda _: None,
) -> BatchAnswer:
    """Take one checked batch in, in one transaction; safe to repeat any number of times.

    `beside` runs first inside the same transaction: what travels next to the events (payers) is there before them.
    `on_strangers` hears, inside it too, of leases that were opened and that HQ does not know it granted.
    """
    try:
        try:
            return _take(connection, station, batch, at_ms, beside, on_strangers)
        except NotAlone:
            return _take(connection, station, batch, at_ms, beside, on_strangers, brand_alone=True)
    except Exception as error:
        if not poison.is_refused_by_engine(error):
            raise
    return _one_by_one(connection, station, batch, at_ms, beside, on_strangers)


def _one_by_one(
    connection: Connection,
    station: Station,
    batch: Batch,
    at_ms: int,
    beside: Callable[[], None] | None,
    on_strangers: Callable[[Sequence[OpenedLease]], None],
) -> BatchAnswer:
    """Take a batch in whose values the database refused, or those of an event behind the gap that it fills.

    Each event by itself, suspended where it is refused again. Each is a transaction of its own; nothing is answered
    before all are in, so the same again only compares.
    """
    if beside is not None:
        with connection.transaction():
            connection.hold(f"station {station.workstation_id}")
            beside()  # ORDER: apart; what is refused of it is no event's fault
    verdicts: list[Verdict] = []
    for event in batch.events:
        one = batch.model_copy(update={"events": [event]})
        try:
            answer = _take(connection, station, one, at_ms, None, on_strangers, single=True, brand_alone=True)
        except Exception as error:
            if not poison.is_refused_by_engine(error):
                raise
            fault = type(error).__name__
            answer = _take(
                connection, station, one, at_ms, None, on_strangers, single=True, brand_alone=True, fault=fault
            )
        verdicts += answer.verdicts
    return answer.model_copy(update={"verdicts": verdicts})


def _take(
    connection: Connection,
    station: Station,
    batch: Batch,
    at_ms: int,
    beside: Callable[[], None] | None,
    on_strangers: Callable[[Sequence[OpenedLease]], None],
    *,
    single: bool = False,
    fault: str = "",
    brand_alone: bool = False,
) -> BatchAnswer:
    """One transaction. `single`: of one event; with a `fault`, the database's, it is suspended whatever it says.

    Raises NotAlone where it shares the brand and cannot; `brand_alone`: it does not.
    """
    with connection.transaction():
        connection.hold(f"station {station.workstation_id}")  # ORDER: before anything of its books is read
        if beside is not None:
            beside()
        intake = _Intake(connection, station, batch.epoch, at_ms, fault)
        intake.take_all(batch.events)
        folder = Folder(connection, station, batch.epoch, at_ms, intake.judged, intake.stored, brand_alone)
        advanced = folder.advance_one_by_one() if single else folder.advance()
        on_strangers(advanced.strangers)
        for seq in intake.verdicts.keys() & advanced.suspended.keys():
            intake.say(seq, VerdictKind.SUSPENDED, advanced.suspended[seq])
        gaps: list[tuple[int, int]] = []
        if advanced.behind:
            gaps = missing_ranges(connection, station.workstation_id, batch.epoch, advanced.watermark)
    return BatchAnswer(watermark=advanced.watermark, gaps=gaps, verdicts=[intake.verdicts[e.seq] for e in batch.events])


def missing_ranges(connection: Connection, workstation_id: str, epoch: str, after: int) -> list[tuple[int, int]]:
    """Ranges of seqs HQ lacks between `after` and its highest event of an epoch, lowest first, at most RANGES."""
    rows = connection.execute(
        "SELECT previous + 1 AS first, seq - 1 AS last FROM ("
        "  SELECT seq, LAG(seq, 1, :after) OVER (ORDER BY seq) AS previous FROM events"
        "  WHERE workstation_id = :workstation_id AND epoch = :epoch AND seq > :after"
        ") AS pairs WHERE seq > previous + 1 ORDER BY seq LIMIT :limit",
        {"workstation_id": workstation_id, "epoch": epoch, "after": after, "limit": RANGES},
    )
    return [(row["first"], row["last"]) for row in rows]


@dataclass(slots=True)
class _Intake:
    """One batch on its way in; lives inside one transaction."""

    connection: Connection
    station: Station
    epoch: str
    at_ms: int
    fault: str = ""
    """Why the database refused what is taken in; empty where it has not."""
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    judged: dict[int, Judgement] = field(default_factory=dict)
    stored: dict[int, Stored] = field(default_factory=dict)

    def _key(self, **more: object) -> dict[str, object]:
        return {"workstation_id": self.station.workstation_id, "epoch": self.epoch, **more}

    def take_all(self, events: Sequence[WireEvent]) -> None:
        """Store what is new, compare what is known."""
        held = self._held(events)
        fresh: list[tuple[WireEvent, bytes]] = []
        for event in events:
            digest = event_digest(event.body.encode())
            if event.seq in held:
                self._compare(event, digest, held[event.seq])
            else:
                fresh.append((event, digest))
        if fresh:
            self._create(fresh)

    def say(self, seq: int, kind: VerdictKind, code: str) -> None:
        """Note a verdict; a suspended event stays so when it is sent again, for its first answer may be lost."""
        self.verdicts[seq] = Verdict(seq=seq, verdict=VerdictKind.SUSPENDED if code else kind, code=code)

    def _held(self, events: Sequence[WireEvent]) -> dict[int, tuple[bytes, str]]:
        """Digest and code of the events of a batch that HQ has, by seq."""
        rows = self.connection.execute(
            "SELECT seq, digest, code FROM events WHERE workstation_id = :workstation_id AND epoch = :epoch"
            " AND seq BETWEEN :first AND :last",
            self._key(first=events[0].seq, last=events[-1].seq),
        )
        return {row["seq"]: (row["digest"], row["code"]) for row in rows}

    def _compare(self, event: WireEvent, digest: bytes, held: tuple[bytes, str]) -> None:
        if held[0] == digest:
            self.say(event.seq, VerdictKind.EXISTS, held[1])
        else:
            self._keep_conflict(event, digest)

    def _create(self, fresh: Sequence[tuple[WireEvent, bytes]]) -> None:
        """Judge events, mark the payments they claim, store them all at once."""
        for event, _digest in fresh:
            name = EventName(self.station.workstation_id, self.epoch, event.seq)
            judged = judge(event.body, name, self.station.store_id, self.station.brand_id)
            if self.fault and not judged.code:
                judged = replace(judged, code=MALFORMED)
                place = (name.workstation_id, name.epoch, name.seq)
                poison.name(self.connection, *place, "events", self.fault, self.at_ms)
            self.judged[event.seq] = judged
        codes = Clashes(self.connection, self.station, self.epoch).settle(
            [(event.seq, self.judged[event.seq]) for event, _digest in fresh]
        )
        sent = {event.seq: (digest, bytes.fromhex(event.chain), codes[event.seq]) for event, digest in fresh}
        key = self._key(received_at_ms=self.at_ms)
        rows = []
        for event, _digest in fresh:
            digest, chain, code = sent[event.seq]
            state = "suspended" if code else "ok"
            rows.append({
                **key, "seq": event.seq, "body": event.body, "digest": digest, "chain": chain, "state": state,
                "code": code,
            })  # fmt: skip
        created = self.connection.add_events(rows)
        self.stored = {seq: stored for seq, stored in sent.items() if seq in created}
        known = [event for event, _digest in fresh if event.seq not in created]
        if known and self._held(known):
            raise Contended  # another process took the same batch in: compared anew, it is known
        for event, digest in fresh:
            if event.seq in created:
                self.say(event.seq, VerdictKind.CREATED, codes[event.seq])
            else:
                self._keep_conflict(event, digest)  # the event is gone, and its name belonged to another content

    def _keep_conflict(self, event: WireEvent, digest: bytes) -> None:
        self.connection.execute(
            "INSERT INTO conflicts (workstation_id, epoch, seq, digest, body, chain, received_at_ms)"
            " VALUES (:workstation_id, :epoch, :seq, :digest, :body, :chain, :at_ms) ON CONFLICT DO NOTHING",
            self._key(
                seq=event.seq, digest=digest, body=event.body, chain=bytes.fromhex(event.chain), at_ms=self.at_ms
            ),
        )
        self.verdicts[event.seq] = Verdict(seq=event.seq, verdict=VerdictKind.CONFLICT)
