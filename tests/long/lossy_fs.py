"""A file system with a volatile write cache, over FUSE: what was not fsynced when the power goes may be lost.

Run as `python -m tests.long.lossy_fs BACKING MOUNTPOINT SEED CUT_AT`. Changes live in memory until fsync. At the
CUT_AT-th change the power goes: of the unsynced writes of each file a random choice has reached the platter, out of
order, and from then on everything fails with EIO. Creating, renaming and deleting are durable at once: only contents
are volatile here.
"""

import errno
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import mfusepy

_PLATTER_BLOCK = 512


class _File:
    """One file: what a reader sees now, and the changes the platter has not seen yet."""

    def __init__(self, path: str) -> None:
        self._path = path
        with open(path, "rb") as backing:  # noqa: PTH123 - a file system speaks in plain paths
            self.now = bytearray(backing.read())
        self._unsynced: list[Callable[[bytearray], None]] = []

    def change(self, how: Callable[[bytearray], None]) -> None:
        how(self.now)
        self._unsynced.append(how)

    def sync(self) -> None:
        self._put(self.now)
        self._unsynced.clear()

    def lose_power(self, chance: random.Random) -> int:
        """Let some of the unsynced changes through, in any order; how many were lost."""
        with open(self._path, "rb") as backing:  # noqa: PTH123
            platter = bytearray(backing.read())
        kept = [change for change in self._unsynced if chance.random() < 0.5]
        chance.shuffle(kept)
        for change in kept:
            change(platter)
        self._put(platter)
        return len(self._unsynced) - len(kept)

    def _put(self, content: bytearray) -> None:
        with open(self._path, "wb") as backing:  # noqa: PTH123
            backing.write(content)


class LossyFs(mfusepy.Operations):  # type: ignore[misc]
    """FUSE's view of it."""

    use_ns = True

    def __init__(self, backing: str, seed: int, cut_at: int) -> None:
        self._backing = backing
        self._chance = random.Random(seed)
        self._left = cut_at
        self._off = False
        self._files: dict[str, _File] = {}

    def _count(self) -> None:
        """One more change; the power goes before it when it is the one."""
        self._left -= 1
        if self._left == 0:
            self._off = True
            lost = sum(file.lose_power(self._chance) for file in self._files.values())
            print(f"power cut: {lost} writes lost", flush=True)
        if self._off:
            raise mfusepy.FuseOSError(errno.EIO)

    def _file(self, path: str) -> _File:
        if path not in self._files:
            self._files[path] = _File(self._backing + path)
        return self._files[path]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.lstat(self._backing + path)
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size")
        told = {name: getattr(found, name) for name in names}
        if path in self._files:
            told["st_size"] = len(self._files[path].now)
        return told

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._backing + path)]  # noqa: PTH208

    def create(self, path: str, mode: int, fi: object = None) -> int:
        self._count()
        os.close(os.open(self._backing + path, os.O_CREAT | os.O_RDWR, mode))
        self._file(path)
        return 0

    def open(self, path: str, flags: int) -> int:
        self._file(path)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._file(path).now[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._count()
        for start in range(0, len(data), _PLATTER_BLOCK):
            self._file(path).change(_writing(offset + start, data[start : start + _PLATTER_BLOCK]))
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._count()
        self._file(path).change(_cutting(length))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._count()
        self._file(path).sync()
        return 0

    def unlink(self, path: str) -> int:
        self._count()
        os.unlink(self._backing + path)  # noqa: PTH108
        self._files.pop(path, None)
        return 0

    def rename(self, old: str, new: str) -> int:
        self._count()
        self._file(old).sync()
        os.rename(self._backing + old, self._backing + new)  # noqa: PTH104
        self._files.pop(old)
        self._files.pop(new, None)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._backing)
        return {name: getattr(found, name) for name in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize")}


def _writing(offset: int, data: bytes) -> Callable[[bytearray], None]:
    def write(content: bytearray) -> None:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data

    return write


def _cutting(length: int) -> Callable[[bytearray], None]:
    def cut(content: bytearray) -> None:
        del content[length:]
        content.extend(bytes(length - len(content)))

    return cut


if __name__ == "__main__":
    mfusepy.FUSE(LossyFs(sys.argv[1], int(sys.argv[3]), int(sys.argv[4])), sys.argv[2], foreground=True, nothreads=True)
