"""Promise 1: SIGKILL at any step between scan and acknowledgement loses, doubles and reprints nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.killing import mayhem


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_forty_kills_of_till_and_hq_cost_no_acknowledged_sale(tmp_path: Path, seed: int) -> None:
    shop = asyncio.run(mayhem(tmp_path, seed, till_kills=12, hq_kills=8))
    print(f"seed {seed}: {len(shop.told)} sales, {shop.found_again} booked but not answered before a kill")
    assert len(shop.told) >= 10
