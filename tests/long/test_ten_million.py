"""Ten million members of one brand: HQ's snapshot, the first load, look-ups, deltas and the downward check, once.

Needs some 20 GB of disk. It prints its figures (-rP); what must hold at any size stands in tests/unit and
tests/contract.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.bench import replica
from tests.bench.table import percentile, show
from tests.killing_loads import kill_at

MEMBERS = int(os.environ.get("POS_AGENT_MEMBERS", "10000000"))
DELTAS = 100_000
LOOK_UPS = 20_000
LOOK_UP_P99_S = 0.050
"""A look-up while rows come in: a cashier does not notice fifty milliseconds."""


@pytest.mark.timeout(4 * 3600)
def test_ten_million_members(tmp_path: Path) -> None:
    found = asyncio.run(replica.run(tmp_path, MEMBERS, min(DELTAS, MEMBERS // 10), LOOK_UPS))
    show(replica.figures(found))
    assert found.size / MEMBERS < 300, "bytes a member"
    assert percentile(found.looked_up, 0.99) < LOOK_UP_P99_S
    assert percentile(found.looked_up_meanwhile, 0.99) < LOOK_UP_P99_S


def test_a_load_survives_a_kill_at_every_step(tmp_path: Path) -> None:
    assert asyncio.run(kill_at(tmp_path, every=1, afresh=True)) > 15
