"""From a purchase to the till's view (S18): what HQ counts of the quarter is what the till shows to be missing."""

import asyncio
from pathlib import Path
from typing import Any

from agent.demo import world as chain
from tests.e2e.test_reconcile import sell
from tests.till_world import TillWorld

LEVELS = [{"tier_id": "normal"}, {"tier_id": "gold", "spend_fen": 500_000, "visits": 3}]


def test_what_hq_counted_of_the_quarter_is_what_the_till_shows(tmp_path: Path) -> None:
    async def story() -> None:
        async with TillWorld(tmp_path) as world:
            hq, buyer = world.server.hq, next(one for one in map(chain.member, range(40)) if one.tier_id == "normal")
            version: Any = chain.RULES["version"]
            body: Any = {**chain.RULES, "version": version + 1, "tier_review": {"levels": LEVELS}}
            await hq.import_rules(chain.BRAND, body)
            await sell(world.agent.till, 1, buyer.number)
            await world.agent.daemon.prove()
            while await hq.members.keep_some():
                pass
            await world.agent.puller.pull_all()
            async with await world.start() as client:
                answer = await client.post("/v1/members/resolve", json={"code": buyer.number})
            shown = answer.json()["member"]["tier_review"]
            sold = await hq._read(lambda c: c.execute("SELECT SUM(paid_fen) FROM store_days").fetchone()[0])
            assert sold > 0
            assert (shown["spend_fen"], shown["visits"]) == (sold, 1)
            assert (shown["missing_spend_fen"], shown["missing_visits"]) == (500_000 - sold, 2)

    asyncio.run(asyncio.wait_for(story(), 60))
