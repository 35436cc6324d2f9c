"""HQ tells online channels how members stand: within five seconds (S64); three tries, then a person (S65)."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync.channel_protocol import ChannelPush
from sync.hq.bounds import CHANNEL_LOOK_S, CHANNEL_PUSH_S, CHANNEL_WAITS_S
from tests.unit.hq_care_world import BRAND, CareWorld, play
from tests.unit.test_hq_referrals import ask

STATES = "SELECT state, code, tries FROM channel_pushes ORDER BY member_id"


class Shop:
    """A real server on loopback that keeps what it is told; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.told = asyncio.Event()

    async def __aenter__(self) -> "Shop":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/push"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.told.set()

    def pushes(self) -> list[ChannelPush]:
        return [ChannelPush.model_validate_json(body) for _headers, body in self.got]


def with_shop(folder: Path, story: Callable[[CareWorld, Shop, str], Any]) -> None:
    async def run(world: CareWorld) -> None:
        async with Shop() as shop:
            given = await world.hq.channels.add("shop", BRAND, shop.url)
            await story(world, shop, given.key)

    play(folder, run)


def test_a_change_at_a_till_is_pushed_signed_with_how_the_member_stands(tmp_path: Path) -> None:
    async def story(world: CareWorld, shop: Shop, key: str) -> None:
        assert not await world.hq.channels.worker.work(), "what was before the channel is not pushed"
        world.sell(1, 1_000, points=10)
        await world.push()
        await world.hq.channels.worker.work()
        headers, body = shop.got[0]
        assert headers["pos-agent-signature"] == hmac.new(bytes.fromhex(key), body, hashlib.sha256).hexdigest()
        (push,) = shop.pushes()
        assert (push.member.member_id, push.member.points, push.member.tier_id) == (world.ids[1], 11, "plain")
        assert not await world.hq.channels.worker.work(), "once"
        await ask(world, "p1", "purchase", 1, paid_fen=200)
        await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
        await world.hq.channels.worker.work()
        newest = {one.member.member_id: one.member for one in shop.pushes()}
        assert (newest[world.ids[1]].points, newest[world.ids[0]].deleted) == (13, True)
        assert newest[world.ids[1]].number > push.member.number
        assert "openid" not in json.dumps([body.decode() for _headers, body in shop.got])

    with_shop(tmp_path, story)


def test_three_tries_then_a_person_and_a_later_change_begins_anew(tmp_path: Path) -> None:
    async def story(world: CareWorld, shop: Shop, _key: str) -> None:
        shop.status = 503
        world.sell(0, 1_000, points=10)
        await world.push()
        began = world.clock.at_ms
        for wait_s in (*CHANNEL_WAITS_S, 60):
            await world.hq.channels.worker.work()
            await world.hq.channels.worker.work()
            world.clock.at_ms += wait_s * 1000
        assert await world.all(STATES) == [("stuck", "HTTP_503", 3)]
        assert len({one.push_id for one in shop.pushes()}) == 1, "the same push comes under the same id"
        assert (len(shop.got), sum(CHANNEL_WAITS_S) <= 600) == (3, True)
        (stuck,) = await world.hq.channels.stuck()
        assert (stuck["channel"], stuck["member_id"], stuck["since_ms"]) == ("shop", world.ids[0], began)
        shop.status = 200
        assert await world.hq.channels.retry("shop") == 1
        await world.hq.channels.worker.work()
        assert (await world.all(STATES), await world.hq.channels.stuck()) == ([("equal", "", 0)], [])
        world.sell(0, 1_000, points=5)
        await world.push()
        await world.hq.channels.worker.work()
        assert [one.member.points for one in shop.pushes()][-2:] == [10, 15]

    with_shop(tmp_path, story)


def test_the_worker_pushes_by_itself_well_within_five_seconds(tmp_path: Path) -> None:
    """S64. Its look and the deadline of one try together stay below five seconds."""
    assert CHANNEL_LOOK_S + CHANNEL_PUSH_S < 5

    async def story(world: CareWorld, shop: Shop, _key: str) -> None:
        working = asyncio.create_task(world.hq.channels.worker.run())
        try:
            world.sell(0, 1_000, points=10)
            await world.push()
            async with asyncio.timeout(5):
                await shop.told.wait()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        assert [one.member.points for one in shop.pushes()] == [10]

    with_shop(tmp_path, story)


def test_a_revoked_channel_and_one_without_an_address_are_pushed_nothing(tmp_path: Path) -> None:
    async def story(world: CareWorld, shop: Shop, _key: str) -> None:
        await world.hq.channels.add("quiet", BRAND, "")
        await world.hq.channels.revoke("shop")
        world.sell(0, 1_000, points=10)
        await world.push()
        assert not await world.hq.channels.worker.work()
        assert shop.got == []

    with_shop(tmp_path, story)
