"""An HID-POS scanner (USB usage page 0x8C) as `agent.device_ports.Scanner`, read from /dev/hidraw by the event loop.

Opened, read and reopened by agent.supervise. Such a scanner types nothing anywhere: it has no /dev/input node. One
report is one read; the kernel keeps 64 of them. hidraw has no stable names of its own, so `path` may also be a link
that udev makes (/dev/pos-agent/..., 99-pos-agent.rules).
"""

import fcntl
import os
from collections.abc import Callable
from typing import Final

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.limits import SCAN_STALL_MS
from agent.ports import Clock
from drivers.device_errors import translated
from drivers.device_file import WatchedFile, drain, open_device
from drivers.framing import Ending
from drivers.hid_descriptor import ReportLayout, scanner_reports
from drivers.scan_inbox import ScanInbox, ScanSettings

STABLE_NAMES: Final = "/dev/pos-agent"
END: Final = b"\r"
_DESCRIPTOR_BYTES: Final = 4096  # HID_MAX_DESCRIPTOR_SIZE
_HIDIOCGRDESCSIZE: Final = 0x80044801  # _IOR('H', 0x01, int)
_HIDIOCGRDESC: Final = 0x90044802  # _IOR('H', 0x02, struct hidraw_report_descriptor)


def report_descriptor(fd: int) -> bytes:
    """Ask hidraw for the device's report descriptor; raises OSError."""
    size = bytearray(4)
    fcntl.ioctl(fd, _HIDIOCGRDESCSIZE, size)
    asked = bytearray(bytes(size) + bytes(_DESCRIPTOR_BYTES))
    fcntl.ioctl(fd, _HIDIOCGRDESC, asked)
    return bytes(asked[4 : 4 + int.from_bytes(size, "little")])


class ReportReader:
    """Put the reports of one code together. Pure; gives the bytes a serial scanner would send, ended by CR."""

    def __init__(self, layouts: dict[int, ReportLayout]) -> None:
        self._layouts = layouts
        self._begun = False

    def restart(self) -> None:
        """Whatever was begun is never continued."""
        self._begun = False

    @property
    def report_bytes(self) -> int:
        """The longest report."""
        return max(layout.size for layout in self._layouts.values())

    def feed(self, report: bytes) -> bytes:
        """Take one report; empty for one that carries no code.

        >>> layout = ReportLayout(2, 64, 5, 56, count_at=1, symbology_at=(2, 3, 4), continued_bit=504)
        >>> reader = ReportReader({2: layout})
        >>> reader.feed(bytes([2, 4]) + b"]Q1" + b"CP.1" + bytes(55))
        b']Q1CP.1\\r'
        """
        layout = self._layouts.get(report[0] if report and 0 not in self._layouts else 0)
        if layout is None:
            return b""
        report = report.ljust(layout.size, b"\x00")
        data = report[layout.data_at : layout.data_at + layout.data_size]
        data = data[: report[layout.count_at]] if layout.count_at is not None else data.rstrip(b"\x00")
        more = _bit(report, layout.continued_bit)
        if not data and not self._begun:
            return b""
        aim = b"" if self._begun else _aim(report, layout)
        self._begun = more
        return aim + data + (b"" if more else END)


def _bit(report: bytes, at: int | None) -> bool:
    return at is not None and bool(report[at // 8] >> at % 8 & 1)


def _aim(report: bytes, layout: ReportLayout) -> bytes:
    """The AIM identifier of a report, empty where the scanner fills in none or sends it with the data as well."""
    aim = bytes(report[at] for at in layout.symbology_at)
    if len(aim) != 3 or aim[:1] != b"]" or not aim[1:].isalnum():
        return b""
    return b"" if report[layout.data_at :].startswith(aim) else aim


class HidPosScanner:
    """One HID-POS scanner."""

    def __init__(
        self,
        name: str,
        path: str,
        *,
        clock: Clock,
        settings: ScanSettings = ScanSettings(),  # noqa: B008 - frozen
        descriptor_of: Callable[[int], bytes] = report_descriptor,
    ) -> None:
        self.name = name
        self._path = path
        self._descriptor_of = descriptor_of
        # A report says where its code ends, so silence never does.
        whole = ScanSettings(
            settings.prefix, Ending.TERMINATOR, settings.idle_gap_ms, settings.duplicate_window_ms, settings.queue_scans
        )
        self._inbox = ScanInbox(name, clock, whole)
        self._clock = clock
        self._file: WatchedFile | None = None
        self._reader: ReportReader | None = None
        self._last_s = 0.0

    async def open(self) -> None:
        """Take the device; raises DeviceUnavailable. What was read before is not delivered."""
        if self._file is not None:
            raise DeviceUnavailable(f"{self._path} is already open", hint="close it first")
        self._inbox.forget()
        with translated(self._path, DeviceUnavailable):
            fd = open_device(self._path, STABLE_NAMES)
            try:
                # hidraw knows no exclusive use; this keeps a second agent out, which is who would do it.
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._reader = ReportReader(self._layouts(fd))
                size = self._reader.report_bytes
                drain(fd, size)
                self._file = WatchedFile(fd, self._path, size, self._on_report, self._on_lost)
            except BaseException:
                os.close(fd)
                raise
        self._inbox.opened()

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is gone and all it sent was delivered."""
        return await self._inbox.read()

    def close(self) -> None:
        """Let go of the device; a waiting `read` ends with DeviceError. Safe at any time."""
        self._inbox.lose(DeviceUnavailable(f"{self.name} was closed"))
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def counters(self) -> dict[str, int]:
        """Totals since start, for health."""
        return self._inbox.counters()

    def _layouts(self, fd: int) -> dict[int, ReportLayout]:
        layouts = scanner_reports(self._descriptor_of(fd))
        if not layouts:
            raise DeviceUnavailable(
                f"{self._path} is no HID-POS scanner", hint="set the scanner to HID-POS, or to serial (USB-CDC)"
            )
        return layouts

    def _on_report(self, report: bytes) -> None:
        assert self._reader is not None
        now_s = self._clock.mono_s()
        if now_s - self._last_s > SCAN_STALL_MS / 1000:
            self._reader.restart()  # the inbox has given up the first part by now
        self._last_s = now_s
        data = self._reader.feed(report)
        if data:
            self._inbox.take(data, now_s)

    def _on_lost(self, lost: DeviceError) -> None:
        self._file = None
        self._inbox.lose(lost)
