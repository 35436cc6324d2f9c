"""What is measured: every call as the store sees it, and what the processes cost."""

import asyncio
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.bench.table import percentile

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Phase:
    """Calls of one stretch of time, by what they were for."""

    seconds: "dict[str, array[float]]" = field(default_factory=dict)
    """How long answered calls took."""
    refused: int = 0
    """503: come back later."""
    failed: Counter[str] = field(default_factory=Counter)
    """No answer, or one that is neither 200 nor 503."""
    arrivals: Counter[int] = field(default_factory=Counter)
    """Calls by second of the clock."""
    turned: Counter[int] = field(default_factory=Counter)
    """Refused calls by second of the clock."""
    longest_refusal_s: float = 0.0

    def answered(self, what: str = "") -> int:
        """Calls answered with 200."""
        return sum(len(taken) for kind, taken in self.seconds.items() if what in ("", kind))

    def ms(self, what: str, share: float) -> float:
        """A percentile of answer times, milliseconds."""
        return percentile(self.seconds[what], share) * 1000 if self.seconds.get(what) else 0.0

    def longest_s(self) -> float:
        """The slowest answer of all."""
        return max((max(taken) for taken in self.seconds.values()), default=0.0)

    def told(self) -> str:
        """One line for people."""
        calls = " ".join(
            f"{kind} {len(taken)} (p50 {self.ms(kind, 0.5):.0f} ms, p99 {self.ms(kind, 0.99):.0f} ms)"
            for kind, taken in sorted(self.seconds.items())
        )
        return f"{calls}; refused {self.refused}; failed {dict(self.failed)}; slowest {self.longest_s():.1f} s"


class Meter(httpx.AsyncBaseTransport):
    """Around a store's own connections: takes the time of every call into the phase of the moment."""

    phase = Phase()

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one call on."""
        now = asyncio.get_running_loop().time
        phase, start = Meter.phase, now()
        phase.arrivals[int(start)] += 1
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            phase.failed[type(error).__name__] += 1
            raise
        took = now() - start
        if response.status_code == 200:
            phase.seconds.setdefault(request.url.path.rsplit("/", 1)[1], array("f")).append(took)
        elif response.status_code == 503:
            phase.refused += 1
            phase.turned[int(start)] += 1
            phase.longest_refusal_s = max(phase.longest_refusal_s, took)
        else:
            phase.failed[str(response.status_code)] += 1
        return response

    async def aclose(self) -> None:
        """Close what is inside."""
        await self._inner.aclose()


@contextmanager
def measured() -> Iterator[Phase]:
    """A new phase for what is called inside."""
    before, Meter.phase = Meter.phase, Phase()
    try:
        yield Meter.phase
    finally:
        Meter.phase = before


def cpu_s(pid: int, *, children: bool = False) -> float:
    """Seconds of processor a process has used; with children that have ended, and those that run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = int(fields[11]) + int(fields[12])
    if not children:
        return own / _TICKS
    total = float(own + int(fields[13]) + int(fields[14])) / _TICKS
    return total + sum(cpu_s(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(word) for word in text.split()]


def peak_mb(pid: int) -> float:
    """The most memory a process ever had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def descriptors(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
