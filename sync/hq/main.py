"""HQ's composition root: opens keys and database, serves them until it is told to stop.

Used by `pos-agent hq`, the demo and tests.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import sqlite
from agent.domain.errors import ConfigError, DiskLow, StorageError
from agent.notify import Notifier
from agent.ports import Clock, Entropy
from agent.worker import Worker
from sync.hq import erasures, marks, restored
from sync.hq.db.address import Address
from sync.hq.db.embedded import EmbeddedConnection, EmbeddedEngine, open_embedded
from sync.hq.db.seam import Connection, Engine
from sync.hq.erasures import FileErasures
from sync.hq.grant_witness import FILE, FileGrantWitness
from sync.hq.keys import HqKeys, open_keys
from sync.hq.places import DATABASE, KEY_FILE, SNAPSHOTS, SOCKET, UPLOADS
from sync.hq.schema import MIGRATIONS
from sync.hq.server import HqServer
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
