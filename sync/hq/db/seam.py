"""The one seam between headquarters and its database: what both engines, SQLite and PostgreSQL, offer.

Every module of sync.hq that holds SQL is given a Connection and asks for no more than this. Statements name their
parameters (`:name`) and keep to what both dialects read alike. Built by sync.hq.main; engines: sync.hq.db.embedded and
sync.hq.db.pool.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeVar

from agent.domain.errors import StorageError

T = TypeVar("T")
_LEAST_PLACES: Final = 4


class Row(Protocol):
    """One row: by column name or place, in order of columns; `dict(row)` and `tuple(row)` work."""

    def __getitem__(self, key: Any, /) -> Any:
        """The value of a column, by name or place."""
        ...

    def keys(self) -> Iterable[str]:
        """Names of the columns."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement that writes has changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, None when there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """The rest of the rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """One connection, used by one thread at a time. Errors of the engine are translated by whoever runs the work."""

    def execute(self, sql: str, parameters: Mapping[str, Any] = ..., /) -> Cursor:
        """Run one statement. Outside transaction() and snapshot() it is a transaction of its own."""
        ...

    def plain(self, sql: str, parameters: Mapping[str, Any], /) -> list[tuple[Any, ...]]:
        """Read rows as bare tuples: for who reads millions, to whom names and wrappers would cost more than the rows.

        Values are whole numbers, texts and bytes, of one type in each column, never NULL.
        """
        ...

    def executemany(self, sql: str, rows: Iterable[Mapping[str, Any]], /) -> Cursor:
        """Run one writing statement for each row, in order."""
        ...

    def bulk(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> int:
        """Run one writing statement that reads `rows` as the table `incoming`; how many rows it changed.

        No two of them may change the same row: one engine takes them one by one, the other all at once.
        Values are whole numbers, texts and bytes, of one type in each column.
        """
        ...

    def any_of(self, name: str, values: Sequence[str], /) -> tuple[str, dict[str, Any]]:
        """What stands behind a column that is one of very many texts, and its parameters, which `name` begins."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Write: commit at the end of the block, roll back when it raises. Not nested."""
        ...

    def part(self) -> AbstractContextManager[object]:
        """A part of a transaction that is undone alone when it raises; what raised goes on. Not nested."""
        ...

    def snapshot(self, alone: str = "") -> AbstractContextManager[object]:
        """See one moment of all books, whatever others commit meanwhile.

        With `alone` it may write too, and waits until no other block of that name is under way.
        """
        ...

    def hold(self, *names: str, shared: bool = False) -> None:
        """Let no other transaction hold these names until this one ends; `shared`: but others that share them.

        Raises NotAlone where one of them is wanted alone that this transaction shares.
        """
        ...

    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
        """Insert events of one epoch whose names are new; the seqs of those. Columns are those of `events`."""
        ...

    def add_postings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert postings of one epoch that are not there yet. Columns are those of `postings`, and received_at_ms."""
        ...


class Engine(Protocol):
    """Runs work on a connection in a thread that owns it."""

    failed: asyncio.Event
    """Set once durability is gone for good; the process should end."""

    async def run(self, work: Callable[[Connection], T], *, again: bool = False) -> T:
        """Give the work's result. `again`: it may be done anew from the start when others were in its way.

        Raises what the work raises; DiskLow, StorageError and DatabaseAway in place of the engine's own errors.
        """
        ...

    async def touch(self) -> None:
        """Prove that commits still work, for the watchdog."""
        ...

    async def close(self) -> None:
        """Finish work that has begun and let go of the database."""
        ...


class DatabaseAway(StorageError):
    """The server is not there, or too busy, for now. Nothing was acknowledged; callers come back."""


class Contended(Exception):
    """Another transaction came first, which this work could not foresee: roll back and do it anew."""


class NotAlone(Exception):
    """What a transaction shares turned out to be wanted alone: roll back, and hold it alone from the beginning.

    Two that share it would wait for each other for ever.
    """


def among(name: str, values: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """A list for `IN (...)` and its parameters; places are filled up to a power of two, so that statements repeat.

    >>> among("id", ["a", "b"])
    (':id0, :id1, :id2, :id3', {'id0': 'a', 'id1': 'b', 'id2': 'b', 'id3': 'b'})
    """
    places = max(_LEAST_PLACES, 1 << (len(values) - 1).bit_length())
    filled = [*values, *[values[-1]] * (places - len(values))]
    names = [f"{name}{place}" for place in range(places)]
    return ", ".join(":" + one for one in names), dict(zip(names, filled, strict=True))
