"""What all scanners share: bytes become codes, re-reads are dropped, and whole scans wait for the flow.

Held by drivers.qr_scanner, drivers.keyboard and drivers.hid_pos; runs on the event loop. It must never lose its
duplicate window at a replug, never grow without bound, and never show a code in a log or an exception.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from agent.domain.errors import DeviceError, DeviceUnavailable
from agent.domain.scan import RawScan
from agent.limits import SCAN_DUPLICATE_WINDOW_MS, SCAN_IDLE_GAP_MS, SCAN_QUEUE
from agent.ports import Clock
from drivers.framing import DuplicateFilter, Ending, Frame, Framer


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How one scanner's codes end and when two are the same; times in milliseconds."""

    prefix: bytes = b""
    ending: Ending = Ending.AUTO
    idle_gap_ms: int = SCAN_IDLE_GAP_MS
    duplicate_window_ms: int = SCAN_DUPLICATE_WINDOW_MS
    queue_scans: int = SCAN_QUEUE


class ScanInbox:
    """The scans of one device. The queue keeps the newest: a code that waited for a minute serves nobody."""

    def __init__(self, name: str, clock: Clock, settings: ScanSettings) -> None:
        self.name = name
        self._clock = clock
        self._framer = Framer(prefix=settings.prefix, ending=settings.ending, idle_gap_ms=settings.idle_gap_ms)
        self._duplicates = DuplicateFilter(settings.duplicate_window_ms)
        self._scans: deque[RawScan] = deque(maxlen=settings.queue_scans)
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._lost: DeviceError | None = DeviceUnavailable(f"{name} is not open")
        self._overflow = 0
        self._add_ons = 0

    @property
    def terminated(self) -> bool:
        """Whether this device is known to end its codes with a terminator; forgotten when it is lost."""
        return self._framer.terminated

    def forget(self) -> None:
        """Drop what waits: what came before an opening is not delivered."""
        self._scans.clear()

    def opened(self) -> None:
        """The device serves from here on."""
        self._lost = None

    def take(self, data: bytes, at_s: float | None = None) -> None:
        """Take bytes; `at_s` is when they left the kernel (monotonic), None for a reader that may have been late.

        With a known time, silence before these bytes ends the code before them even if nobody was there to see it.
        """
        now_s = at_s if at_s is not None else self._clock.mono_s()
        if at_s is not None:
            self._deliver(self._framer.flush_idle(at_s), at_s)
        self._deliver(self._framer.feed(data, now_s), now_s)
        self._await_silence()

    def lose(self, lost: DeviceError) -> None:
        """The device is gone: nothing is pending any more, and whoever waits is told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._framer.reset()
        self._lost = self._lost or lost
        self._changed.set()

    async def read(self) -> RawScan:
        """Wait for the next scan; raises DeviceError when the device is gone and all it sent was delivered."""
        while not self._scans:
            if self._lost is not None:
                raise self._lost
            self._changed.clear()
            await self._changed.wait()
        return self._scans.popleft()

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

    def _on_silence(self) -> None:
        self._timer = None
        now_s = self._clock.mono_s()
        self._deliver(self._framer.flush_idle(now_s), now_s)
        self._await_silence()

    def _await_silence(self) -> None:
        """Keep one timer for the framer's deadline; bytes that came meanwhile only make it run again."""
        deadline = self._framer.deadline()
        if self._timer is None and deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, deadline - self._clock.mono_s()), self._on_silence)

    def _deliver(self, frames: list[Frame], now_s: float) -> None:
        for frame in frames:
            self._add_ons += frame.add_on is not None
            if self._duplicates.is_duplicate(frame, now_s):
                continue
            self._overflow += len(self._scans) == self._scans.maxlen
            self._scans.append(RawScan(frame.text, frame.symbology, self.name, now_s, frame.add_on))
            self._changed.set()
