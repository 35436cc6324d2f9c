"""One look at all feeds: which of them hold something behind a till's cursors, so that it asks for no empty page.

Ten thousand tills look every minute. Called by sync.hq.app through sync.hq.service; one statement, unless HQ has
something to say besides.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync.hq import erasures, feeds, restored
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.wechat_calls import Books
from sync.protocol import Feed, LookAnswer, LookRequest

_LOOK: Final = (
    f"SELECT c.feed, c.last_no, g.from_no, g.to_no, {feeds.CALLED}{{more}}"
    " FROM feed_counters c LEFT JOIN feed_gaps g ON g.brand_id = c.brand_id AND g.feed = c.feed"
    " WHERE c.brand_id = :brand"
)
_PLAIN: Final = _LOOK.format(more="")
_WITH_NEWS: Final = _LOOK.format(more=f", {erasures.HAS_NEWS} AS news")
_NOWHERE: Final = -1  # of a feed that a till does not ask for


@dataclass(frozen=True, slots=True)
class _Seen:
    answer: LookAnswer
    acknowledges: bool
    """By these cursors the till has applied an erasure that it was not known to have applied."""


class Looking:
    """Answers looks. `acknowledge` writes down that a till has applied a feed up to a cursor."""

    def __init__(self, books: Books, acknowledge: Callable[[str, Feed, int], Awaitable[None]]) -> None:
        self._books = books
        self._acknowledge = acknowledge
        # LIMIT: one entry for each workstation that looks. An erasure moves the members feed, so cursors that have
        # acknowledged all there was acknowledge nothing again until they move.
        self._applied: dict[str, Mapping[Feed, int]] = {}

    async def look(self, station: Station, asked: LookRequest) -> LookAnswer:
        """Say which of the feeds asked for have moved; those this HQ does not know have not."""
        cursors = {feed: asked.cursors[feed.value] for feed in Feed if feed.value in asked.cursors}
        applied = self._applied.get(station.workstation_id) == cursors
        seen = await self._books.read(lambda c: _look(c, station, cursors, applied=applied))
        if seen.acknowledges:
            for feed, cursor in cursors.items():
                await self._acknowledge(station.workstation_id, feed, cursor)
        self._applied[station.workstation_id] = cursors
        return seen.answer


def _look(connection: Connection, station: Station, cursors: Mapping[Feed, int], *, applied: bool) -> _Seen:
    who = station.workstation_id
    key: dict[str, Any] = {"who": who, "brand": station.brand_id}
    if not applied:
        key |= {feed.value: cursors.get(feed, _NOWHERE) for feed in erasures.FEEDS}
    rows = connection.execute(_PLAIN if applied else _WITH_NEWS, key).fetchall()
    by_name = {feed.value: cursor for feed, cursor in cursors.items()}
    moved = {row["feed"] for row in rows if _is_behind_or_ahead(row, by_name)}
    first = rows[0]
    answer = LookAnswer(
        moved=[feed for feed in cursors if feed.value in moved],
        recalls=feeds.recalls(connection, who) if first["recalled"] else [],
        report=restored.wanted_of(connection, station) if first["waiting"] else "",
    )
    return _Seen(answer, acknowledges=not applied and bool(first["news"]))


def _is_behind_or_ahead(row: Any, cursors: Mapping[str, int]) -> bool:
    """Whether a page behind the cursor would be anything but empty: rows, or CURSOR_AHEAD."""
    at = cursors.get(row["feed"])
    if at is None:
        return False
    forgotten = row["from_no"] is not None and row["from_no"] < at <= row["to_no"]
    return bool(at != row["last_no"] or forgotten)
