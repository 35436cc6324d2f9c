"""The file of a snapshot while it is built: rows in the order of a feed become a replica.db that is sorted and dense.

Called by sync.hq.snapshots in threads of its own; it never sees HQ's database. Members and identities are staged in a
file each, then sorted into the replica's tables by SQLite itself (in memory, as the bundled one does); all else, and
what changed meanwhile, is applied by the till's own code. Identities are brought into the order of members first, so
that who they belong to is looked up in order, and not ten million times anywhere in the file.
"""

import contextlib
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from agent.db.replica_apply import MEMBER_COLUMNS, MEMBER_FACTS, apply_rows
from agent.db.schema_replica import replica_migrations
from agent.db.scratch import open_scratch
from agent.sqlite import Connection, DatabaseError
from sync.hq.bounds import SNAPSHOT_CACHE_BYTES
from sync.protocol import Feed, FeedRow
from sync.snapshot import SNAPSHOT_PULL

TABLES: Final = ("members", "identities", "items", "merchants", "rule_sets", "coupons")
FIELDS: Final = ("member_id", "tier_id", "points", "masked", *MEMBER_FACTS)
"""What is staged of a member, under the names of MemberRow's fields; then its place in the feed and its cards."""
_STAGED: Final = (*FIELDS, "feed_no", "cards")
_MEMBER: Final = ("member_id", *MEMBER_COLUMNS)
_IDENTITY: Final = "(head INTEGER, tail BLOB, member_id TEXT)"
_SPLIT: Final = struct.Struct(">q8s")
_ADD_MEMBER: Final = f"INSERT INTO staging.members VALUES ({', '.join('?' * len(_STAGED))})"
_GIVEN: Final = {"pull_no": str(SNAPSHOT_PULL), "known": "1"}
_SORT_MEMBERS: Final = (
    f"INSERT INTO members ({', '.join(_MEMBER)})"
    f" SELECT {', '.join(_GIVEN.get(name, name) for name in _MEMBER)} FROM staging.members ORDER BY member_id"
)
# An identity whose member was changed during the build meets its member in what is applied afterwards.
_PLACEHOLDERS: Final = (
    "INSERT OR IGNORE INTO members (member_id) SELECT member_id FROM staging.by_member s"
    " WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.member_id = s.member_id)"
)
_SORT_IDENTITIES: Final = (
    "INSERT INTO identities (head, tail, member_no) SELECT s.head, s.tail, m.member_no"
    " FROM staging.by_member s CROSS JOIN members m ON m.member_id = s.member_id ORDER BY s.head, s.tail"
)


def _attach(connection: Connection, path: Path) -> None:
    connection.execute("ATTACH :path AS staging", {"path": str(path)})
    for setting in ("journal_mode=OFF", "synchronous=OFF"):
        connection.execute(f"PRAGMA staging.{setting}")


class Heap:
    """Identities as they come from the feed, until they are in the order of members. Used by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_scratch(path, SNAPSHOT_CACHE_BYTES)
        for table in ("identities", "by_member"):
            self._connection.execute(f"CREATE TABLE {table} {_IDENTITY}")
        self._connection.execute("BEGIN")

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Stage (16-byte index, member id, place in the feed), each index once."""
        split = [(*_SPLIT.unpack(index), member_id) for index, member_id, _ in rows]
        self._connection.executemany("INSERT INTO identities VALUES (?, ?, ?)", split)

    def arrange(self) -> None:
        """Bring them into the order of their members, and close the file for Bulk to read."""
        self._connection.execute("INSERT INTO by_member SELECT * FROM identities ORDER BY member_id")
        self._connection.execute("DROP TABLE identities")
        self._connection.execute("COMMIT")
        self._connection.close()

    def interrupt(self) -> None:
        """End a statement that another thread runs."""
        with contextlib.suppress(DatabaseError):  # closed already
            self._connection.interrupt()

    def close(self) -> None:
        """Remove the file; safe to call twice."""
        self._connection.close()
        self.path.unlink(missing_ok=True)


class Bulk:
    """A replica.db that comes into being. `close` leaves `path`, and nothing else, behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._staging = path.with_name(path.name + ".staging")
        self._connection = open_scratch(path, SNAPSHOT_CACHE_BYTES)
        replica_migrations.apply(Database(self._connection))
        _attach(self._connection, self._staging)
        self._connection.execute(f"CREATE TABLE staging.members ({', '.join(_STAGED)})")
        self._connection.execute("BEGIN")  # few transactions: what fails is thrown away whole

    @property
    def migrations(self) -> list[str]:
        """Names of the replica's migrations, in order."""
        return [step.name for step in replica_migrations.applied(Database(self._connection))]

    def add_members(self, rows: Sequence[Sequence[Any]]) -> None:
        """Stage members, each once: FIELDS of its MemberRow in this order, its place in the feed, its cards."""
        self._connection.executemany(_ADD_MEMBER, rows)

    def apply(self, rows: Sequence[FeedRow]) -> None:
        """Apply rows of a feed as a till does."""
        apply_rows(self._connection, rows, SNAPSHOT_PULL)

    def sort_members(self) -> None:
        """Fill `members` in the order of their ids, and let the staging go."""
        self._connection.execute(_SORT_MEMBERS)
        self._connection.execute("COMMIT")
        self._connection.execute("DETACH staging")
        self._staging.unlink()
        self._connection.execute("BEGIN")

    def sort_identities(self, heap: Path) -> None:
        """Fill `identities` in the order of their indexes from an arranged heap."""
        self._connection.execute("COMMIT")
        _attach(self._connection, heap)
        self._connection.execute("BEGIN")
        self._connection.execute(_PLACEHOLDERS)
        self._connection.execute(_SORT_IDENTITIES)
        self._connection.execute("COMMIT")
        self._connection.execute("DETACH staging")
        self._connection.execute("BEGIN")

    def conclude(self, cursors: Mapping[Feed, int]) -> dict[str, int]:
        """Write the cursors, and the pull that every member names; rows per table."""
        self._connection.executemany(
            "INSERT INTO cursors (feed, cursor) VALUES (?, ?)", [(feed.value, no) for feed, no in cursors.items()]
        )
        # Without a row of its own the number could be given again, to watermarks that say something else.
        self._connection.execute("INSERT INTO pulls (pull_no, epoch, watermark) VALUES (?, '', 0)", (SNAPSHOT_PULL,))
        self._connection.execute("COMMIT")
        return {name: self._connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}

    def is_sound(self) -> bool:
        """Whether SQLite finds what it wrote whole."""
        return [row[0] for row in self._connection.execute("PRAGMA main.quick_check(1)").fetchall()] == ["ok"]

    def interrupt(self) -> None:
        """End a statement that another thread runs: nobody waits for a sort at the end."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the file and remove the staging; safe to call twice."""
        self._connection.close()
        self._staging.unlink(missing_ok=True)
