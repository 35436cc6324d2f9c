"""Promise 7, disk full: nothing acknowledged is lost, money calls are refused, the daemon stays up and heals itself."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.limits import DISK_BALLAST_BYTES, DISK_LOW_BYTES
from agent.room import BALLAST
from tests.process_world import ProcessWorld, sale
from tests.processes import run, succeed
from tests.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.system("mount")
MEGABYTES = 64


def play(folder: Path, story: Callable[[ProcessWorld, SmallDisk], Awaitable[None]]) -> None:
    async def run_it(disk: SmallDisk) -> None:
        async with ProcessWorld(folder, state=disk.root / "till") as world:
            await story(world, disk)

    with small_disk(folder / "disk", MEGABYTES) as disk:
        asyncio.run(run_it(disk))


async def sell(pos: httpx.AsyncClient, number: int) -> httpx.Response:
    return await pos.post("/v1/sales", json=sale(number))


def refused(answer: httpx.Response) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (507, "DISK_LOW"), body
    assert body["detail"] == "硬盘空间不足，请联系管理员清理"
    assert "free space" in body["hint"]


async def until_sold(pos: httpx.AsyncClient, number: int, within_s: float) -> float:
    """Ask again and again, as a POS does; how long it took."""
    began = time.monotonic()
    while (answer := await sell(pos, number)).status_code != 201:
        assert answer.status_code == 507, answer.text
        assert time.monotonic() - began < within_s, "it did not heal by itself"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def check_books(world: ProcessWorld, acknowledged: list[int]) -> None:
    """Every acknowledged sale stands in the books once; contiguous, and the file is sound."""
    with sqlite3.connect(world.state / "books.db") as books:
        assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        seqs = [row[0] for row in books.execute("SELECT seq FROM events ORDER BY seq")]
        held = [row[0] for row in books.execute("SELECT caller_id FROM requests ORDER BY seq")]
    books.close()
    assert seqs == list(range(1, len(seqs) + 1))
    assert held == [f"k-{number}" for number in acknowledged]


async def storage(pos: httpx.AsyncClient) -> dict[str, Any]:
    answer = await pos.get("/v1/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["components"]["storage"]
    return found


def test_money_is_refused_before_the_disk_is_full_and_taken_again_once_there_is_room(tmp_path: Path) -> None:
    async def story(world: ProcessWorld, disk: SmallDisk) -> None:
        till = await world.run()
        async with world.pos() as pos:
            assert (await sell(pos, 1)).status_code == 201
            disk.leave(DISK_LOW_BYTES - (1 << 20))
            refused(await sell(pos, 2))
            assert "MB free" in await till.line("storage.low", 10)
            assert (await sell(pos, 1)).status_code == 200, "what was booked is answered as before"
            assert (await pos.get("/v1/hello")).json()["ready"] is False
            found = await storage(pos)
            assert found["up"] is False
            assert "MB free" in found["reason"]
            quoted = await pos.post("/v1/quotes", json={"lines": [{"code": "10001"}]})
            assert quoted.status_code == 200, "prices and members are still there"
            code, out, _ = await run("doctor", "--config", str(world.config))
            assert code == 1
            assert "sales are refused" in out
            assert "down: hq, storage" in out
            disk.clear()
            assert await until_sold(pos, 2, 60) < 15
            await till.line("storage.ok", 10)
            assert (await storage(pos))["up"] is True
        assert await till.stop() == 0
        check_books(world, [1, 2])

    play(tmp_path, story)


def test_a_disk_full_to_the_last_byte_costs_no_acknowledged_sale_and_heals_within_a_minute(tmp_path: Path) -> None:
    """Filled between two looks while sales run: whatever was answered 201 is kept, whatever was not is refused."""

    async def story(world: ProcessWorld, disk: SmallDisk) -> None:
        till = await world.run()
        acknowledged = []
        async with world.pos() as pos:
            assert (await sell(pos, 0)).status_code == 201
            acknowledged.append(0)
            assert (world.state / BALLAST).exists()
            filling = asyncio.get_running_loop().run_in_executor(None, disk.leave, 0)
            number = 1
            while (answer := await sell(pos, number)).status_code == 201:
                acknowledged.append(number)
                number += 1
            refused(answer)
            await filling
            await till.line("storage.low", 10)
            for again in acknowledged:
                assert (await sell(pos, again)).status_code == 200
            disk.leave(0)
            for _ in range(20):
                refused(await sell(pos, number))
            assert (await storage(pos))["up"] is False
            disk.clear()
            assert await until_sold(pos, number, 60) < 15
            acknowledged.append(number)
            await till.line("storage.ok", 10)
            assert (world.state / BALLAST).stat().st_blocks * 512 >= DISK_BALLAST_BYTES, "the ballast is back"
        assert await till.stop() == 0
        check_books(world, acknowledged)

    play(tmp_path, story)


def test_a_till_starts_on_a_full_disk_answers_and_refuses_money(tmp_path: Path) -> None:
    async def story(world: ProcessWorld, disk: SmallDisk) -> None:
        till = await world.run()
        async with world.pos() as pos:
            assert (await sell(pos, 1)).status_code == 201
            await till.stop()
            disk.leave(0)
            till = await world.run()
            assert (await sell(pos, 1)).status_code == 200
            refused(await sell(pos, 2))
            assert await till.stop() == 0
            disk.clear()
            till = await world.run()
            assert (await sell(pos, 2)).status_code == 201
        assert await till.stop() == 0
        check_books(world, [1, 2])

    play(tmp_path, story)


def test_hq_on_a_full_disk_answers_503_and_takes_everything_once_there_is_room(tmp_path: Path) -> None:
    """The store keeps what HQ could not: nothing is acknowledged that HQ does not hold."""

    async def story(world: ProcessWorld, disk: SmallDisk) -> None:
        (disk.root / "hq").mkdir()
        for file in world.hq_data.iterdir():
            shutil.move(file, disk.root / "hq" / file.name)
        world.hq_data = disk.root / "hq"
        hq, till = await world.serve(), await world.run()
        await till.line('"up": true')
        disk.leave(0)
        async with world.pos() as pos:
            for number in range(30):
                assert (await sell(pos, number)).status_code == 201
            await till.line("HQ answered 503")
            waiting = (await pos.get("/v1/status")).json()["outbox"]
            assert waiting["pending"] > 0
            assert hq.process.returncode is None, "it stays up: a restart makes no room"
            disk.clear()
            table = await succeed("reconcile", "--config", str(world.config))
            assert "Both books are equal" in table
            assert (await pos.get("/v1/status")).json()["outbox"] == {
                "acknowledged": 30,
                "pending": 0,
                "suspended": 0,
                "conflict": 0,
            }
        assert await till.stop() == 0
        assert await hq.stop() == 0

    with small_disk(tmp_path / "disk", 24) as disk:

        async def run_it() -> None:
            async with ProcessWorld(tmp_path) as world:
                await story(world, disk)

        asyncio.run(run_it())
