"""Headquarters put back to an earlier state, enrolment, proofs and leases end to end once more, on PostgreSQL."""

import pytest

from tests.contract import test_leases_http, test_snapshot_http
from tests.contract.conftest import on_postgres, postgres
from tests.e2e import (
    test_claims,
    test_clock_and_freezes,
    test_erasure_story,
    test_proof,
    test_recompute_story,
    test_reconcile,
    test_replica_swap,
    test_tier_view,
)
from tests.hq_stories import stories
from tests.unit import (
    test_hq_enrol,
    test_hq_erasures,
    test_hq_lot_credits,
    test_hq_pushes,
    test_hq_restored,
    test_lease_machine,
    test_snapshot_load,
)

__all__ = ["on_postgres", "postgres"]
pytestmark = [pytest.mark.usefixtures("on_postgres")]
_MODULES = (
    test_claims,
    test_clock_and_freezes,
    test_erasure_story,
    test_hq_enrol,
    test_hq_erasures,
    test_hq_lot_credits,
    test_hq_pushes,
    test_hq_restored,
    test_leases_http,
    test_proof,
    test_recompute_story,
    test_reconcile,
    test_replica_swap,
    test_snapshot_http,
    test_snapshot_load,
    test_tier_view,
)
_OTHERWISE = {
    "test_enrol_after_a_storage_failure_nothing_is_acknowledged",  # a server that is away ends nothing
    "test_recompute_story_hq_finds_by_itself_what_no_rule_explains",  # its command opens the file
    "test_restored_a_lost_witness_says_that_hq_was_restored",  # refused: the operator says which of two it is
    "test_snapshot_http_the_command_makes_one_and_says_what_is_in_it",  # its command opens the file
}
"""Stories of the embedded file alone."""
globals().update(pair for pair in stories(_MODULES, searching=False) if pair[0] not in _OTHERWISE)
TestChain = test_lease_machine.TestChain
