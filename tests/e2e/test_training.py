"""S40: training works in every way and leaves no trace: not in the books, not at HQ, and its paper says what it is."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from agent.config import WorkstationSection
from agent.demo import world as chain
from agent.domain.receipt import Document, Drawer, Qr, Text
from agent.domain.receipt_training import as_training
from agent.training import TRAINING_BOOKS
from sync.lease_protocol import LeaseWant
from tests.till_world import TillWorld, cash

MEMBER = 3


def sale(number: int) -> dict[str, Any]:
    return {"sale_id": f"k{number}", "lines": [{"code": "10001", "qty": 2}], "tenders": [cash(3960)]}


async def switch(world: TillWorld, *, training: bool) -> httpx.AsyncClient:
    """What changing the configuration and restarting does."""
    workstation = WorkstationSection(training=training)
    world.settings = world.settings.model_copy(update={"workstation": workstation})
    await world.reopen()
    return await world.start()


async def at_hq(world: TillWorld) -> dict[str, int]:
    """Everything at HQ that a till could have moved."""
    tables = ("events", "postings", "leases", "lease_epochs", "chains", "proofs", "conflicts", "discrepancies", "lots")
    return await world.server.hq._read(
        lambda c: {name: c.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    )


async def books(world: TillWorld) -> list[tuple[Any, ...]]:
    store = world.agent.books._store
    return await store.read(
        lambda c: [
            tuple(row)
            for table in ("epochs", "events", "postings", "outbox", "requests", "leases", "print_jobs", "api_tokens")
            for row in c.execute(f"SELECT * FROM {table}").fetchall()
        ]
    )


def test_training_leaves_no_trace_and_its_paper_is_marked(tmp_path: Path) -> None:
    async def run() -> None:
        async with TillWorld(tmp_path, devices=True) as world:
            async with await world.start() as pos:
                assert (await pos.get("/v1/hello")).json()["training"] is False
                assert (await pos.post("/v1/sales", json=sale(1))).status_code == 201
                real_paper = await world.printer.wait_job(2)
                assert "训练" not in real_paper.decode("gb18030", "replace")
                assert (await world.agent.daemon.prove()).equal
                token = pos.headers["Authorization"]
                before, held = await books(world), await at_hq(world)
            await world.halt()
            witness = (world.settings.keys / "witness.json").read_bytes()

            async with await switch(world, training=True) as pos:
                hello = (await pos.get("/v1/hello")).json()
                assert (hello["training"], hello["ready"]) == (True, True)
                known = await pos.get("/v1/status", headers={"Authorization": token})
                assert (known.status_code, known.headers["pos-agent-books"]) == (200, "training")
                meant = {"Authorization": token, "Pos-Agent-Books": "real"}
                refused = await pos.post("/v1/sales", json=sale(9), headers=meant)
                assert (refused.status_code, refused.json()["code"]) == (409, "MODE_DIFFERS")
                number = chain.member(MEMBER).number
                who = (await pos.post("/v1/members/resolve", json={"code": number})).json()
                member, points = who["member"]["member_id"], who["member"]["points"]
                sold = await pos.post(
                    "/v1/sales", json={**sale(1), "identification_id": who["identification_id"]}
                )  # fmt: skip
                assert sold.status_code == 201, "the books of the training are their own: k1 is free"
                assert sold.json()["event"]["seq"] == 1
                assert sold.json()["points_earned"] > 0
                paper = (await world.printer.wait_job(4)).decode("gb18030", "replace")
                assert paper.count("训练") == 2
                assert paper.count("不作凭证") == 2
                nobody = (await pos.post("/v1/sales", json=sale(2))).json()
                assert nobody["join"] is None, "no claim is promised that HQ will never know"

                want = LeaseWant(account="points", amount="all")
                assert await world.agent.leasing.acquire(member, [want], 1)
                lots = await world.agent.leasing.spendable(member, "points", "2026-01-01")
                assert sum(lot.remaining for lot in lots if lot.lease_id.startswith("training")) == points
                assert await world.agent.leasing.acquire(member, [LeaseWant(account="points", amount=5)], 1)
                again = await world.agent.leasing.spendable(member, "points", "2026-01-01")
                assert sum(lot.remaining for lot in again) == sum(lot.remaining for lot in lots), (
                    "what is given is given"
                )
                proof = await world.agent.daemon.prove()
                assert proof.result == "unreachable"
                assert (world.settings.state / TRAINING_BOOKS).exists()

            async with await switch(world, training=False) as pos:
                assert (await pos.get("/v1/hello")).json()["training"] is False
                after = await books(world)
                fresh = [row for row in after if row not in before]
                assert [row for row in before if row not in after] == []
                tokens = [row for row in fresh if "test POS" in row]
                assert (len(fresh), len(tokens)) == (2, 2), "the tokens paired in both modes, and nothing else"
                assert not list(world.settings.state.glob(f"{TRAINING_BOOKS}*"))
                assert (world.settings.keys / "witness.json").read_bytes() == witness
                assert await at_hq(world) == held
                assert (await pos.post("/v1/sales", json=sale(1))).status_code == 200, "the real k1 is remembered"
                run = await world.agent.daemon.prove()
                assert run.equal, run

    asyncio.run(asyncio.wait_for(run(), 120))


def test_each_training_begins_with_empty_books(tmp_path: Path) -> None:
    async def run() -> None:
        async with TillWorld(tmp_path) as world:
            for _ in range(2):
                async with await switch(world, training=True) as pos:
                    assert (await pos.post("/v1/sales", json=sale(1))).status_code == 201
                    assert (await world.agent.outbox.outbox_counts()).pending == 1
            assert (await at_hq(world))["events"] == 0

    asyncio.run(asyncio.wait_for(run(), 120))


def test_every_paper_is_marked_and_a_drawer_is_not() -> None:
    marked = as_training(Document((Qr("x"),), cut=False))
    assert [block.text for block in marked.blocks if isinstance(block, Text)] == ["训练", "不作凭证"] * 2
    assert marked.cut is False
    drawer = Document((Drawer(),), cut=False)
    assert as_training(drawer) == drawer
