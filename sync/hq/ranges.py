"""HQ's half of the downward check: compare ranges of keys of the brand's rows, and give the rows where they differ.

Called by sync.hq.service, a range at a time, so that no push waits for all of them.
"""

from collections.abc import Callable
from typing import Final

from agent.limits import FEED_PAGE_ROWS
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.feeds import COUPON_SELECT, feed_row, watermarks_of
from sync.hq.member_rows import MEMBER_SELECT
from sync.protocol import Feed, FeedRow
from sync.ranges import KeyRange, RangesAnswer, RangesRequest, key_of, range_of

# LIMIT: an end that is left open stays out of the statement. A condition that only might be one (`:until = '' OR ...`)
# ends no search, and every range of 500 rows would be looked for among all that come behind it.
_BEHIND: Final = "{key} > :after ORDER BY {key} LIMIT :limit"
_BETWEEN: Final = "{key} > :after AND {key} <= :until ORDER BY {key} LIMIT :limit"
# An expression, so that no index over brands is taken: with it every range would sort all rows of the brand.
_OURS: Final = "{}.brand_id || '' = :brand_id"
_IDENTITIES: Final = (
    "SELECT identity_index, member_id, deleted FROM identities"
    " WHERE brand_id = :brand_id AND deleted = 0 AND kind <> 'phone'"
)
_KEYED: Final[dict[Feed, tuple[str, str]]] = {
    Feed.ITEMS: ("SELECT * FROM items WHERE brand_id = :brand_id AND deleted = 0", "sku"),
    Feed.MEMBERS: (f"{MEMBER_SELECT} WHERE {_OURS.format('m')} AND m.status = 'active'", "m.member_id"),
    Feed.IDENTITIES: (_IDENTITIES, "identity_index"),
    Feed.COUPONS: (f"{COUPON_SELECT} WHERE {_OURS.format('c')} AND c.deleted = 0", "c.coupon_id"),
}
_WHOLE: Final[dict[Feed, str]] = {
    Feed.RULES: "SELECT version, body FROM rule_sets WHERE brand_id = :brand_id ORDER BY version",
    Feed.MERCHANTS: (
        "SELECT * FROM merchants WHERE brand_id = :brand_id AND deleted = 0 ORDER BY mch_id, sub_mch_id, store_id"
    ),
}


class Comparison:
    """One request, a range a step. It holds for one moment, as every step finds the feed at the same cursor."""

    def __init__(self, station: Station, request: RangesRequest) -> None:
        self._station = station
        self._request = request
        self._place = 0
        self._differing: list[int] = []
        self._given: list[FeedRow] = []
        self._answer: RangesAnswer | None = None

    def step(self, connection: Connection) -> bool:
        """Compare one range; True when that was all, or the feed stands at another cursor than the store."""
        feed, request = self._request.feed, self._request
        with connection.snapshot():
            cursor = connection.execute(
                "SELECT last_no FROM feed_counters WHERE brand_id = :brand_id AND feed = :feed",
                {"brand_id": self._station.brand_id, "feed": feed.value},
            ).fetchone()["last_no"]
            if cursor != request.cursor:
                self._answer = RangesAnswer(cursor=cursor)
                return True
            full = self._compare(connection, request.ranges[self._place])
            self._place += 1
            if not full and self._place < len(request.ranges):
                return False
            asked = feed is Feed.MEMBERS and request.rows
            marks = watermarks_of(connection, self._station.workstation_id) if asked else {}
        self._answer = RangesAnswer(cursor=cursor, differing=self._differing, rows=self._given, watermarks=marks)
        return True

    def answer(self) -> RangesAnswer:
        """The answer, after the last step."""
        assert self._answer is not None
        return self._answer

    def _compare(self, connection: Connection, asked: KeyRange) -> bool:
        """Compare; True when no more rows fit into the answer."""
        # LIMIT: a store that lacks millions of rows asks with ranges that hold millions here.
        rows = _rows(connection, self._station, self._request.feed, asked, FEED_PAGE_ROWS + 1)
        if len(rows) <= FEED_PAGE_ROWS and range_of(rows, asked.after, asked.until) == asked:
            return False
        if not self._request.rows:
            self._differing.append(self._place)
            return False
        if self._given and len(self._given) + len(rows) > FEED_PAGE_ROWS:
            return True  # the store asks again from here
        self._given += rows[:FEED_PAGE_ROWS]
        self._differing.append(self._place)
        return len(self._given) == FEED_PAGE_ROWS


def compare(connection: Connection, station: Station, request: RangesRequest) -> RangesAnswer:
    """Compare each range at once; nothing is compared when the store stands at another cursor."""
    comparison = Comparison(station, request)
    while not comparison.step(connection):
        pass
    return comparison.answer()


def _rows(connection: Connection, station: Station, feed: Feed, span: KeyRange, limit: int) -> list[FeedRow]:
    """The first rows of a range; rule sets and merchants are few and are cut here."""
    asked: dict[str, object] = {"brand_id": station.brand_id}
    if feed in _WHOLE:
        rows = [feed_row(connection, feed, row) for row in connection.execute(_WHOLE[feed], asked).fetchall()]
        rows.sort(key=key_of)
        inside = [row for row in rows if key_of(row) > span.after and (not span.until or key_of(row) <= span.until)]
        return inside[:limit]
    of: Callable[[str], object] = bytes.fromhex if feed is Feed.IDENTITIES else str
    asked |= {"after": of(span.after), "limit": limit} | ({"until": of(span.until)} if span.until else {})
    select, key = _KEYED[feed]
    sql = f"{select} AND {(_BETWEEN if span.until else _BEHIND).format(key=key)}"
    return [feed_row(connection, feed, row) for row in connection.execute(sql, asked).fetchall()]
