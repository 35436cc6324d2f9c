"""Promise 8: a clock wrong by ten years either way neither stops selling nor doubles, loses or reorders anything."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.demo import world as chain
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from tests.process_world import ProcessWorld, sale
from tests.processes import succeed

TEN_YEARS_D = 3653


def clock_off_by(days: int) -> tuple[str, ...]:
    """Run what follows with its wall clock moved; the monotonic one stays, as it does on a real machine.

    By the library itself: the `faketime` command stays in between, and would take the signals meant for the till.
    """
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return ("env", "FAKETIME_DONT_FAKE_MONOTONIC=1", f"FAKETIME={days:+d}d", f"LD_PRELOAD={library}")


async def dynamic_code(world: ProcessWorld) -> str:
    """A fresh member code from the customer's phone: by HQ's clock, which is right."""
    hq = await open_hq(world.hq_data, SystemClock(), SystemEntropy())
    code = await hq.issue_dynamic_code(chain.BRAND, chain.member(1).number)
    await hq.close()
    return code


@pytest.mark.timeout(240)
@pytest.mark.system("faketime")
def test_ten_years_wrong_either_way_sells_once_in_order_and_proves_equal(tmp_path: Path) -> None:
    async def story(world: ProcessWorld) -> None:
        told: dict[str, int] = {}
        for life, days in enumerate((0, TEN_YEARS_D, -TEN_YEARS_D, 0)):
            fresh = await dynamic_code(world)
            hq, till = await world.serve(), await world.run(*(clock_off_by(days) if days else ()))
            async with world.pos() as pos:
                for number in range(life * 3, life * 3 + 3):
                    answer = await pos.post("/v1/sales", json=sale(number))
                    assert answer.status_code == 201, answer.text
                    told[f"k-{number}"] = answer.json()["event"]["seq"]
                assert (await pos.post("/v1/sales", json=sale(0))).status_code == 200, "the same sale, once"
                trusted = (await pos.get("/v1/status")).json()["clock"]
                assert trusted["trusted"] is (days == 0), trusted
                check_code(await pos.post("/v1/members/resolve", json={"code": fresh}), right=days == 0)
                listed = (await pos.get("/v1/status")).json()
                assert listed["sync_alarm"] == ""
            assert "Both books are equal" in await succeed("reconcile", "--config", str(world.config))
            assert await till.stop() == 0
            assert await hq.stop() == 0
            assert list(told.values()) == list(range(1, len(told) + 1)), "in the order they were sold"
            assert world.booked() == told
            assert world.at_hq() == told

    async def play() -> None:
        async with ProcessWorld(tmp_path) as world:
            await story(world)

    asyncio.run(play())


def check_code(answer: httpx.Response, *, right: bool) -> None:
    """A code is judged by this machine's clock; where that is wrong the cashier is told to look at it."""
    body: dict[str, Any] = answer.json()
    if right:
        assert answer.status_code == 200, body
    else:
        assert body["code"] == "DYNAMIC_CODE_EXPIRED", body
        assert "请检查本机时间" in body["detail"]
