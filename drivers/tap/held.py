"""Bytes of the POS that were not forwarded yet, each with the time it came.

Pure; used by drivers.tap.session. They leave in the order in which they came, and none is ever changed.
"""

from collections import deque


class Held:
    """A queue of bytes by their offset in the stream."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._arrivals: deque[tuple[int, float]] = deque()
        self.start = 0
        """Offset of the first byte that is held."""

    @property
    def end(self) -> int:
        """Offset behind the last byte that came."""
        return self.start + len(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes, now_s: float) -> None:
        """Take bytes that came now."""
        self._data += data
        self._arrivals.append((self.end, now_s))

    def take_to(self, offset: int) -> bytes:
        """Give what stands before `offset` and is still held; never twice."""
        count = max(0, min(offset, self.end) - self.start)
        taken = bytes(self._data[:count])
        del self._data[:count]
        self.start += count
        while self._arrivals and self._arrivals[0][0] <= self.start:
            self._arrivals.popleft()
        return taken

    def since_s(self) -> float:
        """When the first held byte came."""
        return self._arrivals[0][1]
