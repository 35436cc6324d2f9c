"""The next replica while it arrives: parts become a file, the file is checked, brought up to date and swapped in.

The Staging port of sync.snapshot_load over the folder `snapshot` beside replica.db. What is there survives any kill:
`manifest.json` and `unpacking.db` (whole parts, each durable before the next), then `ready.db` alone.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import zstandard

from agent.db.replica import ReplicaDb
from agent.db.replica_swap import ReplicaStore, remove
from agent.db.schema_replica import replica_migrations
from agent.db.scratch import is_sound
from agent.db.store import Store
from agent.domain.errors import StorageError
from agent.ports import KeyRing
from agent.sqlite import Connection, translated
from agent.worker import Worker
from sync.snapshot import SNAPSHOT_PULL, SnapshotAnswer, SnapshotManifest

T = TypeVar("T")
FOLDER: Final = "snapshot"
_MANIFEST: Final = "manifest.json"
_UNPACKING: Final = "unpacking.db"
_READY: Final = "ready.db"
_BLOCK_BYTES: Final = 1024 * 1024
_LOCAL: Final = ("checks", "snapshot")
"""Tables of replica.db that HQ knows nothing of: how far the downward check came, when all was pulled last."""


class ReplicaStage:
    """The Staging port. Its thread lives from the first call that touches the disk to `close`."""

    def __init__(
        self,
        current: ReplicaStore,
        replica: ReplicaDb,
        brand_id: str,
        keys: KeyRing,
        make_worker: Callable[[str], Worker] = Worker,
    ) -> None:
        self._folder = current.path.with_name(FOLDER)
        self._current = current
        self._replica = replica
        self._brand_id = brand_id
        self._keys = keys
        self._make_worker = make_worker
        self._worker: Worker | None = None
        self._opened: Store | None = None

    # --- what is there ----------------------------------------------------------------------------------------------
    def pending(self) -> bool:
        """Whether something was begun and not finished."""
        return self.ready() or (self._folder / _MANIFEST).exists()

    def ready(self) -> bool:
        """Whether a whole, checked replica waits to be brought up to date and swapped in."""
        return (self._folder / _READY).exists()

    def free_bytes(self) -> int:
        """What may still be written beside the replica."""
        now = os.statvfs(self._current.path.parent)
        return now.f_bavail * now.f_frsize

    async def begun(self) -> SnapshotAnswer | None:
        """The snapshot whose parts are being gathered."""

        def work() -> SnapshotAnswer | None:
            try:
                return SnapshotAnswer.model_validate_json((self._folder / _MANIFEST).read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:  # torn by a power cut: nothing that was gathered for it can be trusted
                self._clear()
                return None

        return await self._call(work)

    # --- gathering --------------------------------------------------------------------------------------------------
    async def begin(self, answer: SnapshotAnswer) -> None:
        """Gather parts of this snapshot from now on; those of another are thrown away."""

        def work() -> None:
            self._clear()
            self._folder.mkdir(mode=0o700)
            path = self._folder / _MANIFEST
            with path.open("wb") as file:
                file.write(answer.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            self._sync()

        await self._call(work)

    async def parts(self, manifest: SnapshotManifest) -> int:
        """How many parts are there, whole: the last one found may be torn and is not counted, unless all are there."""

        def work() -> int:
            path = self._folder / _UNPACKING
            size = path.stat().st_size if path.exists() else 0
            if size == manifest.size:
                return len(manifest.parts)
            return max(0, size // manifest.part_size - 1)

        return await self._call(work)

    async def add(self, manifest: SnapshotManifest, number: int, sealed: bytes) -> bool:
        """Check, open, unpack and keep part `number`, durably; False when it is not what the manifest says."""

        def work() -> bool:
            if hashlib.sha256(sealed).hexdigest() != manifest.parts[number].sha256:
                return False
            packed = self._keys.open_snapshot(manifest.snapshot_id, number, sealed)
            plain = _unpacked(packed, manifest.part_size) if packed is not None else b""
            start = number * manifest.part_size
            if len(plain) != min(manifest.part_size, manifest.size - start):
                return False
            path = self._folder / _UNPACKING
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.truncate(start)
                file.seek(start)
                file.write(plain)
                file.flush()
                # ORDER: durable before the next part is begun, so that every part but the last is whole after a cut.
                os.fsync(file.fileno())
            return True

        return await self._call(work)

    async def finish(self, answer: SnapshotAnswer) -> bool:
        """Check the whole file and make it ready; False when it is not sound, and then nothing of it is kept."""
        manifest = answer.manifest
        assert manifest is not None

        def work() -> bool:
            path = self._folder / _UNPACKING
            if _hash(path) != manifest.sha256 or not _sound(path):
                self._clear()
                return False
            # ORDER: the name `ready` comes when all is durable; then the manifest goes, which the parts belonged to.
            path.rename(self._folder / _READY)
            self._sync()
            return True

        if not await self._call(work):
            return False
        opened = await self._open()
        await opened.run(lambda connection: _stamp(connection, answer.watermarks))
        await self._call(lambda: (self._folder / _MANIFEST).unlink(missing_ok=True))
        return True

    async def drop(self) -> None:
        """Throw away what was gathered."""
        await self._shut()
        await self._call(self._clear)

    # --- taking its place -------------------------------------------------------------------------------------------
    async def open(self) -> ReplicaDb:
        """Open the ready replica, to apply what changed since."""
        begun = await self.begun()
        try:
            opened = await self._open()
        except StorageError:
            await self.drop()  # it was whole when it was checked: this disk cannot be trusted with it
            raise
        if begun is not None:  # killed between `ready` and the watermarks
            await opened.run(lambda connection: _stamp(connection, begun.watermarks))
            await self._call(lambda: (self._folder / _MANIFEST).unlink(missing_ok=True))
        return ReplicaDb(opened, self._brand_id, self._keys)

    async def swap(self) -> None:
        """Let the ready replica take the place of the till's, with what is local carried over."""
        local = await self._current.read(_local_rows)
        opened = await self._open()
        await opened.run(lambda connection: _carry(connection, local))
        await self._shut()
        await self._current.swap(self._folder / _READY, self._replica.forget)
        await self._call(self._clear)

    async def rest(self) -> None:
        """Close what is open; what is there stays for the next time."""
        await self._shut()

    async def close(self) -> None:
        """Rest, and end the thread."""
        await self._shut()
        if self._worker is not None:
            self._worker.close(timeout_s=0)

    # --- the folder -------------------------------------------------------------------------------------------------
    async def _open(self) -> Store:
        if self._opened is None:
            self._opened = await Store.open(
                self._folder / _READY, replica_migrations, durable=False, make_worker=self._make_worker
            )
        return self._opened

    async def _shut(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def _call(self, work: Callable[[], T]) -> T:
        if self._worker is None:
            self._worker = self._make_worker("replica-stage")

        def step() -> T:
            try:
                return work()
            except OSError as error:
                raise StorageError(
                    f"the snapshot could not be kept: {error.strerror}", hint="look at the disk"
                ) from error

        return await asyncio.shield(self._worker.call(step))

    def _clear(self) -> None:
        if self._folder.exists():
            remove(self._folder / _READY)
            shutil.rmtree(self._folder)

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unpacked(packed: bytes, most: int) -> bytes:
    """Unpack one frame of at most `most` bytes; nothing for anything else."""
    try:
        if zstandard.frame_content_size(packed) > most:
            return b""
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=most)
    except zstandard.ZstdError:
        return b""


def _hash(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            whole.update(block)
    return whole.hexdigest()


def _sound(path: Path) -> bool:
    try:
        with translated():
            return is_sound(path)
    except StorageError:
        return False


def _stamp(connection: Connection, watermarks: dict[str, int]) -> None:
    """Say which of this workstation's events the balances of the snapshot include."""
    connection.executemany(
        "INSERT OR REPLACE INTO pulls (pull_no, epoch, watermark) VALUES (?, ?, ?)",
        [(SNAPSHOT_PULL, epoch, seq) for epoch, seq in watermarks.items()],
    )


def _local_rows(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {name: [tuple(row) for row in connection.execute(f"SELECT * FROM {name}").fetchall()] for name in _LOCAL}


def _carry(connection: Connection, local: dict[str, list[tuple[object, ...]]]) -> None:
    for name, rows in local.items():
        for row in rows:
            connection.execute(f"INSERT OR REPLACE INTO {name} VALUES ({', '.join('?' * len(row))})", row)
