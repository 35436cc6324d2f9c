"""Where a PostgreSQL server is: what an operator writes, with no password in it.

A password comes from the environment (PGPASSWORD), a file (PGPASSFILE) or systemd's credentials; arguments of a process
can be read by everybody on the machine. Used by sync.hq.main and agent.cli.hq.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.domain.errors import ConfigError
from sync.hq.db.moved import is_moved

CREDENTIAL: Final = "hq-database-password"
FILE: Final = "hq.database"
"""Beside the key file: which server this headquarters keeps its books at."""
_SCHEMES: Final = ("postgresql://", "postgres://")
_MOST_WORKERS: Final = 64
_BOOKS: Final = "hq.db"


@dataclass(frozen=True, slots=True)
class Address:
    """A server and how to reach it; the password shows nowhere."""

    url: str
    password: str | None = field(default=None, repr=False)
    connections: int = 4
    """Connections this process keeps, and so calls it works on at a time."""


def address_of(url: str, environment: Mapping[str, str], *, connections: int = 4) -> Address:
    """Read `postgresql://user@host:port/database?sslmode=...`; ConfigError naming what is wrong with it.

    The password is looked for in $CREDENTIALS_DIRECTORY/hq-database-password; PGPASSWORD and PGPASSFILE are the
    client library's own.

    >>> address_of("postgresql://hq@db.example/hq", {}).url
    'postgresql://hq@db.example/hq'
    """
    if not url.startswith(_SCHEMES):
        raise ConfigError(["--database begins with postgresql://"])
    from psycopg import ProgrammingError  # it costs every start, and few have a server
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ConfigError([f"--database cannot be read: {error}"]) from error
    if parts.get("password"):
        why = "the list of processes shows it to everybody: use PGPASSWORD, PGPASSFILE or the systemd credential"
        raise ConfigError([f"--database holds a password, and {why} {CREDENTIAL}"])
    if not 1 <= connections <= _MOST_WORKERS:
        raise ConfigError([f"--connections is 1 to {_MOST_WORKERS}"])
    return Address(url, _credential(environment), connections)


def _credential(environment: Mapping[str, str]) -> str | None:
    folder = environment.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    if path is None or not path.exists():
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise ConfigError([f"{path}: {os.strerror(error.errno or 0)}"]) from error


def settled(data_dir: Path, url: str, environment: Mapping[str, str], *, connections: int = 4) -> Address | None:
    """The server that is named, else the one that was recorded; None where books are kept in a file.

    ConfigError when a server is named for a directory that holds a file of books.
    """
    recorded = data_dir / FILE
    named = url or (recorded.read_text(encoding="utf-8").strip() if recorded.exists() else "")
    if not named:
        return None
    if (data_dir / _BOOKS).exists() and not is_moved(data_dir / _BOOKS):
        raise ConfigError([f"{data_dir / _BOOKS} holds books already; a server needs a directory of its own"])
    return address_of(named, environment, connections=connections)


def record(data_dir: Path, address: Address | None) -> None:
    """Remember the server, so that no later command begins other books by mistake."""
    if address is None:
        return
    path = data_dir / FILE
    fresh = path.with_suffix(".new")
    fresh.write_text(address.url + "\n", encoding="utf-8")
    fresh.replace(path)
