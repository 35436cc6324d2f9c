"""Reading a brand for a snapshot, some rows of a feed at a time, in the form in which they are written.

Called by sync.hq.snapshots on the database's engine. Members without count cards and identities come as columns: ten
million rows of the feed would take ten times as long to make.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync.hq.bounds import SNAPSHOT_STEP_ROWS
from sync.hq.db.seam import Connection
from sync.hq.feeds import feed_row, rows_behind
from sync.hq.member_rows import HAS_CARDS, PLAIN
from sync.hq.snapshot_bulk import FIELDS, Bulk
from sync.protocol import Feed, FeedRow


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows of a feed, in the form in which they are written; `full` when there may be more behind `last`."""

    last: int
    full: bool
    members: Sequence[Sequence[Any]] = ()
    identities: Sequence[tuple[bytes, str]] = ()
    others: Sequence[FeedRow] = ()

    def write(self, bulk: Bulk) -> None:
        """Write them."""
        if self.members:
            bulk.add_members(self.members)
        if self.identities:
            bulk.add_identities(self.identities)
        bulk.apply(self.others)


_UP_TO: Final = "brand_id = :brand_id AND {0}feed_no > :after AND {0}feed_no <= :end ORDER BY {0}feed_no LIMIT :limit"
_MEMBERS: Final = (
    f"SELECT {', '.join(f'{PLAIN[name]} AS {name}' for name in FIELDS)}, m.feed_no, m.status, {HAS_CARDS} AS has_cards"
    f" FROM members m WHERE m.{_UP_TO.format('m.')}"
)
_IDENTITIES: Final = f"SELECT identity_index, member_id, deleted, feed_no FROM identities WHERE {_UP_TO.format('')}"


def _rows(connection: Connection, sql: str, brand_id: str, after: int, end: int) -> tuple[list[Any], int, bool]:
    asked = {"brand_id": brand_id, "after": after, "end": end, "limit": SNAPSHOT_STEP_ROWS}
    rows = connection.execute(sql, asked).fetchall()
    return rows, rows[-1]["feed_no"] if rows else end, len(rows) == SNAPSHOT_STEP_ROWS


def _members(connection: Connection, brand_id: str, _feed: Feed, after: int, end: int) -> Step:
    """Members as columns; those with count cards as rows of the feed; those erased are not there at all."""
    rows, last, full = _rows(connection, _MEMBERS, brand_id, after, end)
    plain = [tuple(row)[: len(FIELDS)] for row in rows if row["status"] == "active" and not row["has_cards"]]
    holders = [row["feed_no"] for row in rows if row["status"] == "active" and row["has_cards"]]
    others: list[FeedRow] = []
    for number in holders:
        found = rows_behind(connection, brand_id, Feed.MEMBERS, number - 1, 1)
        others += [feed_row(connection, Feed.MEMBERS, row) for row in found if row["feed_no"] == number]
    return Step(last, full, members=plain, others=others)


def _identities(connection: Connection, brand_id: str, _feed: Feed, after: int, end: int) -> Step:
    rows, last, full = _rows(connection, _IDENTITIES, brand_id, after, end)
    return Step(last, full, identities=[(bytes(row[0]), row[1]) for row in rows if not row[2]])


def _applied(connection: Connection, brand_id: str, feed: Feed, after: int, end: int) -> Step:
    rows = rows_behind(connection, brand_id, feed, after, SNAPSHOT_STEP_ROWS)
    known = [row for row in rows if row["feed_no"] <= end]
    last = known[-1]["feed_no"] if known else end
    return Step(last, len(known) == SNAPSHOT_STEP_ROWS, others=[feed_row(connection, feed, row) for row in known])


_READ: Final = {Feed.MEMBERS: _members, Feed.IDENTITIES: _identities}


def read_step(connection: Connection, brand_id: str, feed: Feed, after: int, end: int) -> Step:
    """Read the next SNAPSHOT_STEP_ROWS rows of a feed behind `after`, up to `end`."""
    return _READ.get(feed, _applied)(connection, brand_id, feed, after, end)
