"""The patience of a speed finder: collects bytes until silence, lets drivers.speed judge them, and turns the port.

Held by drivers.qr_scanner when the speed is to be found out; runs on the event loop. While it searches, nothing but a
burst that reads clean is handed on, so noise at a wrong speed never becomes a code.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from drivers.speed import SpeedFinder

_SILENCE_S: Final = 0.1  # LIMIT: a code is over when nothing came for this long; 50 characters at 2400 bit/s take 0.2 s
_BURST_BYTES: Final = 4096  # LIMIT: a line that never falls silent is judged in pieces


class SpeedListener:
    """Hand on what the port receives once its speed is known."""

    def __init__(self, finder: SpeedFinder, listen_at: Callable[[int], None], hand_on: Callable[[bytes], None]) -> None:
        self._finder, self._listen_at, self._hand_on = finder, listen_at, hand_on
        self._burst = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, data: bytes) -> None:
        """Bytes as received, 8N1."""
        if self._finder.settled:
            self._hand_on(data)
            return
        self._burst += data
        if self._timer is not None:
            self._timer.cancel()
        if len(self._burst) >= _BURST_BYTES:
            self._judge()
        else:
            self._timer = asyncio.get_running_loop().call_later(_SILENCE_S, self._judge)

    def forget(self) -> None:
        """The port is closed: nothing is pending."""
        self._burst.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _judge(self) -> None:
        self._timer = None
        burst = bytes(self._burst)
        self._burst.clear()
        if self._finder.burst(burst):
            self._hand_on(burst)
        else:
            self._listen_at(self._finder.setting.baud)
