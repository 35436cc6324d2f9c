"""The vendor clients while a manager switches the till: what was begun in one of the books never lands in the other."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.kit.faults import PASS, Act, Kind, Plan
from agent.kit.pos_agent.client import OtherBooks, PosAgent, Refused, Waiting
from agent.kit.relay import Relay
from tests.life_world import Living, living
from tests.till_world import TillWorld, cash

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "agent" / "kit" / "pos-agent.js"
SWITCHED = Path(__file__).with_name("kit_switched.mjs")
CART: Any = {"lines": [{"code": "10001", "qty": 2}]}


def sale(name: str, **more: str) -> Any:
    return {"sale_id": name, **CART, "tenders": [cash(3960)], **more}


async def booked(till: Living) -> list[str]:
    """The sales of the books that are open."""
    rows = await till.life.agent.books._store.read(
        lambda connection: connection.execute("SELECT body FROM events WHERE kind = 'sale' ORDER BY seq").fetchall()
    )
    return [str(json.loads(row["body"])["sale_id"]) for row in rows]


@asynccontextmanager
async def counter(folder: Path, seen: dict[str, list[str]]) -> AsyncIterator[tuple[str, str, Living]]:
    """A line on which the answers of `k1` and `p1` are lost, and behind each the mode is switched: address and token.

    `seen` gets the sales of the training as it ends, and those of the real books at the end of the block.
    """
    async with TillWorld(folder / "world") as world, living(world) as till:

        async def begin(_: object) -> None:
            await till.turn(True)

        async def end(_: object) -> None:
            seen["training"] = await booked(till)
            await till.turn(False)

        plan = Plan()
        lost_k1, lost_p1 = Act(Kind.LOST, after=begin), Act(Kind.LOST, after=end)
        plan.put("POST", "/v1/sales", PASS, lost_k1, PASS, PASS, PASS, lost_p1)
        relay = Relay(str(till.pos.base_url).rstrip("/"), world.clock, plan)
        await relay.start()
        try:
            yield relay.url, till.pos.headers["Authorization"].removeprefix("Bearer "), till
        finally:
            await relay.stop()
        seen["real"] = await booked(till)
        seen["said"] = [one.headers.get("pos-agent-books", "") for one in relay.record.calls("POST", "/v1/sales")]
        seen["bare"] = [
            one.path
            for one in relay.record
            if one.method != "GET" and one.headers.get("pos-agent-books") not in ("real", "training")
        ]
        world.agent = till.life.agent


def check(seen: dict[str, list[str]]) -> None:
    """One sale each where it was begun; the waiting one was told to the real books before and after."""
    assert (seen["training"], seen["real"]) == (["p1"], ["k0", "k1"])
    assert seen["said"] == ["real"] * 5 + ["training"] * 2 + ["real"]
    assert seen["bare"] == []


@pytest.mark.parametrize("keeps", [True, False], ids=["on disk", "in memory"])
def test_what_was_begun_in_one_of_the_books_never_lands_in_the_other(tmp_path: Path, keeps: bool) -> None:
    folder = tmp_path / "kept" if keeps else None

    def day(url: str, token: str) -> None:
        with PosAgent(url, token, keep=folder, timeout_s=60) as pos:
            unsold = pos.quote(CART)["quote_id"]
            assert pos.sell(sale("k0", quote_id=pos.quote(CART)["quote_id"]))["outcome"] == "created"
            with pytest.raises(Waiting):
                pos.sell(sale("k1"))
            with pytest.raises(OtherBooks) as other:
                pos.quote(CART)
            assert isinstance(other.value, Refused)
            assert (other.value.code, other.value.detail != "") == ("MODE_DIFFERS", True)
            with pytest.raises(OtherBooks):
                pos.drawer({"drawer_id": "d1", "operator": "101", "reason": "换零钱"})
            assert pos.accept_books() == "training"
            for body in (sale("k1"), sale("k2", quote_id=unsold)):
                with pytest.raises(Waiting):
                    pos.sell(body)
            with pytest.raises(OtherBooks):
                pos.sell(sale("p1"))
            assert pos.accept_books() == "real"
            if folder is None:
                assert pos.sell(sale("k1"))["outcome"] == "exists"
        if folder is not None:
            assert sorted(one.name for one in folder.glob("*.body")) == ["sales-k1.body", "sales-k2.body"]
            (folder / "sales-k2.body").unlink()
            with PosAgent(url, token, keep=folder) as later:
                assert [one["outcome"] for one in later.resend()] == ["exists"]
                assert later.resend() == []

    async def story() -> None:
        seen: dict[str, list[str]] = {}
        async with counter(tmp_path, seen) as (url, token, _):
            await asyncio.to_thread(day, url, token)
        check(seen)

    asyncio.run(asyncio.wait_for(story(), 120))


@pytest.mark.system("node")
def test_the_javascript_client_does_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        seen: dict[str, list[str]] = {}
        async with counter(tmp_path, seen) as (url, token, _):
            command = ["node", str(SWITCHED), str(MODULE), url, token]
            ran = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=100, check=False
            )
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout) == [
            "created", "Waiting", "OtherBooks MODE_DIFFERS", "OtherBooks MODE_DIFFERS", "training", "Waiting",
            "Waiting", "OtherBooks MODE_DIFFERS", "real", 2, ["exists"], [],
        ]  # fmt: skip
        check(seen)

    asyncio.run(asyncio.wait_for(story(), 120))
