"""HQ reckons again what real tills sold, by itself while it serves; a person lists what differs (R13)."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

from agent.books_ports import EventDraft, Outcome
from agent.demo import world as chain
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from sync.hq.places import KEY_FILE
from tests.e2e.test_reconcile import at_hq, sell
from tests.processes import run as command
from tests.processes import succeed
from tests.till_world import TillWorld

_PATIENCE_S = 20


async def until_reckoned(world: TillWorld) -> list[tuple[int, str]]:
    """What HQ found once its own task has come as far as the fold."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            rows = await at_hq(world, lambda c: c.execute("SELECT watermark - recomputed FROM chains").fetchall())
            if rows and all(row[0] == 0 for row in rows):
                kept = await at_hq(world, lambda c: c.execute("SELECT seq, code FROM recomputations").fetchall())
                return sorted(tuple(row) for row in kept)
            await asyncio.sleep(0.05)


async def sell_cheaper(world: TillWorld) -> None:
    """A till that somebody has tampered with takes a yuan off and says the rules did it."""
    till, commit = world.agent.till, world.agent.books.commit

    async def altered(draft: EventDraft) -> Outcome:
        body: dict[str, Any] = json.loads(json.dumps(draft.body))
        body["lines"][0]["net_fen"] -= 100
        return await commit(dataclasses.replace(draft, body=body))

    world.agent.books.commit = altered  # type: ignore[method-assign]
    quote = await till.quote([OrderLine("10003")], None)
    tender = TenderLine(TenderType.CASH, quote.cart.due_fen)
    await till.commit(SaleOrder("cheaper", (tender,), quote_id=quote.quote_id, paper=Paper.NONE))
    world.agent.books.commit = commit  # type: ignore[method-assign]


def test_hq_finds_by_itself_what_no_rule_explains(tmp_path: Path) -> None:
    async def story() -> None:
        async with TillWorld(tmp_path) as world:
            for number in range(15):
                await sell(world.agent.till, number, chain.member(number).number if number % 2 else None)
            await world.agent.pusher.push_all()
            assert await until_reckoned(world) == []
            assert (await world.server.hq.totals(chain.WORKSTATION)).differences == 0
            await sell_cheaper(world)
            await world.agent.pusher.push_all()
            assert await until_reckoned(world) == [(16, "PRICE_DIFFERS")]
            counts = await world.agent.outbox.outbox_counts()
            assert (counts.pending, counts.suspended) == (0, 0), "it is a fact for a person, no refusal"
            run = await world.agent.daemon.prove()
            assert run.result == "equal", "the books of both sides are the same"
            assert (await world.server.hq.totals(chain.WORKSTATION)).differences == 1
        assert (tmp_path / "hq" / KEY_FILE).exists()
        data = ("--data", str(tmp_path / "hq"))
        said = await succeed("hq", "differences", *data)
        assert "lines.1.net_fen 3890, by the rules 3990" in said
        assert f"{chain.WORKSTATION} " in said
        code, _, err = await command("hq", "differences", "S999-9", *data)
        assert code == 1
        assert "there is no workstation S999-9" in err

    asyncio.run(story())
