"""The baseline of a sale: its very rows in one transaction of nothing but SQLite.

Same library, schema, indexes and triggers, same pragmas (WAL, synchronous=FULL, secure_delete): the file is opened by
the till's own open_database. A row of `events` lacks its generated columns and a notice its number, which SQLite adds.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.db.schema import books_migrations
from agent.sqlite import Connection, open_database

Rows = list[tuple[str, tuple[Any, ...]]]
"""(statement, values) of everything one sale wrote."""
_OF_EVENT = ("postings", "outbox", "requests", "print_jobs", "used_transactions")
_EVENT = ("epoch", "seq", "body", "digest", "chain")
_NOTICE = ("at_ms", "kind", "data")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def rows_of(connection: Connection | sqlite3.Connection, seq: int) -> Rows:
    """What the sale of this number wrote, in the order it wrote it."""
    event = connection.execute(f"SELECT {', '.join(_EVENT)} FROM events WHERE seq = ?", (seq,)).fetchone()
    rows: Rows = [(_insert("events", _EVENT), tuple(event))]
    for table in _OF_EVENT:
        cursor = connection.execute(f"SELECT * FROM {table} WHERE seq = ?", (seq,))
        columns = tuple(column[0] for column in cursor.description)
        rows += [(_insert(table, columns), tuple(row)) for row in cursor.fetchall()]
    said = connection.execute(
        f"SELECT {', '.join(_NOTICE)} FROM notices WHERE json_extract(data, '$.event.seq') = ?", (seq,)
    ).fetchone()
    return [*rows, (_insert("notices", _NOTICE), tuple(said))]


class Bare:
    """An empty file beside the till's books."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._connection = open_database(path, books_migrations)
        self._epochs: set[str] = set()

    def write(self, rows: Rows) -> float:
        """Write a sale; the seconds from BEGIN to the end of COMMIT."""
        epoch = rows[0][1][0]
        if epoch not in self._epochs:
            self._epochs.add(epoch)
            self._connection.execute(
                "INSERT INTO epochs (epoch, number, created_at_ms) VALUES (?, ?, 0)", (epoch, len(self._epochs))
            )
        start = self._clock()
        self._connection.execute("BEGIN IMMEDIATE")
        for statement, values in rows:
            self._connection.execute(statement, values)
        self._connection.execute("COMMIT")
        return self._clock() - start

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
