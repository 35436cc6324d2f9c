"""A till that was cut off for weeks: what HQ and the proof ask of its books costs by what they take, not by what waits.

Cost is counted in SQLite's own steps, so that a busy machine changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from agent.books_ports import OutboxCounts
from agent.db import risk
from agent.db.outbox import OutboxDb
from agent.db.schema import books_migrations
from agent.db.store import Store
from agent.sqlite import Connection
from agent.worker import InlineWorker
from sync.protocol import BatchAnswer, Verdict, VerdictKind

_WAITING = 20_000
_EPOCH, _OLDER = "ep_in_force", "ep_before_it"
_STEPS = 100  # between two calls of the handler
T = TypeVar("T")


class _Books:
    """Books of 20,000 events that wait, and a meter on their connection."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._steps = 0
        self.store = self.run(Store.open(folder / "books.db", books_migrations, make_worker=InlineWorker))
        self.run(self.store.run(_fill))
        self.run(self.store.run(lambda c: c.set_progress_handler(self._tick, _STEPS)))
        self.outbox = OutboxDb(self.store, "S001-1")

    def _tick(self) -> int:
        self._steps += _STEPS
        return 0

    def run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, 60))

    def steps(self, work: Awaitable[T]) -> tuple[T, int]:
        """What it gives, and what it took of SQLite."""
        self._steps = 0
        return self.run(work), self._steps

    def close(self) -> None:
        self.run(self.store.close())
        self._loop.close()


def _fill(connection: Connection) -> None:
    for number, epoch in enumerate((_OLDER, _EPOCH), start=1):
        connection.execute("INSERT INTO epochs (epoch, number, created_at_ms) VALUES (?, ?, 0)", (epoch, number))
    body = '{"kind":"sale","at_ms":5,"business_day":"2026-08-08"}'
    rows = [(epoch, seq) for epoch in (_OLDER, _EPOCH) for seq in range(1, _WAITING // 2 + 1)]
    connection.executemany(
        "INSERT INTO events (epoch, seq, body, digest, chain) VALUES (?, ?, ?, zeroblob(32), zeroblob(32))",
        [(*row, body) for row in rows],
    )
    connection.executemany("INSERT INTO outbox (epoch, seq) VALUES (?, ?)", rows)
    connection.executemany(
        "INSERT INTO postings (epoch, seq, position, account, owner, amount, bucket, expires, lease)"
        " VALUES (?, ?, 0, ?, 'm1', 5, '', '', '')",
        [(*row, "points_pending" if row[1] == 7 else "points") for row in rows],
    )
    connection.execute(
        "INSERT INTO freezes (member_id, at_ms, epoch, seq, points) SELECT owner, 5, epoch, seq, 5 FROM postings"
        " WHERE account = 'points_pending'"
    )


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Books]:
    found = _Books(tmp_path_factory.mktemp("books"))
    yield found
    found.close()


def _verdicts(first: int, last: int) -> list[Verdict]:
    """CREATED, but every hundredth is suspended."""
    return [
        Verdict(seq=seq, verdict=VerdictKind.CREATED)
        if seq % 100
        else Verdict(seq=seq, verdict=VerdictKind.SUSPENDED, code="TRANSACTION_USED")
        for seq in range(first, last + 1)
    ]


def test_pending_reads_what_it_sends(books: _Books) -> None:
    (epoch, events), steps = books.steps(books.outbox.pending(500, 256 * 1024))
    assert (epoch, events[0].seq, events[-1].seq) == (_OLDER, 1, 500)
    assert steps < 500 * 40


def test_a_settled_batch_costs_its_rows_and_nothing_else(books: _Books) -> None:
    forked, steps = books.steps(
        books.outbox.settle(_OLDER, BatchAnswer(watermark=500, gaps=[], verdicts=_verdicts(1, 500)), 9)
    )
    assert not forked
    assert steps < 500 * 60
    epoch, events = books.run(books.outbox.pending(3, 256 * 1024))
    assert (epoch, [one.seq for one in events]) == (_OLDER, [501, 502, 503])
    counts, steps = books.steps(books.outbox.outbox_counts())
    assert counts == OutboxCounts(pending=_WAITING - 500, suspended=5, conflict=0, acknowledged=495)
    rows = books.run(
        books.store.read(lambda c: c.execute("SELECT seq, code FROM outbox WHERE state = 'suspended'").fetchall())
    )
    assert [tuple(row) for row in rows] == [(seq, "TRANSACTION_USED") for seq in range(100, 501, 100)]


def test_counting_what_was_settled_costs_nothing(books: _Books) -> None:
    for epoch in (_OLDER, _EPOCH):
        said = BatchAnswer(watermark=0, gaps=[], verdicts=_verdicts(1, _WAITING // 2))
        books.run(books.outbox.settle(epoch, said, 9))
    counts, steps = books.steps(books.outbox.outbox_counts())
    assert (counts.pending, counts.suspended, counts.acknowledged) == (0, 200, _WAITING - 200)
    assert steps < 5_000
    pending, steps = books.steps(books.outbox.pending(500, 256 * 1024))
    assert pending == ("", [])
    assert steps <= _STEPS


def test_the_audit_of_freezes_reads_freezes_and_pending_points(books: _Books) -> None:
    found, steps = books.steps(books.store.read(risk.astray))
    assert found == []
    assert steps < 1_000
    books.run(books.store.run(lambda c: c.execute("UPDATE freezes SET points = 6 WHERE epoch = ?", (_EPOCH,))))
    books.run(books.store.run(lambda c: c.execute("DELETE FROM freezes WHERE epoch = ?", (_OLDER,))))
    found = books.run(books.store.read(risk.astray))
    assert [(one.epoch, one.code) for one in found] == [(_EPOCH, "NOT_OF_EVENT"), (_OLDER, "MISSING")]
