"""Scanners of every kind for one suite: the driver on our side, and a hand that scans, unplugs and plugs on the other.

Each `Rig` here has a pty in the device's place: a real character device with real reads, hang-ups and replugs. What
a pty cannot be asked (who has grabbed it, which keys are down, its report descriptor) is answered by the rig. The same
suite runs on the kernel's own devices in tests/usb, with rigs made of USB gadgets.
"""

import errno
import fcntl
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.limits import KEYBOARD_IDLE_GAP_MS
from agent.system import SystemClock
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import KeyboardScanner
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings
from drivers.simulated import SimulatedScanner
from tests import hid_scanner, wedge
from tests.serial_cable import Cable

AnyScanner = SerialScanner | KeyboardScanner | HidPosScanner


class Rig(ABC):
    """One device behind a stable path."""

    path: Path
    exclusive = "another program"
    """Part of the hint a second opening gets."""

    @abstractmethod
    def plug(self) -> None:
        """Appear."""

    @abstractmethod
    def unplug(self) -> None:
        """Go."""

    @abstractmethod
    def scan(self, text: str) -> None:
        """Read a code, with the terminator this scanner sends."""

    @abstractmethod
    def half(self, text: str) -> None:
        """Begin to send a code and not end it."""

    @abstractmethod
    def driver(self, **settings: Any) -> AnyScanner:
        """The driver for it, not opened; keywords are those of ScanSettings."""

    @abstractmethod
    def close(self) -> None:
        """Put everything away."""


class PtyRig(Rig):
    """A pty in the device's place."""

    def __init__(self, directory: Path) -> None:
        self._cable = Cable(directory, "usb-1eab_scanner")
        self.path = self._cable.path

    def plug(self) -> None:
        self._cable.plug()

    def unplug(self) -> None:
        self._cable.unplug()

    def close(self) -> None:
        self._cable.close()

    def _send(self, data: bytes) -> None:
        self._cable.send(data)


class PtySerial(PtyRig):
    """A serial scanner."""

    def scan(self, text: str) -> None:
        self._send(text.encode() + b"\r\n")

    def half(self, text: str) -> None:
        self._send(text.encode())

    def driver(self, **settings: Any) -> SerialScanner:
        return SerialScanner("scanner", str(self.path), clock=SystemClock(), settings=ScanSettings(**settings))


class _PtyKernel:
    """Answers for a pty what evdev answers for a keyboard."""

    def grab(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, "grabbed") from error

    def keys_down(self, fd: int) -> frozenset[int]:
        return frozenset()


class PtyKeyboard(PtyRig):
    """A scanner that types: the pty carries what an evdev node would."""

    exclusive = "held by"

    def scan(self, text: str) -> None:
        self._send(wedge.events(wedge.strokes(text + "\r")))

    def half(self, text: str) -> None:
        self._send(wedge.events(wedge.strokes(text)))

    def driver(self, **settings: Any) -> KeyboardScanner:
        chosen = replace(ScanSettings(idle_gap_ms=KEYBOARD_IDLE_GAP_MS), **settings)
        return KeyboardScanner("scanner", str(self.path), clock=SystemClock(), settings=chosen, kernel=_PtyKernel())


class PtyHidPos(PtyRig):
    """An HID-POS scanner: the pty carries reports of one size, which is how hidraw hands them out."""

    def scan(self, text: str) -> None:
        aim, code = (text[:3], text[3:]) if text.startswith("]") else ("", text)
        self._send(b"".join(hid_scanner.reports(code, aim)))

    def half(self, text: str) -> None:
        self._send(hid_scanner.reports(text.ljust(57, "0"))[0])

    def driver(self, **settings: Any) -> HidPosScanner:
        return HidPosScanner(
            "scanner",
            str(self.path),
            clock=SystemClock(),
            settings=ScanSettings(**settings),
            descriptor_of=lambda fd: hid_scanner.DESCRIPTOR,
        )


class Simulated(Rig):
    """The demo's scanner: what drivers.simulated promises, held to the same suite."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "by-id" / "usb-simulated"
        self._scanner = SimulatedScanner(self.path)

    def plug(self) -> None:
        self._scanner.replug()

    def unplug(self) -> None:
        self._scanner.unplug()

    def scan(self, text: str) -> None:
        self._scanner.scan(text)

    def half(self, text: str) -> None:
        self._scanner.scan(text, "")

    def driver(self, **settings: Any) -> SerialScanner:
        return SerialScanner("scanner", str(self.path), clock=SystemClock(), settings=ScanSettings(**settings))

    def close(self) -> None:
        self._scanner.close()


PTY_RIGS: dict[str, type[PtyRig]] = {"serial": PtySerial, "keyboard": PtyKeyboard, "hid_pos": PtyHidPos}
