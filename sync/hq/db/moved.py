"""The mark of a file whose books live on a server now: no version of this program opens it again.

Put by sync.hq.move, looked at by sync.hq.db.address and sync.hq.db.embedded. Two marks say the same: a step among the
migrations, which every version takes for one of a newer program and refuses, and SQLite's application id, which can be
seen without opening the file.
"""

from pathlib import Path
from typing import Final

from sync.hq.db.seam import Connection

_APPLICATION: Final = 0x506F734D  # "PosM"
_PLACE: Final = 68  # WIRE: of the application id in the header of every SQLite file
_SET: Final = "hq"
_STEP: Final = "moved to "
_STEPS: Final = "SELECT name FROM _sqlite_migrations WHERE migration_set = :set AND name LIKE :like"


def is_moved(path: Path) -> bool:
    """Whether a file is marked, by its header alone; False where there is none."""
    try:
        with path.open("rb") as file:
            header = file.read(_PLACE + 4)
    except FileNotFoundError:
        return False
    return int.from_bytes(header[_PLACE:]) == _APPLICATION


def destination(connection: Connection) -> str | None:
    """Where an opened file's books were moved to; None where they were not."""
    row = connection.execute(_STEPS, {"set": _SET, "like": f"{_STEP}%"}).fetchone()
    return None if row is None else str(row["name"]).removeprefix(_STEP)


def put(connection: Connection, where: str) -> None:
    """Mark an opened file, durably; again is no harm. `where`: the server's address, without a password."""
    with connection.transaction():
        connection.execute(
            "INSERT OR IGNORE INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (:set, :name, '')",
            {"set": _SET, "name": f"{_STEP}{where}"},
        )
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
