"""`make bench`: every figure we promise, measured against a baseline in the same run, with floor and moonshot."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from agent import logs
from tests.bench import daemon, members, paper, postgres, proof_cost, quote, replica, sales, scan, tap, world
from tests.bench.table import Figure, show


async def _all(*, quick: bool) -> list[Figure]:
    figures = quote.measure(500 if quick else 2000)
    figures += paper.measure(20 if quick else 200)
    figures += await paper.first_byte(50 if quick else 300)
    figures += await sales.measure(100 if quick else 500)
    figures += await members.measure(20_000 if quick else 1_000_000, 2000)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures += await replica.measure(Path(folder), 20_000 if quick else 1_000_000, 2_000 if quick else 20_000, 2000)
    figures += await daemon.ingest(200 if quick else 2000)
    figures += await postgres.figures(2 if quick else 10)
    figures += await proof_cost.figures(2_000 if quick else 20_000)
    figures += await scan.measure(200 if quick else 1000)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures += await tap.measure(20 if quick else 200, Path(folder))
    return figures + await daemon.measure()


def main() -> int:
    """Measure, print, and exit 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller samples, for trying the bench itself")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, (Path(folder) / "log").open("w") as log:
        logs.configure(log)
        figures = asyncio.run(_all(quick=quick))
        figures.append(world.measure(1 if quick else 3))
    show(figures)
    return 1 if any(one.holds is False for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
