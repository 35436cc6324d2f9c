"""Kills a till's process again and again while it loads a snapshot over an older replica. For unit and long tests."""

import asyncio
import shutil
import sys
from pathlib import Path

from tests.snapshot_world import MEMBERS, Headquarters, TillReplica
from tests.unit.test_hq_world import BRAND, members_file

_MORE = 100
"""Members that only the newer replica knows."""


async def _child(folder: Path, url: str, at: int) -> tuple[int, dict[str, tuple[str, ...]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "tests.snapshot_child", str(folder), url, str(at),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, {line.split()[0]: tuple(line.split()[1:]) for line in out.decode().splitlines()}


async def kill_at(folder: Path, every: int, *, afresh: bool = False) -> int:
    """Kill at the `every`-th step, then at twice that, and so on; how often the process died.

    Each life goes on where the one before died; `afresh` they all begin with the older replica, so that every step is
    died in, and each death is followed by a life to the end.
    """
    async with Headquarters(folder) as hq:
        till = folder / "till"
        await hq.enrol(till)
        async with TillReplica(till, hq.url) as older:
            await older.puller.pull_all()
        shutil.copytree(till, folder / "older")
        members_file(folder / "more.csv", MEMBERS + _MORE)
        assert (await hq.hq.import_members(BRAND, folder / "more.csv")).faults == []
        await hq.hq.build_snapshot(BRAND)
        deaths, at = 0, every
        while await _dies(till, hq.url, at):
            deaths, at = deaths + 1, at + every
            if afresh:
                assert not await _dies(till, hq.url, 0)
                await _whole(till, hq.url)
                shutil.rmtree(till)
                shutil.copytree(folder / "older", till)
        await _whole(till, hq.url)
    return deaths


async def _dies(till: Path, url: str, at: int) -> bool:
    """One life; whatever the one before was killed in, it finds one good replica."""
    code, said = await _child(till, url, at)
    assert said["found"] in ((str(MEMBERS), "ok"), (str(MEMBERS + _MORE), "ok")), said
    if code != 0:
        assert code == -9, (code, said)
        return True
    assert said["loaded"] == (str(MEMBERS + _MORE), "ok"), said
    return False


async def _whole(folder: Path, url: str) -> None:
    async with TillReplica(folder, url) as till:
        assert not till.stage.pending()
        assert all(await till.names(range(MEMBERS + _MORE)))
    assert _left(folder) == []


def _left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(("ready", "unpacking"))]
