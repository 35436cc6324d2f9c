"""HQ's half of the hourly proof: rehash the stored bodies of one epoch, compare, sign, seal, and keep the record.

Called by sync.hq.service, which gives other work a turn between the steps: stored events never change, so a proof needs
no transaction over the whole range. Nothing that was computed at ingest is trusted here.

Beside the unit under proof a part of everything older is audited each time, round robin. Where many stores prove at
once, or stand in line, that part is small (`Extent`): the hour's proofs come first, and the round takes longer.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.domain.buckets import BUCKET_EVENTS, pack
from agent.domain.errors import Refusal
from agent.limits import AUDIT_EVENTS, FINDINGS, SUSPENSIONS
from sync.hq import audit, claims_audit, lease_audit, offers_audit, own_books, recompute, restored, seals
from sync.hq.bounds import ALTERED_NAMED, AUDIT_PAUSE_S, PROOF_STEP_EVENTS, PROOFS_CALM, RANGES
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.keys import HqKeys
from sync.hq.rolling import Rolling
from sync.hq.strangers import strangers
from sync.hq.walk import Walk
from sync.proof import Finding, ProofAnswer, ProofRequest, proof_signing_bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """How much beside the unit is audited."""

    own: bool = True
    """Of the workstation's own older books: AUDIT_EVENTS sealed events and what was reckoned of them; else one seal."""
    wide: bool = True
    """The next part of what all workstations share: balances, lots, claims, coupons, feeds."""


class Crowd:
    """The proofs under way, and from their number how much is audited beside each."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._under_way = 0
        self._wide_s = 0.0
        self.busy: Callable[[], bool] = lambda: False
        """Whether stores wait for HQ: then no proof audits more than it must."""
        self.alone = asyncio.Lock()
        """Held while one is concluded: others would wait for it in the database, each on a connection of its own."""

    @contextlib.contextmanager
    def one(self) -> Iterator[Extent]:
        """While the block runs one proof more is under way."""
        calm, now = self._under_way < PROOFS_CALM and not self.busy(), self._mono_s()
        wide = calm or now >= self._wide_s + AUDIT_PAUSE_S
        if wide:
            self._wide_s = now
        self._under_way += 1
        try:
            yield Extent(own=calm, wide=wide)
        finally:
            self._under_way -= 1


class Rehash:
    """A proof under way. The unit begins behind the last seal both ends have, else at the beginning of the epoch."""

    def __init__(
        self,
        station: Station,
        request: ProofRequest,
        keys: HqKeys,
        now_ms: int,
        rules: recompute.RuleBook,
        extent: Extent = Extent(),
    ) -> None:
        self.extent = extent
        self.station = station
        self.request = request
        self.rules = rules
        self._keys, self._public_key, self._now_ms = keys, keys.public_key, now_ms
        self._rolling = Rolling(station, request.epoch, keys.public_key, AUDIT_EVENTS if extent.own else 1)
        self.walk: Walk | None = None
        self.after = 0
        self.sealed = 0

    def step(self, connection: Connection) -> bool:
        """Do the next bounded part; True when the proof can be concluded."""
        if self.walk is None and self.request.seals:
            with connection.snapshot(alone="proofs"):
                self._give_back(connection)
                self.walk = self._start(connection)
            return False
        if self.walk is None or self.walk.seen < self.request.count:
            with connection.snapshot():
                self.walk = self.walk or self._start(connection)
                done = self.walk.seen >= self.request.count or self.walk.step(connection, PROOF_STEP_EVENTS)
            if done:
                self.walk.seen = self.request.count
            return False
        with connection.snapshot(alone=f"rolling {self.station.workstation_id}"):
            while not (done := self._rolling.step(connection)) and not self._rolling.walked:
                pass
            return done

    @property
    def missing(self) -> list[tuple[int, int]]:
        """What is gone from sealed ranges."""
        return self._rolling.missing

    @property
    def findings(self) -> list[Finding]:
        """What walk and audit found so far."""
        assert self.walk is not None
        return self.walk.findings + self._rolling.findings

    def _give_back(self, connection: Connection) -> None:
        """Take seals back that HQ has lost: only its own, and only where they continue what it has."""
        who, epoch = self.station.workstation_id, self.request.epoch
        for seal in sorted(self.request.seals, key=lambda one: one.last):
            if (seal.workstation_id, seal.epoch) != (who, epoch) or not seals.is_ours(seal, self._public_key):
                raise Refusal("SEAL_NOT_OURS", "a seal given back is not signed by this HQ", status=422)
            if seal.first == seals.sealed_to(connection, who, epoch) + 1:
                seals.insert(connection, self._keys, seal, self._now_ms)
                reason = f"{who} gave back seal {seal.number} of {epoch}"
                restored.notice(connection, reason, seal.at_ms, self._now_ms)

    def _start(self, connection: Connection) -> Walk:
        who, epoch = self.station.workstation_id, self.request.epoch
        self.sealed = seals.sealed_to(connection, who, epoch)
        row = seals.ending_at(connection, who, epoch, self.request.after)
        if row is not None and seals.is_ours(seals.seal_of(row), self._public_key):
            self.after = self.request.after
        head, sent = audit.start_of(connection, who, epoch, self.after)
        watermark = audit.watermark_of(connection, who, epoch)
        begin = max(self.after, self.sealed) + 1
        return Walk(self.station, epoch, self.request.count, head, sent, self.after, self.after, watermark, begin)


def conclude(connection: Connection, keys: HqKeys, rehash: Rehash, at_ms: int) -> ProofAnswer:
    """Compare, sign, seal and record; equal only if count and head are and nothing is missing."""
    request, walk, station = rehash.request, rehash.walk, rehash.station
    assert walk is not None
    who, head = station.workstation_id, walk.head.hex()
    missing = (rehash.missing + walk.missing)[:RANGES]
    equal = not missing and walk.count == request.count and head == request.head
    message = proof_signing_bytes(who, request.epoch, walk.count, head, equal, at_ms)
    signature = keys.sign(message)
    # ORDER: one moment, alone: balances and postings are compared, and seals take their places one after another.
    with connection.snapshot(alone="proofs"):
        audit.chain_row(connection, walk)
        if not equal and not missing:
            walk.findings.append(
                Finding(
                    side="both",
                    table="events",
                    epoch=request.epoch,
                    key=f"{rehash.after + 1}-{request.count}",
                    code="DIFFERENT",
                )
            )
        findings = rehash.findings + strangers(connection, who) + audit.conflicts(connection, who)
        findings += lease_audit.leases(connection, who)
        if rehash.extent.own:
            findings += recompute.audit(connection, rehash.rules, who)
        if rehash.extent.wide:
            findings += _shared(connection, station.brand_id)
        findings = findings[:FINDINGS]
        if not missing:
            audit.record(connection, who, [*findings, *request.findings], at_ms)
        if equal and not _of_unit(findings, rehash):
            _seal(connection, keys, rehash, walk, at_ms)
        _record(connection, rehash, walk, equal, at_ms, signature)
        known = [seals.seal_of(row) for row in seals.behind(connection, who, request.epoch, request.after)]
        suspensions = seals.suspensions(connection, who, request.epoch, 1, request.count, SUSPENSIONS)
        held = audit.top_of(connection, who, request.epoch)
        suspended = _suspended(connection, who, request)
    located = "" if equal or missing else _buckets(walk, rehash.after, request.count)
    return ProofAnswer(
        epoch=request.epoch,
        count=walk.count,
        head=head,
        equal=equal,
        missing=missing,
        suspended=suspended,
        at_ms=at_ms,
        signature=base64.b64encode(signature).decode(),
        after=rehash.after,
        held=held,
        sealed=rehash.sealed,
        seals=known,
        buckets=located,
        totals=[] if equal else walk.book.rows(),
        suspensions=suspensions,
        findings=findings,
    )


def _shared(connection: Connection, brand_id: str) -> list[Finding]:
    """The next part of the books that no single workstation answers for."""
    findings = audit.accounts(connection) + audit.feeds(connection, brand_id) + lease_audit.lots(connection)
    findings += offers_audit.offers(connection, brand_id) + own_books.audit(connection)
    return findings + claims_audit.claims(connection, brand_id)


def _seal(connection: Connection, keys: HqKeys, rehash: Rehash, walk: Walk, at_ms: int) -> None:
    """Seal the proven unit."""
    who, epoch = rehash.station.workstation_id, rehash.request.epoch
    if seals.sealed_to(connection, who, epoch) != rehash.sealed or rehash.request.after > rehash.sealed:
        return  # another proof sealed meanwhile, or the store holds seals that HQ lost and will give back
    parts = list(walk.marks)
    if walk.count > (parts[-1][0] if parts else rehash.sealed):
        parts.append((walk.count, walk.head.hex(), walk.part.rows()))
    for last, head, totals in parts:
        seals.make(connection, keys, workstation_id=who, epoch=epoch, last=last, head=head, totals=totals, at_ms=at_ms)


def _of_unit(findings: list[Finding], rehash: Rehash) -> bool:
    """Whether the audit found anything in the very rows that would be sealed now."""
    return any(
        one.epoch == rehash.request.epoch
        and one.table in ("events", "postings", "transactions", "chains")
        and (not one.key.isdigit() or int(one.key) > rehash.sealed)
        for one in findings
    )


def _buckets(walk: Walk, after: int, count: int) -> str:
    return base64.b64encode(pack(walk.sums, (after + 1) // BUCKET_EVENTS, count // BUCKET_EVENTS)).decode()


def _suspended(connection: Connection, workstation_id: str, request: ProofRequest) -> int:
    found = connection.execute(
        "SELECT count(*) FROM events WHERE workstation_id = :id AND epoch = :epoch AND state = 'suspended'"
        " AND seq <= :count",
        {"id": workstation_id, "epoch": request.epoch, "count": request.count},
    ).fetchone()
    return int(found[0])


def _record(connection: Connection, rehash: Rehash, walk: Walk, equal: bool, at_ms: int, signature: bytes) -> None:
    connection.execute(
        "INSERT INTO proofs (workstation_id, epoch, proof_no, at_ms, asked_count, asked_head, held_count,"
        " held_head, equal, suspended, detail, signature) SELECT :workstation_id, :epoch,"
        " COALESCE(MAX(proof_no), 0) + 1, :at_ms, :asked_count, :asked_head, :held_count, :held_head, :equal,"
        " :suspended, :detail, :signature FROM proofs WHERE workstation_id = :workstation_id AND epoch = :epoch",
        {
            "workstation_id": rehash.station.workstation_id,
            "epoch": rehash.request.epoch,
            "at_ms": at_ms,
            "asked_count": rehash.request.count,
            "asked_head": bytes.fromhex(rehash.request.head),
            "held_count": walk.count,
            "held_head": walk.head,
            "equal": int(equal),
            "suspended": walk.suspended,
            "detail": json.dumps({"altered": walk.altered[:ALTERED_NAMED], "missing": walk.missing}),
            "signature": signature,
        },
    )
