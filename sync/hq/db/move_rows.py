"""Rows of the embedded file as rows of PostgreSQL: which tables in which order, how they are sent, what they come to.

Used by sync.hq.move. Whole numbers, texts and bytes are all there is on both sides; a text with NUL is written as
sync.hq.db.dialect writes it. What was written is read back as headquarters reads it, and compared by count and digest.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from agent import sqlite
from agent.domain.errors import StorageError
from sync.hq.db import partitions
from sync.hq.db.dialect import escaped
from sync.hq.db.postgres import PgConnection

_COPIED_ROWS: Final = 50_000  # LIMIT: of one COPY; the server queues a check of each foreign key until it ends
_SENT_BYTES: Final = 1 << 18
_READ_ROWS: Final = 2_000  # LIMIT: of one fetch; a body has 512 kB at most, and hardly any has 10
_SPACE: Final = 1 << 256
_OURS: Final = frozenset({"pos_agent_migrations", "pos_agent_floor"})
_WRITTEN_FIRST: Final = frozenset({"grants_made"})
"""Tables that the first step puts a row into."""
_DAYS: Final = "SELECT DISTINCT (received_at_ms + 28800000) / 86400000 AS day FROM events"
_MOST_MONTHS: Final = 240  # LIMIT: twenty years; a clock that was wrong long ago needs no tables for the time since
_RECEIVED: Final = (
    "COALESCE((SELECT e.received_at_ms FROM events e WHERE e.workstation_id = t.workstation_id AND e.epoch = t.epoch"
    " AND e.seq = t.seq), 0)"
)
_SPECIALS: Final = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))  # ORDER: the backslash first

Change = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Step = Callable[[str, int], None]
"""Told of a table and of how many of its rows are done."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the server, and the statement that reads its rows from the file, in order of columns."""

    name: str
    columns: tuple[str, ...]
    select: str

    @property
    def listed(self) -> str:
        """Its columns as SQL writes them."""
        return ", ".join(f'"{column}"' for column in self.columns)


@dataclass(slots=True)
class Tally:
    """Rows by number and by a digest that does not depend on their order: the sum of the hashes of all rows."""

    rows: int = 0
    total: int = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """Count one row in.

        >>> one, other = Tally(), Tally()
        >>> one.add((1, "a")), one.add((2, b"b")), other.add((2, b"b")), other.add((1, "a"))
        (None, None, None, None)
        >>> one == other, Tally() == other
        (True, False)
        """
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(repr(row).encode()).digest())) % _SPACE

    @property
    def digest(self) -> str:
        """The sum, as 64 hexadecimal digits."""
        return f"{self.total:064x}"


# --- what there is --------------------------------------------------------------------------------------------------
def tables(source: sqlite.Connection) -> list[Table]:
    """Every table, those first that others refer to; and the one that only the server has."""
    names = [
        row["name"]
        for row in source.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        if not row["name"].startswith(("_", "sqlite_"))
    ]
    graph = {name: {row["table"] for row in source.execute(f"PRAGMA foreign_key_list({name})")} for name in names}
    return [_table(source, name) for name in TopologicalSorter(graph).static_order()] + [_event_names()]


def _table(source: sqlite.Connection, name: str) -> Table:
    columns = [row["name"] for row in source.execute(f"PRAGMA table_info({name})")]
    values = [f't."{column}"' for column in columns]
    if name == "postings":  # the server keeps them by the month their event came
        columns, values = [*columns, "received_at_ms"], [*values, _RECEIVED]
    return Table(name, tuple(columns), f"SELECT {', '.join(values)} FROM {name} t")


def _event_names() -> Table:
    columns = ("workstation_id", "epoch", "seq", "digest", "chain", "received_at_ms")
    return Table("event_names", columns, f"SELECT {', '.join(columns)} FROM events")


def require_empty(target: PgConnection, wanted: Iterable[Table]) -> None:
    """StorageError where the database holds anything, or has other tables than the file."""
    rows = target.execute(
        "SELECT c.relname AS name, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1) AS columns FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition ORDER BY c.relname"
    ).fetchall()
    there = {row["name"]: tuple(row["columns"]) for row in rows if row["name"] not in _OURS}
    for name in sorted(there.keys() - _WRITTEN_FIRST):
        if target.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}") AS held').fetchone()["held"]:
            raise StorageError(
                f"the database is not empty: there are rows in {name}",
                hint="name a database that nobody uses",
            )
    here = {table.name: tuple(sorted(table.columns)) for table in wanted}
    if there != here:
        differ = ", ".join(sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name)))
        raise StorageError(f"the tables of file and server differ: {differ}", hint="name a database that nobody uses")


def months(source: sqlite.Connection, now_ms: int) -> list[str]:
    """The months in which the file's events came, and this one; the latest of them where there are too many."""
    day_ms = 86_400_000
    found = {partitions.month_of(row["day"] * day_ms - 28_800_000) for row in source.execute(_DAYS)}
    return sorted(found | {partitions.month_of(now_ms)})[-_MOST_MONTHS:]


# --- rows -----------------------------------------------------------------------------------------------------------
def copy(
    source: sqlite.Connection, target: PgConnection, table: Table, step: Step, change: Change | None = None
) -> Tally:
    """Send all rows of a table, each as `change` makes it; what they come to."""
    if table.name in _WRITTEN_FIRST:
        target.execute(f"DELETE FROM {table.name}")
    sent = Tally()
    rows: Iterable[Any] = source.execute(table.select)
    if change is not None:
        rows = (change(tuple(row)) for row in rows)
    statement = f'COPY "{table.name}" ({table.listed}) FROM STDIN'.encode()
    left = iter(rows)
    while True:
        before = sent.rows
        with target.raw.cursor() as cursor, cursor.copy(statement) as stream:
            _send(stream, islice(left, _COPIED_ROWS), sent)
        step(table.name, sent.rows)
        if sent.rows - before < _COPIED_ROWS:
            return sent


def _send(stream: psycopg.Copy, rows: Iterable[Any], sent: Tally) -> None:
    lines: list[str] = []
    size = 0
    for row in rows:
        values = tuple(row)
        sent.add(values)
        line = line_of(values)
        lines.append(line)
        size += len(line)
        if size >= _SENT_BYTES:
            stream.write("".join(lines).encode())
            lines, size = [], 0
    stream.write("".join(lines).encode())


def line_of(row: Iterable[int | str | bytes | None]) -> str:
    r"""One row as COPY reads it.

    >>> line_of((1, None, "a\tb", b"\x00"))
    '1\t\\N\ta\\tb\t\\\\x00\n'
    """
    return "\t".join(_field(value) for value in row) + "\n"


def _field(value: int | str | bytes | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        text = escaped(value)
        for special, written in _SPECIALS:
            text = text.replace(special, written)
        return text
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def read_back(target: PgConnection, table: Table, step: Step) -> Tally:
    """What the server holds of a table, as headquarters reads it."""
    held = Tally()
    with target.raw.cursor(name="read_back", row_factory=tuple_row) as cursor:
        cursor.itersize = _READ_ROWS
        cursor.execute(f'SELECT {table.listed} FROM "{table.name}"'.encode())
        for row in cursor:
            held.add(row)
            if held.rows % _COPIED_ROWS == 0:
                step(table.name, held.rows)
    step(table.name, held.rows)
    return held
