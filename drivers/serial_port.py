"""One serial port as bytes: opened with pyserial for ourselves alone, read by the event loop without a thread.

Called by drivers.qr_scanner. It must never create a file, never send a byte, never keep a reader on a dead descriptor
(it spins), and knows nothing of codes.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import serial

from agent.domain.errors import DeviceError, DeviceUnavailable
from drivers.device_errors import UNPLUGGED, require_character_device, translated

READ_BYTES: Final = 4096  # what a Linux tty holds
STABLE_NAMES: Final = "/dev/serial/by-id"


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
        with translated(self.path, DeviceUnavailable):
            require_character_device(self.path, STABLE_NAMES)
            port = serial.Serial(self.path, self._baud, timeout=0, exclusive=True)
            self._port, self._fd = port, port.fileno()
            asyncio.get_running_loop().add_reader(self._fd, self._readable, on_data, on_lost)

    def listen_at(self, baud: int) -> None:
        """Listen at another speed from here on, and at the next opening; nothing is sent. Raises DeviceError."""
        self._baud = baud
        if self._port is not None:
            with translated(self.path, DeviceError):
                self._port.baudrate = baud

    def close(self) -> None:
        """Stop reading and let go of the port; safe at any time, also after the loop has closed."""
        port, self._port = self._port, None
        if port is None:
            return
        # ORDER: the reader first; a closed descriptor that is still watched belongs to whoever opens next.
        with suppress(RuntimeError):  # no loop is running any more, so nobody watches
            asyncio.get_running_loop().remove_reader(self._fd)
        with suppress(DeviceError), translated(self.path, DeviceError):  # a port that is gone cannot be closed better
            port.close()

    def _readable(self, on_data: Callable[[bytes], None], on_lost: Callable[[DeviceError], None]) -> None:
        try:
            with translated(self.path, DeviceError):
                data = os.read(self._fd, READ_BYTES)
                if not data:  # readable and yet empty: hung up (or someone else took the bytes)
                    raise DeviceError(f"{self.path} hung up", hint=UNPLUGGED)
        except DeviceError as lost:
            self.close()
            on_lost(lost)
            return
        on_data(data)
