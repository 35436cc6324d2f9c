"""Longer lives of the simulated world than `make test` has time for. `make test-long` runs them."""

import pytest

from tests.simulation.gremlins import Rates
from tests.simulation.test_world import must_hold
from tests.simulation.world import Plan

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("seed", range(101, 107))
def test_days_under_trouble(seed: int) -> None:
    must_hold(Plan(seed=seed, days=3, stores=3, sales=80))


@pytest.mark.parametrize("seed", range(201, 204))
def test_an_hq_that_is_restored_from_a_copy_again_and_again(seed: int) -> None:
    report = must_hold(Plan(seed=seed, days=2, stores=3, sales=60, rates=Rates(hq_copies=8, hq_restored=3)))
    assert report.counts["died"] > 0


@pytest.mark.parametrize("seed", range(301, 303))
def test_tills_that_die_at_every_fifth_commit_or_so(seed: int) -> None:
    must_hold(Plan(seed=seed, days=1, stores=2, sales=100, rates=Rates(cuts=150, kills=10, hq_cuts=60)))
