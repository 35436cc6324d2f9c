"""Promise 1: SIGKILL at any step between scan and acknowledgement loses, doubles and reprints nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.killing import mayhem


@pytest.mark.timeout(240)
def test_twenty_kills_of_till_and_hq_cost_no_acknowledged_sale(tmp_path: Path) -> None:
    """Two hundred are in tests/long."""
    shop = asyncio.run(mayhem(tmp_path, 1, till_kills=12, hq_kills=8))
    print(f"{len(shop.told)} sales, {shop.found_again} booked but not answered before a kill")
    assert len(shop.told) >= 10
