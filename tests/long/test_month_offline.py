"""Promise 9: thirty days without HQ in virtual time: bounded batches, a bounded rate of asking, one calm catch-up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import HqUnreachable
from agent.limits import BACKOFF_CAP_S, PULL_INTERVAL_S, PULL_SPREAD
from agent.system import SystemEntropy
from agent.worker import InlineWorker
from sync.protocol import Batch, BatchAnswer, Feed, FeedPage, LookAnswer, LookRequest, Verdict, VerdictKind
from sync.pull import Puller
from sync.push import Pusher, PushPorts
from tests.books_world import BooksWorld
from tests.simulation.loop import VirtualLoop, run
from tests.stand_ins import sale_draft

DAY_S = 86_400
SALES = 1_200
BATCH = 20  # a batch is built and signed at every attempt: 14,000 times in this month


class CountingHq:
    """An HQ that is away, and then there; it counts who asks."""

    def __init__(self) -> None:
        self.there = False
        self.pushes: list[int] = []
        """Events of each batch that arrived."""
        self.biggest = 0
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if not self.there:
            raise HqUnreachable("cable out")

    async def push(self, batch: Batch) -> BatchAnswer:
        self.biggest = max(self.biggest, len(batch.events))
        self._ask()
        self.pushes.append(len(batch.events))
        verdicts = [Verdict(seq=event.seq, verdict=VerdictKind.CREATED) for event in batch.events]
        return BatchAnswer(watermark=batch.last, gaps=[], verdicts=verdicts)

    async def pull(self, feed: Feed, cursor: int) -> list[FeedPage]:
        self._ask()
        return [FeedPage(feed=feed, rows=[], cursor=cursor, more=False)]

    async def look(self, request: LookRequest) -> LookAnswer:
        self._ask()
        return LookAnswer(moved=[])


class EmptyReplica:
    """A replica that has read everything there is."""

    async def cursor(self, feed: Feed) -> int:
        return 0


async def _month(folder: Path, loop: VirtualLoop) -> None:
    world, hq = BooksWorld(folder), CountingHq()
    world.make_worker = InlineWorker
    await world.open()
    entropy, anything = SystemEntropy(), hq_as_any(hq)
    ports = PushPorts(world.outbox, world.books, anything, world.keys, world.clock, entropy)
    pusher = Pusher(ports, "S001-1")

    async def on_rows(_: Feed, __: int) -> None:
        return None

    puller = Puller(hq_as_any(EmptyReplica()), anything, entropy, on_rows)
    tasks = [asyncio.create_task(pusher.run()), asyncio.create_task(puller.run())]
    for number in range(SALES):
        await world.books.commit(sale_draft(number))
        pusher.wake.set()
        await asyncio.sleep(30 * DAY_S / SALES)
    counts = await world.outbox.outbox_counts()
    assert (counts.pending, counts.suspended) == (SALES, 0), "every sale of the month waits, none was given up"
    assert hq.biggest == BATCH, "what is held in memory is one batch, however long the queue on disk"
    assert hq.asked < 2 * 30 * DAY_S / 120, "push and pull each ask every two minutes at most, on the average"

    hq.there, hq.asked, back_s = True, 0, loop.time()
    while (await world.outbox.outbox_counts()).pending:  # noqa: ASYNC110 - virtual seconds
        await asyncio.sleep(1)
    assert loop.time() - back_s <= BACKOFF_CAP_S + 2, "caught up within one back-off"
    assert sum(hq.pushes) == SALES
    assert len(hq.pushes) == SALES // BATCH, "one catch-up, in whole batches"
    await asyncio.sleep(max(0.0, back_s + 3600 - loop.time()))
    looks = 3600 / (PULL_INTERVAL_S * (1 - PULL_SPREAD)) + 3
    assert hq.asked <= len(hq.pushes) + looks, "and then the usual rate: one look a minute"
    for task in tasks:
        task.cancel()
    await world.store.close()


def hq_as_any(one: object) -> Any:
    """Only the calls that push and pull make are there."""
    return one


def test_thirty_days_offline_queue_on_disk_and_catch_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.push.BATCH_EVENTS", BATCH)
    loop = VirtualLoop()
    run(_month(tmp_path, loop), loop)
