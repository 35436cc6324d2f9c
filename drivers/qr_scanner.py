"""A QR scanner on a serial port (RS-232, USB-CDC): `agent.ports.Scanner` made of serial_port and framing.

Opened, read and reopened by agent.supervise; everything runs on the event loop's thread. It must never lose its
duplicate window at a replug, never grow without bound, and never show a code in a log or an exception.
"""

import asyncio
from collections import deque

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.limits import SCAN_DUPLICATE_WINDOW_MS, SCAN_IDLE_GAP_MS, SCAN_QUEUE
from agent.ports import Clock
from drivers.framing import DuplicateFilter, Ending, Frame, Framer
from drivers.serial_port import SerialPort


class SerialScanner:
    """One serial scanner. Its queue keeps the newest scans: a code that waited for a minute serves nobody."""

    def __init__(
        self,
        name: str,
        path: str,
        *,
        clock: Clock,
        baud: int = 9600,
        prefix: bytes = b"",
        ending: Ending = Ending.AUTO,
        idle_gap_ms: int = SCAN_IDLE_GAP_MS,
        duplicate_window_ms: int = SCAN_DUPLICATE_WINDOW_MS,
        queue_scans: int = SCAN_QUEUE,
    ) -> None:
        self.name = name
        self._clock = clock
        self._port = SerialPort(path, baud=baud)
        self._framer = Framer(prefix=prefix, ending=ending, idle_gap_ms=idle_gap_ms)
        self._duplicates = DuplicateFilter(duplicate_window_ms)
        self._scans: deque[RawScan] = deque(maxlen=queue_scans)
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._lost: DeviceError | None = DeviceUnavailable(f"{name} is not open")
        self._overflow = 0
        self._add_ons = 0

    async def open(self) -> None:
        """Take the device; raises DeviceUnavailable. What came before the opening is not delivered."""
        self._scans.clear()
        self._port.open(self._on_data, self._on_lost)
        self._lost = None

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is gone and all it sent was delivered."""
        while not self._scans:
            if self._lost is not None:
                raise self._lost
            self._changed.clear()
            await self._changed.wait()
        return self._scans.popleft()

    def close(self) -> None:
        """Let go of the device; a waiting `read` ends with DeviceError. Safe at any time."""
        self._settle(DeviceUnavailable(f"{self.name} was closed"))
        self._port.close()

    def counters(self) -> dict[str, int]:
        """Totals since start, for health: what was framed, and why the rest was not delivered."""
        counts = self._framer.counts
        return {
            "frames": counts.frames,
            "duplicates": self._duplicates.duplicates,
            "garbage": counts.garbage,
            "overlong": counts.overlong,
            "stalled": counts.stalled,
            "overflow": self._overflow,
            "add_ons": self._add_ons,
        }

    def _on_data(self, data: bytes) -> None:
        now_s = self._clock.mono_s()
        self._deliver(self._framer.feed(data, now_s), now_s)
        self._await_silence(now_s)

    def _on_silence(self) -> None:
        self._timer = None
        now_s = self._clock.mono_s()
        self._deliver(self._framer.flush_idle(now_s), now_s)
        self._await_silence(now_s)

    def _await_silence(self, now_s: float) -> None:
        """Keep one timer for the framer's deadline; bytes that came meanwhile only make it run again."""
        deadline = self._framer.deadline()
        if self._timer is None and deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, deadline - now_s), self._on_silence)

    def _deliver(self, frames: list[Frame], now_s: float) -> None:
        for frame in frames:
            self._add_ons += frame.add_on is not None
            if self._duplicates.is_duplicate(frame, now_s):
                continue
            self._overflow += len(self._scans) == self._scans.maxlen
            self._scans.append(RawScan(frame.text, frame.symbology, self.name, now_s, frame.add_on))
            self._changed.set()

    def _on_lost(self, lost: DeviceError) -> None:
        self._settle(lost)

    def _settle(self, lost: DeviceError) -> None:
        """The device is gone: nothing is pending any more, and whoever waits is told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._framer.reset()
        self._lost = self._lost or lost
        self._changed.set()
