"""`python -m tests.thousands.reading`: every till of a large chain reads what all of them change, minute by minute.

POS_AGENT_STORES tills read the members feed by the real HttpHq as the Puller does (a look, then pages to the end), all
of them every minute of a real clock, while POS_AGENT_ROWS members a second move. Rows are not applied: what a till
makes of them is measured by tests.bench.replica. POS_AGENT_ALONE=1 asks for single pages, as tills of before do.
"""

import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from agent.domain.errors import SyncError
from agent.limits import PULL_INTERVAL_S, PULL_SPREAD
from sync.feed_run import FeedRun
from sync.hq.db import dialect
from sync.hq.db.postgres import PgConnection
from sync.hq.feeds import hold_brand, hold_member, touch_members
from sync.patience import asked, pause_s
from sync.protocol import Feed, FeedPage, LookRequest
from tests.bench.table import percentile
from tests.postgres import running
from tests.thousands.meter import Phase, measured
from tests.thousands.outcome import Size
from tests.thousands.sales import BRAND
from tests.thousands.shop import EPOCH, Shop
from tests.thousands.world import Chain

_BATCH: Final = 4
"""Members that one batch of sales moves."""
_FIRST_S: Final = 1.5 * PULL_INTERVAL_S  # every till has pulled once by then, unless it was sent away


@dataclass(slots=True)
class Readings:
    """What all tills read."""

    runs: int = 0
    pages: int = 0
    bytes: int = 0
    rows: int = 0
    """Of single pages; runs are not unpacked."""
    between_s: list[float] = field(default_factory=list)
    """Between the ends of two pulls of a till."""
    cursors: dict[str, int] = field(default_factory=dict)
    """Of each till."""
    behind: list[int] = field(default_factory=list)
    """Numbers behind the feed's end at the end, a till each, in order."""
    calls: Phase = field(default_factory=Phase)
    took_s: float = 0.0
    used: tuple[float, ...] = ()
    """Cores of HQ, PostgreSQL and the tills; members moved a second."""

    def lines(self) -> list[str]:
        """For people."""
        hq, database, tills, moved = self.used
        between = [f"{percentile(self.between_s, share):.0f} s" for share in (0.5, 0.99, 1.0) if self.between_s]
        return [
            f"{self.took_s:.0f} s, {moved:.0f} members moved a second; {self.calls.told()}",
            f"{self.runs} runs of {self.pages} pages, {self.bytes / self.took_s / 1e6:.1f} MB a second",
            f"{self.rows} rows in single pages",
            f"{len(self.between_s)} pulls; p50, p99 and longest time between two of a till: {', '.join(between)}",
            f"numbers behind: p50 {self.behind[len(self.behind) // 2]}, most {self.behind[-1]}",
            f"cores: HQ {hq:.2f}, PostgreSQL {database:.2f}, tills {tills:.2f}",
        ]


class Mover(threading.Thread):
    """Moves members and a watermark in one transaction, as a batch of sales does, so many a second."""

    def __init__(self, url: str, rows_s: float) -> None:
        super().__init__(daemon=True)
        self._url, self._rows_s = url, rows_s
        self._stop_it = threading.Event()
        self.moved = 0

    def run(self) -> None:
        """Until it is ended."""
        chance = random.Random(7)
        with psycopg.connect(self._url, autocommit=True, row_factory=dialect.rows_of) as raw:
            connection = PgConnection(raw)
            members = [row["member_id"] for row in connection.execute("SELECT member_id FROM members").fetchall()]
            stations = [
                row["workstation_id"] for row in connection.execute("SELECT workstation_id FROM chains").fetchall()
            ]
            start = time.monotonic()
            while not self._stop_it.wait(max(0.0, start + self.moved / self._rows_s - time.monotonic())):
                self._batch(connection, chance.sample(members, _BATCH), chance.choice(stations))
                self.moved += _BATCH

    @staticmethod
    def _batch(connection: PgConnection, members: Sequence[str], station: str) -> None:
        with connection.transaction():
            hold_brand(connection, BRAND, shared=True)
            hold_member(connection, *members)
            connection.execute(
                "UPDATE chains SET watermark = watermark + 1, counted = counted + 1, recomputed = recomputed + 1"
                " WHERE workstation_id = :id",
                {"id": station},
            )
            touch_members(connection, BRAND, members, last=True)

    def end(self) -> None:
        """Stop, and wait for it."""
        self._stop_it.set()
        self.join()


async def pull(shop: Shop, readings: Readings, *, alone: bool) -> None:
    """One till's pull, without a replica."""
    cursor = readings.cursors[shop.station_id]
    look = await shop.hq.look(LookRequest(cursors={Feed.MEMBERS.value: cursor}))
    more = Feed.MEMBERS in look.moved
    while more:
        if alone:
            head: FeedRun | FeedPage
            [head] = await shop.hq.pull_alone(Feed.MEMBERS, cursor)
        else:
            answer = await shop.hq.pull_packed(Feed.MEMBERS, cursor)
            head = answer.head
            readings.bytes += len(answer.frames)
        if isinstance(head, FeedRun):
            readings.runs, readings.pages = readings.runs + 1, readings.pages + len(head.sizes)
        else:
            readings.rows += len(head.rows)
        cursor, more = head.cursor, head.more
        readings.cursors[shop.station_id] = cursor


async def read_for_ever(shop: Shop, readings: Readings, chance: random.Random, *, alone: bool) -> None:
    """Pull about once a minute, as sync.pull.Puller.run does."""
    await asyncio.sleep(chance.uniform(0, PULL_INTERVAL_S))
    failures, ended = 0, time.monotonic()
    while True:
        try:
            await pull(shop, readings, alone=alone)
            failures, pause = 0, PULL_INTERVAL_S * chance.uniform(1 - PULL_SPREAD, 1 + PULL_SPREAD)
            now = time.monotonic()
            readings.between_s.append(now - ended)
            ended = now
        except SyncError as error:
            failures += 1
            pause = pause_s(failures, error, shop.any) if asked(error) else min(60, 2.0**failures)
        await asyncio.sleep(pause)


def _prepare(url: str) -> int:
    """Give every till a chain; where the members feed ends."""
    with psycopg.connect(url, autocommit=True, row_factory=dialect.rows_of) as raw:
        connection = PgConnection(raw)
        connection.execute(
            "INSERT INTO chains (workstation_id, epoch, watermark, head, sent_head, first_received_at_ms, counted,"
            f" recomputed) SELECT workstation_id, '{EPOCH}', 1, :zero, :zero, 1, 1, 1 FROM workstations",
            {"zero": bytes(32)},
        )
        row = connection.execute("SELECT last_no FROM feed_counters WHERE feed = 'members'").fetchone()
        assert row is not None
        return int(row["last_no"])


async def live(chain: Chain, rows_s: float, minutes: float, *, alone: bool = False) -> Readings:
    """Let all tills read for some minutes, once each of them has pulled for the first time."""
    last_no, chance, readings = _prepare(chain.address.url), random.Random(1), Readings()
    readings.cursors = {shop.station_id: last_no for shop in chain.shops}
    mover = Mover(chain.address.url, rows_s)
    mover.start()
    tasks = [asyncio.create_task(read_for_ever(shop, readings, chance, alone=alone)) for shop in chain.shops]
    await asyncio.sleep(_FIRST_S)
    readings.between_s.clear()
    readings.runs = readings.pages = readings.bytes = readings.rows = 0
    before = (*chain.spent_s(), time.process_time(), float(mover.moved))
    start = time.monotonic()
    with measured() as readings.calls:
        await asyncio.sleep(60 * minutes)
    readings.took_s = time.monotonic() - start
    after = (*chain.spent_s(), time.process_time(), float(mover.moved))
    readings.used = tuple((now - then) / readings.took_s for now, then in zip(after, before, strict=True))
    readings.behind = sorted(last_no + mover.moved - cursor for cursor in readings.cursors.values())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(shop.hq.close() for shop in chain.shops))
    mover.end()
    return readings


async def _run() -> int:
    size = Size.of_environment()
    env = os.environ
    rows_s, minutes = float(env.get("POS_AGENT_ROWS", "278")), float(env.get("POS_AGENT_MINUTES", "3"))
    with running(durable=True) as server, tempfile.TemporaryDirectory(prefix="chain-") as folder:
        chain = Chain(Path(folder), server, size, members=int(env.get("POS_AGENT_MEMBERS", "100000")))
        await chain.begin()
        print(f"{size.stores} stores are enrolled", flush=True)
        readings = await live(chain, rows_s, minutes, alone=env.get("POS_AGENT_ALONE") == "1")
        print(*readings.lines(), sep="\n")
        await chain.end()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run()))
