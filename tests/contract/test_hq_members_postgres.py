"""HQ's duties to members once more, on PostgreSQL: the views, and tiers; the rest is told by tests/long."""

import pytest

from tests.hq_stories import stories
from tests.unit import test_hq_metrics, test_hq_tiers

pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories((test_hq_metrics, test_hq_tiers), searching=False))
