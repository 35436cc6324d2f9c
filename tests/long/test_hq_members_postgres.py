"""HQ's duties to members once more, on PostgreSQL: days, referrals, reminders, channels, coupons by store, erasures."""

import pytest

from tests.contract.conftest import on_postgres, postgres
from tests.hq_stories import stories
from tests.unit import (
    test_hq_channels,
    test_hq_counts,
    test_hq_coupon_stores,
    test_hq_erasures,
    test_hq_referrals,
    test_hq_reminders,
)

__all__ = ["on_postgres", "postgres"]
pytestmark = [pytest.mark.usefixtures("on_postgres")]
_MODULES = (
    test_hq_channels,
    test_hq_counts,
    test_hq_coupon_stores,
    test_hq_erasures,
    test_hq_referrals,
    test_hq_reminders,
)
_OF_THE_FILE = {
    "test_erasures_a_copy_of_the_database_erases_again",
    "test_erasures_a_line_that_was_torn_hides_no_other",
}
globals().update(pair for pair in stories(_MODULES, searching=False) if pair[0] not in _OF_THE_FILE)
