"""The one place that turns what pyserial, the kernel and the terminal raise into DeviceError, with a hint for a person.

Called by the drivers that open device files. pyserial and the terminal speak in three families of exceptions
(SerialException, OSError, termios.error) and ValueError for a speed.
"""

import errno
import os
import stat
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import serial

from agent.domain.errors import DeviceError, DeviceUnavailable

UNPLUGGED: Final = "check the cable; the device is opened again by itself"
_RULE: Final = "install the udev rule that gives this device to the service's group: pos-agent devices"
_HINTS: Final = {
    errno.ENOENT: "plug the device in and check the path in the configuration: pos-agent devices",
    errno.ENODEV: "plug the device in again",
    errno.EACCES: _RULE,
    errno.EPERM: _RULE,
    errno.ENOTTY: "this is another kind of device than the configuration says: pos-agent devices",
    errno.EAGAIN: "another program holds the port: stop it",
    errno.EBUSY: "another program holds the device: stop it",
}


@contextmanager
def translated(path: str, error: type[DeviceError]) -> Iterator[None]:
    """Turn what the libraries and the kernel raise into `error`."""
    try:
        yield
    except (serial.SerialException, OSError, termios.error, ValueError) as raised:
        number = next((part for part in raised.args if isinstance(part, int)), 0)
        what = os.strerror(number) if number else str(raised)
        raise error(f"{path}: {what}", hint=_HINTS.get(number, UNPLUGGED)) from raised


def require_character_device(path: str, where: str) -> None:
    """Raise DeviceUnavailable for a plain file, FIFO or directory in a device's place; OSError when nothing is there.

    `where` is the directory in which stable names of such devices are found.
    """
    # ORDER: look before opening; opening a FIFO or a plain file has effects of its own.
    if not stat.S_ISCHR(Path(path).stat().st_mode):
        raise DeviceUnavailable(
            f"{path} is not a character device",
            hint=f"remove what is in the device's place; name the path under {where}",
        )
