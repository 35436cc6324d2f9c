"""Promise 1 at the system call: the till dies at its n-th write or fsync, or the disk answers EIO or ENOSPC there.

`strace` injects into the real process. After each death: acknowledged <= stored <= acknowledged + 1, no gap, a sound
file. After an I/O error the process acknowledges nothing any more and ends, for the next fsync would report success.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.process_world import ProcessWorld, sale
from tests.processes import Daemon

pytestmark = pytest.mark.system("strace")
SALES = 40
SYNC = "fsync,fdatasync"  # which of the two depends on how SQLite was built


def strace(call: str, what: str) -> tuple[str, ...]:
    """Run what follows under strace, which does `what` to the calls named. -D: the till stays our own child."""
    quiet = ("strace", "-D", "-f", "-qqq", "-e", "signal=none", "-o", "/dev/null")
    return (*quiet, "-e", f"trace={call}", "-e", f"inject={call}:{what}")


def play(folder: Path, story: Callable[[ProcessWorld], Awaitable[None]]) -> None:
    async def run() -> None:
        async with ProcessWorld(folder) as world:
            await story(world)

    asyncio.run(run())


async def sell_until_it_dies(world: ProcessWorld, told: dict[str, int], first: int = 0) -> list[int]:
    """Sell and note what was acknowledged; the statuses of what was not, until nobody answers, or no sales are left."""
    refused: list[int] = []
    async with world.pos() as pos:
        for number in range(first, first + SALES):
            try:
                answer = await pos.post("/v1/sales", json=sale(number))
            except httpx.TransportError:
                return refused
            if answer.status_code == 201:
                assert not refused, "it acknowledged a sale after it had lost its durability"
                told[f"k-{number}"] = answer.json()["event"]["seq"]
            else:
                refused.append(answer.status_code)
    assert refused, "nothing happened to it"
    return refused


def check(world: ProcessWorld, told: dict[str, int], deaths: int) -> None:
    """What was told stands there under its number; at most one sale more for each death."""
    held = world.booked()
    assert told.items() <= held.items(), "an acknowledged sale is gone"
    assert len(held) <= len(told) + deaths, "more than the one that was being written"


async def end_of(daemon: Daemon) -> int:
    """Wait until it has ended by itself; its exit code."""
    async with asyncio.timeout(20):
        code = await daemon.process.wait()
        await daemon.drained()
        return code


@pytest.mark.parametrize(("call", "places"), [(SYNC, (3, 8, 17)), ("pwrite64", (60, 121, 182))])
def test_dying_at_the_nth_write_or_fsync_keeps_what_was_acknowledged(
    tmp_path: Path, call: str, places: tuple[int, ...]
) -> None:
    async def story(world: ProcessWorld) -> None:
        told: dict[str, int] = {}
        for death, place in enumerate(places):
            till = await world.run(*strace(call, f"signal=SIGKILL:when={place}"), until="api.ready")
            await sell_until_it_dies(world, told, death * SALES)
            assert await end_of(till) == -signal.SIGKILL
            check(world, told, death + 1)
        assert told, "it never came to sell"

    play(tmp_path, story)


def test_an_io_error_at_fsync_stops_the_till_and_nothing_after_it_is_acknowledged(tmp_path: Path) -> None:
    """After a failed fsync the next commit would report success (measured): the disk is well again at once here."""

    async def story(world: ProcessWorld) -> None:
        told: dict[str, int] = {}
        till = await world.run(*strace(SYNC, "error=EIO:when=14"))
        refused = await sell_until_it_dies(world, told)
        assert set(refused) <= {503}
        assert await end_of(till) not in (0, -signal.SIGKILL), "systemd must see that it failed"
        said = "\n".join(till.lines)
        assert "the database failed: disk I/O error" in said
        assert "Traceback" not in said
        check(world, told, 1)
        till = await world.run()
        async with world.pos() as pos:
            for name in told:
                again = await pos.post("/v1/sales", json=sale(int(name.removeprefix("k-"))))
                assert (again.status_code, again.json()["event"]["seq"]) == (200, told[name])
            next_one = await pos.post("/v1/sales", json=sale(len(told)))
            assert next_one.status_code in (200, 201), "the one in doubt is booked now, or was: once, either way"
            told[f"k-{len(told)}"] = next_one.json()["event"]["seq"]
        assert await till.stop() == 0
        assert world.booked() == told

    play(tmp_path, story)


def test_no_space_at_a_write_refuses_money_and_keeps_the_till_up(tmp_path: Path) -> None:
    """ENOSPC in the middle of a commit: DiskLow, not StorageError; what was begun is finished from the ballast."""

    async def story(world: ProcessWorld) -> None:
        till = await world.run(*strace("pwrite64", "error=ENOSPC:when=150..158"))
        told: dict[str, int] = {}
        refused: list[int] = []
        async with world.pos() as pos:
            for number in range(SALES):
                answer = await pos.post("/v1/sales", json=sale(number))
                while answer.status_code == 507:
                    refused.append(number)
                    await asyncio.sleep(0.05)
                    answer = await pos.post("/v1/sales", json=sale(number))
                assert answer.status_code in (200, 201), answer.text
                told[f"k-{number}"] = answer.json()["event"]["seq"]
        assert refused, "the disk was full and nobody was told"
        assert await till.stop() == 0
        assert world.booked() == told

    play(tmp_path, story)
