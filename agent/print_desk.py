"""Paper and the drawer for whoever calls the API: what a POS wants printed, copies, and opening the drawer, audited.

Called by agent.api.print_jobs and the Odoo-style listener. Queues only: agent.printing puts it on paper. A caller's id
makes a call idempotent: the same id with other contents is a conflict, never a second page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent import limits
from agent.announce import Announcer
from agent.books_ports import JobKind, NewPrintJob, PrintJob, PrintLedger
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.receipt import Document
from agent.domain.receipts import drawer_pulse
from agent.ports import Clock, Entropy
from agent.printing import PrintService

_JOB_BYTES = 10


@dataclass(frozen=True, slots=True)
class DrawerOpening:
    """Who had the drawer opened, and why; kept for good."""

    job_id: str
    at_ms: int
    operator: str
    reason: str
    app: str


class DrawerBook(Protocol):
    """Where openings of the drawer are written down."""

    async def note(self, one: DrawerOpening, job: NewPrintJob) -> None:
        """Write it down and queue the pulse, in one transaction."""
        ...

    async def openings(self, limit: int) -> list[DrawerOpening]:
        """Newest first."""
        ...


class PrintDesk:
    """The print ledger as callers use it."""

    def __init__(
        self, ledger: PrintLedger, services: Sequence[PrintService], drawers: DrawerBook, announcer: Announcer,
        clock: Clock, entropy: Entropy, main_printer: str,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._services = services
        self._drawers = drawers
        self._announcer = announcer
        self._clock = clock
        self._entropy = entropy
        self._main = main_printer
        self._queueing: set[str] = set()

    async def queue(self, print_id: str, printer: str, document: Document) -> tuple[PrintJob, bool]:
        """Queue a document; the job, and whether it is new. Refusal PRINTER_UNKNOWN, PRINT_ID_CONFLICT, IN_FLIGHT."""
        service = self._service(printer)
        now_ms = self._clock.now_ms()
        job = NewPrintJob(
            f"pos:{print_id}", service.printer.name, JobKind.RECEIPT, document, now_ms + limits.RECEIPT_EXPIRY_S * 1000
        )
        found = await self._begin(job)
        if found is not None:
            return found, False
        try:
            await self._ledger.add(job, now_ms)
        finally:
            self._queueing.discard(job.job_id)
        service.wake()
        return await self.job(job.job_id), True

    async def open_drawer(self, drawer_id: str, printer: str, operator: str, reason: str, app: str) -> PrintJob:
        """Pulse the drawer once; repeated with the same id it is not pulsed again. Refusals as in `queue`."""
        service = self._service(printer)
        now_ms = self._clock.now_ms()
        job = NewPrintJob(
            f"drw:{drawer_id}",
            service.printer.name,
            JobKind.DRAWER,
            drawer_pulse(),
            now_ms + limits.DRAWER_EXPIRY_S * 1000,
        )
        found = await self._begin(job)
        if found is not None:
            return found
        try:
            await self._drawers.note(DrawerOpening(job.job_id, now_ms, operator, reason, app), job)
        finally:
            self._queueing.discard(job.job_id)
        service.wake()
        await self._announcer.announce("drawer.asked", {"job_id": job.job_id, "operator": operator, "reason": reason})
        return await self.job(job.job_id)

    async def reprint(self, job_id: str) -> PrintJob:
        """Queue a marked copy; Refusal PRINT_JOB_UNKNOWN, PRINT_JOB_PENDING, DRAWER_NOT_REPRINTABLE."""
        job = await self.job(job_id)
        return await self.job(await self._service(job.printer).reprint(job_id))

    async def job(self, job_id: str) -> PrintJob:
        """One job; Refusal PRINT_JOB_UNKNOWN."""
        found = await self._ledger.job(job_id)
        if found is None:
            raise Refusal("PRINT_JOB_UNKNOWN", "no such print job", status=404)
        return found

    async def jobs(self, limit: int) -> list[PrintJob]:
        """The latest jobs, newest first."""
        return await self._ledger.jobs(limit)

    async def openings(self, limit: int) -> list[DrawerOpening]:
        """Who opened the drawer, newest first."""
        return await self._drawers.openings(limit)

    def job_id(self) -> str:
        """An id for callers who bring none of their own."""
        return random_id("own", self._entropy.token(_JOB_BYTES))

    def printers(self) -> list[str]:
        """Names of the printers, the receipt printer first."""
        names = [one.printer.name for one in self._services]
        return sorted(names, key=lambda name: name != self._main)

    async def _begin(self, job: NewPrintJob) -> PrintJob | None:
        found = await self._ledger.job(job.job_id)
        if found is not None:
            if (found.printer, found.kind, found.document) != (job.printer, job.kind, job.document):
                raise Refusal("PRINT_ID_CONFLICT", "this id was used for other contents", field="print_id", status=409)
            return found
        if job.job_id in self._queueing:
            raise Refusal("IN_FLIGHT", "the very same call is being worked on", hint="repeat it", status=409)
        self._queueing.add(job.job_id)
        return None

    def _service(self, printer: str) -> PrintService:
        for service in self._services:
            if service.printer.name == (printer or self._main):
                return service
        raise Refusal("PRINTER_UNKNOWN", f"no printer is called {printer!r}", hint="see the configuration", status=404)
