"""The print service from ledger to paper over real TCP: order, honesty, patience, and one printer's illness kept to it.

The ledger is a small one in memory with the port's contract; the service, driver, transport and printer are real.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import groupby

import pytest

from agent import limits
from agent.books_ports import JobKind, JobState, NewPrintJob, PrintJob
from agent.domain.errors import Refusal
from agent.domain.receipt import Document, Text
from agent.domain.receipts import drawer_pulse
from agent.printing import PrintService
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.printer_patience import Patience
from drivers.profiles import profile
from drivers.simulated import Fault, SimulatedPrinter
from drivers.tcp_printer import TcpTransport

PATIENCE_S = 1.0
KIND = profile("escpos-80")
DEADLINE_S = 20


class RealClock:
    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def mono_s(self) -> float:
        return time.monotonic()


class Dice:
    """Entropy that never waits long, and counts how often it was asked to wait."""

    def __init__(self) -> None:
        self.made = 0
        self.wait_s = 0.01
        self.ceilings: list[float] = []
        self.waits = asyncio.Semaphore(0)

    def token(self, size: int) -> bytes:
        self.made += 1
        return self.made.to_bytes(size, "big")

    def uniform(self, low: float, high: float) -> float:
        self.ceilings.append(high)
        self.waits.release()
        return self.wait_s


class MemoryLedger:
    """PrintLedger as books.db will keep it; `history` is what was durable, in order."""

    def __init__(self) -> None:
        self.rows: dict[str, PrintJob] = {}
        self.history: list[tuple[str, JobState]] = []

    async def add(self, job: NewPrintJob, at_ms: int, reprint_of: str | None = None) -> None:
        self.rows[job.job_id] = PrintJob(
            job.job_id, job.printer, job.kind, job.document, JobState.QUEUED, at_ms, job.expires_at_ms, reprint_of
        )

    async def expire(self, printer: str, now_ms: int) -> list[str]:
        late = [
            job.job_id
            for job in self.rows.values()
            if job.printer == printer and job.state is JobState.QUEUED and job.expires_at_ms <= now_ms
        ]
        for job_id in late:
            await self.mark(job_id, JobState.EXPIRED)
        return late

    async def next_job(self, printer: str) -> PrintJob | None:
        waiting = [job for job in self.rows.values() if job.printer == printer and job.state is JobState.QUEUED]
        return next(iter(sorted(waiting, key=lambda job: job.kind is not JobKind.DRAWER)), None)

    async def last_sent(self, printer: str) -> PrintJob | None:
        left = (JobState.SENDING, JobState.SENT, JobState.CONFIRMED, JobState.UNCONFIRMED)
        return next((job for job in reversed(self.rows.values()) if job.printer == printer and job.state in left), None)

    async def mark(self, job_id: str, state: JobState, note: str = "") -> None:
        self.rows[job_id] = replace(self.rows[job_id], state=state, note=note)
        self.history.append((job_id, state))

    async def job(self, job_id: str) -> PrintJob | None:
        return self.rows.get(job_id)

    async def jobs(self, limit: int) -> list[PrintJob]:
        return list(self.rows.values())[::-1][:limit]

    async def recover(self) -> list[str]:
        found = [job.job_id for job in self.rows.values() if job.state is JobState.SENDING]
        for job_id in found:
            await self.mark(job_id, JobState.UNCONFIRMED)
        return found


class Shop:
    """One printer and its service, and what it announced."""

    def __init__(self, name: str, ledger: MemoryLedger, clock: RealClock) -> None:
        self.name = name
        self.ledger, self.clock, self.dice = ledger, clock, Dice()
        self.simulated = SimulatedPrinter()
        self.states: list[tuple[str, JobState, str]] = []
        self.health: list[tuple[bool | None, str]] = []
        self._changed = asyncio.Condition()

    async def open(self) -> None:
        await self.simulated.start()
        transport = TcpTransport(
            "127.0.0.1", self.simulated.port, connect_s=1, byte_timeout_s=PATIENCE_S, finish_s=PATIENCE_S
        )
        patience = Patience(status_s=PATIENCE_S, completion_s=PATIENCE_S, hold_s=PATIENCE_S)
        self.printer = EscposPrinter(self.name, KIND, transport, self.clock, patience=patience)
        self.service = PrintService(
            self.printer, self.ledger, self.clock, self.dice,
            on_state=self._on_state, on_health=self._on_health, watch_s=0.1,
        )  # fmt: skip
        self.task = asyncio.create_task(self.service.run())

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.printer.close()
        await self.simulated.stop()

    async def queue(
        self, job_id: str, document: Document, kind: JobKind = JobKind.RECEIPT, *, lives_s: int = 60
    ) -> None:
        now_ms = self.clock.now_ms()
        await self.ledger.add(NewPrintJob(job_id, self.name, kind, document, now_ms + lives_s * 1000), now_ms)
        self.service.wake()

    async def until(self, job_id: str, state: JobState) -> str:
        """Wait for an announcement and give its note."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: any(seen[:2] == (job_id, state) for seen in self.states))
        return next(seen[2] for seen in self.states if seen[:2] == (job_id, state))

    async def until_tries(self, count: int) -> None:
        """Wait until the service has backed off so many times."""
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(count):
                await self.dice.waits.acquire()

    async def _on_state(self, job_id: str, state: JobState, note: str) -> None:
        assert self.ledger.rows[job_id].state is state  # announced after it was durable
        async with self._changed:
            self.states.append((job_id, state, note))
            self._changed.notify_all()

    async def _on_health(self, printer: str, well: bool | None, note: str) -> None:
        assert printer == self.name
        async with self._changed:
            self.health.append((well, note))
            self._changed.notify_all()

    def told(self) -> list[tuple[bool, str]]:
        """What was said of the printer, code by code; not when it was slower than a busy machine waits."""
        known = [(well, note.partition(":")[0]) for well, note in self.health if well is not None]
        return [said for said, _ in groupby(known)]

    async def until_health(self, well: bool | None, code: str) -> None:
        """Wait until this is what is said of the printer, not counting the details behind the code."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(
                lambda: (
                    bool(self.health) and self.health[-1][0] is well and self.health[-1][1].partition(":")[0] == code
                )
            )


@asynccontextmanager
async def opened(*names: str) -> AsyncIterator[list[Shop]]:
    ledger, clock = MemoryLedger(), RealClock()
    shops = [Shop(name, ledger, clock) for name in names]
    for shop in shops:
        await shop.open()
    try:
        yield shops
    finally:
        for shop in shops:
            await shop.close()


def play(scenario: Callable[..., Awaitable[None]], *names: str) -> None:
    async def run() -> None:
        async with opened(*(names or ("front",))) as shops:
            await scenario(*shops)

    asyncio.run(run())


def slip(text: str) -> Document:
    return Document((Text(text),))


def test_jobs_come_out_in_order_and_are_sending_before_a_byte_leaves() -> None:
    async def scenario(shop: Shop) -> None:
        for number in range(3):
            await shop.queue(f"j{number}", slip(f"小票{number}"))
        await shop.until("j2", JobState.CONFIRMED)
        assert shop.simulated.jobs == [encode(slip(f"小票{number}"), KIND) for number in range(3)]
        wanted = [(f"j{number}", state) for number in range(3) for state in (JobState.SENDING, JobState.CONFIRMED)]
        assert shop.ledger.history == wanted
        assert shop.health == [(True, "")]

    play(scenario)


def test_out_of_paper_waits_and_prints_once_the_paper_is_in() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault = Fault.PAPER_OUT
        await shop.queue("j", slip("x"))
        assert (await shop.until("j", JobState.QUEUED)).startswith("PRINTER_PAPER_OUT")
        await shop.until_tries(6)
        assert len(shop.states) == 2  # a night without paper does not flood the event stream
        assert shop.dice.ceilings == sorted(shop.dice.ceilings)
        assert max(shop.dice.ceilings) == 15
        shop.simulated.fault = Fault.NONE
        await shop.until("j", JobState.CONFIRMED)
        assert len(shop.simulated.jobs) == 1
        assert shop.told() == [(False, "PRINTER_PAPER_OUT"), (True, "")]

    play(scenario)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.PAPER_OUT, "PRINTER_PAPER_OUT"),
        (Fault.COVER_OPEN, "PRINTER_COVER_OPEN"),
        (Fault.OFFLINE, "PRINTER_OFFLINE"),
        (Fault.NEAR_END, "PRINTER_NEAR_END"),
    ],
)
def test_what_befalls_an_idle_printer_is_said_without_a_job(fault: Fault, code: str) -> None:
    async def scenario(shop: Shop) -> None:
        await shop.until_health(True, "")
        shop.simulated.fault = fault
        await shop.until_health(fault is Fault.NEAR_END, code)
        shop.simulated.fault = Fault.NONE
        await shop.until_health(True, "")
        assert shop.told() == [(True, ""), (fault is Fault.NEAR_END, code), (True, "")]

    play(scenario)


def test_a_look_every_second_shows_a_change_within_two() -> None:
    assert limits.PRINT_WATCH_S + limits.PRINT_STATUS_S <= 2


def test_a_printer_that_is_switched_off_and_on_is_said_to_be_lost_and_back() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.until_health(True, "")
        await shop.simulated.stop()
        await shop.until_health(False, "PRINTER_UNREACHABLE")
        await shop.simulated.start()
        await shop.until_health(True, "")

    play(scenario)


def test_pains_19_a_printer_that_says_nothing_is_unverified_never_fine() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault = Fault.SILENT
        await shop.until_health(None, "PRINTER_UNVERIFIED")
        await shop.queue("j", slip("x"))
        await shop.until_health(False, "PRINTER_SILENT")
        await shop.until_tries(2)
        assert shop.health[-1][0] is False  # that a job failed says more than silence
        shop.simulated.fault = Fault.NONE
        await shop.until("j", JobState.CONFIRMED)
        assert shop.health[-1] == (True, "")

    play(scenario)


def test_new_paper_ends_the_pause_at_once() -> None:
    async def scenario(shop: Shop) -> None:
        shop.dice.wait_s = 3600.0
        shop.simulated.fault = Fault.PAPER_OUT
        await shop.queue("j", slip("x"))
        await shop.until("j", JobState.QUEUED)
        await shop.until_tries(1)
        shop.simulated.fault = Fault.NONE
        await shop.until("j", JobState.CONFIRMED)

    play(scenario)


def test_pains_25_a_drawer_waits_for_no_receipt_that_waits_for_paper() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.simulated.stop()
        await shop.queue("receipt", slip("x"))
        await shop.until("receipt", JobState.QUEUED)
        await shop.queue("drawer", drawer_pulse(), JobKind.DRAWER)
        assert (await shop.until("drawer", JobState.FAILED)).startswith("PRINTER_UNREACHABLE")
        await shop.simulated.start()
        await shop.until("receipt", JobState.CONFIRMED)
        assert shop.simulated.jobs == [encode(slip("x"), KIND)]

    play(scenario)


def test_pains_17_doubt_is_unconfirmed_and_never_sent_again() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault = Fault.NO_COMPLETION
        await shop.queue("doubt", slip("一"))
        assert (await shop.until("doubt", JobState.UNCONFIRMED)).startswith("PRINT_UNCONFIRMED")
        shop.simulated.fault = Fault.NONE
        await shop.queue("next", slip("二"))
        await shop.until("next", JobState.CONFIRMED)
        first, second = shop.simulated.jobs
        assert first == encode(slip("一"), KIND)
        assert second == bytes(64) + b"\x1b@" + encode(slip("二"), KIND)  # brought back into step first

    play(scenario)


def test_pains_18_a_job_past_its_time_is_expired_not_printed_next_morning() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.simulated.stop()
        await shop.queue("join", slip("入会"), JobKind.JOIN_PROMPT, lives_s=900)
        await shop.until("join", JobState.QUEUED)
        shop.clock.ahead_ms = 901_000
        await shop.simulated.start()
        await shop.queue("fresh", slip("早"))
        await shop.until("fresh", JobState.CONFIRMED)
        assert shop.simulated.jobs == [encode(slip("早"), KIND)]
        assert shop.ledger.rows["join"].state is JobState.EXPIRED

    play(scenario)


def test_pains_25_a_drawer_that_could_not_open_never_opens_later() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault = Fault.COVER_OPEN
        await shop.queue("drawer", drawer_pulse(), JobKind.DRAWER)
        assert (await shop.until("drawer", JobState.FAILED)).startswith("PRINTER_COVER_OPEN")
        shop.simulated.fault = Fault.NONE
        await shop.queue("receipt", slip("x"))
        await shop.until("receipt", JobState.CONFIRMED)
        assert shop.simulated.jobs == [encode(slip("x"), KIND)]
        with pytest.raises(Refusal, match="DRAWER_NOT_REPRINTABLE"):
            await shop.service.reprint("drawer")

    play(scenario)


def test_pains_18_one_dead_printer_blocks_no_other() -> None:
    async def scenario(dead: Shop, alive: Shop) -> None:
        dead.simulated.fault = Fault.SILENT
        await dead.queue("a", slip("a"))
        await alive.queue("b", slip("b"))
        await alive.until("b", JobState.CONFIRMED)
        assert (await dead.until("a", JobState.QUEUED)).startswith("PRINTER_SILENT")

    play(scenario, "dead", "alive")


def test_a_reprint_is_a_job_of_its_own_and_marked() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.queue("j", slip("x"))
        await shop.until("j", JobState.CONFIRMED)
        copy = await shop.service.reprint("j")
        await shop.until(copy, JobState.CONFIRMED)
        assert shop.ledger.rows[copy].reprint_of == "j"
        assert shop.simulated.jobs[1].count("补打".encode("gbk")) == 2
        with pytest.raises(Refusal, match="PRINT_JOB_UNKNOWN"):
            await shop.service.reprint("nobody")

    play(scenario)


def test_a_waiting_job_is_not_reprinted() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault = Fault.OFFLINE
        await shop.queue("j", slip("x"))
        await shop.until("j", JobState.QUEUED)
        with pytest.raises(Refusal, match="PRINT_JOB_PENDING"):
            await shop.service.reprint("j")

    play(scenario)


def test_killed_in_the_middle_the_job_is_unconfirmed_at_the_next_start() -> None:
    async def scenario(shop: Shop) -> None:
        shop.simulated.fault, shop.simulated.take_bytes = Fault.STOP_READING, 1
        await shop.queue("j", Document(tuple(Text(f"{number}") for number in range(20_000))))
        await shop.until("j", JobState.SENDING)
        shop.task.cancel()
        await asyncio.gather(shop.task, return_exceptions=True)
        assert await shop.ledger.recover() == ["j"]
        assert shop.ledger.rows["j"].state is JobState.UNCONFIRMED

    play(scenario)
