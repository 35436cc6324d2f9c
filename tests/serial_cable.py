"""A pty as a serial scanner's cable, for the suites that need one: plugged and unplugged behind a stable path.

A pty is faithful for data, hang-up, replug and the exclusive lock; not for speed, parity or modem lines.
"""

import asyncio
import os
import tty
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0


class Cable:
    """The scanner's end of a pty, plugged in behind a stable path as udev would do it."""

    def __init__(self, directory: Path, name: str = "usb-Newland_FM420-if00") -> None:
        self.path = directory / name
        self._master = -1
        self.plug()

    def plug(self) -> None:
        """Appear, under whatever number the kernel gives."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        """Hang up; the link goes after the device, as by-id does."""
        os.close(self._master)
        self.path.unlink()
        self._master = -1

    def send(self, data: bytes) -> None:
        """What the scanner transmits."""
        while data:
            data = data[os.write(self._master, data) :]

    def close(self) -> None:
        if self._master >= 0:
            self.unplug()


def within_patience(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a loop of its own, with a deadline."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await work()

    asyncio.run(run())
