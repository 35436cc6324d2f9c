"""Finding out at which speed a serial scanner sends, by listening only. Pure; used by drivers.qr_scanner.

Nothing is ever sent: a byte that is no command for this scanner may be one for that. Each burst of a scan is judged; a
clean one settles speed and line, any other makes the finder try the next speed, so a cashier scans a few times once.
"""

import re
from dataclasses import dataclass
from typing import Final

from drivers.serial_line import Line, decode

SPEEDS: Final = (9600, 115200, 38400, 19200, 57600, 4800, 2400)
"""Most scanners first (facts/devices.md d)."""
_CLEAN: Final = re.compile(rb"(?:\x02?[ -~\x1d]{4,}[\r\n\t\x03]+)+")
"""LIMIT: four characters and a terminator; what a wrong speed makes of a code fails this (tests/unit/test_speed)."""
_CLEAN_WITHOUT_END: Final = re.compile(rb"[0-9A-Za-z\].:/_-]{8,}")
_PATIENCE: Final = 2  # unreadable frames in a row before a speed that was found is doubted


@dataclass(frozen=True, slots=True)
class Setting:
    """A speed in bit/s and what its bits mean."""

    baud: int
    line: Line = Line.N8


def judge(burst: bytes) -> Line | None:
    """Tell how a burst received as 8N1 reads, or None when this speed is wrong (or what was scanned is no ASCII).

    >>> judge(b"6901234567892\\r"), judge(b"\\xb1\\xb2\\x33\\xb4\\x8d"), judge(b"\\x00\\xe0\\x1c\\x00")
    (<Line.N8: '8N1'>, <Line.E7: '7E1'>, None)
    """
    for line in Line:
        if _CLEAN.fullmatch(decode(burst, line)):
            return line
    return Line.N8 if _CLEAN_WITHOUT_END.fullmatch(burst) else None


class SpeedFinder:
    """Try one speed after another until a burst is clean; doubt again when codes stop being readable."""

    def __init__(self, speeds: tuple[int, ...] = SPEEDS) -> None:
        self._speeds = speeds
        self._at = 0
        self._bad = 0
        self.settled = False
        self.setting = Setting(speeds[0])

    def burst(self, data: bytes) -> bool:
        """Judge the bytes between two silences while searching; whether they are clean and may be delivered."""
        line = judge(data)
        if line is not None:
            self.setting, self.settled, self._bad = Setting(self.setting.baud, line), True, 0
            return True
        self._at = (self._at + 1) % len(self._speeds)
        self.setting = Setting(self._speeds[self._at])
        return False

    def frames(self, good: int, bad: int) -> bool:
        """Hear what became of frames since settling; whether the speed is doubted from here on."""
        self._bad = 0 if good else self._bad + bad
        if self._bad >= _PATIENCE:
            self.settled, self._bad = False, 0
        return not self.settled
