"""A feed by cursor loses no row, whatever changes between two pages, and says which events its balances hold."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from sync.hq import feeds
from sync.hq.service import HqService
from sync.protocol import Feed, FeedPage, IdentityRow, MemberRow, identity_index
from tests.unit.test_hq_books import in_world
from tests.unit.test_hq_world import BRAND, HandClock, Till, enrol, import_members, open_world, query


async def page(hq: HqService, feed: Feed, after: int, limit: int = 1000) -> FeedPage:
    return await hq._read(lambda c: feeds.page(c, hq._known(c, "S1-1"), feed, after, limit))


async def points(hq: HqService) -> dict[str, int]:
    """Fold a members feed from the start, as a store does."""
    found: dict[str, int] = {}
    after, more = 0, True
    while more:
        got = await page(hq, Feed.MEMBERS, after)
        found |= {row.member_id: row.points for row in got.rows if isinstance(row, MemberRow)}
        after, more = got.cursor, got.more
    return found


def test_points_are_opening_plus_what_was_folded_with_the_watermark_of_that_moment(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        start = await page(hq, Feed.MEMBERS, 0)
        assert (start.watermarks, start.more) == ({}, False)
        events = [till.book(member=ids[1], points=10) for _ in range(3)]
        await hq.ingest("S1-1", till.batch([events[0], events[2]]))
        got = await page(hq, Feed.MEMBERS, start.cursor)
        assert [(row.member_id, row.points) for row in got.rows if isinstance(row, MemberRow)] == [(ids[1], 11)]
        assert got.watermarks == {"e1": 1}
        await hq.ingest("S1-1", till.batch([events[1]]))
        later = await page(hq, Feed.MEMBERS, got.cursor)
        assert (later.watermarks, later.rows[0].model_dump()["points"]) == ({"e1": 3}, 31)
        assert await points(hq) == {ids[0]: 0, ids[1]: 31}

    in_world(tmp_path, story)


def test_watermarks_are_those_of_the_asking_workstation(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        other = Till(workstation_id="S1-2")
        await enrol(hq, other)
        other.book(member=ids[0], points=7)
        await hq.ingest("S1-2", other.batch())
        assert (await page(hq, Feed.MEMBERS, 0)).watermarks == {}
        assert await points(hq) == {ids[0]: 7, ids[1]: 1}

    in_world(tmp_path, story)


def test_pages_are_bounded_and_resume(tmp_path: Path) -> None:
    async def story(hq: HqService, _till: Till, ids: list[str]) -> None:
        seen: list[str] = []
        after = 0
        sizes = []
        while True:
            got = await page(hq, Feed.MEMBERS, after, limit=3)
            seen += [row.member_id for row in got.rows if isinstance(row, MemberRow)]
            sizes.append((len(got.rows), got.more))
            after = got.cursor
            if not got.more:
                break
        assert sizes == [(3, True), (3, True), (1, False)]
        assert seen == ids
        assert (await page(hq, Feed.MEMBERS, after)).cursor == after

    in_world(tmp_path, story, members=7)


def test_a_cursor_from_the_future_is_refused_not_left_to_lose_rows(tmp_path: Path) -> None:
    async def story(hq: HqService, _till: Till, _ids: list[str]) -> None:
        with pytest.raises(Refusal) as refused:
            await page(hq, Feed.MEMBERS, 3)
        assert (refused.value.code, refused.value.status) == ("CURSOR_AHEAD", 409)

    in_world(tmp_path, story)


def test_brands_do_not_see_each_other(tmp_path: Path) -> None:
    async def story(hq: HqService, _till: Till, ids: list[str]) -> None:
        await hq.init_brand("coffee", "咖啡", "")
        await import_members(hq, tmp_path / "coffee.csv", 5, "coffee")
        assert set(await points(hq)) == set(ids)
        assert (await page(hq, Feed.MEMBERS, 0)).cursor == 2

    in_world(tmp_path, story)


def test_an_erased_member_is_a_tombstone_everywhere_and_the_books_stay(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(member=ids[0], points=10)
        await hq.ingest("S1-1", till.batch())
        before = {feed: (await page(hq, feed, 0)).cursor for feed in (Feed.MEMBERS, Feed.IDENTITIES)}
        await hq.members.erase(BRAND, ids[0], "顾客", "申请")
        [member] = (await page(hq, Feed.MEMBERS, before[Feed.MEMBERS])).rows
        [identity] = (await page(hq, Feed.IDENTITIES, before[Feed.IDENTITIES])).rows
        assert isinstance(member, MemberRow)
        assert isinstance(identity, IdentityRow)
        assert (member.deleted, member.masked, identity.deleted) == (True, "", True)
        assert await query(hq, "SELECT 1 FROM identities WHERE deleted = 1 AND value_sealed IS NOT NULL") == []
        till.book(member=ids[0], points=1)
        assert (await hq.ingest("S1-1", till.batch())).verdicts[-1].verdict == "created"
        with pytest.raises(Refusal):
            await hq.members.erase(BRAND, "m_nobody", "顾客", "申请")

    in_world(tmp_path, story)


def test_the_index_is_what_a_store_computes(tmp_path: Path) -> None:
    async def story() -> None:
        hq = await open_world(tmp_path / "hq", HandClock())
        answer = await enrol(hq, Till())
        await import_members(hq, tmp_path / "m.csv", 1)
        [row] = (await page(hq, Feed.IDENTITIES, 0)).rows
        import base64

        key = base64.b64decode(answer.index_key)
        assert isinstance(row, IdentityRow)
        assert row.index == identity_index(key, "code", "100000000000").hex()
        await hq.close()

    asyncio.run(story())


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_row_is_lost_when_rows_change_between_pages(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Interleaves pulling with sales that move members to the end of the feed."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        replica: dict[str, tuple[int, int]] = {}
        truth = {member_id: number for number, member_id in enumerate(ids)}
        after = 0
        script = data.draw(st.lists(st.one_of(st.none(), st.integers(0, len(ids) - 1)), max_size=25))
        for step in [*script, *[None] * 12]:
            if step is None:
                got = await page(hq, Feed.MEMBERS, after, limit=2)
                numbers = got.watermarks.get("e1", 0)
                replica |= {row.member_id: (row.points, numbers) for row in got.rows if isinstance(row, MemberRow)}
                assert got.cursor > after or not got.rows
                after = got.cursor
            else:
                till.book(member=ids[step], points=step + 1)
                await hq.ingest("S1-1", till.batch(till.events[-1:]))
                truth[ids[step]] += step + 1
        while (got := await page(hq, Feed.MEMBERS, after, limit=2)).rows:
            replica |= {row.member_id: (row.points, 0) for row in got.rows if isinstance(row, MemberRow)}
            after = got.cursor
        assert {member_id: balance for member_id, (balance, _) in replica.items()} == truth

    in_world(tmp_path_factory.mktemp("hq"), story, members=5)
