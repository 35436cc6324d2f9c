"""The look at all feeds over real HTTP: one signed call in place of six, admitted like every other at HQ's door."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from agent.domain.errors import HqRejected, HqUnreachable
from sync.downward import Downward
from sync.feed_run import MEDIA_TYPE, FeedAnswer, FeedRun
from sync.hq import feeds, shared_feeds
from sync.hq.bounds import FEED_SHARED_CALLERS
from sync.hq.enrol import Station
from sync.hq.feed_line import Cut
from sync.protocol import Feed, FeedPage, LookRequest
from tests.snapshot_world import WORKSTATION, Headquarters, TillReplica
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import BRAND

CALL = f"/v1/workstations/{WORKSTATION}/feeds"
ITEMS = "sku,name,list_yuan\nA1,乌龙茶,12.80\n"


def with_hq(folder: Path, story: Callable[[Headquarters, TillReplica], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Headquarters(folder, members=30) as hq:
            await hq.enrol(folder / "till")
            async with TillReplica(folder / "till", hq.url) as till:
                await story(hq, till)

    asyncio.run(play())


def test_a_till_at_its_end_asks_once_and_reads_what_has_moved(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        async def calls() -> int:
            before = till.hq.traffic().requests
            await till.puller.pull_all()
            return till.hq.traffic().requests - before

        assert await calls() == 1 + 3, "rules, members, identities; no items, merchants, coupons"
        assert await calls() == 1
        await hq.hq.import_items(BRAND, write(tmp_path, ITEMS))
        assert await calls() == 2
        assert await till.replica.item("A1") is not None
        await hq.hq.declare_restored("put back")
        assert await calls() == 1, "the leap alone moves nothing"
        # HQ forgot: the till's cursor is ahead, and it reads that feed from its start.
        await hq.hq._write(lambda c: c.execute("UPDATE feed_counters SET last_no = last_no - 1 WHERE feed = 'members'"))
        assert await calls() == 1 + 2

    with_hq(tmp_path, story)


def test_the_door_is_that_of_every_other_call(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        body = LookRequest(cursors={"rules": 0}).model_dump_json().encode()
        async with httpx.AsyncClient(base_url=hq.url, trust_env=False) as client:

            async def code(sent: bytes, signed: bytes) -> tuple[int, str]:
                answer = await client.post(CALL, content=sent, headers=till.hq._signed("POST", CALL, signed))
                return answer.status_code, answer.json().get("code", "")

            assert await code(body, body) == (200, "")
            assert await code(body, body + b" ") == (401, "NOT_AUTHENTICATED")
            assert (await client.post(CALL, content=body)).status_code == 401
            assert (await client.get(CALL)).json()["code"] == "METHOD_NOT_ALLOWED"
            for odd, wanted in (
                (b"{", (400, "BODY_NOT_JSON")),
                (b'{"cursors":{"rules":-1}}', (422, "BODY_INVALID")),
                (b'{"cursors":{"rules":"1"}}', (422, "BODY_INVALID")),
                (b'{"protocol":9,"cursors":{}}', (426, "PROTOCOL_UNSUPPORTED")),
                (b" " * 9000, (413, "BODY_TOO_LARGE")),
            ):
                assert await code(odd, odd) == wanted
        await hq.hq.revoke_workstation(WORKSTATION)
        with pytest.raises(HqRejected) as refused:
            await till.hq.look(LookRequest(cursors={"rules": 0}))
        assert (refused.value.status, refused.value.code) == (401, "WORKSTATION_REVOKED")

    with_hq(tmp_path, story)


def test_an_hq_without_the_call_says_what_the_puller_takes_for_an_older_one(tmp_path: Path) -> None:
    async def story(_hq: Headquarters, till: TillReplica) -> None:
        with pytest.raises(HqRejected) as refused:
            await till.hq._call("POST", till.hq._path("looks"), LookRequest, body=b"{}")
        assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")

    with_hq(tmp_path, story)


def test_a_run_brings_what_single_pages_bring_and_an_older_hq_answers_with_one(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        target = f"{CALL}/members?after=0"
        async with httpx.AsyncClient(base_url=hq.url, trust_env=False) as client:

            async def asked(path: str) -> httpx.Response:
                return await client.get(path, headers=till.hq._signed("GET", path, b""))

            page, several = await asked(target), await asked(target + "&run=1")
            assert (page.headers["content-type"], several.headers["content-type"]) == ("application/json", MEDIA_TYPE)
            assert "content-encoding" not in several.headers
            single = FeedPage.model_validate_json(page.content)
            answer = FeedAnswer.model_validate_json(several.content)
            assert isinstance(answer.head, FeedRun)
            assert list(answer) == [single]
            assert list(await till.hq.pull(Feed.MEMBERS, 0)) == [single]
            assert list(await till.hq.pull_alone(Feed.MEMBERS, 0)) == [single]
            assert list(await till.hq.pull_staged(Feed.MEMBERS, 0)) == [single]
            assert (await client.get(target + "&run=1")).status_code == 401
            assert (await asked(target + "99&run=1")).status_code == 409
            assert list(FeedAnswer.model_validate_json(page.content)) == [single], "of an HQ that knows no runs"

    with_hq(tmp_path, story)


def test_a_run_that_cannot_be_read_is_told_as_an_hq_that_cannot_be_reached(tmp_path: Path) -> None:
    async def story(_hq: Headquarters, till: TillReplica) -> None:
        told: list[tuple[bool, str]] = []
        till.hq._on_contact = lambda up, reason: told.append((up, reason))

        async def spoilt(feed: Feed, cursor: int) -> FeedAnswer:
            answer = await whole(feed, cursor)
            return FeedAnswer(answer.head, answer.frames[:-1])

        whole, till.hq.pull_packed = till.hq.pull_packed, spoilt  # type: ignore[method-assign]
        with pytest.raises(HqUnreachable):
            await till.puller.pull_all()
        assert told[-1] == (False, "what HQ sent of a feed does not speak our protocol")

    with_hq(tmp_path, story)


def test_a_slow_reader_of_a_run_is_counted_until_it_has_read(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        shared = hq.hq.shared_feeds
        for shown in shared._shared.values():
            shown.line.clear()
        frame = os.urandom(30_000_000)  # more than the kernel keeps for a connection
        line = shared._shared.setdefault((BRAND, Feed.MEMBERS), shared_feeds._Shared()).line
        line.append(Cut(0, 30, 30, frame, {}, more=False), hq.hq.mono_s())
        target = f"{CALL}/members?after=0&run=1"
        head = "".join(f"{name}: {value}\r\n" for name, value in till.hq._signed("GET", target, b"").items())
        reader, writer = await asyncio.open_connection("127.0.0.1", int(hq.url.rpartition(":")[2]))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: hq\r\nConnection: close\r\n{head}\r\n".encode())
        assert b"200 OK" in await asyncio.wait_for(reader.readline(), 30)
        assert shared._unread > len(frame)
        assert len(await asyncio.wait_for(reader.read(), 60)) > len(frame)
        for _ in range(3000):
            await asyncio.sleep(0.01 if shared._unread else 0)
        assert not shared._unread
        writer.close()
        await writer.wait_closed()

    with_hq(tmp_path, story)


def test_the_downward_check_compares_at_the_very_end_while_many_tills_share_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.hq.feed_line.FEED_SHARED_S", 600.0)  # however slow the machine

    async def story(hq: Headquarters, till: TillReplica) -> None:
        async def others() -> None:
            for number in range(FEED_SHARED_CALLERS):
                station = Station(f"S9-{number}", "S9", BRAND, None, "enrolled")
                await hq.hq.shared_feeds.run(station, Feed.MEMBERS, 0)

        await till.puller.pull_all()
        await till.store.run(lambda c: c.execute("UPDATE members SET points = points + 1 WHERE points = 7"))
        rows = await hq.hq._read(
            lambda c: c.execute("SELECT member_id FROM members WHERE opening_points = 3").fetchall()
        )
        await others()
        await hq.hq._write(lambda c: feeds.touch_members(c, BRAND, [rows[0]["member_id"]]))
        before = await till.replica.cursor(Feed.MEMBERS)
        await till.puller.pull_all()
        assert await till.replica.cursor(Feed.MEMBERS) == before, "the page is young, and many ask"
        await others()
        [found] = await Downward(till.rows, till.hq, till.puller).check()
        assert (found.table, found.code) == ("members", "ALTERED")
        assert await till.replica.cursor(Feed.MEMBERS) > before

    with_hq(tmp_path, story)
