"""The newest mark of HQ's books, beside the database and outside its copies: one with an older mark was restored.

Marks are of sync.hq.marks. Read and written by sync.hq.restored and sync.hq.service. It must never be part of a backup:
a copy of it would agree with the copy of the database.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Final, Protocol

from agent.domain.errors import StorageError

FILE: Final = "hq.grants"
_ROW: Final = struct.Struct(">QI")
_SLOT_BYTES: Final = 4096  # LIMIT: a torn write spoils one page, and the other slot holds the number before


class GrantWitness(Protocol):
    """Keeps the newest mark."""

    def read(self) -> int | None:
        """The number, None where there is no witness."""
        ...

    def write(self, number: int) -> None:
        """Keep a number durably; never a lower one than before. StorageError when that cannot be done."""
        ...


class FileGrantWitness:
    """Two slots of one file, written in turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: tuple[int, int] | None = None
        """The number and the slot where it stands."""

    def read(self) -> int | None:
        """The higher of the numbers that are whole."""
        held = self._find()
        return None if held is None else held[0]

    def _find(self) -> tuple[int, int] | None:
        if self._held is not None:
            return self._held
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(error) from error
        found = []
        for slot in (0, 1):
            row = text[slot * _SLOT_BYTES :][: _ROW.size]
            if len(row) == _ROW.size:
                number, check = _ROW.unpack(row)
                if check == zlib.crc32(row[:8]):
                    found.append((number, slot))
        return max(found, default=None)

    def write(self, number: int) -> None:
        """Write into the slot where the number before does not stand, and wait until it is on disk."""
        held = self._find()
        if held is not None and number <= held[0]:
            return
        slot = 0 if held is None else 1 - held[1]
        text = struct.pack(">Q", number)
        row = text + struct.pack(">I", zlib.crc32(text))
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.pwrite(handle, row.ljust(_SLOT_BYTES, b"\0"), _SLOT_BYTES * slot)
                os.fsync(handle)
            finally:
                os.close(handle)
            if held is None:
                self._keep_name()
        except OSError as error:
            raise _failed(error) from error
        self._held = (number, slot)

    def _keep_name(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _failed(error: OSError) -> StorageError:
    return StorageError(f"the witness of grants failed: {error.strerror}", hint="look at the disk, then restart")
