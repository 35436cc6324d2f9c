"""Books restored from a copy: a new epoch before the first sale, and no paper that may have come out already."""

import asyncio
from pathlib import Path

from agent.books_ports import JobKind, JobState, NewPrintJob
from agent.domain.receipts import test_page as a_page
from agent.witness_mark import Mark
from tests.books_world import BooksWorld, in_books


def test_what_waits_in_restored_books_is_not_printed_by_itself(tmp_path: Path) -> None:
    async def story(world: BooksWorld) -> None:
        page = a_page(printer="p1", store="店", at_ms=0)
        await world.ledger.add(NewPrintJob("job_1", "p1", JobKind.RECEIPT, page, 10**15), 0)
        assert await world.books.heed(None) is None
        assert await world.ledger.recover() == []

        fresh = await world.books.heed(Mark(await world.outbox.epoch(), 5, "ab" * 32))
        assert fresh == await world.outbox.epoch()
        assert await world.ledger.recover() == ["job_1"]
        job = await world.ledger.job("job_1")
        assert job is not None
        assert (job.state, "may be on paper" in job.note) == (JobState.UNCONFIRMED, True)
        assert await world.books.heed(Mark(fresh, 5, "ab" * 32)) is not None, "another copy, another epoch"

    asyncio.run(in_books(tmp_path, story))
