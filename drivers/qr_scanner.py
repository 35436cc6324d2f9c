"""A QR scanner on a serial port (RS-232, USB-CDC): `agent.device_ports.Scanner` made of serial_port, speed and framing.

Opened, read and reopened by agent.supervise; everything runs on the event loop's thread.
"""

from contextlib import suppress

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.ports import Clock
from drivers.scan_inbox import ScanInbox, ScanSettings
from drivers.serial_line import decode
from drivers.serial_port import SerialPort
from drivers.speed import Setting, SpeedFinder
from drivers.speed_listener import SpeedListener


class SerialScanner:
    """One serial scanner. `setting` None finds speed and line by listening."""

    def __init__(
        self,
        name: str,
        path: str,
        *,
        clock: Clock,
        setting: Setting | None = Setting(9600),  # noqa: B008 - frozen
        settings: ScanSettings = ScanSettings(),  # noqa: B008 - frozen
    ) -> None:
        self.name = name
        self._inbox = ScanInbox(name, clock, settings)
        self._finder = SpeedFinder() if setting is None else None
        self._setting = setting or Setting(9600)
        self._port = SerialPort(path, baud=self.setting.baud)
        self._listener = SpeedListener(self._finder, self._listen_at, self._on_data) if self._finder else None

    @property
    def setting(self) -> Setting:
        """Speed and line, as configured or as last tried or found."""
        return self._finder.setting if self._finder is not None else self._setting

    @property
    def terminated(self) -> bool:
        """Whether this device is known to end its codes with a terminator; forgotten when it is closed."""
        return self._inbox.terminated

    async def open(self) -> None:
        """Take the device; raises DeviceUnavailable. What came before the opening is not delivered."""
        self._inbox.forget()
        self._port.open(self._listener.take if self._listener is not None else self._on_data, self._on_lost)
        self._inbox.opened()

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is gone and all it sent was delivered."""
        return await self._inbox.read()

    def close(self) -> None:
        """Let go of the device; a waiting `read` ends with DeviceError. Safe at any time."""
        self._on_lost(DeviceUnavailable(f"{self.name} was closed"))
        self._port.close()

    def counters(self) -> dict[str, int]:
        """Totals since start, for health; `baud` is the speed listened at where it is found by listening."""
        found = {} if self._finder is None else {"baud": self.setting.baud, "settled": int(self._finder.settled)}
        return {**self._inbox.counters(), **found}

    def _on_data(self, data: bytes) -> None:
        before = self._inbox.counters()
        self._inbox.take(decode(data, self.setting.line))
        if self._finder is not None:
            after = self._inbox.counters()
            self._finder.frames(after["frames"] - before["frames"], after["garbage"] - before["garbage"])

    def _listen_at(self, baud: int) -> None:
        with suppress(DeviceError):  # the port is gone: the reader says so next
            self._port.listen_at(baud)

    def _on_lost(self, lost: DeviceError) -> None:
        if self._listener is not None:
            self._listener.forget()
        self._inbox.lose(lost)
