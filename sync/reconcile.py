"""The hourly proof: both ends rehash what they hold; equal heads and counts prove equal books.

Called by the waker, at start after downtime and by `pos-agent reconcile`. Missing events heal by resending; nothing
altered heals by itself. It never holds up a sale.
"""

import base64
from dataclasses import dataclass, field

from agent.domain.digest import Json
from agent.domain.errors import HqRejected, SyncError
from agent.ports import Clock, Hq, KeyRing, Outbox, ProofRecord
from sync.protocol import ProofAnswer, ProofRequest, proof_signing_bytes
from sync.push import Pusher

_ROUNDS = 4  # LIMIT: push, prove, heal, prove; a till that sells meanwhile may need one more


@dataclass(frozen=True, slots=True)
class EpochProof:
    """The proof of one epoch: what both ends computed, and what was found on the way."""

    epoch: str
    count: int
    head: str
    hq_count: int
    hq_head: str
    equal: bool
    healed: tuple[tuple[int, int], ...] = ()
    """Ranges HQ lacked although it once acknowledged them; they were sent again."""
    altered_here: tuple[int, ...] = ()
    """Events whose stored bytes no longer fit the chain in this store's own books."""
    suspended: int = 0
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run over all epochs. `result`: equal, healed, different or unreachable."""

    result: str
    trigger: str
    at_ms: int
    pushed: int = 0
    epochs: tuple[EpochProof, ...] = ()
    requests: int = 0
    bytes: int = 0
    reason: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def equal(self) -> bool:
        """Whether both books were proven equal."""
        return self.result in ("equal", "healed")


class Reconciler:
    """Runs the proof and records it."""

    def __init__(
        self, outbox: Outbox, pusher: Pusher, hq: Hq, keys: KeyRing, clock: Clock, workstation_id: str
    ) -> None:
        self._outbox = outbox
        self._pusher = pusher
        self._hq = hq
        self._keys = keys
        self._clock = clock
        self._workstation_id = workstation_id

    async def run(self, trigger: str) -> Reconciliation:
        """Push what waits, prove every epoch, heal what HQ lacks, record the result."""
        before, started_s, at_ms = self._hq.traffic(), self._clock.mono_s(), self._clock.now_ms()
        pushed, reason = 0, ""
        proofs: list[EpochProof] = []
        try:
            pushed = await self._pusher.push_all()
            proofs = [await self._prove(epoch) for epoch in await self._outbox.epochs()]
            result = _result(proofs)
        except SyncError as error:
            result, reason = "different" if isinstance(error, HqRejected) else "unreachable", error.message
        after = self._hq.traffic()
        run = Reconciliation(
            result=result,
            trigger=trigger,
            at_ms=at_ms,
            pushed=pushed,
            epochs=tuple(proofs),
            requests=after.requests - before.requests,
            bytes=after.bytes_up + after.bytes_down - before.bytes_up - before.bytes_down,
            reason=reason,
            seconds=self._clock.mono_s() - started_s,
        )
        await self._record(run)
        return run

    async def last_run_ms(self) -> int | None:
        """When the latest proof that reached HQ was recorded; an unreachable HQ leaves the hour due."""
        for proof in await self._outbox.proofs(50):
            if proof.result != "unreachable":
                return proof.at_ms
        return None

    async def _prove(self, epoch: str) -> EpochProof:
        healed: list[tuple[int, int]] = []
        for _ in range(_ROUNDS):
            count, head, altered = await self._outbox.rehash(epoch)
            answer = await self._hq.prove(ProofRequest(epoch=epoch, count=count, head=head))
            self._check_signature(answer)
            if answer.missing and not answer.equal:
                if await self._outbox.requeue(epoch, answer.missing):
                    healed += answer.missing
                await self._pusher.push_all()
                continue
            break
        return EpochProof(
            epoch=epoch,
            count=count,
            head=head,
            hq_count=answer.count,
            hq_head=answer.head,
            equal=answer.equal and answer.head == head and answer.count == count and not altered,
            healed=tuple(healed),
            altered_here=tuple(altered),
            suspended=answer.suspended,
            signature=answer.signature,
        )

    def _check_signature(self, answer: ProofAnswer) -> None:
        message = proof_signing_bytes(
            self._workstation_id, answer.epoch, answer.count, answer.head, answer.equal, answer.at_ms
        )
        if not self._keys.verify_hq(base64.b64decode(answer.signature), message):
            raise HqRejected("the proof is not signed by our HQ", status=0, hint="is this the HQ we enrolled at?")

    async def _record(self, run: Reconciliation) -> None:
        epochs: list[Json] = [
            {
                "epoch": proof.epoch,
                "count": proof.count,
                "head": proof.head,
                "hq_count": proof.hq_count,
                "hq_head": proof.hq_head,
                "equal": proof.equal,
                "healed": [list(pair) for pair in proof.healed],
                "altered_here": list(proof.altered_here),
                "suspended": proof.suspended,
                "signature": proof.signature,
            }
            for proof in run.epochs
        ]
        last = run.epochs[-1] if run.epochs else None
        detail: dict[str, Json] = {
            "epochs": epochs,
            "pushed": run.pushed,
            "requests": run.requests,
            "bytes": run.bytes,
            "reason": run.reason,
        }
        await self._outbox.record_proof(
            ProofRecord(
                at_ms=run.at_ms,
                trigger=run.trigger,
                epoch=last.epoch if last else "",
                count=last.count if last else 0,
                head=last.head if last else "",
                result=run.result,
                detail=detail,
            )
        )


def _result(proofs: list[EpochProof]) -> str:
    if not all(proof.equal for proof in proofs):
        return "different"
    return "healed" if any(proof.healed for proof in proofs) else "equal"
