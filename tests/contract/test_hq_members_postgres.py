"""HQ's duties to members on PostgreSQL: views, tiers, cool-down, play, gifts, slots, joint; more in tests/long."""

import pytest

from tests.hq_stories import stories
from tests.unit import (
    test_hq_cooldown,
    test_hq_gifts,
    test_hq_identity,
    test_hq_joint,
    test_hq_metrics,
    test_hq_play,
    test_hq_reservations,
    test_hq_tiers,
)

pytestmark = [pytest.mark.usefixtures("on_postgres")]
_MODULES = (
    test_hq_cooldown,
    test_hq_gifts,
    test_hq_identity,
    test_hq_joint,
    test_hq_metrics,
    test_hq_play,
    test_hq_reservations,
    test_hq_tiers,
)
globals().update(stories(_MODULES, searching=False))
