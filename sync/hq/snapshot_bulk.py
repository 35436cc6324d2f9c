"""The file of a snapshot while it is built: rows in the order of a feed become a replica.db that is sorted and dense.

Called by sync.hq.snapshots in a thread of its own; it never sees HQ's database. Members and identities are staged, then
sorted into the replica's tables by SQLite itself (in files, with bounded memory); all else, and what changed meanwhile,
is applied by the till's own code.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from agent.db.replica_apply import MEMBER_COLUMNS, MEMBER_FACTS, apply_rows
from agent.db.schema_replica import replica_migrations
from agent.db.scratch import open_scratch
from sync.hq.bounds import SNAPSHOT_CACHE_BYTES
from sync.protocol import Feed, FeedRow
from sync.snapshot import SNAPSHOT_PULL

TABLES: Final = ("members", "identities", "items", "merchants", "rule_sets", "coupons")
FIELDS: Final = ("member_id", "tier_id", "points", "masked", *MEMBER_FACTS)
"""What is staged of a member without count cards; members with cards are applied as a till does."""
_STAGED: Final = ("member_id", *MEMBER_COLUMNS)
_STAGE: Final = (
    f"CREATE TABLE staging.members ({', '.join(_STAGED)})",
    "CREATE TABLE staging.identities (head INTEGER, tail BLOB, member_id TEXT)",
)
_HEAD: Final = struct.Struct(">q")
_ADD_MEMBER: Final = (
    f"INSERT INTO staging.members ({', '.join(FIELDS)}, pull_no, known, cards)"
    f" VALUES ({', '.join('?' * len(FIELDS))}, {SNAPSHOT_PULL}, 1, '')"
)
_SORT_MEMBERS: Final = (
    f"INSERT INTO members ({', '.join(_STAGED)}) SELECT {', '.join(_STAGED)} FROM staging.members ORDER BY member_id"
)
# An identity whose member was changed during the build meets its member in what is applied afterwards.
_PLACEHOLDERS: Final = (
    "INSERT OR IGNORE INTO members (member_id) SELECT member_id FROM staging.identities s"
    " WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.member_id = s.member_id)"
)
_SORT_IDENTITIES: Final = (
    "INSERT INTO identities (head, tail, member_no) SELECT s.head, s.tail, m.member_no"
    " FROM staging.identities s JOIN members m ON m.member_id = s.member_id ORDER BY s.head, s.tail"
)


class Bulk:
    """A replica.db that comes into being. `close` leaves `path`, and nothing else, behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._staging = path.with_name(path.name + ".staging")
        self._connection = open_scratch(path, SNAPSHOT_CACHE_BYTES)
        replica_migrations.apply(Database(self._connection))
        self._connection.execute("ATTACH :path AS staging", {"path": str(self._staging)})
        for setting in ("journal_mode=OFF", "synchronous=OFF"):
            self._connection.execute(f"PRAGMA staging.{setting}")
        for statement in _STAGE:
            self._connection.execute(statement)
        self._connection.execute("BEGIN")  # one transaction to the end: what fails is thrown away whole

    @property
    def migrations(self) -> list[str]:
        """Names of the replica's migrations, in order."""
        return [step.name for step in replica_migrations.applied(Database(self._connection))]

    def add_members(self, rows: Sequence[Sequence[Any]]) -> None:
        """Stage members, each once, as FIELDS of its MemberRow in this order."""
        self._connection.executemany(_ADD_MEMBER, rows)

    def add_identities(self, rows: Sequence[tuple[bytes, str]]) -> None:
        """Stage (16-byte index, member id), each index once."""
        split = [(*_HEAD.unpack(index[:8]), index[8:], member_id) for index, member_id in rows]
        self._connection.executemany("INSERT INTO staging.identities VALUES (?, ?, ?)", split)

    def apply(self, rows: Sequence[FeedRow]) -> None:
        """Apply rows of a feed as a till does."""
        apply_rows(self._connection, rows, SNAPSHOT_PULL)

    def sort_members(self) -> None:
        """Fill `members` in the order of their ids, and let the staging go."""
        self._connection.execute(_SORT_MEMBERS)
        self._connection.execute("DROP TABLE staging.members")

    def sort_identities(self) -> None:
        """Fill `identities` in the order of their indexes, and let the staging go."""
        self._connection.execute(_PLACEHOLDERS)
        self._connection.execute(_SORT_IDENTITIES)
        self._connection.execute("DROP TABLE staging.identities")

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
