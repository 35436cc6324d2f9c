"""A keyboard-wedge scanner as `agent.device_ports.Scanner`: grabbed below the desktop, no window gets what it types.

Opened, read and reopened by agent.supervise. Layout, Caps Lock and input method of the desktop play no part. What the
kernel is asked stands in `EvdevKernel`, two calls, so that a test can put a pty in the device's place.
"""

import errno
import fcntl
import os
from contextlib import suppress
from typing import Final, Protocol

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.limits import KEYBOARD_IDLE_GAP_MS
from agent.ports import Clock
from drivers.device_errors import translated
from drivers.device_file import drain, open_device
from drivers.device_holders import holders
from drivers.key_decoder import AltCodes, KeyDecoder
from drivers.key_pump import READ_BYTES, KeyPump
from drivers.scan_inbox import ScanInbox, ScanSettings

STABLE_NAMES: Final = "/dev/input/by-id"
_EVIOCGRAB: Final = 0x40044590  # _IOW('E', 0x90, int)
_KEY_BYTES: Final = 96  # KEY_MAX is 0x2ff
_EVIOCGKEY: Final = 0x80000000 | _KEY_BYTES << 16 | ord("E") << 8 | 0x18  # _IOR('E', 0x18, char[96])


class KeyKernel(Protocol):
    """What a keyboard reader asks of the kernel."""

    def grab(self, fd: int) -> None:
        """Take all events for ourselves; raises OSError (EBUSY when another program has)."""
        ...

    def keys_down(self, fd: int) -> frozenset[int]:
        """Which keys are held now; raises OSError."""
        ...


class EvdevKernel:
    """The real one (linux/input.h)."""

    def grab(self, fd: int) -> None:
        """EVIOCGRAB; closing the descriptor lets go."""
        fcntl.ioctl(fd, _EVIOCGRAB, 1)

    def keys_down(self, fd: int) -> frozenset[int]:
        """EVIOCGKEY."""
        bits = bytearray(_KEY_BYTES)
        fcntl.ioctl(fd, _EVIOCGKEY, bits)
        held = int.from_bytes(bits, "little")
        return frozenset(code for code in range(held.bit_length()) if held >> code & 1)


class KeyboardScanner:
    """One scanner that types, by its path under /dev/input/by-id or by-path."""

    def __init__(
        self,
        name: str,
        path: str,
        *,
        clock: Clock,
        settings: ScanSettings = ScanSettings(idle_gap_ms=KEYBOARD_IDLE_GAP_MS),  # noqa: B008 - frozen
        alt_codes: AltCodes = AltCodes.GBK,
        kernel: KeyKernel | None = None,
    ) -> None:
        self.name = name
        self._path = path
        self._clock = clock
        self._kernel: KeyKernel = kernel if kernel is not None else EvdevKernel()
        self._decoder = KeyDecoder(alt_codes)
        self._inbox = ScanInbox(name, clock, settings)
        self._pump: KeyPump | None = None
        self._waited_for_keys = False
        self._held_by = ""

    @property
    def terminated(self) -> bool:
        """Whether this device is known to end its codes with a terminator; forgotten when it is closed."""
        return self._inbox.terminated

    async def open(self) -> None:
        """Take the device for ourselves alone; raises DeviceUnavailable. What was typed before is not delivered."""
        if self._pump is not None:
            raise DeviceUnavailable(f"{self._path} is already open", hint="close it first")
        self._inbox.forget()
        with translated(self._path, DeviceUnavailable):
            fd = open_device(self._path, STABLE_NAMES)
            try:
                self._wait_for_keys(fd)
                self._grab(fd)
                drain(fd, READ_BYTES)  # ORDER: after the grab; what came before it went to a window as well
                self._decoder.restart(self._kernel.keys_down(fd))
                self._pump = KeyPump(fd, self._path, self._clock, self._on_data, self._on_lost)
            except BaseException:
                os.close(fd)
                raise
        self._waited_for_keys, self._held_by = False, ""
        self._inbox.opened()

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is gone and all it sent was delivered."""
        return await self._inbox.read()

    def close(self) -> None:
        """Let go of the device; a waiting `read` ends with DeviceError. Safe at any time."""
        self._inbox.lose(DeviceUnavailable(f"{self.name} was closed"))
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.stop()

    def counters(self) -> dict[str, int]:
        """Totals since start, for health; `dropped` counts how often the kernel threw events away."""
        return {**self._inbox.counters(), "dropped": self._decoder.drops}

    def _wait_for_keys(self, fd: int) -> None:
        """A grab in the middle of a scan leaves the desktop with a key that never comes up: let it finish, once."""
        if self._kernel.keys_down(fd) and not self._waited_for_keys:
            self._waited_for_keys = True
            raise DeviceUnavailable(f"{self._path}: a key is held", hint="it is opened again in a moment")

    def _grab(self, fd: int) -> None:
        try:
            self._kernel.grab(fd)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # Looked for once and not at each attempt: it reads all of /proc on the event loop.
            self._held_by = self._held_by or ", ".join(holders(self._path)) or "another program"
            raise DeviceUnavailable(f"{self._path} is grabbed", hint=f"held by {self._held_by}: stop it") from error

    def _on_data(self, data: bytes, at_s: float) -> None:
        typed = self._decoder.feed(data)
        if self._decoder.lost_track and self._pump is not None:
            down: frozenset[int] = frozenset()
            with suppress(OSError):  # unplugged meanwhile: the pump says so next
                down = self._kernel.keys_down(self._pump.fd)
            self._decoder.resync(down)
        if typed:
            self._inbox.take(typed, at_s)

    def _on_lost(self, lost: DeviceError) -> None:
        self._inbox.lose(lost)
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.stop()
