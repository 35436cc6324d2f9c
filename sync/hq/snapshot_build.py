"""One snapshot while it is built, beside the ingest and from many short reads.

Run by sync.hq.snapshots. The reads are those of the feeds: first every row up to where the feeds stood at the start,
each once, then what changed meanwhile, until one last read finds every feed at its end. So the file holds exactly what
that last moment held, and no read was longer than a few milliseconds.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.domain.errors import StorageError
from agent.sqlite import translated
from agent.worker import Worker
from sync.hq import feeds
from sync.hq.bounds import SNAPSHOT_STEP_ROWS
from sync.hq.db.seam import Connection, Engine
from sync.hq.feeds import feed_row, rows_behind
from sync.hq.snapshot_bulk import Bulk, Heap
from sync.hq.snapshot_read import Step, read_step
from sync.hq.snapshot_shelf import Packer, Progress
from sync.protocol import Feed, FeedRow

T = TypeVar("T")
_FILE: Final = "replica.db"
_HEAP: Final = "identities.db"


@dataclass(frozen=True, slots=True)
class _Rest:
    """What one moment held behind some cursors: rows, the cursors behind them, whether there is more, watermarks."""

    rows: list[FeedRow]
    cursors: dict[Feed, int]
    more: bool
    marks: dict[str, dict[str, int]]


def _told(work: Callable[[], T]) -> Callable[[], T]:
    """Let a failure of the files be one of ours."""

    def step() -> T:
        with translated("the snapshot could not be written: ", "look at HQ's disk; it is tried again"):
            return work()

    return step


class Building:
    """One building: reads on the database's engine, writing in two threads of its own, a file each."""

    def __init__(self, engine: Engine, brand_id: str, folder: Path, progress: Progress) -> None:
        self._engine = engine
        self._brand_id = brand_id
        self._folder = folder
        self._progress = progress
        self._worker, self._second = Worker("hq-snapshot"), Worker("hq-snapshot-2")
        self._bulk: Bulk | None = None
        self._heap: Heap | None = None
        self._packer: Packer | None = None
        self._under_way: list[asyncio.Future[None]] = []
        self.migrations: list[str] = []

    async def fill(self) -> tuple[dict[Feed, int], dict[str, dict[str, int]], dict[str, int]]:
        """Fill the replica: cursors, watermarks and rows per table at its moment."""
        bulk = self._bulk = await self._in_file(lambda: Bulk(self._folder / _FILE))
        heap = self._heap = await self._in_heap(lambda: Heap(self._folder / _HEAP))
        self.migrations = bulk.migrations
        ends = await self._engine.run(lambda c: feeds.ends(c, self._brand_id))
        cursors = {feed: ends.get(feed.value, 0) for feed in Feed}
        for feed in Feed:
            await self._feed(bulk, heap, feed, cursors[feed])
            if feed is Feed.MEMBERS:
                self._progress("sort members", 0, 0)
                self._begin(self._in_file(bulk.sort_members))  # while identities are read
            if feed is Feed.IDENTITIES:
                self._begin(self._in_heap(heap.arrange))
        await asyncio.gather(*self._under_way)
        self._progress("sort identities", 0, 0)
        await self._in_file(lambda: bulk.sort_identities(heap.path))
        await self._in_heap(heap.close)
        while True:
            at = dict(cursors)
            rest = await self._engine.run(lambda c, at=at: self._rest(c, at))  # type: ignore[misc]
            await self._in_file(lambda rest=rest: bulk.apply(rest.rows))  # type: ignore[misc]
            cursors = rest.cursors
            if not rest.more:
                break
        rows = await self._in_file(lambda: bulk.conclude(cursors))
        self._progress("check", 0, 0)
        if not await self._in_file(bulk.is_sound):
            raise StorageError("the snapshot came out damaged", hint="check the disk")
        self._bulk = None
        await self._in_file(bulk.close)
        return cursors, rest.marks, rows

    async def pack(self, key: bytes, part_bytes: int) -> Packer:
        """Pack the file, and remove it."""
        path = self._folder / _FILE
        packer = self._packer = Packer(path, self._folder, key, part_bytes)
        size = path.stat().st_size
        while plain := await self._in_file(packer.read):
            numbers = range(len(packer.parts), len(packer.parts) + len(plain))
            sealed = await asyncio.gather(
                *(
                    run(lambda number=number, one=one: packer.seal(number, one))  # type: ignore[misc]
                    for run, number, one in zip((self._in_file, self._in_heap), numbers, plain, strict=False)
                )
            )
            await self._in_file(lambda sealed=sealed: packer.write(sealed))  # type: ignore[misc]
            self._progress("pack", packer.size, size)
        await self._in_file(packer.finish)
        path.unlink()
        return packer

    async def close(self) -> None:
        """Let go of files and threads, whatever came of it."""
        if self._packer is not None:
            self._packer.close()
        if self._bulk is not None:
            self._bulk.interrupt()
            await self._worker.call(self._bulk.close)
        if self._heap is not None:
            self._heap.interrupt()
            await self._second.call(self._heap.close)
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._worker.close()
        self._second.close()

    async def _in_file(self, work: Callable[[], T]) -> T:
        return await self._worker.call(_told(work))

    async def _in_heap(self, work: Callable[[], T]) -> T:
        return await self._second.call(_told(work))

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Future[None]":
        begun = asyncio.ensure_future(work)
        self._under_way.append(begun)
        return begun

    async def _feed(self, bulk: Bulk, heap: Heap, feed: Feed, end: int) -> None:
        """Every row of a feed up to `end`, each once: what moves meanwhile is behind it."""
        after, writing = 0, None
        while after < end:
            at = after
            step = await self._engine.run(lambda c, at=at: read_step(c, self._brand_id, feed, at, end))  # type: ignore[misc]
            if writing is not None:
                await writing
                self._under_way.remove(writing)
            writing = self._begin(self._write(bulk, heap, step))
            after = step.last if step.full else end
            self._progress(feed.value, after, end)
        if writing is not None:
            await writing
            self._under_way.remove(writing)

    async def _write(self, bulk: Bulk, heap: Heap, step: Step) -> None:
        if step.members:
            await self._in_file(lambda: bulk.add_members(step.members))
        if step.identities:
            await self._in_heap(lambda: heap.add(step.identities))
        if step.others:
            await self._in_file(lambda: bulk.apply(step.others))

    def _rest(self, connection: Connection, cursors: Mapping[Feed, int]) -> _Rest:
        # ORDER: one moment for all feeds and the watermarks; where nothing is left behind it, it is the snapshot's.
        with connection.snapshot():
            rest = _Rest([], dict(cursors), False, {})
            more = False
            for feed in Feed:
                found = rows_behind(connection, self._brand_id, feed, cursors[feed], SNAPSHOT_STEP_ROWS)
                rest.rows.extend(feed_row(connection, feed, row) for row in found)
                more = more or len(found) == SNAPSHOT_STEP_ROWS
                if found:
                    rest.cursors[feed] = found[-1]["feed_no"]
            if more:
                return _Rest(rest.rows, rest.cursors, True, {})
            marks = connection.execute(
                "SELECT c.workstation_id, c.epoch, c.watermark FROM chains c"
                " JOIN workstations w ON w.workstation_id = c.workstation_id"
                " JOIN stores s ON s.store_id = w.store_id WHERE s.brand_id = :brand_id",
                {"brand_id": self._brand_id},
            )
            for row in marks.fetchall():
                rest.marks.setdefault(row["workstation_id"], {})[row["epoch"]] = row["watermark"]
            return rest
