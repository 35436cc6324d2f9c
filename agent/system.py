"""The real clock and the real randomness: the only module allowed to ask the machine for either.

Used by the composition roots. Simulations pass their own Clock and Entropy instead.
"""

import os
import random  # noqa: TID251 - this module is the front door for randomness
import time
from pathlib import Path


class SystemClock:
    """Wall and monotonic time of this machine."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000  # noqa: TID251 - the front door for time

    def mono_s(self) -> float:
        """Seconds since this machine was started; CLOCK_BOOTTIME never jumps, and counts what it slept through."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Name this run of the machine: the kernel makes a new one at every start. Empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SystemEntropy:
    """The kernel's randomness for secrets and ids; a cheap generator for jitter."""

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        return os.urandom(size)

    def uniform(self, low: float, high: float) -> float:
        """A number for jitter; never for secrets."""
        return random.uniform(low, high)  # noqa: S311 - jitter is no secret
