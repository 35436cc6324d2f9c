"""Room to promise: whether the disk under the state directory can still take what a sale needs.

Made by the composition root, asked by agent.db before money is booked. It must never touch the books: it looks at free
space, keeps a ballast file, and gives the ballast up when the disk is full, so that what was begun can be finished.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from agent.domain.errors import DiskLow
from agent.limits import DISK_BALLAST_BYTES, DISK_CHECK_S, DISK_LOW_BYTES

BALLAST = "ballast"
OnEdge = Callable[[bool, str], object]
"""`(low, reason)`: the first look, and every change after it."""


class DiskRoom:
    """The room of one folder's disk: low from the mark or a spent ballast on, until both are mended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / BALLAST
        self._low = False
        self._noticed = asyncio.Event()

    def free_bytes(self) -> int:
        """What an ordinary user may still write; a microsecond's call."""
        now = os.statvfs(self._folder)
        return now.f_bavail * now.f_frsize

    def has_room(self) -> bool:
        """Whether money may be booked; below the low-water mark it may not, until `watch` found room again."""
        if not self._low and self.free_bytes() < DISK_LOW_BYTES:
            self._notice()
        return not self._low

    def require(self) -> None:
        """Raise DiskLow where `has_room` says no."""
        if not self.has_room():
            raise DiskLow(self._reason(), hint="free space on the disk; selling goes on by itself within a minute")

    def spend(self) -> bool:
        """The disk is full: give the ballast up. False when there was none to give."""
        self._notice()
        try:
            held = self._ballast.stat().st_size > 0
            os.truncate(self._ballast, 0)
        except OSError:
            return False
        return held

    def begin(self) -> None:
        """Before the first database is opened: on a full disk the ballast pays for what a start writes (-wal, -shm)."""
        if self.free_bytes() < DISK_BALLAST_BYTES:
            self.spend()

    async def watch(self, on_edge: OnEdge) -> None:
        """Look every few seconds until cancelled; tell edges, and put new ballast in once there is room for it."""
        told: bool | None = None
        while True:
            self._noticed.clear()
            self._look()
            if told is not self._low:
                told = self._low
                on_edge(told, self._reason() if told else "")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISK_CHECK_S):
                    await self._noticed.wait()

    def _look(self) -> None:
        if not self.has_room():
            # Two ballasts above the mark, so that the new ballast does not bring it down to the mark at once.
            self._low = self.free_bytes() < DISK_LOW_BYTES + 2 * DISK_BALLAST_BYTES or not self._restock()
        elif not self._restock():
            self._low = True

    def _restock(self) -> bool:
        """Have the ballast in place, its blocks really taken; False when the disk has none to give."""
        with contextlib.suppress(OSError):
            if self._ballast.stat().st_size == DISK_BALLAST_BYTES:
                return True
        try:
            fd = os.open(self._ballast, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, DISK_BALLAST_BYTES)
            finally:
                os.close(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._ballast, 0)
            return False
        return True

    def _notice(self) -> None:
        if not self._low:
            self._low = True
            self._noticed.set()

    def _reason(self) -> str:
        return f"{self.free_bytes() >> 20} MB free on the disk of {self._folder}"
