"""A till sells through its API while its replica is replaced by HQ's snapshot, again and again (docs/wire.md)."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from agent.demo.world import BRAND
from tests.api_till import someone
from tests.process_world import sale
from tests.till_world import TillWorld

SWAPS = 2


async def _until_done(client: httpx.AsyncClient, swaps: "asyncio.Task[None]") -> tuple[int, set[int]]:
    """Resolve, quote and sell without a pause; how many sales, and what the gold member's cart cost."""
    sold, prices = 0, set()
    while not swaps.done() or sold < 3:
        who = await _post(client, "/v1/members/resolve", {"code": someone("gold").number})
        quote = await _post(
            client, "/v1/quotes", {"lines": [{"code": "10001"}], "identification_id": who["identification_id"]}
        )
        prices.add(int(quote["payable_fen"]))
        await _post(client, "/v1/sales", sale(sold, "swap"))
        sold += 1
    return sold, prices


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code in (200, 201), response.text
    found: dict[str, Any] = response.json()
    return found


def test_no_call_fails_and_no_price_changes_while_replicas_do(tmp_path: Path) -> None:
    async def play() -> None:
        async with TillWorld(tmp_path) as world:
            client = await world.start()
            await world.server.hq.build_snapshot(BRAND)
            loader = world.agent.snapshots
            swapped = []
            loader.on_swapped = lambda: swapped.append(1)

            async def swap() -> None:
                for _ in range(SWAPS):
                    loader._insisted = True
                    assert await loader.load()

            sold, prices = await _until_done(client, asyncio.create_task(swap()))
            assert (len(swapped), len(prices)) == (SWAPS, 1)
            assert sold >= 3
            await world.agent.pusher.push_all()
            found = await world.agent.daemon.prove()
            assert found.equal
            await client.aclose()

    asyncio.run(play())
