"""A building of a snapshot that fails, wherever: it says so, leaves nothing behind, and the next one is whole."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.errors import StorageError
from agent.sqlite import OperationalError
from sync.hq import snapshot_bulk, snapshot_shelf
from sync.hq.snapshots import Snapshots
from tests.unit.test_hq_world import BRAND, import_members, open_world

_PLACES = (
    (snapshot_bulk.Bulk, "add_members"),
    (snapshot_bulk.Bulk, "sort_members"),
    (snapshot_bulk.Heap, "add"),
    (snapshot_bulk.Heap, "arrange"),
    (snapshot_bulk.Bulk, "sort_identities"),
    (snapshot_shelf.Packer, "seal"),
)


def _full(*_: object) -> None:
    raise OperationalError("disk I/O error")


def test_a_building_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async def play() -> None:
        hq = await open_world(tmp_path / "hq")
        ids = await import_members(hq, tmp_path / "members.csv", 40)
        await hq.members.erase(BRAND, ids[3], "顾客", "申请")
        shelf = tmp_path / "hq" / "snapshots" / BRAND
        for owner, name in _PLACES:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(owner, name, _full)
                with pytest.raises(StorageError, match="could not be written"):
                    await hq.build_snapshot(BRAND)
            assert list(shelf.iterdir()) == [], name
        assert isinstance(hq.snapshots, Snapshots)
        hq.snapshots.part_bytes = 16 * 1024
        made = await hq.build_snapshot(BRAND)
        assert (made.rows["members"], made.rows["identities"]) == (39, 39)
        assert len(made.parts) == -(-made.size // made.part_size) > 3
        assert sorted(path.name for path in (shelf / made.snapshot_id).iterdir()) == [
            "manifest.json", "packed", "watermarks.json",
        ]  # fmt: skip
        await hq.close()

    asyncio.run(play())
