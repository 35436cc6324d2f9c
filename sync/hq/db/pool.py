"""The PostgreSQL engine: a few threads, each with a connection of its own, so that calls are worked on side by side.

Built by sync.hq.main. A server that is away ends nothing: callers are answered 503 and come back, a lost connection is
opened again. What others undid (deadlock, serialization) is done anew a bounded number of times.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg

from agent.domain.errors import StorageError
from agent.ports import Clock
from agent.worker import Worker
from sync.hq.db import dialect, migrations, partitions
from sync.hq.db.address import Address
from sync.hq.db.postgres import PgConnection
from sync.hq.db.seam import Connection, Contended, DatabaseAway

T = TypeVar("T")
_TRIES: Final = 6  # LIMIT: each waits for whoever came first; more than that is a storm, and callers come back
_CONNECT_S: Final = 5  # LIMIT: below HQ_TIMEOUT_S, so that a caller hears that the server is away
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip
_LEAST_VERSION: Final = 140_000
_SETTINGS: Final = (
    "SET lock_timeout = '15s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'"
)


class _Slot:
    """One thread and its connection."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.connection: PgConnection | None = None


class PostgresEngine:
    """See sync.hq.db.seam.Engine. Connects with the first work."""

    def __init__(self, address: Address, clock: Clock, make_worker: Callable[[str], Worker] = Worker) -> None:
        self._address = address
        self._clock = clock
        self._slots = [_Slot(make_worker(f"hq-db-{number}")) for number in range(address.connections)]
        self._idle: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        for slot in self._slots:
            self._idle.put_nowait(slot)
        self._migrated = False
        self._months: frozenset[str] = frozenset()
        self.failed = asyncio.Event()
        self.on_connect: Callable[[Connection], object] = lambda _connection: None
        """Looks at the books of each new connection before anything else: another server may answer than before."""

    async def run(self, work: Callable[[Connection], T], *, again: bool = False) -> T:
        """See Engine."""
        slot = await self._idle.get()
        try:
            return await slot.worker.call(lambda: self._do(slot, work, _TRIES if again else 1))
        except DatabaseAway:
            raise
        except StorageError:
            self.failed.set()
            raise
        finally:
            self._idle.put_nowait(slot)

    async def touch(self) -> None:
        """Nothing to prove: a restart of this process brings no server back."""

    async def close(self) -> None:
        """Let work that has begun finish, hang up."""
        for slot in self._slots:
            await slot.worker.call(lambda one=slot: self._drop(one))  # type: ignore[misc]
            slot.worker.close()

    # --- in a worker's thread ---------------------------------------------------------------------------------------
    def _do(self, slot: _Slot, work: Callable[[Connection], T], tries: int) -> T:
        while True:
            tries -= 1
            try:
                return work(self._connected(slot))
            except Contended as error:
                if not tries:
                    raise DatabaseAway("PostgreSQL is too busy", hint="callers come back by themselves") from error
            except psycopg.Error as error:
                if slot.connection is not None and not slot.connection.alive:
                    self._drop(slot)
                elif tries and dialect.came_in_the_way(error):
                    continue
                meant = dialect.ours(error)
                if meant is None:
                    raise
                raise meant from error

    def _connected(self, slot: _Slot) -> PgConnection:
        if slot.connection is not None and not slot.connection.alive:
            self._drop(slot)
        if slot.connection is None:
            slot.connection = self._connect()
        month = partitions.month_of(self._clock.now_ms())
        if month not in self._months:
            # ORDER: before the work begins; a month whose table is missing takes no events.
            self._months |= partitions.ensure(slot.connection, self._clock.now_ms())
        return slot.connection

    def _connect(self) -> PgConnection:
        secret: dict[str, Any] = {} if self._address.password is None else {"password": self._address.password}
        raw = psycopg.connect(
            self._address.url,
            autocommit=True,
            row_factory=dialect.rows_of,
            context=dialect.adapters_context(),
            connect_timeout=_CONNECT_S,
            application_name="pos-agent-hq",
            **_KEEPALIVE,
            **secret,
        )
        try:
            _require(raw)
            raw.execute(_SETTINGS)
            connection = PgConnection(raw)
            if not self._migrated:
                migrations.migrate(connection)
                self._migrated = True
            self.on_connect(connection)
        except BaseException:
            raw.close()
            raise
        return connection

    def _drop(self, slot: _Slot) -> None:
        if slot.connection is not None:
            slot.connection.close()
            slot.connection = None


def _require(raw: psycopg.Connection[Any]) -> None:
    """Refuse a server that cannot keep our books."""
    if raw.info.server_version < _LEAST_VERSION:
        raise StorageError(f"PostgreSQL is version {raw.info.server_version // 10_000}", hint="14 or newer is needed")
    encoding = raw.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StorageError(f"the database is encoded in {encoding}", hint="create it with ENCODING 'UTF8'")
    # ORDER: an answer follows the commit, so the commit has to follow the disk.
    found = raw.execute("SELECT current_setting('synchronous_commit') = 'off' AS lax").fetchone()
    if found is not None and found["lax"]:
        raw.execute("SET synchronous_commit = on")
