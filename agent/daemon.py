"""What the running daemon answers about itself and does on its operator's request: hello, status, reconcile, test page.

Called by the API (through Services) and the waker. It only reads and asks; the parts do the work.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from agent import limits
from agent.announce import Announcer
from agent.books_ports import JobKind, NewPrintJob, Outbox, PrintLedger
from agent.domain.digest import Json
from agent.domain.errors import DiskLow, Refusal
from agent.domain.ids import random_id
from agent.domain.receipts import test_page
from agent.health import Health
from agent.mode import ModeDesk
from agent.ports import Clock, Entropy
from agent.printing import PrintService
from agent.proof_ports import Discrepancies
from agent.replica_ports import Replica
from agent.risk_desk import RiskDesk
from sync.protocol import EnrolAnswer
from sync.push import Pusher
from sync.reconcile import Reconciler
from sync.schedule import next_due_ms, slot_s
from sync.verdict import Reconciliation, as_json

CAPABILITIES = (
    "members.resolve", "members.phone", "members.verify", "payments.wechat", "quotes", "quotes.spend", "quotes.hold",
    "sales", "returns", "recharges", "count-cards", "print-jobs", "drawer", "sign-in", "manage", "events", "status",
    "metrics",
)  # fmt: skip
_JOB_BYTES = 10


@dataclass(frozen=True, slots=True)
class DaemonParts:
    """What the daemon looks at."""

    enrolment: EnrolAnswer
    health: Health
    outbox: Outbox
    ledger: PrintLedger
    replica: Replica
    pusher: Pusher
    reconciler: Reconciler
    discrepancies: Discrepancies
    printing: Sequence[PrintService]
    announcer: Announcer
    clock: Clock
    entropy: Entropy
    desk: RiskDesk
    mode: ModeDesk


class Daemon:
    """The daemon's view of itself."""

    def __init__(self, parts: DaemonParts) -> None:
        self._parts = parts
        self.has_rules = False
        self._reconciling = False
        self._step = ""

    def hello(self) -> dict[str, object]:
        """Who answers, and whether it can price: without rules from HQ everything is list price and earns nothing."""
        missing = [] if self.has_rules else ["no rules and prices yet: waiting for the first contact with HQ"]
        storage = self._parts.health.state("storage")
        if storage is not None and storage.up is False:
            missing.append(f"the disk is nearly full, nothing can be booked: {storage.reason}")
        enrolment = self._parts.enrolment
        return {
            "name": "pos-agent",
            "version": version("pos-agent"),
            "api": "v1",
            "capabilities": list(CAPABILITIES),
            "store_id": enrolment.store_id,
            "store_name": enrolment.store_name,
            "workstation_id": enrolment.workstation_id,
            "training": self._parts.mode.training,
            "ready": not missing,
            "not_ready": missing,
        }

    async def status(self) -> dict[str, object]:
        """What is up since when, what waits, what the replica holds, the latest proof and the next one."""
        parts = self._parts
        latest = await parts.outbox.proofs(1)
        slot = slot_s(parts.enrolment.store_id)
        return {
            **self.hello(),
            "components": parts.health.snapshot(),
            "outbox": asdict(await parts.outbox.outbox_counts()),
            "sync_alarm": parts.pusher.alarm,
            "mode": await parts.mode.status(),
            "replica": await parts.replica.counts(),
            **await parts.desk.status(),
            "last_proof": asdict(latest[0]) if latest else None,
            "next_proof_at_ms": next_due_ms(parts.clock.now_ms(), slot),
        }

    async def prove(
        self, trigger: str = "operator", progress: Callable[[str], None] = lambda _: None
    ) -> Reconciliation:
        """Run the proof now; a second request while one runs is refused."""
        if self._reconciling:
            raise Refusal("IN_FLIGHT", "a reconciliation is running", hint="wait for it", status=409)
        self._reconciling = True

        def told(step: str) -> None:
            self._step = step
            progress(step)

        try:
            run = await self._parts.reconciler.run(trigger, told)
        finally:
            self._reconciling, self._step = False, ""
        await self._parts.announcer.announce("reconcile.finished", _told(run))
        return run

    async def reconcile(self, progress: Callable[[str], None] = lambda _: None) -> dict[str, object]:
        """The proof as plain JSON, for the command line."""
        run = await self.prove(progress=progress)
        told = {"result": run.result, "equal": run.equal, "at_ms": run.at_ms, "seconds": round(run.seconds, 3)}
        return {**as_json(run), **told}

    @property
    def is_proving(self) -> bool:
        """Whether a proof is running."""
        return self._reconciling

    def progress(self) -> str:
        """What a running proof is doing; empty when none runs."""
        return self._step

    async def differences(self, *, everything: bool) -> list[dict[str, Json]]:
        """Discrepancies, newest first."""
        return await self._parts.discrepancies.listed(everything=everything)

    async def explain(self, number: int, by: str, why: str) -> None:
        """Note a person's explanation of a discrepancy; it is told in the event stream and the log."""
        await self._parts.discrepancies.explain(number, by, why, self._parts.clock.now_ms())
        await self._parts.announcer.announce("discrepancy.explained", {"number": number, "operator": by})

    async def reconcile_if_due(self) -> None:
        """What the waker calls: run the hourly proof when it is due and none is running."""
        parts = self._parts
        if not self._reconciling and await parts.reconciler.due(slot_s(parts.enrolment.store_id)):
            with contextlib.suppress(DiskLow):  # a proof that cannot be kept stays due
                await self.prove("hourly")

    async def test_print(self, printer: str) -> dict[str, object]:
        """Queue a test page on the named printer, or the first one."""
        services = [one for one in self._parts.printing if printer in ("", one.printer.name)]
        if not services:
            raise Refusal(
                "PRINTER_UNKNOWN", f"no printer is called {printer!r}", hint="see the configuration", status=404
            )
        service, now_ms = services[0], self._parts.clock.now_ms()
        job_id = random_id("job", self._parts.entropy.token(_JOB_BYTES))
        page = test_page(printer=service.printer.name, store=self._parts.enrolment.store_name, at_ms=now_ms)
        job = NewPrintJob(job_id, service.printer.name, JobKind.TEST, page, now_ms + limits.JOIN_PROMPT_EXPIRY_S * 1000)
        await self._parts.ledger.add(job, now_ms)
        service.wake()
        return {"job_id": job_id, "printer": service.printer.name}


def _told(run: Reconciliation) -> dict[str, Json]:
    last = run.epochs[-1] if run.epochs else None
    return {
        "result": run.result,
        "trigger": run.trigger,
        "count": last.count if last else 0,
        "head": last.head if last else "",
        "pushed": run.pushed,
        "requests": run.requests,
        "bytes": run.bytes,
        "reason": run.reason,
    }
