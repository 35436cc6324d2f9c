"""The hourly proof: both ends rehash what they hold; equal heads and counts prove equal books.

Called by the waker, at start after downtime and by `pos-agent reconcile`. Missing events heal by resending; nothing
altered heals by itself: it is located, named and recorded. It never holds up a sale.
"""

from collections.abc import Callable, Sequence

from agent.books_ports import Outbox, ProofRecord
from agent.domain.digest import Json
from agent.domain.errors import HqRejected, HqUnreachable, SyncError
from agent.domain.ids import random_id
from agent.limits import FINDINGS, PROOF_SEALS, PROOF_UNIT_EVENTS, RIDE_EVENTS
from agent.ports import Clock, Entropy, Hq, KeyRing
from agent.proof_ports import Difference, ProofBooks, Unit
from sync.answered import check_signature, take_seals
from sync.descent import Descent
from sync.downward import Downward
from sync.patience import asked, pause_s
from sync.proof import Finding, ProofAnswer, ProofRequest, Seal
from sync.push import Pusher, Ride
from sync.schedule import is_due
from sync.verdict import EpochProof, Reconciliation, altered_here, as_json, lost, once, result_of

_ROUNDS = 4  # LIMIT: push, prove, heal, prove; a till that sells meanwhile may need one more
_EPOCH_BYTES = 10
_WHOLE = 2**53 - 1
Progress = Callable[[str], None]


class Reconciler:
    """Runs the proof and records it."""

    def __init__(
        self,
        outbox: Outbox,
        books: ProofBooks,
        pusher: Pusher,
        hq: Hq,
        keys: KeyRing,
        clock: Clock,
        entropy: Entropy,
        workstation_id: str,
        downward: Downward,
    ) -> None:
        self._outbox = outbox
        self._books = books
        self._pusher = pusher
        self._hq = hq
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._workstation_id = workstation_id
        self._downward = downward
        self._rolled: Sequence[Finding] = ()
        self._failures = 0
        self._not_before_s = 0.0

    async def run(self, trigger: str, progress: Progress = lambda _: None) -> Reconciliation:
        """Audit, push what waits with the proof on the last batch, prove every epoch, check the replica, record."""
        before, started_s, at_ms = self._hq.traffic(), self._clock.mono_s(), self._clock.now_ms()
        pushed, reason, result = 0, "", ""
        proofs: list[EpochProof] = []
        found: list[Difference] = []
        try:
            progress("audit")
            self._rolled = await self._audit()
            found += [Difference(one) for one in self._rolled]
            progress("push")
            ride = await self._ride()
            pushed = await self._pusher.push_all()
            self._pusher.ride = None
            for epoch in await self._outbox.epochs():
                progress(f"proof {epoch}")
                proof = await self._prove(epoch, ride.answer if ride is not None and ride.epoch == epoch else None)
                proofs.append(proof)
                found += proof.differences
            proved = self._hq.traffic().requests
            progress("replica")
            found += [Difference(one) for one in await self._downward.check()]
        except SyncError as error:
            proved = self._hq.traffic().requests
            result, reason = "different" if isinstance(error, HqRejected) else "unreachable", error.message
            self._leave_alone(error)
        else:
            self._failures = 0
        finally:
            self._pusher.ride = None
        found = once(found)
        explained = await self._books.record(found, at_ms) if found else []
        result = result or result_of(proofs, found, explained)
        after = self._hq.traffic()
        run = Reconciliation(
            result=result,
            trigger=trigger,
            at_ms=at_ms,
            pushed=pushed,
            epochs=tuple(proofs),
            requests=proved - before.requests,
            bytes=after.bytes_up + after.bytes_down - before.bytes_up - before.bytes_down,
            reason=reason,
            differences=tuple(found),
            explained=len(explained),
            seconds=self._clock.mono_s() - started_s,
        )
        await self._record(run)
        return run

    async def due(self, slot: int) -> bool:
        """Whether the hourly proof should run now: it is due, and HQ need not be left alone any longer.

        `slot`: seconds after the full hour at which this store proves (sync.schedule).
        """
        if self._clock.mono_s() < self._not_before_s:
            return False
        return is_due(await self.last_run_ms(), self._clock.now_ms(), slot)

    def _leave_alone(self, error: SyncError) -> None:
        """After a proof that did not reach HQ the next waits, each time longer: the hour is due for every store.

        After the first failure the waker's own pause is enough, unless HQ asked for a longer one.
        """
        if isinstance(error, HqUnreachable):
            if self._failures or asked(error):
                self._not_before_s = self._clock.mono_s() + pause_s(self._failures, error, self._entropy)
            self._failures += 1

    async def last_run_ms(self) -> int | None:
        """When the latest proof that reached HQ was recorded; an unreachable HQ leaves the hour due."""
        for proof in await self._outbox.proofs(50):
            if proof.result != "unreachable":
                return proof.at_ms
        return None

    async def _audit(self) -> list[Finding]:
        """The store's own old ranges, before anything is sent: what was altered must not be resent as if it waited."""
        found = await self._books.strangers()
        for epoch in await self._outbox.epochs():
            found += await self._books.roll(epoch)
        return found

    async def _ride(self) -> Ride | None:
        """Let the proof of the epoch in force ride on its last batch, where our own rows are in order."""
        epochs = await self._outbox.epochs()
        if not epochs or self._rolled or not (await self._outbox.outbox_counts()).pending:
            return None
        epoch = epochs[-1]
        unit = await self._books.unit(epoch)
        if unit.altered or unit.findings or unit.more or not 0 < unit.count - unit.after <= RIDE_EVENTS:
            return None
        self._pusher.ride = Ride(epoch, unit.after, unit.count, unit.head)
        return self._pusher.ride

    async def _prove(self, epoch: str, ridden: ProofAnswer | None) -> EpochProof:
        healed: list[tuple[int, int]] = []
        gone: list[Seal] = []
        found: list[Difference] = []
        rounds, most = 0, PROOF_UNIT_EVENTS
        while True:
            unit = await self._books.unit(epoch, most=most)
            answer = await self._ask(unit, gone, ridden)
            ridden, rounds = None, rounds + 1
            sealed = await self._books.seals(epoch, answer.sealed)
            if sealed and not gone and answer.sealed < sealed[0].last and rounds < _ROUNDS:
                gone = [seal for seal in sealed if self._books.is_hqs(seal)]
                found += [Difference(lost(seal)) for seal in gone]
                if gone:
                    continue
            if answer.missing and not answer.equal and rounds < _ROUNDS:
                if await self._outbox.requeue(epoch, answer.missing):
                    healed += answer.missing
                await self._pusher.push_all()
                continue
            if unit.more and answer.equal and most == PROOF_UNIT_EVENTS:
                # One part is proven. Where HQ would not seal it, the rest is proven together with it, in one long call.
                found += [Difference(one) for one in await take_seals(self._books, unit, answer)]
                rounds = 0
                if not any(seal.last == unit.count for seal in answer.seals):
                    most = _WHOLE
                continue
            break
        found += [Difference(one) for one in [*unit.findings, *answer.findings]]
        found += await self._fork(epoch, answer)
        found += [Difference(one) for one in await take_seals(self._books, unit, answer)]
        learned = await self._books.learn_suspensions(epoch, answer.suspensions, unit.count)
        found += [Difference(one) for one in learned]
        equal = answer.equal and answer.head == unit.head and answer.count == unit.count and not unit.altered
        located = await self._locate(unit, answer, found, equal=equal)
        found += [Difference(one) for one in self._rolled if one.epoch == epoch]
        named = {one.finding.key for one in located}
        found = located + [one for one in found if not (one.finding.table == "events" and one.finding.key in named)]
        return EpochProof(
            epoch=epoch,
            count=unit.count,
            head=unit.head,
            hq_count=answer.count,
            hq_head=answer.head,
            equal=equal,
            healed=tuple(healed),
            altered_here=altered_here(found),
            suspended=answer.suspended,
            signature=answer.signature,
            after=unit.after,
            totals=tuple(unit.totals),
            hq_totals=tuple(answer.totals),
            differences=tuple(found),
        )

    async def _ask(self, unit: Unit, gone: Sequence[Seal], ridden: ProofAnswer | None) -> ProofAnswer:
        """HQ's signed answer for one unit: the one that rode on a push, if it is of this very unit, else a new one."""
        answer = ridden
        if answer is None or answer.count != unit.count:
            mine = [one for one in self._rolled if one.epoch == unit.epoch]
            request = ProofRequest(
                epoch=unit.epoch,
                after=unit.after,
                count=unit.count,
                head=unit.head,
                seals=list(gone[:PROOF_SEALS]),
                findings=[*mine, *unit.findings][:FINDINGS],
            )
            answer = await self._hq.prove(request)
        check_signature(self._keys, self._workstation_id, answer, unit.epoch)
        return answer

    async def _locate(
        self, unit: Unit, answer: ProofAnswer, found: Sequence[Difference], *, equal: bool
    ) -> list[Difference]:
        """Name every event that differs: in the unit, and in old sealed ranges whose rows no longer give their head."""
        descent = Descent(self._books, self._hq, unit.epoch, max(unit.count, answer.count))
        seqs: set[int] = set()
        if not equal and answer.buckets and not answer.missing:
            seqs |= set(await descent.unit(unit, answer))
        elif not equal and answer.missing:
            seqs |= set(await descent.span(unit.after + 1, unit.count))
        if not equal and unit.more:  # this part is not sealed, so the next cannot be proven: look at the rest as well
            top = await self._books.last_seq(unit.epoch)
            seqs |= set(await Descent(self._books, self._hq, unit.epoch, top).span(unit.count + 1, top))
        broken = {"store": set(unit.altered), "hq": set[int]()}
        for one in self._all_findings(unit.epoch, found):
            if one.table != "events":
                continue
            if one.code == "SEALED_HEAD":
                first, _, last = one.key.partition("-")
                seqs |= set(await descent.span(int(first), int(last)))
            elif one.key.isdigit() and one.side in broken:
                broken[one.side].add(int(one.key))
        return await descent.compare(sorted(seqs), broken["store"], broken["hq"])

    def _all_findings(self, epoch: str, found: Sequence[Difference]) -> list[Finding]:
        mine = [one for one in self._rolled if one.epoch == epoch]
        return [*mine, *(one.finding for one in found)]

    async def _fork(self, epoch: str, answer: ProofAnswer) -> list[Difference]:
        """HQ holds more of this epoch than we do: these books are older than what they once sent."""
        fresh = random_id("ep", self._entropy.token(_EPOCH_BYTES))
        if not await self._books.leave_epoch(epoch, answer.held, fresh, self._clock.now_ms()):
            return []
        self._pusher.on_fork(epoch, fresh)
        detail = f"HQ holds {answer.held} events of this epoch; selling goes on in {fresh}"
        finding = Finding(side="both", table="events", epoch=epoch, key=str(answer.held), code="FORK", detail=detail)
        return [Difference(finding)]

    async def _record(self, run: Reconciliation) -> None:
        last = run.epochs[-1] if run.epochs else None
        detail: dict[str, Json] = as_json(run)
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
