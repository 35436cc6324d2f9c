"""What HQ granted last, beside the database and outside its copies: a database that knows less was restored.

Read and written by sync.hq.restored and sync.hq.service. It must never be part of a backup: a copy of it would agree
with the copy of the database.
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
    """Keeps the number of the last grant."""

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
        self._number: int | None = None

    def read(self) -> int | None:
        """The higher of the numbers that are whole."""
        if self._number is not None:
            return self._number
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(error) from error
        found = []
        for start in (0, _SLOT_BYTES):
            row = text[start : start + _ROW.size]
            if len(row) == _ROW.size:
                number, check = _ROW.unpack(row)
                if check == zlib.crc32(row[:8]):
                    found.append(number)
        return max(found, default=None)

    def write(self, number: int) -> None:
        """Write into the slot that the last write did not use, and wait until it is on disk."""
        held = self.read()
        if held is not None and number <= held:
            return
        text = struct.pack(">Q", number)
        row = text + struct.pack(">I", zlib.crc32(text))
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.pwrite(handle, row.ljust(_SLOT_BYTES, b"\0"), _SLOT_BYTES * (number % 2))
                os.fsync(handle)
            finally:
                os.close(handle)
            if held is None:
                self._keep_name()
        except OSError as error:
            raise _failed(error) from error
        self._number = number

    def _keep_name(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _failed(error: OSError) -> StorageError:
    return StorageError(f"the witness of grants failed: {error.strerror}", hint="look at the disk, then restart")
