"""Feed numbers that a restored headquarters may have given before: it goes on far behind all of them.

A copy knows less than tills have read. Were it to give the same numbers again, a till whose cursor it has caught up
with would never read what now stands under them: another price, or that a member was erased. So the numbers of a
brand's feeds leap, and a till with a cursor within the leap reads the feed again. Called by sync.hq.restored and
sync.hq.erasures inside their transactions; sync.hq.feeds asks.
"""

from typing import Final

from sync.hq.db.seam import Connection

LEAP: Final = 1_000_000_000  # LIMIT: rows a brand's feed gave since a copy was taken; more than a year of any chain
IS_FORGOTTEN: Final = (
    "EXISTS (SELECT 1 FROM feed_gaps g WHERE g.brand_id = c.brand_id AND g.feed = c.feed AND g.from_no < :after"
    " AND g.to_no >= :after)"
)
"""Of a row `c` of feed_counters: whether `:after` is a cursor of what was forgotten."""
TO_LEAP: Final = (
    "COALESCE((SELECT g.to_no - g.from_no FROM feed_gaps g WHERE g.brand_id = feed_counters.brand_id"
    " AND g.feed = feed_counters.feed AND g.from_no = feed_counters.last_no AND :rows > 0), 0)"
)
"""What the next `:rows` numbers of a feed leap over: a feed's end is always the number of a row that stands there."""


def leap(connection: Connection, brand_id: str) -> None:
    """Let all feeds of a brand go on behind every number they may have given, each with its next row."""
    connection.hold(f"brand {brand_id}")  # ORDER: as whoever takes numbers, to the commit
    connection.execute(
        "INSERT INTO feed_gaps (brand_id, feed, from_no, to_no) SELECT brand_id, feed, last_no, last_no + :leap"
        " FROM feed_counters WHERE brand_id = :brand ON CONFLICT DO NOTHING",
        {"brand": brand_id, "leap": LEAP},
    )


def is_forgotten(connection: Connection, brand_id: str, feed: str, after: int) -> bool:
    """Whether a cursor of a brand's feed is one of what was forgotten."""
    found = connection.execute(
        f"SELECT {IS_FORGOTTEN} AS forgotten FROM feed_counters c WHERE c.brand_id = :brand AND c.feed = :feed",
        {"brand": brand_id, "feed": feed, "after": after},
    ).fetchone()
    return found is not None and bool(found["forgotten"])
