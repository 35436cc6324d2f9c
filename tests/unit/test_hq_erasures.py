"""Erasing a member: kept beside the database, done again by a copy, acknowledged by every till, listed."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from sync.hq import feed_gaps
from sync.hq.erasures import FILE, Erasure, FileErasures
from sync.hq.service import HqService
from sync.protocol import Feed, FeedRow, LookRequest, MemberRow
from tests.unit.hq_care_world import BRAND, CareWorld, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import Databases, Till, enrol, import_members, open_again, open_world, query

ERASED = (Feed.MEMBERS, Feed.IDENTITIES, Feed.COUPONS)
IDENTITIES = "SELECT kind FROM identities WHERE member_id = :id AND (value_sealed IS NOT NULL OR deleted = 0)"


def test_an_erased_member_is_nobody_here_and_tills_acknowledge_it(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        rows = "member_number,tier_id,points,wechat,phone,birthday\n100000000000,plain,0,wx1:o1,13800138000,09-24\n"
        await world.hq.import_members(BRAND, write(tmp_path, rows))
        assert len(await world.all(IDENTITIES, id=world.ids[0])) == 3
        await world.hq.feed("S1-1", Feed.MEMBERS, 0)
        assert await world.hq.members.erase(BRAND, "100000000000", " legal ", "asked by letter")
        assert await world.all(IDENTITIES, id=world.ids[0]) == []
        assert (await world.row(0)).deleted
        (one,) = await world.hq.members.erased(BRAND)
        assert (one["asked_by"], one["reason"], one["missing"]) == ("legal", "asked by letter", ["S1-1"])
        assert not await world.hq.members.erase(BRAND, world.ids[0], "legal", "again"), "by its id: done before"
        for feed in Feed:
            page = await world.hq.feed("S1-1", feed, 0)
            (one,) = await world.hq.members.erased("")
            assert one["missing"] == ["S1-1"], "what was sent is not yet applied"
            await world.hq.feed("S1-1", feed, page.cursor)
            if feed is Feed.MEMBERS:
                again = (await world.hq.members.erased(BRAND))[0]["missing"]
                assert again == ["S1-1"], "identities and coupons are still to come"
            if feed is Feed.IDENTITIES:
                break
        await world.hq.feed("S1-1", Feed.COUPONS, 0)
        assert (await world.hq.members.erased(BRAND))[0]["missing"] == []

    play(tmp_path, story)


def test_who_asked_and_why_are_needed_and_the_member_must_be_known(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        for member, by, why, code in (
            ("100000000000", " ", "x", "REASON_NEEDED"), ("100000000000", "x", "", "REASON_NEEDED"),
            ("9", "x", "x", "MEMBER_UNKNOWN"),
        ):  # fmt: skip
            with pytest.raises(Refusal) as refused:
                await world.hq.members.erase(BRAND, member, by, why)
            assert refused.value.code == code
        assert await world.hq.members.erased("") == []

    play(tmp_path, story)


def test_a_copy_of_the_database_erases_again(tmp_path: Path) -> None:
    """The list lies beside the database and is in no copy of it."""

    async def story() -> None:
        hq = await open_world(tmp_path / "hq")
        ids = await import_members(hq, tmp_path / "members.csv", 2)
        await hq.close()
        Databases.back_up(tmp_path / "hq")
        hq = await open_again(tmp_path / "hq")
        await hq.members.erase(BRAND, ids[0], "legal", "asked")
        await hq.close()
        Databases.put_back(tmp_path / "hq")
        hq = await open_again(tmp_path / "hq")
        try:
            rows = await query(hq, "SELECT member_id FROM members WHERE status = 'deleted'")
            assert [row["member_id"] for row in rows] == ids[:1]
            assert [one["member_id"] for one in await hq.members.erased(BRAND)] == ids[:1]
        finally:
            await hq.close()

    asyncio.run(story())


def test_a_till_that_read_what_the_copy_forgot_reads_again_and_acknowledges_only_then(tmp_path: Path) -> None:
    """Its cursor is one that the restored HQ has long passed again: by number alone it would miss the tombstone."""

    async def story() -> None:
        hq, till = await open_world(tmp_path / "hq"), Till()
        await enrol(hq, till)
        ids = await import_members(hq, tmp_path / "members.csv", 2)
        await hq.close()
        Databases.back_up(tmp_path / "hq")
        hq = await open_again(tmp_path / "hq")
        await import_members(hq, tmp_path / "members.csv", 6)
        cursors = {feed: (await hq.feed(till.workstation_id, feed, 0)).cursor for feed in ERASED}
        await hq.build_snapshot(BRAND)
        await hq.members.erase(BRAND, ids[0], "legal", "asked")  # which the till, away by now, has not heard of
        await hq.close()
        Databases.put_back(tmp_path / "hq")
        hq = await open_again(tmp_path / "hq")
        try:
            await import_members(hq, tmp_path / "members.csv", 60)  # and goes on behind the till's cursors
            assert await hq.snapshot(BRAND) is None, "it holds the member, and rows that are forgotten"
            for feed in (Feed.MEMBERS, Feed.IDENTITIES):
                with pytest.raises(Refusal) as refused:
                    await hq.feed(till.workstation_id, feed, cursors[feed])
                assert refused.value.code == "CURSOR_AHEAD"
            assert (await hq.members.erased(BRAND))[0]["missing"] == [till.workstation_id]
            seen = [row for feed in ERASED for row in await whole(hq, till, feed)]
            assert ids[0] in {row.member_id for row in seen if isinstance(row, MemberRow) and row.deleted}
            assert (await hq.members.erased(BRAND))[0]["missing"] == []
        finally:
            await hq.close()

    asyncio.run(story())


@pytest.mark.parametrize("by_look", [False, True])
def test_a_cursor_that_hq_never_gave_or_has_forgotten_acknowledges_nothing(tmp_path: Path, by_look: bool) -> None:
    """Whoever has read that far read it of an HQ that knew more, and has not seen the tombstones."""

    async def story(world: CareWorld) -> None:
        async def acknowledged(above: int) -> set[str]:
            """By which feeds the erasure is acknowledged, once the till has asked from this far above its end."""
            cursors = {feed: ends[feed.value] + above for feed in ERASED}
            station = await world.hq.station("S1-1")
            assert station is not None
            if by_look:
                await world.hq.looking.look(
                    station, LookRequest(cursors={one.value: no for one, no in cursors.items()})
                )
            else:
                for feed, cursor in cursors.items():
                    with contextlib.suppress(Refusal):
                        await world.hq.feed("S1-1", feed, cursor)
            return {feed for (feed,) in await world.all("SELECT feed FROM erasure_acks")}

        await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
        ends = dict(await world.all("SELECT feed, last_no FROM feed_counters"))
        assert await acknowledged(above=5) == set(), "never given"
        await world.hq._write(lambda c: feed_gaps.leap(c, [BRAND], 0))
        far = "UPDATE feed_counters SET last_no = (SELECT MAX(to_no) FROM feed_gaps) + 1"
        await world.hq._write(lambda c: c.execute(far))
        assert await acknowledged(above=6) == set(), "forgotten"
        assert await acknowledged(above=0) == {feed.value for feed in ERASED}, "what was read of this HQ"

    play(tmp_path, story)


async def whole(hq: HqService, till: Till, feed: Feed) -> list[FeedRow]:
    """A feed from its beginning, as a till reads it, which asks until nothing more comes."""
    rows: list[FeedRow] = []
    cursor = 0
    while True:
        page = await hq.feed(till.workstation_id, feed, cursor)
        rows += page.rows
        if page.cursor == cursor:
            return rows
        cursor = page.cursor


def test_a_line_that_was_torn_hides_no_other(tmp_path: Path) -> None:
    kept = FileErasures(tmp_path / FILE)
    assert kept.read() == []
    one, two = Erasure("b", "m1", "x", "y", 1), Erasure("b", "m2", "x", "y", 2)
    kept.add(one)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"brand_id": "b", "mem')
    kept.add(two)
    assert FileErasures(tmp_path / FILE).read() == [one, two]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
