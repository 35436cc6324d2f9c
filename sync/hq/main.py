"""HQ's composition root: opens keys and database, joins them to the application, serves it, stops in order.

Used by `pos-agent hq`, the demo and tests. `HqServer` runs inside another program's event loop: it installs no signal
handlers and logs nothing to stdout.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import sqlite
from agent.domain.errors import ConfigError, DiskLow, StorageError
from agent.http_server import HttpServer, listen_tcp, listen_unix
from agent.limits import HQ_TIMEOUT_S
from agent.notify import Notifier
from agent.ports import Clock, Entropy
from agent.worker import Worker
from sync.hq import erasures, marks, restored
from sync.hq.admin import create_admin_app
from sync.hq.app import create_app
from sync.hq.bounds import CONNECTIONS, EXPIRY_LOOK_S, KEEP_ALIVE_S, RECOMPUTE_PAUSE_S
from sync.hq.console.door import origins_of
from sync.hq.console.join import Console, add_users, open_console
from sync.hq.db.address import Address
from sync.hq.db.embedded import EmbeddedConnection, EmbeddedEngine, open_embedded
from sync.hq.db.seam import Connection, DatabaseAway, Engine
from sync.hq.erasures import FileErasures
from sync.hq.grant_witness import FILE, FileGrantWitness
from sync.hq.keeping import kept
from sync.hq.keys import HqKeys, open_keys
from sync.hq.places import DATABASE, KEY_FILE, SNAPSHOTS, SOCKET, UPLOADS
from sync.hq.schema import MIGRATIONS
from sync.hq.service import HqService
from sync.hq.snapshot_shelf import Shelf
from sync.hq.snapshots import Snapshots


async def open_hq(
    data_dir: Path,
    clock: Clock,
    entropy: Entropy,
    *,
    make_worker: Callable[[str], Worker] = Worker,
    database: Address | None = None,
    new_process: bool = False,
) -> HqService:
    """Open (or create) HQ's database and its key file in `data_dir`; `database` names a PostgreSQL, else it is a file.

    `new_process`: the operator says that the server's books are whole and this directory is one process more of theirs.
    Raises StorageError when one of the two is missing, alien or newer, DatabaseAway when the server does not answer.
    """
    witness, erased = FileGrantWitness(data_dir / FILE), FileErasures(data_dir / erasures.FILE)

    def look(connection: Connection) -> None:
        with connection.transaction():
            restored.watch(connection, witness, clock.now_ms())
            erasures.replay(connection, erased, clock.now_ms())

    def join(connection: Connection, keys: HqKeys) -> HqKeys:
        _bind(connection, keys)
        look(connection)
        with contextlib.suppress(DiskLow), sqlite.translated(), connection.transaction():
            marks.renew(connection, clock.now_ms())
        witness.write(restored.made(connection))
        return keys

    if database is None:
        return await _open_file(data_dir, clock, entropy, make_worker, witness, join)
    from sync.hq.db.pool import PostgresEngine  # psycopg costs every start; tills and files have no use for it

    engine = PostgresEngine(database, clock, make_worker)

    def beside_server(connection: Connection) -> HqKeys:
        _make(data_dir)
        # ORDER: keys before the first row; a database whose keys are gone is never given new ones.
        known = connection.execute("SELECT 1 FROM hq_identity").fetchone()
        keys = open_keys(data_dir / KEY_FILE, entropy, create=known is None)
        restored.admit(connection, witness, new_process=new_process)
        return join(connection, keys)

    try:
        keys = await engine.run(beside_server)
    except BaseException:
        await engine.close()
        raise
    engine.on_connect = look  # a standby that was promoted may lack what the server before it had
    return _service(engine, keys, clock, entropy, witness, data_dir)


async def _open_file(
    data_dir: Path,
    clock: Clock,
    entropy: Entropy,
    make_worker: Callable[[str], Worker],
    witness: FileGrantWitness,
    join: Callable[[Connection, HqKeys], HqKeys],
) -> HqService:
    worker = make_worker("hq-db")

    def work() -> tuple[EmbeddedConnection, HqKeys]:
        _make(data_dir)
        path = data_dir / DATABASE
        # ORDER: keys before the database; a database whose keys are gone is never given new ones.
        keys = open_keys(data_dir / KEY_FILE, entropy, create=not path.exists())
        connection = open_embedded(path, MIGRATIONS)
        try:
            return connection, join(connection, keys)
        except BaseException:
            connection.close()
            raise

    try:
        connection, keys = await worker.call(work)
    except BaseException:
        worker.close(timeout_s=0)
        raise
    engine: Engine = EmbeddedEngine(worker, connection)
    return _service(engine, keys, clock, entropy, witness, data_dir)


def _service(
    engine: Engine, keys: HqKeys, clock: Clock, entropy: Entropy, witness: FileGrantWitness, data_dir: Path
) -> HqService:
    hq = HqService(engine, keys, clock, entropy, witness, FileErasures(data_dir / erasures.FILE))
    hq.snapshots = Snapshots(engine, keys, clock, entropy, Shelf(data_dir / SNAPSHOTS))
    return hq


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError([f"{data_dir} cannot be made: {error.strerror}"]) from error


def _bind(connection: Connection, keys: HqKeys) -> None:
    """Remember which keys belong to this database; refuse any others."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO hq_identity (id, public_key) VALUES (1, :key) ON CONFLICT DO NOTHING",
            {"key": keys.public_key},
        )
        held = connection.execute("SELECT public_key FROM hq_identity WHERE id = 1").fetchone()["public_key"]
    if held != keys.public_key:
        raise StorageError("this key file belongs to another database", hint="restore the pair from one backup")


class HqServer:
    """An HQ that answers on sockets of its own, inside the running event loop."""

    def __init__(
        self,
        hq: HqService,
        *,
        admin_socket: Path | None = None,
        uploads: Path | None = None,
        console: Sequence[str] = (),
    ) -> None:
        """`uploads`: where files given to the console lie; without it there is no console. `console`: its origins."""
        self.hq = hq
        self._uploads = uploads
        self._origins = list(console)
        self.console: Console | None = None
        self._admin_socket = admin_socket
        self._servers: list[HttpServer] = []
        self._reckoning: asyncio.Task[None] | None = None
        self._building: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._keeping: list[asyncio.Task[None]] = []

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, certificate: Path | None = None, key: Path | None = None
    ) -> str:
        """Listen, and give the base URL; port 0 takes a free one. With certificate and key the URL is https."""
        listener = listen_tcp(host, port)
        shown = f"[{host}]" if ":" in host else host
        url = f"{'https' if certificate else 'http'}://{shown}:{listener.getsockname()[1]}"
        app = create_app(self.hq)
        if self._uploads is not None:
            self.console = open_console(app, self.hq, origins_of(self._origins, url), self._uploads)
        self._servers = [
            HttpServer(
                app, [listener], certificate=certificate, key=key, connections=CONNECTIONS, keep_alive_s=KEEP_ALIVE_S
            )
        ]
        if self._admin_socket is not None:
            admin = create_admin_app(self.hq)
            if self.console is not None:
                add_users(admin, self.console.desk.people)
            self._servers.append(HttpServer(admin, [listen_unix(self._admin_socket)]))
        for server in self._servers:
            await server.start()
        self._reckoning = asyncio.create_task(kept("reckoning", self._reckon))
        self._asking = asyncio.create_task(kept("WeChat", self.hq.wechat.worker.run))
        loops = {
            "members": self.hq.members.run,
            "channels": self.hq.channels.worker.run,
            "marks": self.hq.marking.run,
        }
        self._keeping = [asyncio.create_task(kept(name, run)) for name, run in loops.items()]
        if self.hq.snapshots is not None:
            self._building = asyncio.create_task(kept("snapshots", self.hq.snapshots.run))
        return url

    async def _reckon(self) -> None:
        """Reckon events again as they come, post lots that ended, a few at a time.

        A full disk, or a server that is away, only makes it wait.
        """
        while True:
            self.hq.folded.clear()
            pause_s = RECOMPUTE_PAUSE_S
            try:
                more = await self.hq.recompute_some() or await self.hq.expire_some()
            except (DiskLow, DatabaseAway):
                more, pause_s = True, HQ_TIMEOUT_S
            except StorageError:
                return  # `failed` is set: whoever serves ends the process
            if more:
                await asyncio.sleep(pause_s)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EXPIRY_LOOK_S):  # nothing needs to come in for a day to end
                        await self.hq.folded.wait()

    async def stop(self) -> None:
        """Answer what is in flight, stop listening, close the database."""
        for task in (self._reckoning, self._building, self._asking, *self._keeping):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop()
        if self.console is not None:
            await self.console.close()
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
    database: Address | None = None,
    console: Sequence[str] = (),
    new_process: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; raises StorageError when durability is gone, so that systemd restarts us."""
    server = HqServer(
        await open_hq(data_dir, clock, entropy, database=database, new_process=new_process),
        admin_socket=data_dir / SOCKET,
        uploads=data_dir / UPLOADS,
        console=console,
    )
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
