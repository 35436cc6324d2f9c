"""SIGKILL between a quote that holds and its sale: the right is there after the restart, with the cable out too."""

import asyncio
import contextlib
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent.demo import world as chain
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from tests.process_world import ProcessWorld
from tests.processes import post
from tests.till_world import MEMBERS


def with_coupon() -> tuple[str, str]:
    """A member's number and their coupon of 满30减5."""
    held = (coupon for number in range(MEMBERS) for coupon in chain.member(number).coupons())
    return next((number, coupon) for coupon, number, batch in held if batch == "cp5")


async def fresh_code(world: ProcessWorld, number: str) -> str:
    """What the member's mini-program shows; HQ is not served yet."""
    hq = await open_hq(world.hq_data, SystemClock(), SystemEntropy())
    try:
        return await hq.issue_dynamic_code(chain.BRAND, number)
    finally:
        await hq.close()


@pytest.mark.timeout(120)
def test_a_till_killed_after_it_held_a_coupon_sells_as_it_quoted(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        number, coupon = with_coupon()
        async with ProcessWorld(tmp_path) as world:
            code = await fresh_code(world, number)
            hq, till = await world.serve(), await world.run()
            async with world.pos() as pos:
                who = await post(pos, "/v1/members/resolve", {"code": code})
                asked: dict[str, Any] = {"lines": [{"code": "10001", "qty": 3}], "coupons": [coupon], "hold": True}
                quote = await post(pos, "/v1/quotes", {**asked, "identification_id": who["identification_id"]})
                assert quote["coupons"][0]["applied"]
                await till.stop(signal.SIGKILL)
                await hq.stop()
                till = await world.run()
                tenders = [{"type": "cash", "amount_fen": quote["due_fen"]}]
                body = {"sale_id": "k-1", "quote_id": quote["quote_id"], "tenders": tenders}
                sale = await post(pos, "/v1/sales", body)
                await till.stop(signal.SIGKILL)
                await world.run()
                assert (await post(pos, "/v1/sales", body))["event"] == sale["event"]
                again = await pos.post("/v1/members/resolve", json={"code": code})
                assert again.json()["code"] == "DYNAMIC_CODE_REPLAYED", "its nonce went into the books with the sale"
            assert sale["discrepancies"] == []
            assert sale["payable_fen"] == quote["payable_fen"]
        with contextlib.closing(sqlite3.connect(world.state / "books.db")) as books:
            spent = books.execute("SELECT bucket, amount FROM postings WHERE account = 'coupon'").fetchall()
            assert spent == [(coupon, -1)], "spent once"
            assert books.execute("SELECT count(*) FROM held_quotes").fetchone() == (0,)
            assert books.execute("SELECT count(*) FROM lease_holds").fetchone() == (0,)
        return sale

    assert asyncio.run(story())["certainty"] == "dynamic"
