"""Leases over real HTTP between the agent's own parts and a real HQ: asked, recalled, refused, given back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.books_ports import EventDraft
from agent.demo import world as chain
from agent.domain.business_day import business_day
from agent.domain.errors import HqRejected, Refusal
from agent.domain.lease import Lot, plan_spend, spending
from agent.domain.ledger import OWN_LOT, posting_rows
from agent.domain.sale import Posting
from sync.lease_protocol import LeaseRequest, LeaseWant
from tests.till_world import TillWorld


def play(folder: Path, story: Callable[[TillWorld], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TillWorld(folder) as world:
            await story(world)

    asyncio.run(run())


async def member_of(world: TillWorld, place: int = 1) -> str:
    found = await world.agent.till.resolve(chain.member(place).number)
    assert found.member is not None
    return found.member.member_id


async def lots(world: TillWorld, member: str) -> list[Lot]:
    day = business_day(world.clock.now_ms())
    return await world.agent.leasing.spendable(member, "points", day)


async def sell(world: TillWorld, sale_id: str, postings: Any) -> None:
    at_ms = world.clock.now_ms()
    body: dict[str, Any] = {
        "v": 1, "kind": "sale", "workstation_id": chain.WORKSTATION, "store_id": chain.STORE, "brand_id": chain.BRAND,
        "at_ms": at_ms, "business_day": business_day(at_ms), "sale_id": sale_id, "tenders": [],
        "totals": {"payable_fen": 0}, "postings": posting_rows(postings), "discrepancies": [],
    }  # fmt: skip
    await world.agent.books.commit(EventDraft("sale", sale_id, {}, body, {}, postings, at_ms=at_ms))


WANT = [LeaseWant(account="points", amount=30)]


def test_a_lease_is_granted_spent_with_the_cable_out_and_proven(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        member = await member_of(world)
        assert await world.agent.leasing.acquire(member, WANT, 10)
        await world.cable.pull()
        found = await lots(world, member)
        await sell(world, "s-1", spending(found, plan_spend(found, 12)))
        await sell(world, "s-2", [Posting("points", member, 7, OWN_LOT, "", OWN_LOT)])
        assert not await world.agent.leasing.acquire(member, WANT, 0.5), "the till goes on with what it holds"
        assert [lot.remaining for lot in await lots(world, member)] == [18, 7]
        await world.cable.plug()
        run = await world.agent.daemon.prove()
        assert (run.result, run.equal, run.reason) == ("equal", True, "")
        assert [(one.account, one.amount) for one in await world.server.hq.leases.at_risk()] == [("points", 25)]

    play(tmp_path, story)


def test_recalls_ride_on_the_members_feed_and_the_idle_lease_is_closed(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        member = await member_of(world)
        await world.agent.leasing.acquire(member, WANT, 10)
        await world.agent.puller.pull_all()
        assert await world.agent.leasing.close_idle() == 0
        await world.server.hq._write(lambda c: c.execute("UPDATE leases SET wanted = 1"))
        await world.agent.puller.pull_all()
        assert await world.agent.leasing.close_idle() == 1
        await world.agent.pusher.push_all()
        assert await world.server.hq.leases.at_risk() == []
        assert (await world.agent.daemon.prove()).result == "equal"

    play(tmp_path, story)


def test_hq_names_what_it_refuses(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        member = await member_of(world)
        epoch = await world.agent.outbox.epoch()
        ask = LeaseRequest(request_id="r1", epoch=epoch, last=0, member_id=member, wants=WANT)
        first = await world.agent.hq.lease(ask)
        assert await world.agent.hq.lease(ask) == first
        assert [one.lease_id for one in (await world.agent.hq.leases("")).leases] == [first.leases[0].lease_id]
        newer = ask.model_copy(update={"epoch": "ep_newer", "request_id": "r2"})
        await world.agent.hq.lease(newer)
        for changes, status, code in (
            ({"request_id": "r3"}, 409, "EPOCH_NOT_IN_FORCE"),
            ({"request_id": "r4", "epoch": "ep_newer", "member_id": "m_nobody"}, 404, "MEMBER_UNKNOWN"),
            ({"request_id": "r5", "epoch": "ep_newer", "protocol": 2}, 426, "PROTOCOL_UNSUPPORTED"),
        ):
            with pytest.raises(HqRejected) as refused:
                await world.agent.hq.lease(ask.model_copy(update=changes))
            assert (refused.value.status, refused.value.code) == (status, code)
        too_much = newer.model_copy(update={"request_id": "r6", "wants": [LeaseWant(account="points", amount=10**8)]})
        [short] = (await world.agent.hq.lease(too_much)).short
        assert (short.code, short.wanted) == ("INSUFFICIENT", 10**8)
        assert 0 < short.granted < short.wanted

    play(tmp_path, story)


def test_a_stranger_gets_no_leases(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        client = world.agent.hq._client
        for method in ("GET", "POST"):
            answer = await client.request(method, f"/v1/workstations/{chain.WORKSTATION}/leases")
            assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")

    play(tmp_path, story)


def test_a_frozen_member_spends_nothing_anew(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        member = await member_of(world)
        await world.server.hq.freeze_member(chain.BRAND, chain.member(1).number, frozen=True, reason="looked odd")
        with pytest.raises(Refusal) as refused:
            await world.agent.leasing.acquire(member, WANT, 10)
        assert refused.value.code == "MEMBER_FROZEN"

    play(tmp_path, story)
