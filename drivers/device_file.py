"""Opening a device file for reading only, and watching it from the event loop without a thread.

Called by drivers.keyboard (which reads with a thread of its own) and drivers.hid_pos. It must never create a file and
never keep a reader on a dead descriptor (it spins).
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from agent.domain.errors import DeviceError
from drivers.device_errors import UNPLUGGED, require_character_device, translated


def open_device(path: str, where: str) -> int:
    """Open a character device for reading, non-blocking; raises OSError or DeviceUnavailable.

    `path` is resolved anew each time, so a device that comes back under another number is found.
    """
    require_character_device(path, where)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def read_device(fd: int, path: str, size: int) -> bytes:
    """Read what is there; empty when nothing is (another reader, a spurious wake-up). Raises DeviceError when gone."""
    with translated(path, DeviceError):
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            return b""
        if not data:
            raise DeviceError(f"{path} hung up", hint=UNPLUGGED)
        return data


def drain(fd: int, size: int) -> None:
    """Throw away what is there already; raises OSError when the device is gone."""
    with suppress(BlockingIOError):
        while os.read(fd, size):
            pass


class WatchedFile:
    """Hand over each read of an open descriptor on the running loop until closed or lost. Owns the descriptor."""

    def __init__(
        self, fd: int, path: str, size: int, on_data: Callable[[bytes], None], on_lost: Callable[[DeviceError], None]
    ) -> None:
        self._fd, self._path, self._size = fd, path, size
        self._on_data, self._on_lost = on_data, on_lost
        asyncio.get_running_loop().add_reader(fd, self._readable)

    def close(self) -> None:
        """Stop reading and close the descriptor; safe at any time, also after the loop has closed."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        # ORDER: the reader first; a closed descriptor that is still watched belongs to whoever opens next.
        with suppress(RuntimeError):  # no loop is running any more, so nobody watches
            asyncio.get_running_loop().remove_reader(fd)
        with suppress(OSError):
            os.close(fd)

    def _readable(self) -> None:
        try:
            data = read_device(self._fd, self._path, self._size)
        except DeviceError as lost:
            self.close()
            self._on_lost(lost)
            return
        if data:
            self._on_data(data)
