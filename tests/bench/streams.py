"""What readers of the event stream cost: memory with ten of them, and whether it grows as events go by.

A real daemon with a simulated scanner; every scan is one event that ten readers get.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from drivers.simulated import SimulatedScanner
from tests.bench.daemon import rss_mb
from tests.bench.scan import code
from tests.bench.table import Figure
from tests.process_world import ProcessWorld
from tests.sse import Ear, listening

_READERS = 10
_WARM = 500  # events until caches, pools and the allocator have what they need


async def measure(count: int) -> list[Figure]:
    """Memory before the first reader, with ten, and after `count` events more."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        scanner = SimulatedScanner(folder / "dev" / "scanner")
        extra = f'[[scanner]]\nname = "counter"\npath = "{scanner.link}"\n'
        async with ProcessWorld(folder, extra=extra) as world, AsyncExitStack() as open_streams:
            hq = await world.serve()
            daemon = await world.run(until="sync.state")
            alone_mb = rss_mb(daemon.process.pid)
            ears = []
            for _ in range(_READERS):
                pos = await open_streams.enter_async_context(world.pos())
                ears.append(await open_streams.enter_async_context(listening(pos)))
            await _hear(scanner, ears, 0, _WARM)
            first_mb = rss_mb(daemon.process.pid)
            await _hear(scanner, ears, _WARM, _WARM + count)
            last_mb = rss_mb(daemon.process.pid)
            await open_streams.aclose()
            await daemon.stop()
            await hq.stop()
        scanner.close()
    grown_mb = last_mb - first_mb
    baseline = f"{alone_mb:.0f} MB before the first of them"
    return [
        Figure(f"memory with {_READERS} readers of events", f"{last_mb:.0f} MB", baseline, last_mb, 110, 60, " MB"),
        Figure(f"its growth over {count:,} events", f"{first_mb:.1f} -> {last_mb:.1f} MB", "", grown_mb, 3, 1, " MB"),
    ]


async def _hear(scanner: SimulatedScanner, ears: list[Ear], first: int, last: int) -> None:
    for number in range(first, last):
        scanner.scan(code(number))
        await asyncio.gather(*(ear.one("scan.item") for ear in ears))
