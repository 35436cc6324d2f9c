"""HQ's composition root: opens keys and database, joins them to the application, serves it, stops in order.

Used by `pos-agent hq`, the demo and tests. `HqServer` runs inside another program's event loop: it installs no signal
handlers and logs nothing to stdout.
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from agent.domain.errors import DiskLow, StorageError
from agent.http_server import HttpServer, listen_tcp, listen_unix
from agent.limits import HQ_TIMEOUT_S
from agent.notify import Notifier
from agent.ports import Clock, Entropy
from agent.sqlite import Connection, open_database, transaction
from agent.worker import Worker
from sync.hq.admin import SOCKET, create_admin_app
from sync.hq.app import create_app
from sync.hq.bounds import RECOMPUTE_PAUSE_S
from sync.hq.keys import HqKeys, open_keys
from sync.hq.schema import MIGRATIONS
from sync.hq.service import HqService

DATABASE = "hq.db"
KEY_FILE = "hq.key"


async def open_hq(
    data_dir: Path, clock: Clock, entropy: Entropy, *, make_worker: Callable[[str], Worker] = Worker
) -> HqService:
    """Open (or create) HQ's database and key file in `data_dir`; raises StorageError when one is missing or alien."""
    worker = make_worker("hq-db")

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


class HqServer:
    """An HQ that answers on sockets of its own, inside the running event loop."""

    def __init__(self, hq: HqService, *, admin_socket: Path | None = None) -> None:
        self.hq = hq
        self._admin_socket = admin_socket
        self._servers: list[HttpServer] = []
        self._reckoning: asyncio.Task[None] | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, certificate: Path | None = None, key: Path | None = None
    ) -> str:
        """Listen, and give the base URL; port 0 takes a free one. With certificate and key the URL is https."""
        listener = listen_tcp(host, port)
        self._servers = [HttpServer(create_app(self.hq), [listener], certificate=certificate, key=key)]
        if self._admin_socket is not None:
            self._servers.append(HttpServer(create_admin_app(self.hq), [listen_unix(self._admin_socket)]))
        for server in self._servers:
            await server.start()
        self._reckoning = asyncio.create_task(self._reckon())
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if certificate else 'http'}://{shown}:{listener.getsockname()[1]}"

    async def _reckon(self) -> None:
        """Reckon events again as they come, a few at a time; a full disk only makes it wait (sync.hq.recompute)."""
        while True:
            self.hq.folded.clear()
            pause_s = RECOMPUTE_PAUSE_S
            try:
                more = await self.hq.recompute_some()
            except DiskLow:
                more, pause_s = True, HQ_TIMEOUT_S
            except StorageError:
                return  # `failed` is set: whoever serves ends the process
            if more:
                await asyncio.sleep(pause_s)
            else:
                await self.hq.folded.wait()

    async def stop(self) -> None:
        """Answer what is in flight, stop listening, close the database."""
        if self._reckoning is not None:
            self._reckoning.cancel()
            await asyncio.gather(self._reckoning, return_exceptions=True)
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop()
        if self._admin_socket is not None:
            self._admin_socket.unlink(missing_ok=True)
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
    notifier: Notifier | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; raises StorageError when durability is gone, so that systemd restarts us."""
    server = HqServer(await open_hq(data_dir, clock, entropy), admin_socket=data_dir / SOCKET)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        url = await server.start(host, port, certificate=certificate, key=key)
        if started is not None:
            started(url)
        notifier = notifier if notifier is not None else Notifier()
        notifier.ready()
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(server.hq.failed.wait())]
        watching = asyncio.create_task(notifier.watch(server.hq.touch))  # a step that fails sets `failed`
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        notifier.stopping()
        for wait in (*waits, watching):
            wait.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    finally:
        await server.stop()
    if server.hq.failed.is_set():
        raise StorageError("headquarters lost its durability and stopped", hint="look at the disk, then start again")
