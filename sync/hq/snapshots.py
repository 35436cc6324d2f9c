"""Snapshots of brands: made on demand, and when one is due, and put onto the shelf.

Made by sync.hq.main; `pos-agent hq snapshot` asks for one. How one is built: sync.hq.snapshot_build.
"""

import asyncio
import shutil
from collections.abc import Mapping
from typing import Final

from agent.domain.errors import AgentError, DiskLow, Refusal, StorageError
from agent.domain.ids import random_id
from agent.limits import SNAPSHOT_BEHIND_ROWS, SNAPSHOT_PART_BYTES
from agent.ports import Clock, Entropy
from sync.hq import enrol
from sync.hq.bounds import (
    SNAPSHOT_AGE_S,
    SNAPSHOT_FROM_ROWS,
    SNAPSHOT_LOOK_S,
    SNAPSHOT_MOVED_PART,
)
from sync.hq.db.seam import Connection, Engine
from sync.hq.keys import HqKeys
from sync.hq.snapshot_build import Building
from sync.hq.snapshot_shelf import Progress, Shelf
from sync.protocol import Feed
from sync.snapshot import SnapshotManifest, snapshot_key

_ID_BYTES: Final = 10
_BIG: Final = (Feed.MEMBERS, Feed.IDENTITIES)


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
            build = Building(self._engine, brand_id, building, progress)
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
