"""Where HQ keeps snapshots: a folder each, complete or not there; which one a workstation is given; packing one.

Called by sync.hq.snapshots, which builds, and by sync.hq.snapshot_calls, which serves. Nothing on the shelf is plain:
parts are sealed (sync.snapshot). The newest few are kept, so that a slow till can finish what it began.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import zstandard

from sync.hq.bounds import SNAPSHOTS_KEPT
from sync.hq.keys import HqKeys
from sync.snapshot import SnapshotManifest, SnapshotPart, seal_part, snapshot_signing_bytes

_PACKED: Final = "packed"
_MANIFEST: Final = "manifest.json"
_MARKS: Final = "watermarks.json"
_LEVEL: Final = 3  # measured on a replica: level 6 takes three times as long and saves a hundredth
_AT_ONCE: Final = 2  # one for each thread of a building
_UNSIGNED: Final = "A" * 86 + "=="
Marks = Mapping[str, Mapping[str, int]]
"""Workstation -> epoch -> seq that the balances of a snapshot include."""


Progress = Callable[[str, int, int], None]
"""Called on the event loop: stage, done, of how many (0: not known)."""


class Maker(Protocol):
    """Who builds snapshots (sync.hq.snapshots), as the service sees it."""

    shelf: "Shelf"

    async def build(self, brand_id: str, progress: Progress = ...) -> SnapshotManifest:
        """Build one now."""
        ...

    async def run(self) -> None:
        """Build what is due, for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Shelved:
    """One complete snapshot."""

    manifest: SnapshotManifest
    path: Path
    marks: Marks

    @property
    def etag(self) -> str:
        """Its validator: what it is called is made once."""
        return f'"{self.manifest.snapshot_id}"'


class Shelf:
    """The snapshots under one folder, by brand. The folder is read once; this process alone writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, list[Shelved]] = {}
        self._read = False

    def newest(self, brand_id: str) -> Shelved | None:
        """The snapshot that tills should take."""
        held = self._of(brand_id)
        return held[-1] if held else None

    def find(self, brand_id: str, snapshot_id: str) -> Shelved | None:
        """One by its id, while it is kept."""
        return next((one for one in self._of(brand_id) if one.manifest.snapshot_id == snapshot_id), None)

    def begin(self, brand_id: str, snapshot_id: str) -> Path:
        """A new folder to build in; what builders left that died before is removed."""
        brand = self._folder / brand_id
        brand.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in brand.glob("*.new"):
            shutil.rmtree(left)
        building = brand / f"{snapshot_id}.new"
        building.mkdir(mode=0o700)
        return building

    def put(self, building: Path, manifest: SnapshotManifest, marks: Marks) -> None:
        """Make a packed snapshot visible, all at once, and let the oldest go."""
        _write(building / _MANIFEST, manifest.model_dump_json().encode())
        _write(building / _MARKS, json.dumps(marks).encode())
        final = building.with_suffix("")
        building.rename(final)
        _sync(final.parent)
        held = self._of(manifest.brand_id)
        held.append(Shelved(manifest, final / _PACKED, marks))
        while len(held) > SNAPSHOTS_KEPT:
            shutil.rmtree(held.pop(0).path.parent)  # a till that reads it right now keeps its open file

    def _of(self, brand_id: str) -> list[Shelved]:
        if not self._read:
            self._read = True
            for path in sorted(self._folder.glob(f"*/*/{_MANIFEST}")):
                if path.parent.suffix == "":
                    one = _shelved(path.parent)
                    self._held.setdefault(one.manifest.brand_id, []).append(one)
            for held in self._held.values():
                held.sort(key=lambda one: one.manifest.taken_at_ms)
        return self._held.setdefault(brand_id, [])


def _shelved(folder: Path) -> Shelved:
    manifest = SnapshotManifest.model_validate_json((folder / _MANIFEST).read_bytes())
    return Shelved(manifest, folder / _PACKED, json.loads((folder / _MARKS).read_bytes()))


class Packer:
    """Packs a finished replica into `building`, _AT_ONCE parts at a time: zstd, sealed, hashed."""

    def __init__(self, replica: Path, building: Path, key: bytes, part_bytes: int) -> None:
        self._source: BinaryIO = replica.open("rb")
        self._target: BinaryIO = (building / _PACKED).open("wb")
        self._key = key
        self._part_bytes = part_bytes
        self._whole = hashlib.sha256()
        self.size = 0
        self.parts: list[SnapshotPart] = []

    def read(self) -> list[bytes]:
        """The next parts, at most _AT_ONCE; none at the end."""
        found = [plain for _ in range(_AT_ONCE) if (plain := self._source.read(self._part_bytes))]
        for plain in found:
            self._whole.update(plain)
            self.size += len(plain)
        return found

    def seal(self, number: int, plain: bytes) -> bytes:
        """Pack and seal part `number`; in any thread, it changes nothing here."""
        packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(plain)
        return seal_part(self._key, number, packed)

    def write(self, sealed: Sequence[bytes]) -> None:
        """Write the next sealed parts, in order."""
        for one in sealed:
            self._target.write(one)
            self.parts.append(SnapshotPart(size=len(one), sha256=hashlib.sha256(one).hexdigest()))

    def finish(self) -> None:
        """Make everything durable."""
        self._target.flush()
        os.fsync(self._target.fileno())
        self.close()

    def close(self) -> None:
        """Close both files; safe to call twice."""
        self._source.close()
        self._target.close()

    def manifest(self, keys: HqKeys, told: Mapping[str, Any]) -> SnapshotManifest:
        """Sign what was packed; `told` are the fields a packer does not know."""
        unsigned = SnapshotManifest(
            **told, size=self.size, sha256=self._whole.hexdigest(), part_size=self._part_bytes, parts=self.parts,
            signature=_UNSIGNED,
        )  # fmt: skip
        signature = base64.b64encode(keys.sign(snapshot_signing_bytes(unsigned))).decode()
        return unsigned.model_copy(update={"signature": signature})


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
