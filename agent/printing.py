"""The print service: one task per printer that takes jobs from the print ledger and records honestly how they ended.

Built by agent.main, one per printer, so that a dead printer blocks no other (pains 18). Between jobs it looks at the
printer (agent.printer_watch). Must never send a job again after bytes may have left (pains 16, 17), never repeat a
drawer pulse (pains 25), never mark before the fact is durable.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from agent import limits
from agent.books_ports import JobKind, JobState, NewPrintJob, PrintJob, PrintLedger
from agent.device_ports import Printer, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable, DiskLow, Refusal
from agent.domain.ids import random_id
from agent.domain.receipts import reprint
from agent.ports import Clock, Entropy
from agent.printer_watch import OnHealth, PrinterWatch
from agent.wording import sentence

OnState = Callable[[str, JobState, str], Awaitable[None]]
"""(job_id, state, note): called after the ledger holds the state; the note begins with a code of agent.wording."""

_VERDICTS = {PrintVerdict.SENT: JobState.SENT, PrintVerdict.CONFIRMED: JobState.CONFIRMED}
_WAITING = (JobState.QUEUED, JobState.SENDING)


class PrintService:
    """Serves the queue of one printer. `run` is a task of the composition root; `wake` after every queued job.

    `watch_s`: seconds between two looks at the printer, 0 for none.
    """

    def __init__(
        self,
        printer: Printer,
        ledger: PrintLedger,
        clock: Clock,
        entropy: Entropy,
        *,
        on_state: OnState,
        on_health: OnHealth,
        watch_s: float = limits.PRINT_WATCH_S,
    ) -> None:
        self.printer = printer
        self._ledger = ledger
        self._clock = clock
        self._entropy = entropy
        self._on_state = on_state
        self._watch = PrinterWatch(printer, on_health)
        self._watch_s = watch_s
        self._queued = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._failures = 0

    def wake(self) -> None:
        """Tell the service that a job was queued; also ends a back-off early. Call on the event loop."""
        self._queued.set()

    async def idle(self) -> None:
        """Wait until no job is on its way to the paper; used by the ordered stop."""
        await self._at_rest.wait()

    async def run(self) -> None:
        """Print jobs, oldest first, until cancelled.

        Cancelled during a job it leaves the job SENDING: PrintLedger.recover makes that UNCONFIRMED at the next start,
        because bytes may have left.
        """
        last = await self._ledger.last_sent(self.printer.name)
        if last is not None and last.state in (JobState.SENDING, JobState.UNCONFIRMED):
            self.printer.distrust(last.document)
        while True:
            self._queued.clear()  # ORDER: cleared before looking, so that a job queued meanwhile is not missed
            with contextlib.suppress(DiskLow):  # it expires later; what is queued now is looked at all the same
                for expired in await self._ledger.expire(self.printer.name, self._clock.now_ms()):
                    await self._on_state(expired, JobState.EXPIRED, "")
            job = await self._ledger.next_job(self.printer.name)
            if job is None:
                await self._rest(None)
            elif not await self._undisturbed(job):
                await self._back_off()

    async def reprint(self, job_id: str) -> str:
        """Queue a copy of a finished job, marked 补打, and return its id.

        Raises Refusal: PRINT_JOB_UNKNOWN, PRINT_JOB_PENDING for one that will still be printed, and
        DRAWER_NOT_REPRINTABLE, because a drawer pulse is never repeated.
        """
        job = await self._ledger.job(job_id)
        if job is None or job.printer != self.printer.name:
            raise _refuse("PRINT_JOB_UNKNOWN", 404)
        if job.kind is JobKind.DRAWER:
            raise _refuse("DRAWER_NOT_REPRINTABLE", 409)
        if job.state in _WAITING:
            raise _refuse("PRINT_JOB_PENDING", 409)
        now_ms = self._clock.now_ms()
        copy = NewPrintJob(
            job_id=random_id("prt", self._entropy.token(10)),
            printer=job.printer,
            kind=job.kind,
            document=reprint(job.document, at_ms=now_ms),
            expires_at_ms=now_ms + limits.RECEIPT_EXPIRY_S * 1000,
        )
        await self._ledger.add(copy, now_ms, reprint_of=job_id)
        self.wake()
        return copy.job_id

    async def _undisturbed(self, job: PrintJob) -> bool:
        self._at_rest.clear()
        try:
            return await self._attempt(job)
        finally:
            self._at_rest.set()

    async def _attempt(self, job: PrintJob) -> bool:
        """Print one job and record the end; False when the printer deserves a pause.

        A retry that changes nothing is not announced: a night without paper must not flood the event stream.
        """
        # ORDER: durable before the first byte can leave
        await self._mark(job, JobState.SENDING, job.note, announce=not job.note)
        try:
            verdict = await self._watched(job)
        except DeviceUnavailable as error:
            state = JobState.FAILED if job.kind is JobKind.DRAWER else JobState.QUEUED
            again = state is JobState.QUEUED and error.message == job.note
            await self._mark(job, state, error.message, announce=not again)
            self._failures += 1
            await self._watch.failed(error)
            return False
        except DeviceAmbiguous as error:
            await self._mark(job, JobState.UNCONFIRMED, error.message)
            self._failures += 1
            await self._watch.failed(error)
            return False
        await self._mark(job, _VERDICTS[verdict])
        self._failures = 0
        await self._watch.printed(verdict)
        return True

    async def _watched(self, job: PrintJob) -> PrintVerdict:
        """Print; a job may wait minutes for paper in the printer, and meanwhile it is said why."""
        if not self._watch_s:
            return await self.printer.print(job.document)
        printing = asyncio.ensure_future(self.printer.print(job.document))
        try:
            while not (await asyncio.wait({printing}, timeout=self._watch_s))[0]:
                await self._watch.look(at_work=True)
            return await printing
        finally:
            printing.cancel()

    async def _mark(self, job: PrintJob, state: JobState, note: str = "", *, announce: bool = True) -> None:
        while True:
            try:
                await self._ledger.mark(job.job_id, state, note)
                break
            except DiskLow:  # paper waits for the fact before it, and the fact after it is not forgotten
                await asyncio.sleep(limits.DISK_CHECK_S)
        if announce:
            await self._on_state(job.job_id, state, note)

    async def _back_off(self) -> None:
        """Wait longer after each failure, jittered and capped; a newly queued job is worth an attempt at once."""
        ceiling_s = min(limits.PRINT_RETRY_MAX_S, limits.PRINT_RETRY_BASE_S * 2 ** min(self._failures, 16))
        await self._rest(self._entropy.uniform(ceiling_s / 2, ceiling_s))

    async def _rest(self, most_s: float | None) -> None:
        """Wait for a queued job, at most so long (None: for ever); a printer that is seen to recover ends it too."""
        left_s = most_s
        while left_s is None or left_s > 0:
            step_s = left_s
            if self._watch_s:
                step_s = self._watch_s if left_s is None else min(left_s, self._watch_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(step_s):
                    await self._queued.wait()
                return
            assert step_s is not None  # only a wait with an end can time out
            left_s = None if left_s is None else left_s - step_s
            if self._watch_s and await self._watch.look() and most_s is not None:
                return


def _refuse(code: str, status: int) -> Refusal:
    return Refusal(code, code, hint=sentence(code), status=status)
