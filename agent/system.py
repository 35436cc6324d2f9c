"""The real clock and the real randomness: the only module allowed to ask the machine for either.

Used by the composition roots. Simulations pass their own Clock and Entropy instead.
"""

import os
import random  # noqa: TID251 - this module is the front door for randomness
import time


class SystemClock:
    """Wall and monotonic time of this machine."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000  # noqa: TID251 - the front door for time

    def mono_s(self) -> float:
        """Monotonic seconds; CLOCK_MONOTONIC does not jump with the wall clock."""
        return time.monotonic()  # noqa: TID251 - the front door for time


class SystemEntropy:
    """The kernel's randomness for secrets and ids; a cheap generator for jitter."""

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        return os.urandom(size)

    def uniform(self, low: float, high: float) -> float:
        """A number for jitter; never for secrets."""
        return random.uniform(low, high)  # noqa: S311 - jitter is no secret
