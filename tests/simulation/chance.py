"""Seeded chance and virtual clocks: the Clock and Entropy ports of the simulated world.

Every actor draws from a generator of its own, named after it, so that one actor's draws never depend on another's.
"""

import random
from dataclasses import dataclass

from tests.simulation.loop import VirtualLoop

DAY_S = 86_400
HOUR_S = 3_600
BIRTH_MS = 1_793_548_800_000
"""2026-11-02T00:00:00+08:00, a Monday: where virtual second 0 lies on the true clock."""


def generator(seed: int, *name: object) -> random.Random:
    """The generator of one actor; string seeds are hashed by SHA-512, so PYTHONHASHSEED does not matter."""
    return random.Random(":".join(str(part) for part in (seed, *name)))


class SeededEntropy:
    """The Entropy port; goes on after a restart, so that no nonce ever comes twice."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = generator(seed, "entropy", name)

    def token(self, size: int) -> bytes:
        """`size` bytes."""
        return self._random.randbytes(size)

    def uniform(self, low: float, high: float) -> float:
        """Jitter."""
        return self._random.uniform(low, high)


@dataclass(slots=True)
class VirtualClock:
    """The Clock port of one machine: true time plus what its wall clock is wrong by."""

    loop: VirtualLoop
    wrong_by_ms: int = 0

    def now_ms(self) -> int:
        """What the wall shows."""
        return self.true_ms() + self.wrong_by_ms

    def true_ms(self) -> int:
        """True time, which nobody in the shop knows."""
        return BIRTH_MS + int(self.loop.time() * 1000)

    def mono_s(self) -> float:
        """Monotonic seconds; no jump ever touches them."""
        return self.loop.time()
