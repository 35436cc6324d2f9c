"""The snapshot calls as docs/wire.md tells them, over real HTTP; and the downward check where very much is missing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from agent.domain.errors import HqRejected
from sync import downward
from sync.downward import Downward
from sync.hq import ranges, snapshot_calls
from sync.protocol import Feed, authorization, request_signing_bytes
from tests.processes import run, succeed
from tests.snapshot_world import WORKSTATION, Headquarters, TillReplica, code_of
from tests.unit.test_hq_world import BRAND, members_file, open_world, query


def with_hq(folder: Path, story: Callable[[Headquarters, TillReplica], Awaitable[None]], members: int = 300) -> None:
    async def play() -> None:
        async with Headquarters(folder, members) as hq:
            await hq.enrol(folder / "till")
            async with TillReplica(folder / "till", hq.url) as till:
                await story(hq, till)

    asyncio.run(play())


async def get(hq: Headquarters, till: TillReplica, tail: str, **headers: str) -> httpx.Response:
    target = f"/v1/workstations/{WORKSTATION}/{tail}"
    signature = till.keys.sign(request_signing_bytes("GET", target, b""))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=hq.url, trust_env=False) as client:
        return await client.get(target, headers={"Authorization": authorization(WORKSTATION, signature), **named})


def test_bytes_come_by_range_and_may_be_cached_for_ever(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        assert (await get(hq, till, "snapshot?id=")).json() == {"manifest": None, "watermarks": {}}
        made = await hq.hq.build_snapshot(BRAND)
        assert (await get(hq, till, "snapshot?id=")).json()["manifest"]["snapshot_id"] == made.snapshot_id
        tail, tag = f"snapshots/{made.snapshot_id}", f'"{made.snapshot_id}"'
        whole = await get(hq, till, tail)
        assert (whole.status_code, len(whole.content), whole.headers["etag"]) == (200, made.packed, tag)
        assert "immutable" in whole.headers["cache-control"]
        assert hashlib.sha256(whole.content[: made.parts[0].size]).hexdigest() == made.parts[0].sha256
        part = await get(hq, till, tail, Range="bytes=100-199", If_Range=tag)
        assert (part.status_code, part.content) == (206, whole.content[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{made.packed}"
        assert (await get(hq, till, tail, Range="bytes=100-199", If_Range='"another"')).status_code == 200
        assert (await get(hq, till, tail, Range=f"bytes={made.packed}-")).status_code == 416
        assert (await get(hq, till, tail, If_None_Match=tag)).status_code == 304

    with_hq(tmp_path, story)


def test_strangers_get_nothing_and_other_brands_do_not_see_it(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        made = await hq.hq.build_snapshot(BRAND)
        async with httpx.AsyncClient(base_url=hq.url, trust_env=False) as client:
            for tail in ("snapshot", f"snapshots/{made.snapshot_id}"):
                assert (await client.get(f"/v1/workstations/{WORKSTATION}/{tail}")).status_code == 401
        await hq.hq._write(lambda c: c.execute("UPDATE stores SET brand_id = 'tea'").rowcount)
        await hq.hq.init_brand("coffee", "咖啡", "")
        await hq.hq._write(lambda c: c.execute("UPDATE stores SET brand_id = 'coffee'").rowcount)
        assert (await till.hq.snapshot()).manifest is None
        with pytest.raises(HqRejected) as refused:
            await till.hq.snapshot_bytes(made.snapshot_id, 0, 10, lambda _: None)
        assert (refused.value.status, refused.value.code) == (404, "SNAPSHOT_GONE")

    with_hq(tmp_path, story)


def test_downloads_leave_room_for_the_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_calls, "SNAPSHOT_DOWNLOADS", 0)

    async def story(hq: Headquarters, till: TillReplica) -> None:
        made = await hq.hq.build_snapshot(BRAND)
        busy = await get(hq, till, f"snapshots/{made.snapshot_id}")
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "SNAPSHOTS_BUSY", "30")
        assert (await get(hq, till, "feeds/rules?after=0")).status_code == 200

    with_hq(tmp_path, story)


def test_a_range_that_is_gone_comes_back_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (downward, ranges):
        monkeypatch.setattr(module, "FEED_PAGE_ROWS", 520)

    async def story(hq: Headquarters, till: TillReplica) -> None:
        await till.puller.pull_all()
        whole = await till.everything()
        check = Downward(till.rows, till.hq, till.puller)
        far: list[Feed] = []

        async def too_different(feed: Feed) -> None:
            far.append(feed)

        check.too_different = too_different
        assert await check.check() == []
        # Half of them in one piece: more than two pages of HQ's answer, in one range of the store's.
        gone = await till.store.run(lambda c: c.execute("DELETE FROM identities WHERE head > 0").rowcount)
        await till.store.run(lambda c: c.execute("UPDATE members SET points = 0 WHERE points = 77").rowcount)
        found = await check.check()
        codes = [(one.table, one.code) for one in found]
        assert codes.count(("identities", "MISSING")) == gone > 1040
        assert codes.count(("members", "ALTERED")) == 1
        assert await till.everything() == whole
        assert far == []
        # What would take too many pages is loaded again instead.
        monkeypatch.setattr(downward, "_LACKING_ASKED", 1)
        await till.store.run(lambda c: c.execute("DELETE FROM identities").rowcount)
        await check.check()
        assert far == [Feed.IDENTITIES]

    with_hq(tmp_path, story, members=2400)


def test_a_replica_that_is_too_different_is_taken_anew(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        await till.puller.pull_all()
        whole = await till.everything()
        # HQ has no snapshot: the feed is read again from its start.
        await till.store.run(lambda c: c.execute("DELETE FROM identities").rowcount)
        await till.loader.renew(Feed.IDENTITIES)
        assert not till.loader.busy
        await till.puller.pull_all()
        assert await till.everything() == whole
        # It has one: that, though the feeds of this till stand at their end.
        await hq.hq.build_snapshot(BRAND)
        await till.store.run(lambda c: c.execute("DELETE FROM identities").rowcount)
        assert not await till.loader.load()
        await till.loader.renew(Feed.IDENTITIES)
        assert till.loader.busy
        assert await till.loader.load()
        assert await till.everything() == whole
        assert await till.replica.by_code(code_of(5)) is not None
        assert len(await query(hq.hq, "SELECT 1 FROM chains")) == 0

    with_hq(tmp_path, story)


def test_the_command_makes_one_and_says_what_is_in_it(tmp_path: Path) -> None:
    async def play() -> None:
        hq = await open_world(tmp_path / "hq")
        members_file(tmp_path / "members.csv", 12)
        await hq.import_members(BRAND, tmp_path / "members.csv")
        await hq.close()
        said = await succeed("hq", "snapshot", BRAND, "--data", str(tmp_path / "hq"))
        assert "12 members, 12 identities, 1 rule_sets" in said
        assert [path.name for path in (tmp_path / "hq" / "snapshots").iterdir()] == [BRAND]
        code, _out, err = await run("hq", "snapshot", "nobody", "--data", str(tmp_path / "hq"))
        assert (code, "there is no brand nobody" in err) == (1, True)

    asyncio.run(play())
