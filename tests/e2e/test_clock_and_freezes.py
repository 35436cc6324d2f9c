"""Promise 8 and S53 at a running till with a real HQ: a moved clock, a manager's word, a member frozen and released."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.demo import world as chain
from agent.domain.errors import Refusal
from agent.system import SystemClock
from sync.verdict import Reconciliation
from tests.e2e.test_reconcile import at_hq
from tests.till_world import TillWorld, cash

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TEN_YEARS_MS = 3653 * DAY_MS
MEMBER = chain.member(2).number


class WallClock(SystemClock):
    """A machine whose wall clock somebody moved."""

    moved_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.moved_ms


class Shop:
    """A running till, its POS, its manager at the unix socket."""

    def __init__(self, world: TillWorld, clock: WallClock, pos: httpx.AsyncClient, desk: httpx.AsyncClient) -> None:
        self.world, self.clock, self.pos, self.desk = world, clock, pos, desk
        self.sold = 0

    async def clock_now(self) -> dict[str, Any]:
        status = (await self.pos.get("/v1/status")).json()
        found: dict[str, Any] = status["clock"]
        return found

    async def resolve(self) -> dict[str, Any]:
        answer = await self.pos.post("/v1/members/resolve", json={"code": MEMBER})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def sell(self, fen: int = 1980, code: str = "10001", **more: Any) -> dict[str, Any]:
        self.sold += 1
        lines = [{"code": code, "qty": 1, "charged_fen": fen}]
        body = {"sale_id": f"s{self.sold}", "lines": lines, "tenders": [cash(fen)], **more}
        answer = await self.pos.post("/v1/sales", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def notices(self, kind: str) -> list[dict[str, Any]]:
        rows = await self.world.agent.books._store.read(
            lambda c: c.execute("SELECT data FROM notices WHERE kind = :kind ORDER BY id", {"kind": kind}).fetchall()
        )
        return [json.loads(row["data"]) for row in rows]

    async def prove(self) -> Reconciliation:
        """Prove; the clock's jump may have made the hourly proof due, which is let finish first."""
        for _ in range(100):
            try:
                return await self.world.agent.daemon.prove()
            except Refusal as refusal:
                if refusal.code != "IN_FLIGHT":
                    raise
                await asyncio.sleep(0.1)
        raise AssertionError("a proof never ended")

    async def event(self, seq: int) -> dict[str, Any]:
        row = await self.world.agent.books._store.read(
            lambda c: c.execute("SELECT body FROM events WHERE seq = :seq", {"seq": seq}).fetchone()
        )
        return dict(json.loads(row["body"]))


def play(folder: Path, story: Callable[[Shop], Awaitable[None]]) -> None:
    async def run() -> None:
        world, clock = TillWorld(folder), WallClock()
        world.clock = clock
        async with world:
            world.server.hq._clock = SystemClock()  # only the till's clock is moved
            transport = httpx.AsyncHTTPTransport(uds=str(world.settings.socket))
            async with (
                await world.start() as pos,
                httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=10) as desk,
            ):
                await story(Shop(world, clock, pos, desk))

    asyncio.run(asyncio.wait_for(run(), 120))


@pytest.mark.parametrize("moved_ms", [HOUR_MS, -HOUR_MS, 2 * DAY_MS, -2 * DAY_MS, TEN_YEARS_MS, -TEN_YEARS_MS])
def test_a_moved_clock_is_told_marked_and_known_to_hq_and_selling_goes_on(tmp_path: Path, moved_ms: int) -> None:
    async def story(shop: Shop) -> None:
        assert await shop.clock_now() == {"trusted": True, "why": "hq"}
        await shop.sell()
        shop.clock.moved_ms = moved_ms
        assert (await shop.clock_now())["trusted"] is False
        await shop.sell()
        clocks = [(await shop.event(seq))["clock"]["trusted"] for seq in (1, 2)]
        assert clocks == [True, False]
        await shop.world.agent.pusher.push_all()
        (skew,) = await shop.notices("clock.skew")
        assert abs(skew["skew_s"] - moved_ms // 1000) <= 2
        component = (await shop.pos.get("/v1/status")).json()["components"]["clock"]
        assert component["up"] is False
        refused = await shop.desk.post("/control/clock", json={"by": "王店长"})
        assert (refused.status_code, refused.json()["code"]) == (409, "CLOCK_OFF_BY_HQ")
        rows = await at_hq(shop.world, lambda c: c.execute("SELECT state FROM events ORDER BY seq").fetchall())
        assert [row["state"] for row in rows] == ["ok", "ok"], "nothing is suspended for a clock"
        noted = await at_hq(shop.world, lambda c: c.execute("SELECT code, place FROM discrepancies").fetchall())
        assert {(row["code"], row["place"]) for row in noted} == {("CLOCK_SKEW", "clock")}

        shop.clock.moved_ms = 0
        assert (await shop.clock_now())["trusted"] is True, "set right again"
        proof = await shop.prove()
        assert proof.equal
        assert len(await shop.notices("clock.ok")) == 1

    play(tmp_path, story)


def test_started_offline_the_manager_confirms_the_day(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        world = shop.world
        await world.cable.pull()
        await world.agent.books._store.run(lambda c: c.execute("UPDATE clock_mark SET boot_id = 'the run before'"))
        await world.reopen()
        async with await world.start() as pos:
            shop.pos = pos
            assert await shop.clock_now() == {"trusted": False, "why": "machine_started_since_contact"}
            refused = await world.agent.risk.may_spend((await _member(shop)), shop.clock.now_ms())
            assert refused is not None
            assert refused.code == "CLOCK_NOT_TRUSTED"
            confirmed = await shop.desk.post("/control/clock", json={"by": "王店长"})
            assert (confirmed.status_code, confirmed.json()["by"]) == (200, "王店长")
            assert await shop.clock_now() == {"trusted": True, "why": "manager"}
            assert len(await shop.notices("clock.confirmed")) == 1
            await world.cable.plug()
            await world.agent.puller.pull_all()
            assert await shop.clock_now() == {"trusted": True, "why": "hq"}

    play(tmp_path, story)


async def _member(shop: Shop) -> Any:
    who = await shop.world.agent.till.resolve(MEMBER)
    assert who.member is not None
    return who.member


def test_more_than_5000_points_in_an_hour_freeze_here_and_hq_credits_them_on_release(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        before = (await shop.resolve())["member"]["points"]
        who = await shop.resolve()
        first = await shop.sell(400_000, code="10003", identification_id=who["identification_id"])
        who = await shop.resolve()
        second = await shop.sell(400_000, code="10003", identification_id=who["identification_id"])
        assert [one["code"] for one in second["discrepancies"]][-1] == "POINTS_FROZEN"
        postings = (await shop.event(2))["postings"]
        assert [one["account"] for one in postings] == ["points_pending"]
        held = postings[0]["amount"]
        frozen = (await shop.desk.get("/control/freezes")).json()["freezes"]
        assert [(one["seq"], one["points"]) for one in frozen] == [(2, held)]
        assert (await shop.pos.get("/v1/status")).json()["frozen_here"] == 1
        member = await _member(shop)
        now_ms = shop.clock.now_ms()
        refused = await shop.world.agent.risk.may_spend(member, now_ms)
        assert refused is not None
        assert refused.code == "MEMBER_FROZEN"

        run = await shop.world.agent.daemon.prove()
        assert run.equal, run.differences
        await shop.world.server.hq.freeze_member(chain.BRAND, MEMBER, frozen=False, reason="团购, 已核对")
        await shop.world.agent.puller.pull_all()
        member = await _member(shop)
        assert await shop.world.agent.risk.may_spend(member, shop.clock.now_ms()) is None
        assert member.points == before + first["points_earned"] + held
        assert (await shop.world.agent.daemon.prove()).equal

    play(tmp_path, story)


def test_a_person_lifts_a_freeze_at_the_till(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        for _ in range(2):
            who = await shop.resolve()
            await shop.sell(400_000, code="10003", identification_id=who["identification_id"])
        member = await _member(shop)
        bad = await shop.desk.post(
            "/control/unfreeze", json={"member_id": member.member_id, "by": "王店长", "why": " "}
        )
        assert bad.json()["code"] in ("NAME_NEEDED", "INVALID_REQUEST")
        body = {"member_id": member.member_id, "by": "王店长", "why": "团购, 已核对小票"}
        lifted = await shop.desk.post("/control/unfreeze", json=body)
        assert lifted.json()["lifted"] == 1
        assert await shop.world.agent.risk.may_spend(member, shop.clock.now_ms()) is None
        (told,) = await shop.notices("member.unfrozen")
        assert (told["operator"], told["why"]) == ("王店长", "团购, 已核对小票")
        again = await shop.desk.post("/control/unfreeze", json=body)
        assert (again.status_code, again.json()["code"]) == (404, "NOT_FROZEN")

    play(tmp_path, story)
