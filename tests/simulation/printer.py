"""The receipt printer of one simulated store: runs out of paper, takes its time, falls silent half-way.

The Printer port. It belongs to the shop, not to the process: paper that came out stays out when the agent dies.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document
from tests.simulation.process import Process
from tests.simulation.trace import Trace


@dataclass(slots=True)
class Paper:
    """The printer as a thing: its paper, and how often bytes of each job reached it."""

    store: str
    trace: Trace
    chance: random.Random
    fault_rate: float
    out: bool = False
    in_since_s: float = 0.0
    """Since when there is paper, virtual seconds."""
    printed: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)


class SimulatedPrinter:
    """The driver of one process."""

    name = "receipt"

    def __init__(self, paper: Paper, process: Process) -> None:
        self._paper = paper
        self._process = process

    async def print(self, document: Document) -> PrintVerdict:
        """Put a document on paper; which job it is, and whether its event is committed, is read from the books."""
        paper = self._paper
        self._process.check()
        await asyncio.sleep(paper.chance.uniform(0.05, 0.4))
        self._process.check()
        if paper.out:
            raise DeviceUnavailable("PAPER_OUT")
        job_id = self._job()
        paper.printed[job_id] += 1
        paper.trace.note(paper.store, "paper", job_id)
        await asyncio.sleep(paper.chance.uniform(0.2, 2.5))
        self._process.check()
        if paper.chance.random() < paper.fault_rate:
            raise DeviceAmbiguous("PRINTER_SILENT", bytes_sent=100)
        return paper.chance.choice((PrintVerdict.SENT, PrintVerdict.CONFIRMED))

    def _job(self) -> str:
        books = self._process.disks["db-books"]
        rows = books.rows(
            "SELECT j.job_id, j.seq, e.seq AS booked FROM print_jobs j LEFT JOIN events e USING (epoch, seq)"
            " WHERE j.state = 'sending' AND j.printer = :printer",
            printer=self.name,
        )
        if len(rows) != 1:
            self._paper.wrongs.append(f"{self._paper.store}: paper moves for {len(rows)} jobs marked as being sent")
            return "unknown"
        if rows[0]["seq"] is not None and rows[0]["booked"] is None:
            self._paper.wrongs.append(f"{self._paper.store}: {rows[0]['job_id']} is printed before its event is booked")
        return str(rows[0]["job_id"])

    async def status(self) -> PrinterStatus:
        """What the printer says of itself."""
        return PrinterStatus(verified=True, online=True, paper="out" if self._paper.out else "ok")

    def distrust(self, document: Document) -> None:
        """Paper here is whole jobs: nothing is left half-sent in it."""

    def close(self) -> None:
        """Nothing is held."""
