"""How many sales a second a till books for as long as it likes, and how long each takes: one client, and four.

A sale is a quote and a commit over loopback, one after another without a pause. The clients are threads of the bench;
HQ takes what is pushed meanwhile on the same machine. The door lets 50 calls a second through for one token, so the
clients take turns with several.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.bare import Bare, Rows
from tests.bench.sales import in_process
from tests.bench.table import Figure, percentile
from tests.bench.till import Client, prepared
from tests.process_world import ProcessWorld

_TOKENS = 16  # to each client: some 400 sales a second


async def measure(seconds: float) -> list[Figure]:
    """Sell for `seconds` with one client and with four."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _, _, rows = await in_process(folder / "rows", 100, printing=False)
        async with ProcessWorld(folder / "till") as world:
            tokens = await prepared(world, 4 * _TOKENS)
            hq = await world.serve()
            daemon = await world.run(until="sync.state")
            found = []
            for number in (1, 4):
                bare = _bare(folder / f"bare-{number}.db", rows)
                clients = [Client(world.api_port, tokens[one * _TOKENS : (one + 1) * _TOKENS]) for one in range(number)]
                start = time.perf_counter()
                work = (
                    asyncio.to_thread(_sell, one, f"{number}-{place}", start + seconds)
                    for place, one in enumerate(clients)
                )
                taken_s = [sample for part in await asyncio.gather(*work) for sample in part]
                found.append(_figure(number, taken_s, time.perf_counter() - start, bare))
            await daemon.stop()
            await hq.stop()
    return found


def _figure(clients: int, taken_s: list[float], seconds: float, bare_s: float) -> Figure:
    rate = len(taken_s) / seconds
    said = f"p50 {statistics.median(taken_s) * 1e3:.1f} ms, p99 {percentile(taken_s, 0.99) * 1e3:.1f} ms of the commit"
    what = f"sales over loopback for {seconds:.0f} s, {clients} client{'s' if clients > 1 else ''}"
    return Figure(what, said, f"bare SQLite {1 / bare_s:.0f}/s", rate, None, None, " sales/s", more_is_better=True)


def _sell(client: Client, prefix: str, until: float) -> list[float]:
    taken_s: list[float] = []
    while time.perf_counter() < until:
        body = client.quoted(f"{prefix}-{len(taken_s)}")
        start = time.perf_counter()
        client.post("/v1/sales", body)
        taken_s.append(time.perf_counter() - start)
    client.close()
    return taken_s


def _bare(path: Path, rows: list[Rows]) -> float:
    """Mean seconds of the bare transaction, one after another."""
    bare = Bare(path)
    taken_s = [bare.write(one) for one in rows]
    bare.close()
    return statistics.mean(taken_s)
