"""Outbox -> HQ: events leave in signed batches, and only HQ's verdict for an event settles it.

Run by the composition root as one task. Transport failures back off and spend no retry budget; a poison event blocks
no other: it is suspended by HQ, or here when HQ cannot even read it.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.books_ports import Books, Outbox, StoredEvent
from agent.domain.errors import DiskLow, HqRejected, HqUnreachable, SyncError
from agent.domain.ids import random_id
from agent.limits import BACKOFF_CAP_S, BATCH_BYTES, BATCH_EVENTS
from agent.ports import Clock, Entropy, Hq, KeyRing
from sync.patience import asked, pause_s, turn_s
from sync.proof import ProofAnswer, ProofRide
from sync.protocol import Batch, BatchAnswer, Verdict, VerdictKind, WireEvent, batch_signing_bytes

_EPOCH_BYTES = 10
_CONTENT_STATUSES = (400, 413, 422)  # HQ could read who we are but not what we said: split, then suspend


@dataclass(frozen=True, slots=True)
class PushPorts:
    """What pushing needs."""

    outbox: Outbox
    books: Books
    hq: Hq
    keys: KeyRing
    clock: Clock
    entropy: Entropy


@dataclass(slots=True)
class Ride:
    """A proof that rides on the last batch of an epoch, if that batch ends exactly where the store's rehash did."""

    epoch: str
    after: int
    count: int
    head: str
    answer: ProofAnswer | None = None

    def fits(self, batch: Batch) -> bool:
        """Whether the batch's last event and head are those of the proof."""
        return (batch.epoch, batch.last, batch.head) == (self.epoch, self.count, self.head)


class Pusher:
    """Sends what is pending, oldest first."""

    def __init__(self, ports: PushPorts, workstation_id: str) -> None:
        self._ports = ports
        self._workstation_id = workstation_id
        self._limit = BATCH_EVENTS
        self.on_fork: Callable[[str, str], None] = lambda _old, _new: None
        """Told (old epoch, new epoch) when HQ holds other books under our names."""
        self.wake = asyncio.Event()
        """Set when an event was booked."""
        self.reached = asyncio.Event()
        """Set when HQ was reached by another call: ends a back-off early."""
        self.ride: Ride | None = None
        """The proof to attach to the batch that ends where it ends; set by reconcile."""
        self.alarm = ""
        """Why sync stopped: HQ does not accept this workstation. Empty while all is well."""
        self._turn_s = 0.0
        self._urgent = False
        self._stirred = asyncio.Event()

    async def push_once(self) -> int:
        """Send one batch; how many events were settled, 0 when nothing waits. Raises SyncError."""
        ports = self._ports
        epoch, events = await ports.outbox.pending(self._limit, BATCH_BYTES)
        if not events:
            return 0
        batch = await self._batch(epoch, events)
        ride = self.ride if self.ride is not None and self.ride.fits(batch) else None
        if ride is not None:
            batch = batch.model_copy(update={"proof": ProofRide(after=ride.after)})
        try:
            answer = await ports.hq.push(batch)
        except HqRejected as error:
            if error.status not in _CONTENT_STATUSES:
                raise
            if len(events) > 1:
                self._limit = max(1, len(events) // 2)
                return await self.push_once()
            answer = _suspended_here(events[0].seq, error)
        self._limit = min(BATCH_EVENTS, self._limit * 2)
        sent = {event.seq for event in events}
        verdicts = [said for said in answer.verdicts if said.seq in sent]
        fresh = random_id("ep", ports.entropy.token(_EPOCH_BYTES))
        settled = answer.model_copy(update={"verdicts": verdicts})
        if await ports.outbox.settle(epoch, settled, ports.clock.now_ms(), fresh):
            self.on_fork(epoch, fresh)
        if ride is not None:
            ride.answer = answer.proof
        if not verdicts:
            raise HqUnreachable("HQ gave no verdict for any event", hint="is this the right HQ?")
        return len(verdicts)

    async def push_all(self) -> int:
        """Send until nothing waits; how many events were settled. Raises SyncError."""
        total = 0
        while sent := await self.push_once():
            total += sent
        return total

    def leave_alone(self, seconds: float) -> None:
        """HQ, which has much to do, has room for our next batch in so many seconds; a proof does not wait for it."""
        ports = self._ports
        self._turn_s = ports.clock.mono_s() + turn_s(seconds, ports.entropy)
        self._stirred.set()

    def hurry(self) -> None:
        """Send all that waits, in our turn or not: another till, or HQ itself, waits for what was booked."""
        self._urgent = True
        self._stirred.set()
        self.wake.set()

    async def run(self) -> None:
        """Send for ever: at once when woken, or in the turn HQ gave us, backing off while HQ cannot be reached."""
        attempt = 0
        while True:
            await self._turn_comes()
            self.wake.clear()
            urgent, self._urgent = self._urgent, False
            try:
                sent = await self.push_once()
                self._urgent |= urgent and sent > 0  # ORDER: what was hurried on meanwhile stays so
            except SyncError as error:
                attempt += 1
                self._urgent |= urgent
                self.alarm = error.message if isinstance(error, HqRejected) else ""
                await self._back_off(self._pause(attempt, error), asked=asked(error) > 0)
            except DiskLow:  # HQ has them, the verdicts could not be kept: sent again later, and found to exist
                attempt += 1
                await self._back_off(self._pause(attempt, HqUnreachable("")))
            else:
                attempt, self.alarm = 0, ""
                if not sent:
                    await self.wake.wait()

    async def _turn_comes(self) -> None:
        while not self._urgent and (left_s := self._turn_s - self._ports.clock.mono_s()) > 0:
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._stirred.wait()

    def _pause(self, attempt: int, error: SyncError) -> float:
        if isinstance(error, HqRejected):
            return BACKOFF_CAP_S
        return pause_s(attempt, error, self._ports.entropy)

    async def _back_off(self, seconds: float, *, asked: bool = False) -> None:
        # A new sale must not cut this short: thirty sales a minute would hammer a sick HQ. HQ being there again may,
        # unless it was there and asked for the pause.
        if asked:
            await asyncio.sleep(seconds)
            return
        self.reached.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.reached.wait()

    async def _batch(self, epoch: str, events: Sequence[StoredEvent]) -> Batch:
        first, last, head = events[0].seq, events[-1].seq, events[-1].chain.hex()
        signature = self._ports.keys.sign(batch_signing_bytes(self._workstation_id, epoch, first, last, head))
        refs = [ref for event in events if isinstance(ref := json.loads(event.body).get("payer_ref"), str)]
        return Batch(
            epoch=epoch,
            first=first,
            last=last,
            head=head,
            signature=base64.b64encode(signature).decode(),
            events=[WireEvent(seq=event.seq, body=event.body.decode(), chain=event.chain.hex()) for event in events],
            payers=await self._ports.books.payers(list(dict.fromkeys(refs))),
        )


def _suspended_here(seq: int, error: HqRejected) -> BatchAnswer:
    verdict = Verdict(seq=seq, verdict=VerdictKind.SUSPENDED, code=f"HQ_{error.status}_{error.code}"[:64])
    return BatchAnswer(watermark=0, gaps=[], verdicts=[verdict])
