"""How this program opens SQLite: which library, which pragmas in which order, which transactions.

Used by the store's databases and by HQ's embedded one. One writing connection per file, owned by one thread. Books
are never opened twice; the replica gets a second, reading connection only where SQLite is free of the WAL-reset bug.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import sqlite_utils
from sqlite_utils.migrations import Migrations

from agent.domain.errors import AgentError, DiskLow, StorageError

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:  # no wheel for this machine: the standard module, safe under one EXCLUSIVE connection
        import sqlite3

Connection: TypeAlias = sqlite3.Connection
Row: TypeAlias = sqlite3.Row
DatabaseError = sqlite3.DatabaseError
IntegrityError = sqlite3.IntegrityError
OperationalError = sqlite3.OperationalError
LIBRARY_VERSION = sqlite3.sqlite_version
_WAL_RESET_FIXED = (3, 51, 3)
# LIMIT: more than this program has. The library's cache gives up what was used least, not longest ago: once the steps
# of a start have filled the usual 128, every statement of every sale would be prepared anew (0.4 ms a sale).
_STATEMENTS = 1000


def may_share(version: str = LIBRARY_VERSION) -> bool:
    """Whether a file may have a second connection: the WAL-reset bug is fixed from SQLite 3.51.3 on.

    >>> may_share("3.40.1"), may_share("3.51.3"), may_share("3.53.4")
    (False, True, True)
    """
    return tuple(int(part) for part in version.split(".")) >= _WAL_RESET_FIXED


def open_reader(path: Path) -> Connection:
    """Open a second, reading connection to a file that `open_database(shared=True)` holds; only where may_share()."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only=ON")
    return connection


def open_database(
    path: Path,
    migrations: Migrations,
    *,
    durable: bool = True,
    shared: bool = False,
    factory: type[Connection] = sqlite3.Connection,
) -> Connection:
    """Open (or create) `path`, apply forward-only migrations after a backup, and give its writing connection.

    `durable` False (the replica, which can be rebuilt) trades the fsync of every commit for speed. `shared` leaves
    room for open_reader(); else this connection, of class `factory`, is the only one. Raises StorageError when the
    file is held by another process, damaged, or newer than this program.
    """
    existed = path.exists() and path.stat().st_size > 0
    with translated(f"{path}: ", "is another pos-agent running? `pos-agent doctor` tells"):
        connection = sqlite3.connect(
            str(path),
            isolation_level=None,
            check_same_thread=False,
            timeout=2.0,
            factory=factory,
            cached_statements=_STATEMENTS,
        )
        connection.row_factory = sqlite3.Row
        # ORDER: EXTRA before WAL, else a disk that resurrects an unlinked journal loses rows (reliability.md).
        connection.execute(f"PRAGMA locking_mode={'NORMAL' if shared else 'EXCLUSIVE'}")
        connection.execute("PRAGMA synchronous=EXTRA")
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        if mode != "wal":
            raise StorageError(f"{path}: journal mode is {mode}, not wal", hint="use a local disk, not a network share")
        _migrate(connection, path, migrations, backup=existed and durable)
    return connection


def close_database(connection: Connection, *, fold: bool = True) -> None:
    """Close; `fold` puts the WAL into the file first. What a full or ill disk leaves is read at the next opening."""
    if fold:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _migrate(connection: Connection, path: Path, migrations: Migrations, *, backup: bool) -> None:
    database = sqlite_utils.Database(connection)
    known = {step.name for step in migrations.pending(database)} | {step.name for step in migrations.applied(database)}
    unknown = [step.name for step in migrations.applied(database) if step.name not in _names(migrations)]
    if unknown:
        raise StorageError(
            f"{path} was written by a newer pos-agent ({', '.join(unknown)})", hint="install that version again"
        )
    pending = migrations.pending(database)
    if not pending:
        return
    if backup and len(pending) < len(known):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(path, path.with_name(f"{path.name}.before-{pending[0].name}"))
    migrations.apply(database)


def _names(migrations: Migrations) -> set[str]:
    return {step.name for step in migrations.pending(sqlite_utils.Database(memory=True))}


def rewrite_header(connection: Connection) -> None:
    """Write page 1 as it stands, inside a transaction: the smallest commit there is, needing no table of its own."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {int(version)}")


@contextlib.contextmanager
def translated(
    what: str = "the database failed: ", hint: str = "check the disk; the daemon restarts"
) -> Iterator[None]:
    """The one place where SQLite's failures become ours: DiskLow for a full disk, StorageError for everything else.

    A full disk writes no commit record, so nothing was booked and nothing is in doubt; after a failed fsync that cannot
    be said. An IntegrityError is our mistake and passes through.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise _ours(error, what, hint) from error


def _ours(error: sqlite3.Error, what: str, hint: str) -> AgentError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return DiskLow("the disk is full", hint="free space on the disk; selling goes on by itself within a minute")
    return StorageError(f"{what}{error}", hint=hint)


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """Run one write transaction: BEGIN IMMEDIATE, then COMMIT, or ROLLBACK when the block or the commit raises."""
    with translated():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the engine rolls back by itself on some errors
                connection.execute("ROLLBACK")
            raise
