"""How fast a printer without working flow control may be fed: never more than its buffer holds. Pure but for the clock.

Used by drivers.serial_printer. The level of the buffer is reckoned, not known: it falls at the printer's pace.
"""

from collections.abc import Callable
from typing import Final

_STEP_BYTES: Final = 64  # LIMIT: waiting for less would wake up for every few bytes


class Pacer:
    """Counts what the printer has not printed yet, at `bytes_per_s`, into a buffer of `buffer_bytes`.

    >>> now = [0.0]
    >>> pacer = Pacer(100, 300, lambda: now[0])
    >>> pacer.took(300); pacer.room(), round(pacer.wait_s(), 2)
    (0, 0.64)
    >>> now[0] = 2.0
    >>> pacer.room(), pacer.wait_s()
    (200, 0.0)
    """

    def __init__(self, bytes_per_s: float, buffer_bytes: int, mono_s: Callable[[], float]) -> None:
        self._bytes_per_s = bytes_per_s
        self._buffer_bytes = buffer_bytes
        self._mono_s = mono_s
        self._level, self._at_s = 0.0, mono_s()

    def room(self) -> int:
        """Bytes that may be sent now."""
        now_s = self._mono_s()
        self._level = max(0.0, self._level - (now_s - self._at_s) * self._bytes_per_s)
        self._at_s = now_s
        return int(self._buffer_bytes - self._level)

    def wait_s(self) -> float:
        """Seconds until some bytes may be sent; 0 when they may now."""
        lacking = min(_STEP_BYTES, self._buffer_bytes) - self.room()
        return max(0.0, lacking / self._bytes_per_s)

    def took(self, count: int) -> None:
        """So many bytes were sent."""
        self.room()
        self._level += count
