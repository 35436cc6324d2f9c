"""`make bench`: every figure we promise, measured against a baseline in the same run, with floor and moonshot.

`python -m tests.bench --only sales quote` measures some of them; `--quick` takes smaller samples.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from agent import logs
from agent.limits import REPLICA_CHECK_ROWS
from tests.bench import (
    daemon,
    members,
    page,
    paper,
    postgres,
    proof_cost,
    quote,
    replica,
    sales,
    scan,
    streams,
    tap,
    ten_thousand,
    throughput,
    world,
)
from tests.bench.table import Figure, show

_QUICK_MEMBERS: Final = REPLICA_CHECK_ROWS + 5_000
"""More than an hour's check looks at: "replica" damages rows behind them, where the next one looks."""


def _parts(*, quick: bool) -> dict[str, Callable[[], Awaitable[list[Figure]]]]:
    """What can be measured, in the order it is."""
    many = _QUICK_MEMBERS if quick else 1_000_000
    return {
        "quote": lambda: _done(quote.measure(500 if quick else 2000)),
        "paper": lambda: _paper(quick=quick),
        "sales": lambda: sales.measure(100 if quick else 500),
        "throughput": lambda: throughput.measure(3 if quick else 20),
        "members": lambda: members.measure(many, 2000),
        "replica": lambda: _in_folder(lambda folder: replica.measure(folder, many, 2_000 if quick else 20_000, 2000)),
        "ingest": lambda: daemon.ingest(200 if quick else 2000),
        "postgres": lambda: postgres.figures(2 if quick else 10),
        "proof": lambda: proof_cost.figures(2_000 if quick else 20_000),
        "scan": lambda: scan.measure(200 if quick else 1000),
        "page": lambda: page.measure(20 if quick else 200),
        "streams": lambda: streams.measure(500 if quick else 4000),
        "tap": lambda: _in_folder(lambda folder: tap.measure(20 if quick else 200, folder)),
        "stores": lambda: ten_thousand.figures(quick=quick),
        "daemon": daemon.measure,
        "world": lambda: asyncio.to_thread(lambda: [world.measure(1 if quick else 3)]),
    }


async def _done(figures: list[Figure]) -> list[Figure]:
    return figures


async def _paper(*, quick: bool) -> list[Figure]:
    return [*paper.measure(20 if quick else 200), *await paper.first_byte(50 if quick else 300)]


async def _in_folder(work: Callable[[Path], Awaitable[list[Figure]]]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return await work(Path(folder))


async def _all(names: list[str], *, quick: bool) -> list[Figure]:
    parts = _parts(quick=quick)
    return [figure for name in names or parts for figure in await parts[name]()]


def main() -> int:
    """Measure, print, and exit 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller samples, for trying the bench itself")
    parser.add_argument("--only", nargs="+", default=[], choices=list(_parts(quick=True)), help="these parts alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, (Path(folder) / "log").open("w") as log:
        logs.configure(log)
        figures = asyncio.run(_all(asked.only, quick=asked.quick))
    show(figures)
    return 1 if any(one.holds is False for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
