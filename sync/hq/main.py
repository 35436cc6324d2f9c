"""HQ's composition root: opens keys and database, joins them to the application, serves it, stops in order.

Used by `pos-agent hq`, the demo and tests. `HqServer` runs inside another program's event loop: it installs no signal
handlers and logs nothing to stdout.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from agent.domain.errors import StorageError
from agent.ports import Clock, Entropy
from agent.sqlite import Connection, open_database, transaction
from agent.worker import Worker
from sync.hq.app import create_app
from sync.hq.bounds import GRACEFUL_STOP_S
from sync.hq.keys import HqKeys, open_keys
from sync.hq.schema import MIGRATIONS
from sync.hq.service import HqService

DATABASE = "hq.db"
KEY_FILE = "hq.key"


async def open_hq(data_dir: Path, clock: Clock, entropy: Entropy) -> HqService:
    """Open (or create) HQ's database and key file in `data_dir`; raises StorageError when one is missing or alien."""
    worker = Worker("hq-db")

    def work() -> tuple[Connection, HqKeys]:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = data_dir / DATABASE
        # ORDER: keys before the database; a database whose keys are gone is never given new ones.
        keys = open_keys(data_dir / KEY_FILE, entropy, create=not path.exists())
        connection = open_database(path, MIGRATIONS)
        _bind(connection, keys)
        return connection, keys

    try:
        connection, keys = await worker.call(work)
    except BaseException:
        worker.close(timeout_s=0)
        raise
    return HqService(worker, connection, keys, clock, entropy)


def _bind(connection: Connection, keys: HqKeys) -> None:
    """Remember which keys belong to this database; refuse any others."""
    try:
        with transaction(connection):
            connection.execute(
                "INSERT INTO hq_identity (id, public_key) VALUES (1, :key) ON CONFLICT DO NOTHING",
                {"key": keys.public_key},
            )
            held = connection.execute("SELECT public_key FROM hq_identity WHERE id = 1").fetchone()["public_key"]
        if held != keys.public_key:
            raise StorageError("this key file belongs to another database", hint="restore the pair from one backup")
    except BaseException:
        connection.close()
        raise


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with a moment one can wait for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever owns the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        self.ready.set()


class HqServer:
    """An HQ that answers on a socket of its own, inside the running event loop."""

    def __init__(self, hq: HqService) -> None:
        self.hq = hq
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, certificate: Path | None = None, key: Path | None = None
    ) -> str:
        """Listen, and give the base URL; port 0 takes a free one. With certificate and key the URL is https."""
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        config = uvicorn.Config(
            create_app(self.hq),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_STOP_S,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="hq-server")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            await self._task
            raise StorageError(f"headquarters could not listen on {host}", hint="see the lines above")
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if certificate else 'http'}://{shown}:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Answer what is in flight (at most GRACEFUL_STOP_S), stop listening, close the database."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None
        await self.hq.close()


async def serve(
    data_dir: Path,
    clock: Clock,
    entropy: Entropy,
    *,
    host: str,
    port: int,
    certificate: Path | None = None,
    key: Path | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; raises StorageError when durability is gone, so that systemd restarts us."""
    server = HqServer(await open_hq(data_dir, clock, entropy))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        url = await server.start(host, port, certificate=certificate, key=key)
        if started is not None:
            started(url)
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(server.hq.failed.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    finally:
        await server.stop()
    if server.hq.failed.is_set():
        raise StorageError("headquarters lost its durability and stopped", hint="look at the disk, then start again")
