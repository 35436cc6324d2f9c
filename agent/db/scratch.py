"""SQLite files that are no Store: one that is built from nothing, one that stands still, and what makes one unreadable.

Used by agent.db.replica_swap and replica_stage, and by HQ where it builds a snapshot.
"""

from pathlib import Path
from typing import Final

from agent.domain.errors import StorageError
from agent.sqlite import Connection, Row

_CORRUPT: Final = 11
_NOT_A_DATABASE: Final = 26
_NEWER: Final = "was written by a newer pos-agent"


def open_unchanging(path: Path) -> Connection:
    """Open a reader to a file that nobody writes and that has no WAL: it takes no lock, so the file may be renamed."""
    connection = Connection(f"file:{path}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False)
    connection.row_factory = Row
    connection.execute("PRAGMA query_only=ON")
    return connection


def open_scratch(path: Path, cache_bytes: int) -> Connection:
    """Open a file that is thrown away when its building fails: no journal, no fsync, `cache_bytes` of memory."""
    connection = Connection(str(path), isolation_level=None, check_same_thread=False)
    connection.row_factory = Row
    for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{cache_bytes // 1024}"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def is_sound(path: Path) -> bool:
    """Whether SQLite finds the file whole: every page, every row, every order (`quick_check`)."""
    connection = open_unchanging(path)
    try:
        return [row[0] for row in connection.execute("PRAGMA quick_check(1)").fetchall()] == ["ok"]
    finally:
        connection.close()


def is_unreadable(error: StorageError) -> bool:
    """Whether an opening failed for what the file itself is: damaged, no database, or written by a newer program."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return code in (_CORRUPT, _NOT_A_DATABASE) or _NEWER in error.message
