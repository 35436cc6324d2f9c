"""Pages that HQ reads once for all tills: whoever applies them has what single pages would have brought, to the event.

Each story runs on both engines; on PostgreSQL pushes and pulls really run side by side.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import Refusal
from sync.feed_run import FeedAnswer, FeedRun
from sync.hq import feeds, shared_feeds
from sync.hq.bounds import FEED_LINE_S, FEED_SHARED_CALLERS, FEED_SHARED_S
from sync.hq.db.address import Address
from sync.hq.db.seam import Connection
from sync.hq.feed_line import Cut
from sync.hq.service import HqService
from sync.hq.shared_feeds import SharedFeeds
from sync.hq.wechat_calls import Books
from sync.protocol import Feed, FeedPage, MemberRow
from tests.hq_crowd import TILLS, play
from tests.unit.test_hq_feeds import points
from tests.unit.test_hq_world import BRAND, Till, query

MEMBERS = 4 * TILLS
BASE = 32
"""Points that the n-th till gives are BASE ** n, so that a balance tells how many events of each till it holds."""


class Reader:
    """One till's replica of members, filled by runs: points, and the watermarks of the row's own page."""

    def __init__(self, hq: HqService, shared: SharedFeeds, till: Till) -> None:
        self._hq, self._shared, self._till = hq, shared, till
        self.check: Callable[[MemberRow, int], None] = lambda _row, _seen: None
        """Told every row with the watermark of its page."""
        self.cursor = 0
        self.rows: dict[str, tuple[int, int]] = {}
        self.runs = self.pages = 0

    def forget(self) -> None:
        """A new replica."""
        self.cursor, self.rows = 0, {}

    async def ask(self) -> FeedAnswer:
        """One answer, as it travels."""
        station = await self._hq.station(self._till.workstation_id)
        assert station is not None
        found = await self._shared.run(station, Feed.MEMBERS, self.cursor)
        return FeedAnswer.model_validate_json(found if isinstance(found, bytes) else found.model_dump_json().encode())

    async def pull(self) -> None:
        """Read to the end, as the Puller does."""
        more = True
        while more:
            answer = await self.ask()
            self.runs += isinstance(answer.head, FeedRun)
            for page in answer:
                assert page.cursor > self.cursor or not page.rows
                assert page.rows or not page.more
                self.apply(page)
                more = page.more

    def apply(self, page: FeedPage) -> None:
        """Upsert the rows of one page."""
        self.pages += 1
        for row in page.rows:
            assert isinstance(row, MemberRow)
            seen = page.watermarks.get("e1", 0)
            self.check(row, seen)
            self.rows[row.member_id] = (row.points, seen)
        self.cursor = max(self.cursor, page.cursor)


def booked(till: Till, member: str, seq: int) -> int:
    """How many events of a till up to one of them are this member's."""
    return sum(f'"{member}"' in event.body for event in till.events[:seq])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows a page and pages an answer that every way is taken with two dozen members."""
    monkeypatch.setattr(shared_feeds, "FEED_PAGE_ROWS", 4)
    monkeypatch.setattr(shared_feeds, "FEED_RUN_PAGES", 3)
    monkeypatch.setattr(shared_feeds, "FEED_LINE_NUMBERS", 60)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("small")
def test_rows_and_watermarks_speak_of_the_same_events(tmp_path: Path, database: Address | None, seed: int) -> None:
    """Whatever page a row comes with, it holds the till's own events up to the watermark of that page, and no other."""

    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        chance = random.Random(seed)
        clock = {"s": 0.0}
        shared = SharedFeeds(hq.parts.books, lambda: clock["s"])
        readers = [Reader(hq, shared, till) for till in tills]
        opening = dict(zip(ids, range(MEMBERS), strict=True))

        async def sell(till: Till) -> None:
            place = tills.index(till)
            for _ in range(40):
                first = len(till.events)
                for _ in range(chance.randint(1, 3)):
                    till.book(member=chance.choice(ids), points=BASE**place)
                await hq.ingest(till.workstation_id, till.batch(till.events[first:]))
                clock["s"] += chance.choice([0, 0, 0.1, 0.1, FEED_SHARED_S / 2, 3])
                for _ in range(4):
                    await hq.ping()  # a pull takes some steps as well
                clock["s"] += FEED_LINE_S if chance.random() < 0.02 else 0

        async def read(reader: Reader, till: Till) -> None:
            place = tills.index(till)

            def check(row: MemberRow, seen: int) -> None:
                holds = (row.points - opening[row.member_id]) // BASE**place % BASE
                assert holds == booked(till, row.member_id, seen)

            reader.check = check
            while selling:
                if chance.random() < 0.1:
                    reader.forget()
                await reader.pull()
                await asyncio.sleep(0)

        selling = True
        reading = [asyncio.create_task(read(*pair)) for pair in zip(readers, tills, strict=True)]
        await asyncio.gather(*(sell(till) for till in tills))
        selling = False
        await asyncio.gather(*reading)
        clock["s"] += FEED_SHARED_S + 5
        truth = await points(hq)
        for reader in readers:
            await reader.pull()
            assert {who: has for who, (has, _) in reader.rows.items()} == truth
        assert sum(reader.runs for reader in readers) > 10 * TILLS, "pages were shared"

    play(tmp_path, database, story, MEMBERS)


# --- single truths --------------------------------------------------------------------------------------------------
def told(tmp_path: Path, story: Callable[[HqService, SharedFeeds, list[Reader], list[str]], Awaitable[None]]) -> None:
    """A story on the embedded engine, with a reader for every till; the clock stands still."""

    async def with_readers(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        shared = SharedFeeds(hq.parts.books, lambda: 0.0)
        await story(hq, shared, [Reader(hq, shared, till) for till in tills], ids)

    play(tmp_path, None, with_readers)


async def move(hq: HqService, *member_ids: str) -> None:
    """Members change."""
    await hq._write(lambda c: feeds.touch_members(c, BRAND, member_ids))


def test_a_page_is_read_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int | None]] = []
    cut = shared_feeds._cut

    def counted(connection: Connection, brand_id: str, feed: Feed, after: int, until: int | None) -> Cut:
        read.append((after, until))
        return cut(connection, brand_id, feed, after, until)

    monkeypatch.setattr(shared_feeds, "_cut", counted)

    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        few = readers[: FEED_SHARED_CALLERS - 1]
        await asyncio.gather(*(reader.pull() for reader in few))
        assert read == [(0, None)]
        await move(hq, ids[0])
        await few[0].pull()
        assert read == [(0, None), (5, None)]
        await asyncio.gather(*(reader.pull() for reader in few))
        assert read == [(0, None), (5, None)]
        assert {reader.cursor for reader in few} == {6}

    told(tmp_path, story)


def test_many_tills_wait_for_the_next_page_and_few_see_the_very_end(tmp_path: Path) -> None:
    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        for reader in readers[: FEED_SHARED_CALLERS - 1]:
            await move(hq, ids[0])
            await reader.pull()
        assert [reader.cursor for reader in readers[: FEED_SHARED_CALLERS - 1]] == [6, 7, 8, 9]
        await move(hq, ids[0])
        await readers[-1].pull()
        assert readers[-1].cursor == 9, "the fifth till within a second has what the fourth had"

    told(tmp_path, story)


def test_while_one_reads_the_next_page_many_go_with_what_is_there(tmp_path: Path) -> None:
    async def story(hq: HqService, shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        few, last = readers[: FEED_SHARED_CALLERS - 1], readers[-1]
        await few[0].pull()
        await move(hq, ids[0])
        async with shared._shared[BRAND, Feed.MEMBERS].alone:
            asking = [asyncio.create_task(reader.pull()) for reader in few]
            done, waiting = await asyncio.wait(asking, timeout=0.5)
            assert not done, "few see the very end, and wait for it"
            async with asyncio.timeout(20):
                await last.pull()
            assert last.cursor == 5
        await asyncio.gather(*waiting)

    told(tmp_path, story)


def test_a_till_behind_the_pages_has_them_filled_up_and_one_far_behind_reads_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(hq: HqService, shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        early, late, new, *_ = readers
        await early.pull()
        late.cursor = early.cursor = 5
        await move(hq, ids[0])
        await move(hq, ids[0])
        late.cursor = 6
        shared._shared.clear()
        await late.pull()
        await early.pull()
        assert (early.cursor, early.runs) == (7, 2)
        assert new.cursor == 0
        monkeypatch.setattr(shared_feeds, "FEED_LINE_NUMBERS", 4)
        await new.pull()
        assert (new.runs, new.cursor) == (0, 7)
        assert new.rows == await rows_of(hq)

    told(tmp_path, story)


async def rows_of(hq: HqService) -> dict[str, tuple[int, int]]:
    """All members as HQ has them, of which no event has been booked."""
    return {who: (has, 0) for who, has in (await points(hq)).items()}


def test_what_was_never_written_is_not_given_once_hq_knows_that_it_was_put_back(tmp_path: Path) -> None:
    """Books put back under the running process: pages of the time that is gone are let go of."""

    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        ahead, behind, later, *_ = readers
        await behind.pull()
        copied = await query(hq, "SELECT member_id, feed_no, opening_points FROM members ORDER BY feed_no")
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = opening_points + 500"))
        await move(hq, *ids)
        await ahead.pull()
        assert {has for has, _ in ahead.rows.values()} == {500, 501, 502, 503, 504}

        def put_back(connection: Connection) -> None:
            connection.bulk(
                "UPDATE members SET feed_no = i.feed_no, opening_points = i.opening_points FROM incoming AS i"
                " WHERE members.member_id = i.member_id",
                copied,
            )
            connection.execute("UPDATE feed_counters SET last_no = 5 WHERE feed = 'members'")

        await hq._write(put_back)
        await later.pull()
        assert later.rows == await rows_of(hq), "the feed ends before the pages that were kept"
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = opening_points + 500"))
        await move(hq, *ids)
        await ahead.pull()
        await hq._write(put_back)
        await hq.declare_restored("put back")
        await move(hq, ids[0])
        await behind.pull()
        assert behind.rows == await rows_of(hq), "the feed has leapt over them"

    told(tmp_path, story)


def test_pages_and_the_question_are_of_one_time(tmp_path: Path) -> None:
    """Put back between the till's question and the page: asked anew, the till's cursor turns out to be of no time."""

    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        between: list[Callable[[], Awaitable[None]]] = []

        class Between:
            async def __call__(self, work: Callable[[Connection], Any], /) -> Any:
                found = await hq._read(work)
                if between and isinstance(found, shared_feeds._Asked):
                    await between.pop()()
                return found

        async def put_back() -> None:
            await hq._write(lambda c: c.execute("UPDATE feed_counters SET last_no = 5 WHERE feed = 'members'"))
            await hq.declare_restored("put back")
            await move(hq, ids[0])

        shared = SharedFeeds(Books(Between(), hq.parts.books.write), lambda: 0.0)
        reader = Reader(hq, shared, readers[0]._till)
        await reader.pull()
        await move(hq, ids[1])
        await reader.pull()
        assert reader.cursor == 6
        await move(hq, ids[1])
        between.append(put_back)
        with pytest.raises(Refusal) as ahead:
            await reader.pull()
        assert ahead.value.code == "CURSOR_AHEAD"
        reader.forget()
        await reader.pull()
        assert reader.rows == await rows_of(hq)

    told(tmp_path, story)


def test_many_that_are_far_behind_share_and_one_far_ahead_of_them_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_feeds, "FEED_LINE_NUMBERS", 4)
    monkeypatch.setattr(shared_feeds, "FEED_PAGE_ROWS", 2)

    async def story(hq: HqService, shared: SharedFeeds, readers: list[Reader], _ids: list[str]) -> None:
        for reader in readers[: FEED_SHARED_CALLERS - 1]:
            await reader.ask()
        assert Feed.MEMBERS in {feed for _, feed in shared._shared}
        assert shared._shared[BRAND, Feed.MEMBERS].line.start is None, "few read alone"
        found = await readers[FEED_SHARED_CALLERS - 1].ask()
        assert isinstance(found.head, FeedRun)
        assert (found.head.cursor, found.head.more) == (2, True), "one page; the others wait for it"
        ahead = readers[-1]
        ahead.cursor = 2 + 4 + 1
        await hq._write(lambda c: c.execute("UPDATE feed_counters SET last_no = 9 WHERE feed = 'members'"))
        assert isinstance((await ahead.ask()).head, FeedPage)
        assert shared._shared[BRAND, Feed.MEMBERS].line.start == 0

    told(tmp_path, story)


def test_answers_that_nobody_reads_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_feeds, "FEED_RUNS_BYTES", 1000)

    async def story(_hq: HqService, shared: SharedFeeds, readers: list[Reader], _ids: list[str]) -> None:
        with shared.unread(999):
            assert isinstance((await readers[0].ask()).head, FeedRun)
            with shared.unread(1):
                assert isinstance((await readers[0].ask()).head, FeedPage)
        assert isinstance((await readers[0].ask()).head, FeedRun)

    told(tmp_path, story)


def test_pages_nobody_asks_for_are_let_go_of(tmp_path: Path) -> None:
    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], _ids: list[str]) -> None:
        clock = {"s": 0.0}
        shared = SharedFeeds(hq.parts.books, lambda: clock["s"])
        await Reader(hq, shared, readers[0]._till).pull()
        line = shared._shared[BRAND, Feed.MEMBERS].line
        clock["s"] = FEED_LINE_S
        shared.forget()
        assert line.start == 0
        clock["s"] += 1
        shared.forget()
        assert line.start is None

    told(tmp_path, story)


def test_pages_let_go_of_while_others_are_read_leave_no_gap(tmp_path: Path) -> None:
    async def story(hq: HqService, _shared: SharedFeeds, readers: list[Reader], ids: list[str]) -> None:
        clock = {"s": 0.0}

        class Slow:
            async def __call__(self, work: Callable[[Connection], Any], /) -> Any:
                found = await hq._read(work)
                if isinstance(found, Cut) and reading:
                    clock["s"] += FEED_LINE_S / 2
                    shared.forget()
                return found

        shared, reading = SharedFeeds(Books(Slow(), hq.parts.books.write), lambda: clock["s"]), False
        first, late = (Reader(hq, shared, one._till) for one in readers[:2])
        first.cursor = 5
        for member_id in ids[:4]:
            await move(hq, member_id)
            clock["s"] += FEED_LINE_S / 4
            await first.pull()
        assert shared._shared[BRAND, Feed.MEMBERS].line.start == 5
        reading = True
        await late.pull()
        assert late.rows == await rows_of(hq)

    told(tmp_path, story)


def test_other_feeds_are_shared_without_watermarks(tmp_path: Path) -> None:
    async def story(hq: HqService, shared: SharedFeeds, readers: list[Reader], _ids: list[str]) -> None:
        station = await hq.station("S1-1")
        assert station is not None
        for feed in (Feed.RULES, Feed.IDENTITIES):
            found = await shared.run(station, feed, 0)
            assert isinstance(found, bytes)
            [page] = FeedAnswer.model_validate_json(found)
            assert page == await hq.feed("S1-1", feed, 0)
        empty = await shared.run(station, Feed.ITEMS, 0)
        assert empty == FeedPage(feed=Feed.ITEMS, rows=[], cursor=0, more=False)
        with pytest.raises(Refusal) as ahead:
            await shared.run(station, Feed.ITEMS, 1)
        assert ahead.value.code == "CURSOR_AHEAD"
        assert readers

    told(tmp_path, story)
