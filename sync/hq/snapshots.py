"""Snapshots of brands: built beside the ingest from many short reads, on demand and when one is due.

Made by sync.hq.main; `pos-agent hq snapshot` asks for one. The reads are those of the feeds: first every row up to
where the feeds stood at the start, each once, then what changed meanwhile, until one last read finds every feed at its
end. So the file holds exactly what that last moment held, and no read was longer than a few milliseconds.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from agent.domain.errors import AgentError, DiskLow, Refusal, StorageError
from agent.domain.ids import random_id
from agent.limits import SNAPSHOT_BEHIND_ROWS, SNAPSHOT_PART_BYTES
from agent.ports import Clock, Entropy
from agent.sqlite import translated
from agent.worker import Worker
from sync.hq import enrol, feeds
from sync.hq.bounds import (
    SNAPSHOT_AGE_S,
    SNAPSHOT_FROM_ROWS,
    SNAPSHOT_LOOK_S,
    SNAPSHOT_MOVED_PART,
    SNAPSHOT_STEP_ROWS,
)
from sync.hq.db.seam import Connection, Engine
from sync.hq.feeds import feed_row, rows_behind
from sync.hq.keys import HqKeys
from sync.hq.snapshot_bulk import Bulk
from sync.hq.snapshot_read import read_step
from sync.hq.snapshot_shelf import Packer, Progress, Shelf
from sync.protocol import Feed, FeedRow
from sync.snapshot import SnapshotManifest, snapshot_key

T = TypeVar("T")
_ID_BYTES: Final = 10
_BIG: Final = (Feed.MEMBERS, Feed.IDENTITIES)
_FILE: Final = "replica.db"


class Snapshots:
    """Builds snapshots, one at a time, onto the shelf."""

    def __init__(self, engine: Engine, keys: HqKeys, clock: Clock, entropy: Entropy, shelf: Shelf) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self.shelf = shelf
        self.part_bytes = SNAPSHOT_PART_BYTES
        self._busy = False

    async def build(self, brand_id: str, progress: Progress = lambda *_: None) -> SnapshotManifest:
        """Build a snapshot of a brand and shelve it; Refusal 404 BRAND_UNKNOWN, 409 IN_FLIGHT while one is built."""
        if self._busy:
            raise Refusal("IN_FLIGHT", "a snapshot is being built", hint="wait for it", status=409)
        self._busy = True
        try:
            brand = await self._engine.run(lambda c: enrol.brand_row(c, brand_id))
            index_key = await self._engine.run(lambda c: enrol.index_key(c, self._keys, brand_id))
            snapshot_id = random_id("sn", self._entropy.token(_ID_BYTES))
            building = self.shelf.begin(brand_id, snapshot_id)
            build = _Build(self._engine, brand_id, building, progress)
            try:
                cursors, marks, rows = await build.fill()
                told = {
                    "snapshot_id": snapshot_id,
                    "brand_id": brand_id,
                    "index_key_version": brand["index_key_version"],
                    "migrations": build.migrations,
                    "taken_at_ms": self._clock.now_ms(),
                    "cursors": {feed.value: no for feed, no in cursors.items()},
                    "rows": rows,
                }
                packer = await build.pack(snapshot_key(index_key, snapshot_id), self.part_bytes)
                manifest = packer.manifest(self._keys, told)
                self.shelf.put(building, manifest, marks)
            finally:
                await build.close()
                shutil.rmtree(building, ignore_errors=True)  # after `put` it has another name
            return manifest
        finally:
            self._busy = False

    async def run(self) -> None:
        """Build what is due, for ever; a full disk, or a database that is away, only makes it wait."""
        while True:
            for brand_id in await self._due():
                try:
                    await self.build(brand_id)
                except (DiskLow, Refusal, StorageError, OSError):
                    continue
            await asyncio.sleep(SNAPSHOT_LOOK_S)

    async def _due(self) -> list[str]:
        def work(connection: Connection) -> dict[str, dict[str, int]]:
            found: dict[str, dict[str, int]] = {}
            for row in connection.execute("SELECT brand_id, feed, last_no FROM feed_counters ORDER BY brand_id, feed"):
                found.setdefault(row["brand_id"], {})[row["feed"]] = row["last_no"]
            return found

        try:
            feeds = await self._engine.run(work)
        except AgentError:
            return []
        now_ms = self._clock.now_ms()
        due = []
        for brand_id, last in feeds.items():
            newest = self.shelf.newest(brand_id)
            if is_due(last, newest.manifest if newest is not None else None, now_ms):
                due.append(brand_id)
        return due


def is_due(last: Mapping[str, int], newest: SnapshotManifest | None, now_ms: int) -> bool:
    """Whether a brand, whose feeds stand at `last`, should have a new snapshot."""
    if sum(last[feed] for feed in _BIG) < SNAPSHOT_FROM_ROWS:
        return False
    if newest is None:
        return True
    moved = sum(last[feed] - newest.cursors[feed] for feed in _BIG)
    old = now_ms - newest.taken_at_ms >= SNAPSHOT_AGE_S * 1000
    much = moved * SNAPSHOT_MOVED_PART >= newest.rows["members"] + newest.rows["identities"]
    return moved < 0 or (moved >= SNAPSHOT_BEHIND_ROWS and (old or much))


@dataclass(frozen=True, slots=True)
class _Rest:
    """What one moment held behind some cursors: rows, the cursors behind them, whether there is more, watermarks."""

    rows: list[FeedRow]
    cursors: dict[Feed, int]
    more: bool
    marks: dict[str, dict[str, int]]


class _Build:
    """One building: reads on the database's engine, writing in a thread of its own."""

    def __init__(self, engine: Engine, brand_id: str, folder: Path, progress: Progress) -> None:
        self._engine = engine
        self._brand_id = brand_id
        self._folder = folder
        self._progress = progress
        self._worker = Worker("hq-snapshot")
        self._bulk: Bulk | None = None
        self._packer: Packer | None = None
        self.migrations: list[str] = []

    async def fill(self) -> tuple[dict[Feed, int], dict[str, dict[str, int]], dict[str, int]]:
        """Fill the replica: cursors, watermarks and rows per table at its moment."""
        bulk = self._bulk = await self._in_file(lambda: Bulk(self._folder / _FILE))
        self.migrations = bulk.migrations
        ends = await self._engine.run(lambda c: feeds.ends(c, self._brand_id))
        cursors = {feed: ends.get(feed.value, 0) for feed in Feed}
        for feed in Feed:
            await self._feed(bulk, feed, cursors[feed])
        for stage, sort in (("sort members", bulk.sort_members), ("sort identities", bulk.sort_identities)):
            self._progress(stage, 0, 0)
            await self._in_file(sort)
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
        while await self._in_file(packer.step):
            self._progress("pack", packer.size, size)
        path.unlink()
        return packer

    async def close(self) -> None:
        """Let go of files and thread, whatever came of it."""
        if self._packer is not None:
            self._packer.close()
        if self._bulk is not None:
            self._bulk.interrupt()
            await self._worker.call(self._bulk.close)
        self._worker.close()

    async def _in_file(self, work: Callable[[], T]) -> T:
        def step() -> T:
            with translated("the snapshot could not be written: ", "look at HQ's disk; it is tried again"):
                return work()

        return await self._worker.call(step)

    async def _feed(self, bulk: Bulk, feed: Feed, end: int) -> None:
        """Every row of a feed up to `end`, each once: what moves meanwhile is behind it."""
        after, writing = 0, None
        while after < end:
            at = after
            step = await self._engine.run(lambda c, at=at: read_step(c, self._brand_id, feed, at, end))  # type: ignore[misc]
            if writing is not None:
                await writing
            writing = asyncio.ensure_future(self._in_file(lambda step=step: step.write(bulk)))  # type: ignore[misc]
            after = step.last if step.full else end
            self._progress(feed.value, after, end)
        if writing is not None:
            await writing

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
