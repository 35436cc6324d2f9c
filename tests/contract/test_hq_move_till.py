"""A till goes on with a headquarters that moved to PostgreSQL: the same books, leases, keys, users and snapshots."""

import asyncio
from pathlib import Path
from typing import Any

from agent.demo import world as chain
from agent.domain.lease import plan_spend, spending
from agent.system import SystemClock, SystemEntropy
from agent.worker import Worker
from sync.hq.console.join import people_of
from sync.hq.console.people import Role
from sync.hq.db.address import settled
from sync.hq.main import open_hq
from sync.hq.server import HqServer
from sync.hq.service import HqService
from sync.hq.wechat_accounts import Entry
from sync.lease_protocol import LeaseWant
from tests.contract.test_hq_move import audited, to_server
from tests.contract.test_leases_http import lots, member_of, sell
from tests.postgres import PostgresServer
from tests.till_world import TillWorld
from tests.unit.test_hq_world import query

PASSWORD = "eight horses run"


def test_a_till_goes_on_with_the_headquarters_that_moved(tmp_path: Path, postgres: PostgresServer) -> None:
    """Sold before, lent before, signed in before, sealed before: it is the same headquarters."""
    address = postgres.fresh()

    async def story() -> None:
        async with TillWorld(tmp_path) as world:
            before = await _grown(world)
            await world.cable.pull()
            await world.server.stop()
            await _spend(world, "s-offline", 5)
            await to_server(tmp_path / "hq", address)
            world.server = HqServer(await _opened_again(tmp_path / "hq"))
            await world.server.start(port=world.cable._port)
            await world.cable.plug()
            await _goes_on(world, before)

    asyncio.run(story())


async def _grown(world: TillWorld) -> dict[str, Any]:
    """A sale, a lease, a proof, a user, a merchant, a snapshot; the snapshot's id and a feed's end."""
    hq = world.server.hq
    member = await member_of(world)
    assert await world.agent.leasing.acquire(member, [LeaseWant(account="points", amount=30)], 10)
    await _spend(world, "s-1", 12)
    assert (await world.agent.daemon.prove()).equal
    worker = Worker("people")
    await people_of(hq, worker).put("老板", Role.ADMIN, PASSWORD, "test")
    worker.close()
    await hq.wechat.office.add(Entry("1900000109", "wx8888888888888888", False, "https://wechat.test", v2_key="k" * 32))
    made = await hq.build_snapshot(chain.BRAND)
    return {"snapshot": made.snapshot_id, "counters": await query(hq, "SELECT * FROM feed_counters ORDER BY feed")}


async def _spend(world: TillWorld, sale_id: str, amount: int) -> None:
    found = await lots(world, await member_of(world))
    await sell(world, sale_id, spending(found, plan_spend(found, amount)))


async def _opened_again(data: Path) -> HqService:
    address = settled(data, "", {})
    assert address is not None, "the directory remembers where its books are"
    return await open_hq(data, SystemClock(), SystemEntropy(), database=address)


async def _goes_on(world: TillWorld, before: dict[str, Any]) -> None:
    hq = world.server.hq
    assert await query(hq, "SELECT * FROM feed_counters ORDER BY feed") == before["counters"]
    await _spend(world, "s-2", 3)
    run = await world.agent.daemon.prove()
    assert (run.result, run.equal, run.reason) == ("equal", True, "")
    assert await hq.awaited() == [], "nobody takes it for a copy"
    assert [(one.account, one.amount) for one in await hq.leases.at_risk()] == [("points", 10)]
    member = await member_of(world, 2)
    assert await world.agent.leasing.acquire(member, [LeaseWant(account="points", amount=1)], 10)
    worker = Worker("people")
    people = people_of(hq, worker)
    _token, person = await people.sign_in("老板", PASSWORD)
    assert person.role is Role.ADMIN
    worker.close()
    [shown] = await hq.wechat.office.accounts()
    assert (shown.mch_id, shown.has_v2) == ("1900000109", True), "its key can be opened"
    assert hq.snapshots is not None
    kept = hq.snapshots.shelf.newest(chain.BRAND)
    assert kept is not None
    assert kept.manifest.snapshot_id == before["snapshot"]
    await audited(hq, chain.BRAND)
