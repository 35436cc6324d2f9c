"""Promise 1, at length: two hundred kills of till and HQ."""

import asyncio
from pathlib import Path

import pytest

from tests.killing import mayhem


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10, 15))
def test_two_hundred_kills_of_till_and_hq_cost_no_acknowledged_sale(tmp_path: Path, seed: int) -> None:
    shop = asyncio.run(mayhem(tmp_path, seed, till_kills=24, hq_kills=16))
    print(f"seed {seed}: {len(shop.told)} sales, {shop.found_again} booked but not answered before a kill")
    assert len(shop.told) >= 20
