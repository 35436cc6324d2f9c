"""How PostgreSQL is spoken: parameters, exact texts, whole numbers, rows, and what its errors mean to us.

Used by sync.hq.db.postgres. The only module that translates psycopg's errors.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.types.numeric import Int8Dumper

from agent.domain.errors import AgentError, DiskLow, StorageError
from sync.hq.db.seam import DatabaseAway

_NAMED: Final = re.compile(r"'[^']*'|%|(?<![:\w]):([a-z_][a-z0-9_]*)")
_ESCAPE: Final = "\x1a"
_OID_TEXT: Final = 25
_OID_UNKNOWN: Final = 705
_UNDONE: Final = (errors.SerializationFailure, errors.DeadlockDetected)
_BUSY: Final = (errors.LockNotAvailable, errors.QueryCanceled, errors.TooManyConnections)
_FULL: Final = (errors.DiskFull, errors.OutOfMemory)
_NO_RIGHTS: Final = (errors.InsufficientPrivilege, errors.InvalidAuthorizationSpecification, errors.InvalidPassword)


# --- statements -----------------------------------------------------------------------------------------------------
@cache
def translated(sql: str) -> bytes:
    """Write `:name` as psycopg does, once per statement.

    >>> translated("SELECT 'a:b' WHERE x = :x AND y LIKE '5%'")
    b"SELECT 'a:b' WHERE x = %(x)s AND y LIKE '5%%'"
    """

    def one(found: re.Match[str]) -> str:
        return f"%({found[1]})s" if found[1] else found[0].replace("%", "%%")

    return _NAMED.sub(one, sql).encode()


# --- values ---------------------------------------------------------------------------------------------------------
def escaped(text: str) -> str:
    """A text PostgreSQL can keep: it has no NUL, and an event's body is kept to the byte.

    >>> escaped("a\\x00b"), unescaped(escaped("\\x1a0\\x00"))
    ('a\\x1a0b', '\\x1a0\\x00')
    """
    if "\0" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")
    return text


def unescaped(text: str) -> str:
    """Undo escaped()."""
    return text.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE) if _ESCAPE in text else text


def unescaped_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Undo escaped() in rows whose columns have one type each; they are looked at a column at a time.

    >>> unescaped_rows([(1, "a"), (2, "b\\x1a0")])
    [(1, 'a'), (2, 'b\\x00')]
    """
    texts = (column for column in zip(*rows, strict=True) if isinstance(column[0], str))
    if not any(_ESCAPE in "".join(column) for column in texts):
        return rows
    return [tuple(unescaped(value) if isinstance(value, str) else value for value in row) for row in rows]


ARRAYS: Final[Mapping[type, str]] = {int: "bigint[]", str: "text[]", bytes: "bytea[]"}


def array_text(values: Sequence[Any]) -> str:
    """An array of one of ARRAYS as the server reads it, without NULLs; psycopg's own asks of each value how to.

    >>> array_text([1, -2]), array_text(["a", 'b"c']), array_text([b"a"])
    ('{1,-2}', '{"a","b\\\\"c"}', '{"\\\\\\\\x61"}')
    """
    if isinstance(values[0], int):
        return f"{{{','.join(map(str, values))}}}"
    if isinstance(values[0], bytes):
        texts = [f"\\\\x{value.hex()}" for value in values]
    else:
        texts = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(texts) + '"}'


class _Text(Dumper):
    """Texts of no declared type, so that a column decides."""

    oid = 0

    def dump(self, obj: str) -> Buffer:
        return escaped(obj).encode()


class _ReadText(Loader):
    def load(self, data: Buffer) -> str:
        return unescaped(bytes(data).decode())


class _ReadSum(Loader):
    """Sums of int64 come as numeric; every one of ours is whole."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class _Adapted:
    """What psycopg takes adapters from."""

    connection = None

    def __init__(self, adapters: AdaptersMap) -> None:
        self.adapters = adapters


def adapters_context() -> AdaptContext:
    """How values of ours travel."""
    found = AdaptersMap(psycopg.adapters)
    found.register_dumper(str, _Text)
    found.register_dumper(int, Int8Dumper)  # one type for every size, so that statements are prepared once
    for oid in (_OID_TEXT, _OID_UNKNOWN):
        found.register_loader(oid, _ReadText)
    found.register_loader("numeric", _ReadSum)
    return _Adapted(found)


class PgRow:
    """One row (sync.hq.db.seam.Row)."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Mapping[str, int], values: Sequence[Any]) -> None:
        self._names, self._values = names, values

    def __getitem__(self, key: int | str) -> Any:
        return self._values[self._names[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> Sequence[str]:
        """Names of the columns."""
        return list(self._names)


def rows_of(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], PgRow]:
    """psycopg's row factory."""
    names = {column.name: place for place, column in enumerate(cursor.description or ())}
    return lambda values: PgRow(names, values)


# --- errors ---------------------------------------------------------------------------------------------------------
def came_in_the_way(error: BaseException) -> bool:
    """Whether the server rolled back because of what others did at the same time: the same again may go well."""
    return isinstance(error, _UNDONE)


def ours(error: psycopg.Error) -> AgentError | None:
    """What a failure of the server means; None for a mistake of ours, which passes through.

    A failure at or before the commit acknowledges nothing: the caller comes back and meets what was stored.
    """
    said = (error.diag.message_primary or str(error)).strip().splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, _FULL):
        return DiskLow(f"PostgreSQL has no room: {said}", hint="make room on the database server")
    if isinstance(error, _NO_RIGHTS):
        return StorageError(f"PostgreSQL refuses us: {said}", hint="grant the role what docs/operations.md names")
    if isinstance(error, (*_UNDONE, *_BUSY)):
        return DatabaseAway(f"PostgreSQL is too busy: {said}", hint="callers come back by themselves")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return DatabaseAway(f"PostgreSQL takes no writes: {said}", hint="is this the standby? name the primary")
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted | errors.IoError):
        return StorageError(f"PostgreSQL is damaged: {said}", hint="look at the database server before anything else")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseAway(f"PostgreSQL does not answer: {said}", hint="is the server up? callers come back")
    return None
