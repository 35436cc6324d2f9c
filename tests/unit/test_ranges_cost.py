"""What the downward check costs depends on the rows of a range, not on how many rows a brand has (docs/wire.md)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.db.replica import ReplicaDb
from agent.db.replica_rows import _READ, ReplicaRowsDb
from agent.db.schema_replica import replica_migrations
from agent.db.store import Store
from sync.hq import ranges
from sync.protocol import Feed
from sync.ranges import KeyRange, RangesRequest, key_of, range_of
from tests.books_world import make_keys
from tests.unit.test_hq_coupons import filled
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_world import BRAND, Till, enrol, import_members, open_world

MEMBERS = 600
STEPS = 1500
"""Of SQLite's machine, for a range of four rows: some 400 of them; a look at every row takes 3,000."""


def _counted(connection: Any, work: Callable[[], Any]) -> tuple[Any, int]:
    """What `work` gives, and how many steps of SQLite's machine it took, in tens."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 10
        return 0

    connection.set_progress_handler(step, 10)
    try:
        return work(), taken
    finally:
        connection.set_progress_handler(None, 0)


def test_a_range_is_not_looked_for_among_all_rows(tmp_path: Path) -> None:
    async def play() -> None:
        hq = await open_world(tmp_path / "hq")
        await enrol(hq, Till())
        await import_members(hq, tmp_path / "members.csv", MEMBERS)
        await filled(hq, tmp_path)
        store = await Store.open(tmp_path / "replica.db", replica_migrations, durable=False)
        replica = ReplicaDb(store, BRAND, make_keys(tmp_path / "keys"))
        rows = ReplicaRowsDb(store, replica)
        for feed in (Feed.MEMBERS, Feed.IDENTITIES):
            await replica.apply(await page(hq, feed, 0, limit=2 * MEMBERS))
            keys = [key_of(row) for row in await rows.rows(feed, "", "")]
            assert len(keys) >= MEMBERS
            ours, steps = await store.read(
                lambda c, feed=feed, keys=keys: _counted(c, lambda: _READ[feed](c, keys[5], keys[9], 1000))  # type: ignore[misc]
            )
            assert [key_of(row) for row in ours] == keys[6:10]
            assert steps < STEPS, feed
            asked = RangesRequest(
                feed=feed, cursor=await replica.cursor(feed), ranges=[range_of(ours, keys[5], keys[9])], rows=True
            )
            answer, steps = await hq._read(
                lambda c, asked=asked: _counted(c, lambda: ranges.compare(c, hq._known(c, "S1-1"), asked))  # type: ignore[misc]
            )
            assert answer.differing == []
            assert steps < STEPS, feed
            wrong = [KeyRange(after=keys[5], until=keys[9], count=0, xor="0" * 32)]
            other = asked.model_copy(update={"ranges": wrong})
            answer = await hq._read(lambda c, other=other: ranges.compare(c, hq._known(c, "S1-1"), other))  # type: ignore[misc]
            assert [key_of(row) for row in answer.rows] == keys[6:10]
        await store.close()
        await hq.close()

    asyncio.run(play())
