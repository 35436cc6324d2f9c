"""Feeds for many: ten thousand tills read the same rows, so HQ reads and packs them once.

Called by sync.hq.service for tills that take several pages in one answer (sync.feed_run). Those that are far behind get
single pages of sync.hq.feeds, as do tills of before.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from agent.limits import FEED_PAGE_ROWS, FEED_RUN_PAGES
from sync.feed_run import FeedRun, Mark, packed, written
from sync.hq import feeds, restored
from sync.hq.bounds import FEED_FAR_NUMBERS, FEED_LINE_NUMBERS, FEED_REST, FEED_REST_S, FEED_RUN_BYTES, FEED_RUNS_BYTES
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.feed_line import Cut, Given, Line
from sync.hq.wechat_calls import Books
from sync.protocol import Feed, FeedPage

_TRIES: Final = 3  # where HQ's books are put back meanwhile
_ASKED: Final = f"SELECT {feeds.END}, {feeds.CALLED} FROM feed_counters c WHERE c.brand_id = :brand AND c.feed = :feed"


class _PutBackError(Exception):
    """HQ's books were put back under this process: what was asked and what was read are of different times."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What concerns one till alone, and where the feed ends."""

    end: feeds.End
    recalls: list[str]
    report: str


@dataclass(slots=True)
class _Shared:
    line: Line = field(default_factory=Line)
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    appended: int = 0
    """Pages read on so far."""
    leapt: int = 0
    """Of feeds.End, as it was when pages were last let go of."""
    rest_s: float = 0.0
    """So long nobody needs a page beyond the newest, where many ask."""


class SharedFeeds:
    """Pages that several tills are given."""

    def __init__(self, books: Books, mono_s: Callable[[], float]) -> None:
        self._books = books
        self._mono_s = mono_s
        # LIMIT: one for each feed of a brand, of FEED_LINE_BYTES at most and emptied by who asks after FEED_LINE_S.
        self._shared: dict[tuple[str, Feed], _Shared] = {}
        self._unread = 0

    async def run(self, station: Station, feed: Feed, after: int) -> bytes | FeedPage:
        """Pages behind a cursor as they travel, or one page where it is not shared; Refusal 409 CURSOR_AHEAD.

        Acknowledges nothing: a till that asks so looks every minute (sync.hq.looking).
        """
        shared = self._shared.setdefault((station.brand_id, feed), _Shared())
        shared.line.asked(station.workstation_id, self._mono_s())
        for _ in range(_TRIES if self._unread < FEED_RUNS_BYTES else 0):
            appended = shared.appended
            asked = await self._books.read(lambda c: _asked(c, station, feed, after))
            if after == asked.end.last_no:
                return _nothing(feed, after, asked)
            if shared.alone.locked() and self._serves(shared, after, asked.end):
                return _answer(feed, _behind(shared, station, after), asked)
            try:
                async with shared.alone:
                    if appended == shared.appended and shared.line.is_past(asked.end.last_no):
                        shared.line.clear()  # nobody has read on since: HQ's books were put back under this process
                    found = await self._found(shared, station, feed, after, asked.end)
            except _PutBackError:
                continue
            if found is None:
                break
            return _answer(feed, found, asked) if found.frames else _nothing(feed, after, asked)
        return await self._books.read(lambda c: feeds.page(c, station, feed, after))

    @contextmanager
    def unread(self, size: int) -> Iterator[None]:
        """So many bytes of a run are on their way to a till that has yet to read them."""
        self._unread += size
        try:
            yield
        finally:
            self._unread -= size

    def forget(self) -> None:
        """Let go of what is too old, though nobody asks for it any more."""
        for shared in self._shared.values():
            shared.line.forget(self._mono_s())

    async def _found(self, shared: _Shared, station: Station, feed: Feed, after: int, end: feeds.End) -> Given | None:
        """Pages behind a cursor, the newest read now where it is time; None where they are not worth keeping."""
        line = shared.line
        if end.leapt > shared.leapt:
            _begin_anew(shared, end.leapt)
        elif end.leapt < shared.leapt:
            raise _PutBackError
        line.forget(self._mono_s())
        many = line.is_asked_by_many(self._mono_s())
        if line.start is not None and after - line.end > FEED_LINE_NUMBERS:
            if many:
                return None
            line.clear()  # what came since is of use to nobody who asks now
        if line.start is None and end.last_no - after > (FEED_FAR_NUMBERS if many else FEED_LINE_NUMBERS):
            return None
        if line.start is not None and after < line.start:
            if line.start - after > FEED_LINE_NUMBERS:
                return None
            await self._fill(shared, station, feed, after, line.start)
        await self._extend(shared, station, feed, after, end.last_no)
        if line.start is not None and after < line.start:  # pages were let go of meanwhile
            return None
        return _behind(shared, station, after)

    async def _extend(self, shared: _Shared, station: Station, feed: Feed, after: int, last_no: int) -> None:
        """Read on from the last page, or from a cursor where there is none."""
        line = shared.line
        at = after if line.start is None else line.end
        while last_no > at and not line.rests(self._mono_s(), shared.rest_s):
            cut = await self._cut(shared, station, feed, at)
            if not cut.rows:
                break
            line.append(cut, self._mono_s())
            shared.appended += 1
            at = cut.end
            if not cut.more or line.is_full(after, FEED_RUN_BYTES, FEED_RUN_PAGES):
                break
            if at > after and line.is_asked_by_many(self._mono_s()):
                break  # the others wait for this page, and read the next ones

    async def _fill(self, shared: _Shared, station: Station, feed: Feed, after: int, start: int) -> None:
        """Read the pages between a cursor and the line: after a start all tills are some way behind it."""
        before, at = Line(), after
        while at < start:
            cut = await self._cut(shared, station, feed, at, start)
            if cut.rows:
                before.append(cut, self._mono_s())
            at = cut.end
        if shared.line.start == start:  # pages may have been let go of meanwhile
            shared.line.prepend(after, before)

    def _serves(self, shared: _Shared, after: int, end: feeds.End) -> bool:
        """Whether one of many may go with what is there, while another reads the next page."""
        line = shared.line
        if line.start is None or not line.start <= after < line.end or end.leapt != shared.leapt:
            return False
        return line.is_asked_by_many(self._mono_s())

    async def _cut(self, shared: _Shared, station: Station, feed: Feed, after: int, until: int | None = None) -> Cut:
        begun_s = self._mono_s()
        cut = await self._books.read(lambda c: _cut(c, station.brand_id, feed, after, until))
        shared.rest_s = min(FEED_REST_S, FEED_REST * (self._mono_s() - begun_s))
        if cut.leapt != shared.leapt:
            _begin_anew(shared, cut.leapt)
            raise _PutBackError
        return cut


def _begin_anew(shared: _Shared, leapt: int) -> None:
    """Let go of pages of what is no more."""
    shared.line.clear()
    shared.leapt = leapt


def _behind(shared: _Shared, station: Station, after: int) -> Given:
    return shared.line.behind(after, station.workstation_id, FEED_RUN_BYTES, FEED_RUN_PAGES)


def _asked(connection: Connection, station: Station, feed: Feed, after: int) -> _Asked:
    """One statement, unless HQ has something to say besides."""
    who = station.workstation_id
    key = {"brand": station.brand_id, "feed": feed.value, "after": after, "who": who}
    row = connection.execute(_ASKED, key).fetchone()
    end = feeds.checked(row, feed, after)
    is_told = feed is Feed.MEMBERS
    return _Asked(
        end,
        feeds.recalls(connection, who) if is_told and row["recalled"] else [],
        restored.wanted_of(connection, station) if is_told and row["waiting"] else "",
    )


def _cut(connection: Connection, brand_id: str, feed: Feed, after: int, until: int | None) -> Cut:
    """Read and pack the page behind `after`; with `until` it ends there, or before where it is full."""
    # ORDER: one transaction, so that balances and watermarks speak of the same events.
    with connection.snapshot():
        bound = {} if until is None else {"until": until}
        found = feeds.rows_behind(connection, brand_id, feed, after, FEED_PAGE_ROWS + 1, **bound)
        rows = [feeds.feed_row(connection, feed, row) for row in found[:FEED_PAGE_ROWS]]
        marks = feeds.all_watermarks(connection, brand_id) if feed is Feed.MEMBERS else {}
        leapt = feeds.end_of(connection, brand_id, feed, 0).leapt
    more = len(found) > FEED_PAGE_ROWS
    last = int(found[len(rows) - 1]["feed_no"]) if rows else after
    end = last if more or until is None else until
    frame = packed(FeedPage(feed=feed, rows=rows, cursor=end, more=True))
    return Cut(start=after, end=end, rows=len(rows), frame=frame, marks=marks, more=more, leapt=leapt)


def _nothing(feed: Feed, after: int, asked: _Asked) -> FeedPage:
    return FeedPage(feed=feed, rows=[], cursor=after, more=False, recalls=asked.recalls, report=asked.report)


def _answer(feed: Feed, found: Given, asked: _Asked) -> bytes:
    marks = [Mark(pages=sum(1 for _ in same), watermarks=dict(seen)) for seen, same in groupby(found.marks)]
    head = FeedRun(
        feed=feed,
        sizes=[len(frame) for frame in found.frames],
        marks=marks if feed is Feed.MEMBERS else [],
        cursor=found.cursor,
        more=found.more,
        recalls=asked.recalls,
        report=asked.report,
    )
    return written(head, found.frames)
