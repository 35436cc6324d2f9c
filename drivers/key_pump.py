"""A thread that does nothing but take key events out of the kernel.

Used by drivers.keyboard. The kernel keeps 64 events for a reader, which is ten characters or some 40 ms of a fast
scanner; then the scan is lost (facts/devices.md d). An event loop that is busy for 40 ms is normal; this thread is not.
"""

import asyncio
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from agent.domain.errors import DeviceError
from agent.ports import Clock
from drivers.device_file import read_device
from drivers.key_decoder import EVENT

READ_BYTES: Final = 64 * EVENT.size  # all the kernel keeps
_STOP_S: Final = 1.0  # LIMIT: the thread wakes at once; this is for a machine that is short of breath


class KeyPump:
    """Read `fd` until stopped or lost. Owns the descriptor.

    `on_data(data, at_s)` gets each read with the moment it left the kernel (monotonic); it and `on_lost` run on the
    loop, and neither after `stop`.
    """

    def __init__(
        self,
        fd: int,
        path: str,
        clock: Clock,
        on_data: Callable[[bytes, float], None],
        on_lost: Callable[[DeviceError], None],
    ) -> None:
        self._fd, self._path, self._clock = fd, path, clock
        self._on_data, self._on_lost = on_data, on_lost
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._serve, name=f"keys {path}", daemon=True)
        self._thread.start()

    @property
    def fd(self) -> int:
        """The descriptor, for questions to the device; not after `stop`."""
        return self._fd

    def stop(self) -> None:
        """End the thread and close the descriptor; safe to call twice, from the loop's thread."""
        if self._stopped:
            return
        self._stopped = True
        os.write(self._wake_write, b"x")
        self._thread.join(_STOP_S)
        for fd in (self._fd, self._wake_read, self._wake_write):
            with suppress(OSError):
                os.close(fd)

    def _serve(self) -> None:
        watch = select.poll()
        watch.register(self._fd, select.POLLIN)
        watch.register(self._wake_read, select.POLLIN)
        while True:
            ready = {fd for fd, _ in watch.poll()}
            if self._wake_read in ready:
                return
            try:
                data = read_device(self._fd, self._path, READ_BYTES)
            except DeviceError as lost:
                self._hand_over(self._lose, lost)
                return
            if data:
                self._hand_over(self._give, data, self._clock.mono_s())

    def _hand_over(self, call: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(call, *values)

    def _give(self, data: bytes, at_s: float) -> None:
        if not self._stopped:
            self._on_data(data, at_s)

    def _lose(self, lost: DeviceError) -> None:
        if not self._stopped:
            self._on_lost(lost)
