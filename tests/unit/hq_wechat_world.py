"""HQ with a WeChat merchant over real SQLite, and a stand-in of WeChat that answers; for tests of sync.hq.wechat_*."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.hq.service import HqService
from sync.hq.wechat_accounts import Entry
from sync.protocol import Batch
from sync.wechat.transport import Transport
from tests.unit.test_hq_world import BRAND, NOW_MS, STORE, HandClock, Till, enrol, open_world, query
from tests.unit.wechat_world import CODE, OPENID, PAID, SUB_OPENID, order
from tests.wechat_stand_in import WechatStandIn

DAY = "2026-09-21"  # the day of NOW_MS in Shanghai
GOLD_NUMBER = "100000000001"


@pytest.fixture(scope="module")
def wechat_server() -> Iterator[WechatStandIn]:
    """One stand-in for a whole file."""
    with WechatStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def wechat(wechat_server: WechatStandIn) -> WechatStandIn:
    """The stand-in, well-behaved, with one order, one known payment code and nothing else."""
    wechat_server.mischief = ""
    for held in ("orders", "calls", "refused", "bills", "points", "requests_seen", "certificates"):
        getattr(wechat_server, held).clear()
    wechat_server.hold.clear()
    wechat_server.codes = {CODE: (OPENID, SUB_OPENID)}
    order(wechat_server)
    return wechat_server


class WechatWorld:
    """One brand, store and till; one member whom WeChat knows; one merchant with its keys."""

    def __init__(self, hq: HqService, wechat: WechatStandIn, till: Till, clock: HandClock) -> None:
        self.hq, self.wechat, self.till, self.clock = hq, wechat, till, clock
        self.member_id = ""

    async def push(self) -> None:
        """Hand over everything the till booked."""
        station = self.till.workstation_id
        batch: Batch = self.till.batch()
        await self.hq.ingest(station, batch)

    def sell(self, transaction_id: str = PAID, payable_fen: int = 1280, **more: Any) -> None:
        """Book a WeChat sale as a till asserts it."""
        tender = {
            "type": "wechat", "amount_fen": payable_fen, "received_fen": None, "transaction_id": transaction_id,
            "evidence": "asserted", "mch_id": self.wechat.mch_id, "sub_mch_id": self.wechat.sub_mch_id,
        } | more.pop("tender", {})  # fmt: skip
        self.till.book(payable_fen=payable_fen, tenders=[tender], **more)

    async def work(self) -> int:
        """Let the worker read what is new and confirm what is due, once."""
        await self.hq.wechat.worker.prepare()
        return await self.hq.wechat.worker.confirm_some()

    async def later(self, seconds: int) -> int:
        """Time passes, then the worker works."""
        self.clock.at_ms += seconds * 1000
        return await self.work()

    async def checks(self) -> list[tuple[str, str]]:
        """(state, code) of every check, in order of events."""
        rows = await query(self.hq, "SELECT state, code FROM wechat_checks ORDER BY seq, transaction_id")
        return [(row["state"], row["code"]) for row in rows]

    async def codes(self) -> list[tuple[str, str]]:
        """(transaction, code) of open differences."""
        rows = await self.hq.wechat.office.differences()
        return sorted((str(row["transaction_id"]), str(row["code"])) for row in rows)


def entry_of(wechat: WechatStandIn, **changes: Any) -> Entry:
    """What an operator enters of the stand-in's merchant."""
    held: dict[str, Any] = {
        "mch_id": wechat.mch_id, "appid": wechat.appid, "is_partner": True, "base_url": wechat.url,
        "v2_key": wechat.v2_key, "v3_key": wechat.v3_key, "serial": wechat.serial, "private_key": wechat.merchant_pem,
    }  # fmt: skip
    return Entry(**(held | changes))


def play(
    folder: Path, story: Callable[[WechatWorld], Awaitable[None]], wechat: WechatStandIn, *, keys: bool = True
) -> None:
    """Run a story in a fresh world."""

    async def run() -> None:
        clock = HandClock()
        wechat.now_s = lambda: clock.at_ms // 1000
        hq = await open_world(folder / "hq", clock)
        hq.wechat.calls._transport = Transport(verify=False)  # plain http: no authorities to load
        try:
            (folder / "merchants.csv").write_text(
                f"mch_id,sub_mch_id,store_id\n{wechat.mch_id},{wechat.sub_mch_id},{STORE}\n"
            )
            await hq.import_merchants(BRAND, folder / "merchants.csv")
            (folder / "members.csv").write_text(
                f"member_number,tier_id,points,wechat\n{GOLD_NUMBER},gold,100,{wechat.sub_appid}:{SUB_OPENID}\n"
            )
            report = await hq.import_members(BRAND, folder / "members.csv")
            assert report.faults == [], report.faults
            till = Till()
            await enrol(hq, till)
            world = WechatWorld(hq, wechat, till, clock)
            world.member_id = (await query(hq, "SELECT member_id FROM members"))[0]["member_id"]
            if keys:
                await hq.wechat.office.add(entry_of(wechat))
                await hq.wechat.office.trust(wechat.mch_id, wechat.wechat_serial, wechat.wechat_pem)
                await hq.wechat.office.set_sub_appid(wechat.mch_id, wechat.sub_mch_id, wechat.sub_appid)
            await story(world)
        finally:
            await hq.close()

    asyncio.run(asyncio.wait_for(run(), 120))


__all__ = [
    "BRAND", "DAY", "GOLD_NUMBER", "NOW_MS", "OPENID", "PAID", "STORE", "SUB_OPENID", "WechatWorld", "entry_of",
    "order", "play", "wechat", "wechat_server",
]  # fmt: skip
