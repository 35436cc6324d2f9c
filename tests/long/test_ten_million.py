"""Ten million members of one brand: HQ's snapshot, the first load, look-ups, deltas and the downward check, once.

HQ's books are on PostgreSQL, as those of such a brand are. Needs some 20 GB of disk. It prints how far it is and its
figures (-s); what must hold at any size stands in tests/unit and tests/contract.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.bench import replica, replica_figures
from tests.bench.table import percentile, show
from tests.killing_loads import kill_at
from tests.postgres import running

MEMBERS = int(os.environ.get("POS_AGENT_MEMBERS", "10000000"))
DELTAS = 100_000
LOOK_UPS = 20_000
LOOK_UP_P99_S = 0.050
"""A look-up while rows come in: a cashier does not notice fifty milliseconds."""


@pytest.mark.timeout(4 * 3600)
def test_ten_million_members(tmp_path: Path) -> None:
    start = time.perf_counter()

    def told(what: str) -> None:
        print(f"{time.perf_counter() - start:7.0f} s  {what}", flush=True)

    with running(large=True) as server:
        run = replica.run(tmp_path, MEMBERS, min(DELTAS, MEMBERS // 10), LOOK_UPS, server.fresh(), told)
        found = asyncio.run(run)
    show(replica_figures.figures(found))
    assert found.size / MEMBERS < 300, "bytes a member"
    assert percentile(found.looked_up, 0.99) < LOOK_UP_P99_S
    assert percentile(found.looked_up_meanwhile, 0.99) < LOOK_UP_P99_S


def test_a_load_survives_a_kill_at_every_step(tmp_path: Path) -> None:
    assert asyncio.run(kill_at(tmp_path, every=1, afresh=True)) > 15
