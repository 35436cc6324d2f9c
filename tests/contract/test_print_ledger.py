"""The print ledger on real SQLite: order, expiry per job, and what a crash in the middle of a job leaves."""

import asyncio
from pathlib import Path

from agent.books_ports import JobKind, JobState, NewPrintJob
from tests.books_world import BooksWorld, in_books
from tests.stand_ins import paper


def _job(number: int, *, printer: str = "p", expires_at_ms: int = 10_000) -> NewPrintJob:
    return NewPrintJob(f"job_{number}", printer, JobKind.RECEIPT, paper(f"单 {number}"), expires_at_ms)


def test_jobs_come_oldest_first_per_printer(tmp_path: Path) -> None:
    """pains 18: one printer's queue is nobody else's."""

    async def work(world: BooksWorld) -> None:
        await world.ledger.add(_job(1, printer="dead"), 1)
        await world.ledger.add(_job(2), 2)
        await world.ledger.add(_job(3), 3)
        first = await world.ledger.next_job("p")
        assert first is not None
        assert (first.job_id, first.document) == ("job_2", paper("单 2"))
        await world.ledger.mark("job_2", JobState.CONFIRMED)
        second = await world.ledger.next_job("p")
        assert second is not None
        assert second.job_id == "job_3"

    asyncio.run(in_books(tmp_path, work))


def test_a_job_past_its_expiry_is_recorded_as_expired_and_its_document_is_gone(tmp_path: Path) -> None:
    """pains 18: a printer that was off over night must not print yesterday's tickets."""

    async def work(world: BooksWorld) -> None:
        await world.ledger.add(_job(1, expires_at_ms=500), 1)
        assert await world.ledger.expire("p", 499) == []
        assert await world.ledger.expire("p", 500) == ["job_1"]
        assert await world.ledger.next_job("p") is None
        job = await world.ledger.job("job_1")
        assert job is not None
        assert job.state is JobState.EXPIRED
        assert job.document.blocks == ()

    asyncio.run(in_books(tmp_path, work))


def test_a_job_found_half_sent_at_start_is_unconfirmed_and_never_printed_again_by_itself(tmp_path: Path) -> None:
    """pains 16, 17: the process died between the first byte and the last."""

    async def crash(world: BooksWorld) -> None:
        await world.ledger.add(_job(1), 1)
        await world.ledger.mark("job_1", JobState.SENDING)

    async def restart(world: BooksWorld) -> None:
        assert await world.ledger.recover() == ["job_1"]
        assert await world.ledger.next_job("p") is None
        job = await world.ledger.job("job_1")
        assert job is not None
        assert job.state is JobState.UNCONFIRMED

    asyncio.run(in_books(tmp_path, crash))
    asyncio.run(in_books(tmp_path, restart))


def test_a_drawer_waits_for_no_paper_and_what_left_last_is_known(tmp_path: Path) -> None:
    async def work(world: BooksWorld) -> None:
        await world.ledger.add(_job(1), 1)
        drawer = NewPrintJob("drawer", "p", JobKind.DRAWER, paper("x"), 10_000)
        await world.ledger.add(drawer, 2)
        assert await world.ledger.last_sent("p") is None
        first = await world.ledger.next_job("p")
        assert first is not None
        assert first.job_id == "drawer"
        await world.ledger.mark("drawer", JobState.FAILED)
        assert await world.ledger.last_sent("p") is None  # nothing of it left
        await world.ledger.mark("job_1", JobState.UNCONFIRMED)
        last = await world.ledger.last_sent("p")
        assert last is not None
        assert (last.job_id, last.state, last.document) == ("job_1", JobState.UNCONFIRMED, paper("单 1"))
        assert await world.ledger.last_sent("other") is None

    asyncio.run(in_books(tmp_path, work))
