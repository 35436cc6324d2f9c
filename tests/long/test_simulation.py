"""Longer lives of the simulated world than `make test` has time for. `make test-long` runs them."""

import pytest

from tests.simulation.gremlins import Rates
from tests.simulation.plan import Plan
from tests.simulation.test_world import must_hold

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("seed", range(101, 107))
def test_days_under_trouble(seed: int) -> None:
    must_hold(Plan(seed=seed, days=3, stores=3, sales=80))


@pytest.mark.parametrize("seed", range(201, 204))
def test_an_hq_that_is_restored_from_a_copy_again_and_again(seed: int) -> None:
    rates = Rates(hq_copies=8, hq_restored=3, books_restored=0)
    report = must_hold(Plan(seed=seed, days=2, stores=3, sales=60, rates=rates))
    assert report.counts["hq restored"] > 0
    assert report.figures["rights that two copies held"] == report.figures["spent twice, as admitted"] == 0


@pytest.mark.parametrize("seed", range(301, 303))
def test_tills_that_die_at_every_fifth_commit_or_so(seed: int) -> None:
    must_hold(Plan(seed=seed, days=1, stores=2, sales=100, rates=Rates(cuts=150, kills=10, hq_cuts=60)))


@pytest.mark.parametrize("seed", range(401, 407))
def test_nobody_overspends_where_all_lines_break_at_once_and_members_walk_between_stores(seed: int) -> None:
    rates = Rates(blackouts=3, partitions=3, cuts=20, books_restored=0, hq_restored=0)
    report = must_hold(Plan(seed=seed, days=2, stores=3, sales=100, members=8, rates=rates))
    assert report.figures["rights that two copies held"] == 0
    assert report.figures["spent twice, as admitted"] == 0
    assert report.refused["LEASE_SHORT"] > 0


def test_two_machines_under_one_name_spend_twice_what_was_copied_at_most() -> None:
    twice = 0
    for seed in range(601, 609):
        report = must_hold(Plan(seed=seed, days=1, stores=2, sales=60, members=5, twins=1))
        assert report.counts["disk copied"] == 1
        twice += report.figures["spent twice, as admitted"]
    assert twice > 0, "these worlds are too kind: no copy ever served the other's customers"


@pytest.mark.parametrize("seed", range(701, 704))
def test_books_that_are_restored_again_and_again_give_their_rights_back(seed: int) -> None:
    rates = Rates(book_copies=10, books_restored=3, hq_restored=0)
    must_hold(Plan(seed=seed, days=2, stores=3, sales=60, members=8, rates=rates))
