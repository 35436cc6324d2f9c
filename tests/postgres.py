"""A PostgreSQL server of our own for tests: made in a temporary directory, on a free loopback port, gone with the run.

One server per session and a fresh database per test, copied from a template. Root runs it as the system user
`postgres`, for the server refuses root. Without the server's programs tests that ask for it are skipped, loudly.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sync.hq.db import dialect, partitions
from sync.hq.db.address import Address, address_of
from sync.hq.db.migrations import migrate
from sync.hq.db.postgres import PgConnection

_USER = "hq"
_TEMPLATE = "hq_template"
_START_S = 60
_SHARED = Path("/dev/shm")  # memory: what never meets a disk needs none
_KEPT = 6  # LIMIT: databases of 9 MB each; a test uses two at most
_LARGE = {
    "shared_buffers": "512MB", "maintenance_work_mem": "512MB", "wal_level": "minimal", "max_wal_senders": "0",
    "max_wal_size": "8GB", "checkpoint_timeout": "30min",
}  # fmt: skip
_TESTS_BEGIN_MS = 1_790_000_000_000
_PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql")


def binaries() -> Path | None:
    """Where initdb and postgres are: on the path, or where Debian puts the newest."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    places = [path.parent for root in _PLACES for path in Path(root).glob("**/bin/postgres")]
    return max(places, default=None, key=lambda path: path.parent.name)


def _as_user() -> list[str]:
    """How to leave root behind."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.getuid() == 0 else []


class PostgresServer:
    """A cluster and its server; `durable` makes commits wait for the disk, `large` is for more than memory holds."""

    def __init__(self, *, durable: bool = False, large: bool = False) -> None:
        bin_folder = binaries()
        assert bin_folder is not None, "ask binaries() first"
        self._bin = bin_folder
        in_memory = _SHARED.is_dir() and not durable and not large
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_SHARED if in_memory else "/tmp"))
        self._data = self.folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            "shared_buffers": "64MB",
            "max_connections": "60",
            "deadlock_timeout": "100ms",
            "log_min_messages": "fatal",
            **(_LARGE if large else {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._copies: list[str] = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", str(self._data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_user(), str(self._bin / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=_START_S)

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_user(), str(self._bin / "postgres"), "-D", str(self._data), *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s:
            if subprocess.run(ready, check=False).returncode == 0:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(0.1)
                raise AssertionError(f"postgres ended with {code}: {(self.folder / 'log').read_text()}")
        raise AssertionError(f"postgres does not answer: {(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """As a power cut would: the server and all its processes, at once; none of them is left afterwards."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGSTOP)  # ORDER: it begets no more while its children are counted
        family = [*_children(self._process.pid), self._process.pid]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        for pid in family:  # LIMIT: the next server refuses to start while one of them holds the memory they shared
            _wait_gone(pid)
        self._process = None
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop it and remove everything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, user: str = _USER) -> str:
        """Where a database is."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the server's owner."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def fresh(self, template: str = _TEMPLATE) -> Address:
        """A new database, copied from a template."""
        self._databases += 1
        name = f"hq_{self._databases}"
        self.execute(*(f"DROP DATABASE IF EXISTS {copy}" for copy in self._copies))
        self._copies.clear()
        if self._databases > _KEPT:
            self.execute(f"DROP DATABASE IF EXISTS hq_{self._databases - _KEPT} WITH (FORCE)")
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return address_of(self.url(name), {})

    def back_up(self, address: Address) -> None:
        """Copy a database that nobody uses; one copy of it is kept."""
        name = database_of(address)
        self.execute(f"DROP DATABASE IF EXISTS {name}_copy", f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        self._copies.append(f"{name}_copy")

    def put_back(self, address: Address) -> None:
        """Put the copy in the place of a database, under whoever uses it."""
        name = database_of(address)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {name}_copy")

    def make_template(self) -> None:
        """An empty HQ, so that tests need not wait for its tables."""
        self.execute(f"CREATE DATABASE {_TEMPLATE} ENCODING 'UTF8' TEMPLATE template0")
        make_schema(self.url(_TEMPLATE))


def database_of(address: Address) -> str:
    """The name of a database of this server."""
    return address.url.rpartition("/")[2]


def make_schema(url: str) -> None:
    """What HQ makes with its first connection, and the months that tests live in."""
    with psycopg.connect(url, autocommit=True, row_factory=dialect.rows_of, context=dialect.adapters_context()) as raw:
        connection = PgConnection(raw)
        migrate(connection)
        partitions.ensure(connection, _TESTS_BEGIN_MS)


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[1]) == pid:
                    found.append(int(folder.name))
    return found


def _wait_gone(pid: int) -> None:
    """Until a killed process that is nobody's child of ours is gone; a zombie holds nothing any more."""
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state in "ZX":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not end")


@contextlib.contextmanager
def running(*, durable: bool = False, large: bool = False) -> Iterator[PostgresServer]:
    """A server with an empty HQ as its template; skips where PostgreSQL is not installed."""
    if binaries() is None:
        pytest.skip("SKIPPED FOR WANT OF A TOOL: postgres is not installed (make test installs it as root)")
    server = PostgresServer(durable=durable, large=large)
    try:
        server.start()
        server.make_template()
        yield server
    finally:
        server.stop()
