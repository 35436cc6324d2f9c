"""Reading a brand for a snapshot, some rows of a feed at a time, in the form in which they are written.

Called by sync.hq.snapshots on the database's engine. Members and identities come as bare columns: ten million rows of
the feed would take ten times as long to make.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.db.replica_apply import cards_text
from sync.hq.bounds import SNAPSHOT_STEP_ROWS
from sync.hq.db.seam import Connection, among
from sync.hq.feeds import feed_row, rows_behind
from sync.hq.member_rows import HAS_CARDS, PLAIN
from sync.hq.snapshot_bulk import FIELDS
from sync.protocol import Feed, FeedRow


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows of a feed, in the form in which they are written; `full` when there may be more behind `last`."""

    last: int
    full: bool
    members: Sequence[Sequence[Any]] = ()
    identities: Sequence[Sequence[Any]] = ()
    others: Sequence[FeedRow] = ()


_UP_TO: Final = "brand_id = :brand_id AND {0}feed_no > :after AND {0}feed_no <= :end"
_PAGE: Final = " ORDER BY {0}feed_no LIMIT :limit"
_MEMBERS: Final = (
    f"SELECT {', '.join(f'{PLAIN[name]} AS {name}' for name in FIELDS)}, m.feed_no,"
    f" CASE WHEN {HAS_CARDS} THEN '+' ELSE '' END AS cards"
    f" FROM members m WHERE m.{_UP_TO.format('m.')} AND m.status = 'active'{_PAGE.format('m.')}"
)
_IDENTITIES: Final = (
    "SELECT identity_index, member_id, feed_no FROM identities"
    f" WHERE {_UP_TO.format('')} AND deleted = 0{_PAGE.format('')}"
)
_CARDS: Final = (
    "SELECT member_id, card_id, name, opening_left + moved, total, price_fen, expires FROM count_cards"
    " WHERE member_id IN ({0}) ORDER BY member_id, card_id"
)


def _rows(connection: Connection, sql: str, brand_id: str, after: int, end: int) -> list[tuple[Any, ...]]:
    asked = {"brand_id": brand_id, "after": after, "end": end, "limit": SNAPSHOT_STEP_ROWS}
    return connection.plain(sql, asked)


def _members(connection: Connection, brand_id: str, _feed: Feed, after: int, end: int) -> Step:
    """Members as columns; those erased are not there at all."""
    rows = _rows(connection, _MEMBERS, brand_id, after, end)
    last, full = (rows[-1][-2] if rows else end), len(rows) == SNAPSHOT_STEP_ROWS
    holders = [place for place, row in enumerate(rows) if row[-1]]
    if holders:
        held = _cards(connection, [rows[place][0] for place in holders])
        for place in holders:
            rows[place] = (*rows[place][:-1], cards_text(held.get(rows[place][0], [])))
    return Step(last, full, members=rows)


def _cards(connection: Connection, member_ids: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The cards of members, in order."""
    places, ids = among("id", member_ids)
    held: dict[str, list[tuple[Any, ...]]] = {}
    for member_id, *card in connection.plain(_CARDS.format(places), ids):
        held.setdefault(member_id, []).append(tuple(card))
    return held


def _identities(connection: Connection, brand_id: str, _feed: Feed, after: int, end: int) -> Step:
    rows = _rows(connection, _IDENTITIES, brand_id, after, end)
    last, full = (rows[-1][-1] if rows else end), len(rows) == SNAPSHOT_STEP_ROWS
    return Step(last, full, identities=rows)


def _applied(connection: Connection, brand_id: str, feed: Feed, after: int, end: int) -> Step:
    rows = rows_behind(connection, brand_id, feed, after, SNAPSHOT_STEP_ROWS)
    known = [row for row in rows if row["feed_no"] <= end]
    last = known[-1]["feed_no"] if known else end
    return Step(last, len(known) == SNAPSHOT_STEP_ROWS, others=[feed_row(connection, feed, row) for row in known])


_READ: Final = {Feed.MEMBERS: _members, Feed.IDENTITIES: _identities}


def read_step(connection: Connection, brand_id: str, feed: Feed, after: int, end: int) -> Step:
    """Read the next SNAPSHOT_STEP_ROWS rows of a feed behind `after`, up to `end`."""
    return _READ.get(feed, _applied)(connection, brand_id, feed, after, end)
