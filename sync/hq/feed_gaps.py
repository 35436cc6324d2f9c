"""Feed numbers that a restored headquarters may have given before: it goes on far behind all of them.

A copy knows less than tills have read. Were it to give the same numbers again, a till whose cursor it has caught up
with would never read what now stands under them: another price, or that a member was erased. So the numbers of a
brand's feeds leap, and a till with a cursor within the leap reads the feed again. No two leaps end at the same number,
though the same copy be put back again: they end by the mark of the books (sync.hq.marks). Called by sync.hq.restored
and sync.hq.erasures inside their transactions; sync.hq.feeds asks.
"""

from collections.abc import Sequence
from typing import Final

from sync.hq import marks
from sync.hq.db.seam import Connection

LEAP: Final = 1_000_000_000  # LIMIT: rows a brand's feed gave since a copy was taken; more than a year of any chain
_PER_MARK: Final = 1_000  # LIMIT: rows a feed gives in a ms; until the year 2255 leaps end below 2^53
IS_FORGOTTEN: Final = (
    "EXISTS (SELECT 1 FROM feed_gaps g WHERE g.brand_id = c.brand_id AND g.feed = c.feed AND g.from_no < :after"
    " AND g.to_no >= :after)"
)
"""Of a row `c` of feed_counters: whether `:after` is a cursor of what was forgotten."""
LEAPT: Final = "COALESCE((SELECT MAX(g.to_no) FROM feed_gaps g WHERE g.brand_id = c.brand_id AND g.feed = c.feed), 0)"
"""Of a row `c` of feed_counters: grows with every leap."""
TO_LEAP: Final = (
    "COALESCE((SELECT g.to_no - g.from_no FROM feed_gaps g WHERE g.brand_id = feed_counters.brand_id"
    " AND g.feed = feed_counters.feed AND g.from_no = feed_counters.last_no AND :rows > 0), 0)"
)
"""What the next `:rows` numbers of a feed leap over: a feed's end is always the number of a row that stands there."""


def leap(connection: Connection, brand_ids: Sequence[str], now_ms: int, *, seen: int = 0) -> None:
    """Let all feeds of brands go on behind every number they may have given, each with its next row.

    `seen`: the mark that the witness knows. Each leap goes LEAP further than those before it of any copy.
    """
    # ORDER: brands as whoever takes numbers, to the commit; the mark after them, as whoever grants.
    connection.hold(*(f"brand {brand_id}" for brand_id in brand_ids))
    end = marks.renew(connection, now_ms, seen=seen, step=LEAP // _PER_MARK) * _PER_MARK
    for brand_id in brand_ids:
        connection.execute(
            "INSERT INTO feed_gaps (brand_id, feed, from_no, to_no) SELECT brand_id, feed, last_no,"
            " CASE WHEN last_no + :leap < :end THEN :end ELSE last_no + :leap END"
            " FROM feed_counters WHERE brand_id = :brand ON CONFLICT (brand_id, feed, from_no)"
            " DO UPDATE SET to_no = excluded.to_no WHERE feed_gaps.to_no < excluded.to_no",
            {"brand": brand_id, "leap": LEAP, "end": end},
        )


def is_forgotten(connection: Connection, brand_id: str, feed: str, after: int) -> bool:
    """Whether a cursor of a brand's feed is one of what was forgotten."""
    found = connection.execute(
        f"SELECT {IS_FORGOTTEN} AS forgotten FROM feed_counters c WHERE c.brand_id = :brand AND c.feed = :feed",
        {"brand": brand_id, "feed": feed, "after": after},
    ).fetchone()
    return found is not None and bool(found["forgotten"])
