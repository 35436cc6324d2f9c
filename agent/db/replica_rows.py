"""The replica row by row, in the order of keys, for the downward check: ranges, their digests, and the repair.

Called by sync.downward through the ReplicaRows port. HQ is right about every row.
"""

import json
from collections.abc import Sequence
from typing import Any

from agent.db.replica import ReplicaDb, split_index
from agent.db.replica_apply import MEMBER_FACTS, apply_rows, remember_watermarks
from agent.db.replica_swap import Access
from agent.sqlite import Connection, Row
from sync.protocol import (
    CardRow,
    CouponRow,
    Feed,
    FeedRow,
    IdentityRow,
    ItemRow,
    MemberRow,
    MerchantRow,
    RulesRow,
)
from sync.ranges import KeyRange, cut, key_of

_ALL = 1 << 30


class ReplicaRowsDb:
    """The ReplicaRows port over replica.db."""

    def __init__(self, store: Access, replica: ReplicaDb) -> None:
        self._store = store
        self._replica = replica

    async def cursor(self, feed: Feed) -> int:
        """Last applied cursor of a feed."""
        return await self._replica.cursor(feed)

    async def key_ranges(self, feed: Feed, size: int, budget: int) -> list[KeyRange]:
        """The next `budget` rows behind where the last check ended, in ranges of `size`."""
        at = await self._store.read(
            lambda c: c.execute("SELECT until FROM checks WHERE feed = :feed", {"feed": feed.value}).fetchone()
        )
        after = "" if at is None else str(at["until"])
        found: list[KeyRange] = []
        while budget > 0:
            rows = await self._read(feed, after, "", size)
            if len(rows) < size:
                return [*found, *cut(rows, after, "", size)]
            found += cut(rows, after, key_of(rows[-1]), size)
            after, budget = key_of(rows[-1]), budget - size
        return found

    async def split(self, feed: Feed, wide: KeyRange, size: int) -> list[KeyRange]:
        """One range cut into ranges of `size` rows."""
        return cut(await self.rows(feed, wide.after, wide.until), wide.after, wide.until, size)

    async def rows(self, feed: Feed, after: str, until: str) -> list[FeedRow]:
        """Rows of a range of keys."""
        return await self._read(feed, after, until, _ALL)

    async def checked(self, feed: Feed, until: str) -> None:
        """Remember how far the check came; an empty key begins again."""
        await self._store.run(
            lambda c: c.execute(
                "INSERT INTO checks (feed, until) VALUES (:feed, :until)"
                " ON CONFLICT (feed) DO UPDATE SET until = excluded.until",
                {"feed": feed.value, "until": until},
            )
        )

    async def repair(
        self, feed: Feed, gone: Sequence[FeedRow], rows: Sequence[FeedRow], watermarks: dict[str, int]
    ) -> None:
        """Remove what HQ does not have, then apply what it has."""

        def work(connection: Connection) -> None:
            pull_no = remember_watermarks(connection, watermarks)
            for row in [*gone, *rows]:
                if isinstance(row, RulesRow):
                    connection.execute("DELETE FROM rule_sets WHERE version = :version", {"version": row.version})
            dead = [row.model_copy(update={"deleted": True}) for row in gone if not isinstance(row, RulesRow)]
            apply_rows(connection, dead, pull_no)
            apply_rows(connection, rows, pull_no)

        await self._store.run(work)
        self._replica.forget()

    async def _read(self, feed: Feed, after: str, until: str, limit: int) -> list[FeedRow]:
        return await self._store.read(lambda connection: _READ[feed](connection, after, until, limit))


def _span(column: str, until: str) -> str:
    # LIMIT: an end that is left open stays out of the statement: a condition that might be one ends no search.
    end = f" AND {column} <= :until" if until else ""
    return f"{column} > :after{end} ORDER BY {column} LIMIT :limit"


def _members(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    rows = connection.execute(
        f"SELECT member_id, tier_id, points, masked, cards, {', '.join(MEMBER_FACTS)} FROM members"
        f" WHERE known = 1 AND {_span('member_id', until)}",
        {"after": after, "until": until, "limit": limit},
    )
    return [MemberRow(**{**dict(row), **_of_member(row)}) for row in rows]


def _of_member(row: Row) -> dict[str, Any]:
    """What SQLite has in another form than the wire."""
    cards = [CardRow(**dict(zip(CardRow.model_fields, one, strict=True))) for one in json.loads(row["cards"] or "[]")]
    return {"cards": cards, "first_order": bool(row["first_order"]), "frozen": bool(row["frozen"])}


def _identities(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    """The integer that is searched is signed: its negative half comes after the positive one in order of bytes."""
    found: list[FeedRow] = []
    for half in ("head >= 0", "head < 0"):
        key = {"limit": limit - len(found), "a_head": 0, "a_tail": b"", "u_head": 0, "u_tail": b""}
        where = half
        if after:
            head, tail = split_index(bytes.fromhex(after))
            if head < 0 and half == "head >= 0":
                continue
            if (head < 0) == (half == "head < 0"):
                key |= {"a_head": head, "a_tail": tail}
                where += " AND (head, tail) > (:a_head, :a_tail)"
        if until:
            head, tail = split_index(bytes.fromhex(until))
            if head >= 0 and half == "head < 0":
                continue
            if (head < 0) == (half == "head < 0"):
                key |= {"u_head": head, "u_tail": tail}
                where += " AND (head, tail) <= (:u_head, :u_tail)"
        rows = connection.execute(
            f"SELECT head, tail, member_id FROM identities JOIN members USING (member_no) WHERE {where}"
            " ORDER BY head, tail LIMIT :limit",
            key,
        )
        found += [
            IdentityRow(index=(row["head"] % 2**64).to_bytes(8, "big").hex() + row["tail"].hex(), member_id=row[2])
            for row in rows
        ]
    return found


def _items(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    rows = connection.execute(
        f"SELECT * FROM items WHERE {_span('sku', until)}", {"after": after, "until": until, "limit": limit}
    )
    flags = ("no_member_discount", "earns", "by_weight")
    return [ItemRow(**{**dict(row), **{name: bool(row[name]) for name in flags}}) for row in rows]


def _merchants(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    rows = connection.execute("SELECT * FROM merchants")
    return _small([MerchantRow(**dict(row)) for row in rows], after, until, limit)


def _rules(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    return _small([RulesRow(**dict(row)) for row in connection.execute("SELECT * FROM rule_sets")], after, until, limit)


def _coupons(connection: Connection, after: str, until: str, limit: int) -> list[FeedRow]:
    rows = connection.execute(
        "SELECT c.*, o.body FROM coupons c JOIN offers o ON o.batch_id = c.batch_id AND o.version = c.version"
        f" WHERE {_span('c.coupon_id', until)}",
        {"after": after, "until": until, "limit": limit},
    )
    return [CouponRow(**dict(row)) for row in rows]


def _small(rows: Sequence[FeedRow], after: str, until: str, limit: int) -> list[FeedRow]:
    ordered = sorted(rows, key=key_of)
    return [row for row in ordered if key_of(row) > after and (not until or key_of(row) <= until)][:limit]


_READ = {
    Feed.RULES: _rules,
    Feed.ITEMS: _items,
    Feed.MERCHANTS: _merchants,
    Feed.MEMBERS: _members,
    Feed.IDENTITIES: _identities,
    Feed.COUPONS: _coupons,
}
