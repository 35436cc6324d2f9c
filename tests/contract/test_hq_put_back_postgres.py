"""A database put back to an earlier state, on PostgreSQL: what was granted, read or erased since is not forgotten.

All the stories of tests.unit.test_hq_restored and test_hq_erasures are told by tests/long/test_hq_restored_postgres.py.
"""

import pytest

from tests.hq_stories import stories
from tests.unit import test_hq_erasures, test_hq_restored

pytestmark = [pytest.mark.usefixtures("on_postgres")]
_STORIES = frozenset(
    {
        "test_restored_hq_that_has_forgotten_a_grant_gives_it_to_nobody_else_until_the_holder_has_told",
        "test_restored_a_till_that_has_seen_what_is_forgotten_reads_again_however_far_the_restored_one_has_come",
        "test_restored_a_copy_is_noticed_though_only_feeds_went_on_since",
        "test_restored_a_copy_taken_while_hq_served_is_noticed_from_the_next_mark_on",
        "test_restored_what_hq_wrote_last_before_it_stopped_is_newer_than_any_copy",
        "test_erasures_a_till_that_read_what_the_copy_forgot_reads_again_and_acknowledges_only_then",
    }
)


_FOUND = dict(stories((test_hq_erasures, test_hq_restored), searching=False))
globals().update({name: _FOUND[name] for name in sorted(_STORIES)})
