"""One serial port as bytes: opened with pyserial for ourselves alone, read by the event loop without a thread.

Called by drivers.qr_scanner. pyserial and the terminal speak in three families of exceptions (SerialException,
OSError, termios.error) and ValueError for a speed; `_translated` is the one place that turns them into ours.
It must never create a file, never keep a reader on a dead descriptor (it spins), and knows nothing of codes.
"""

import asyncio
import errno
import os
import stat
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import serial

from agent.domain.errors import DeviceError, DeviceUnavailable

READ_BYTES: Final = 4096  # what a Linux tty holds
_HINTS: Final = {
    errno.ENOENT: "plug the device in and check the path in the configuration",
    errno.ENODEV: "plug the device in again",
    errno.EACCES: "install the udev rule that gives this device to the service's group",
    errno.EPERM: "install the udev rule that gives this device to the service's group",
    errno.EAGAIN: "another program holds the port: stop it",
    errno.EBUSY: "another program holds the port: stop it",
}
_UNPLUGGED: Final = "check the cable; the device is opened again by itself"


class SerialPort:
    """Hand over every byte the device sends, until it is closed or lost; usable again after either.

    `path` should be stable (/dev/serial/by-id/..., or by-path for two scanners without serial numbers); it is resolved
    anew at each opening, so that a device which comes back under another number is found.
    """

    def __init__(self, path: str, *, baud: int = 9600) -> None:
        self.path = path
        self._baud = baud
        self._port: serial.Serial | None = None
        self._fd = -1

    @property
    def is_open(self) -> bool:
        """Whether the port is held."""
        return self._port is not None

    def open(self, on_data: Callable[[bytes], None], on_lost: Callable[[DeviceError], None]) -> None:
        """Take the port exclusively and start reading on the running loop; raises DeviceUnavailable.

        `on_data` gets each read. `on_lost` is called once, after the port was let go, when the device is gone.
        """
        if self._port is not None:
            raise DeviceUnavailable(f"{self.path} is already open", hint="close it first")
        with _translated(self.path, DeviceUnavailable):
            # ORDER: look before opening; opening a FIFO or a plain file has effects of its own.
            if not stat.S_ISCHR(Path(self.path).stat().st_mode):
                raise DeviceUnavailable(
                    f"{self.path} is not a character device",
                    hint="remove what is in the device's place; name the path under /dev/serial/by-id",
                )
            port = serial.Serial(self.path, self._baud, timeout=0, exclusive=True)
            self._port, self._fd = port, port.fileno()
            asyncio.get_running_loop().add_reader(self._fd, self._readable, on_data, on_lost)

    def close(self) -> None:
        """Stop reading and let go of the port; safe at any time, also after the loop has closed."""
        port, self._port = self._port, None
        if port is None:
            return
        # ORDER: the reader first; a closed descriptor that is still watched belongs to whoever opens next.
        with suppress(RuntimeError):  # no loop is running any more, so nobody watches
            asyncio.get_running_loop().remove_reader(self._fd)
        with suppress(DeviceError), _translated(self.path, DeviceError):  # a port that is gone cannot be closed better
            port.close()

    def _readable(self, on_data: Callable[[bytes], None], on_lost: Callable[[DeviceError], None]) -> None:
        try:
            with _translated(self.path, DeviceError):
                data = os.read(self._fd, READ_BYTES)
                if not data:  # readable and yet empty: hung up (or someone else took the bytes)
                    raise DeviceError(f"{self.path} hung up", hint=_UNPLUGGED)
        except DeviceError as lost:
            self.close()
            on_lost(lost)
            return
        on_data(data)


@contextmanager
def _translated(path: str, error: type[DeviceError]) -> Iterator[None]:
    """Turn what pyserial, the kernel and termios raise into `error`, with a hint for the person at the till."""
    try:
        yield
    except (serial.SerialException, OSError, termios.error, ValueError) as raised:
        number = next((part for part in raised.args if isinstance(part, int)), 0)
        what = os.strerror(number) if number else str(raised)
        raise error(f"{path}: {what}", hint=_HINTS.get(number, _UNPLUGGED)) from raised
