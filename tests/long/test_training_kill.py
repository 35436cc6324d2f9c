"""SIGKILL in the middle of a switch: the next start is in one of the two modes, and neither's books hold the other's.

`strace` kills the real process at the call named, on the very file: before the mark of the mode stands, while the
training's books are made, and while they are thrown away.
"""

import asyncio
import contextlib
import signal
from pathlib import Path

import httpx
import pytest

from tests.process_world import ProcessWorld, sale
from tests.processes import Daemon, succeed

pytestmark = pytest.mark.system("strace")
SECONDS = 60


def killed_at(call: str, path: Path) -> tuple[str, ...]:
    """Run what follows under strace, which kills it at its first `call` that names `path`."""
    quiet = ("strace", "-D", "-f", "-qqq", "-e", "signal=none", "-o", "/dev/null", "-P", str(path))
    return (*quiet, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL")


async def sold(pos: httpx.AsyncClient, number: int, *, training: bool) -> None:
    """The till is in that mode, and sells."""
    assert (await pos.get("/v1/hello")).json()["training"] is training
    assert (await pos.post("/v1/sales", json=sale(number))).status_code == 201


async def dies(pos: httpx.AsyncClient, till: Daemon, *, on: bool) -> None:
    """Ask for a mode and see the process die of it."""
    with contextlib.suppress(httpx.TransportError):
        await pos.post("/v1/manage/training", json={"on": on, "by": "900"})
    async with asyncio.timeout(SECONDS):
        assert await till.process.wait() == -signal.SIGKILL
    await till.drained()


def test_three_deaths_leave_one_of_the_two_modes(tmp_path: Path) -> None:
    async def run() -> None:
        async with ProcessWorld(tmp_path) as world, world.pos() as pos:
            training_books = world.state / "training.db"
            till = await world.run(*killed_at("openat", world.state / "mode.json.new"))
            await sold(pos, 0, training=False)
            await dies(pos, till, on=True)
            assert set(world.booked()) == {"k-0"}

            till = await world.run(*killed_at("openat", training_books))
            await sold(pos, 1, training=False)  # asked for, and not marked: it is as it was
            await dies(pos, till, on=True)
            assert set(world.booked()) == {"k-0", "k-1"}

            till = await world.run(*killed_at("unlink", training_books))
            await sold(pos, 2, training=True)  # marked: it is one, whatever was there of its books
            await sold(pos, 0, training=True)
            told = await succeed("status", "--config", str(world.config))
            assert "training: nothing that is booked reaches headquarters" in told, told
            assert "2 events of the real books for headquarters" in told, told
            await dies(pos, till, on=False)
            assert set(world.booked()) == {"k-0", "k-1"}, "a practice sale stands in the real books"

            till = await world.run()
            await sold(pos, 3, training=False)
            assert (await pos.post("/v1/sales", json=sale(0))).status_code == 200
            changes = (await pos.get("/v1/manage/training")).json()["changes"]
            assert [(one["training"], one["begun_at_ms"] is not None) for one in changes] == [
                (False, True),
                (True, True),
                (True, False),
            ]
            assert await till.stop() == 0
            assert set(world.booked()) == {"k-0", "k-1", "k-3"}
            assert not list(world.state.glob("training.db*"))

    asyncio.run(asyncio.wait_for(run(), 300))
