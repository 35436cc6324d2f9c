"""HQ's half of the hourly proof: rehash the stored bodies of one epoch, compare, sign, and keep the record.

Called by sync.hq.service, which gives other work a turn between the steps: stored events never change, so a proof needs
no transaction over the whole range. Nothing that was computed at ingest is trusted here.
"""

import base64
import json
from dataclasses import dataclass, field

from agent.domain.digest import event_digest, extend, genesis
from agent.sqlite import Connection, transaction
from sync.hq.bounds import ALTERED_NAMED, PROOF_STEP_EVENTS, RANGES
from sync.hq.keys import HqKeys
from sync.protocol import ProofAnswer, ProofRequest, proof_signing_bytes


@dataclass(slots=True)
class Rehash:
    """A rehash under way. `count` and `head` are those of the contiguous prefix, which ends before the first gap."""

    workstation_id: str
    request: ProofRequest
    head: bytes = b""
    count: int = 0
    seen: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    suspended: int = 0
    altered: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.head = genesis(self.workstation_id, self.request.epoch)

    def step(self, connection: Connection) -> bool:
        """Rehash the next PROOF_STEP_EVENTS events; True when the range is done."""
        rows = connection.execute(
            "SELECT seq, body, digest, state FROM events WHERE workstation_id = :workstation_id AND epoch = :epoch"
            " AND seq > :seen AND seq <= :count ORDER BY seq LIMIT :limit",
            {
                "workstation_id": self.workstation_id,
                "epoch": self.request.epoch,
                "seen": self.seen,
                "count": self.request.count,
                "limit": PROOF_STEP_EVENTS,
            },
        ).fetchall()
        for row in rows:
            seq, digest = row["seq"], event_digest(row["body"].encode())
            self._lack(self.seen + 1, seq - 1)
            if not self.missing:
                self.head, self.count = extend(self.head, digest), seq
            if digest != row["digest"] and len(self.altered) < ALTERED_NAMED:
                self.altered.append(seq)
            self.suspended += row["state"] == "suspended"
            self.seen = seq
        if len(rows) == PROOF_STEP_EVENTS:
            return False
        self._lack(self.seen + 1, self.request.count)
        return True

    def _lack(self, first: int, last: int) -> None:
        if first <= last and len(self.missing) < RANGES:
            self.missing.append((first, last))


def conclude(connection: Connection, keys: HqKeys, rehash: Rehash, at_ms: int) -> ProofAnswer:
    """Compare, sign and record a finished rehash; equal only if count and head are and nothing is missing."""
    request, head = rehash.request, rehash.head.hex()
    equal = not rehash.missing and rehash.count == request.count and head == request.head
    message = proof_signing_bytes(rehash.workstation_id, request.epoch, rehash.count, head, equal, at_ms)
    signature = keys.sign(message)
    with transaction(connection):
        connection.execute(
            "INSERT INTO proofs (workstation_id, epoch, proof_no, at_ms, asked_count, asked_head, held_count,"
            " held_head, equal, suspended, detail, signature) SELECT :workstation_id, :epoch,"
            " COALESCE(MAX(proof_no), 0) + 1, :at_ms, :asked_count, :asked_head, :held_count, :held_head, :equal,"
            " :suspended, :detail, :signature FROM proofs WHERE workstation_id = :workstation_id AND epoch = :epoch",
            {
                "workstation_id": rehash.workstation_id,
                "epoch": request.epoch,
                "at_ms": at_ms,
                "asked_count": request.count,
                "asked_head": bytes.fromhex(request.head),
                "held_count": rehash.count,
                "held_head": rehash.head,
                "equal": int(equal),
                "suspended": rehash.suspended,
                "detail": json.dumps({"altered": rehash.altered, "missing": rehash.missing}),
                "signature": signature,
            },
        )
    return ProofAnswer(
        epoch=request.epoch,
        count=rehash.count,
        head=head,
        equal=equal,
        missing=rehash.missing,
        suspended=rehash.suspended,
        at_ms=at_ms,
        signature=base64.b64encode(signature).decode(),
    )
