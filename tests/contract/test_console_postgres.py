"""The console's stories once more, on PostgreSQL."""

import pytest

from tests.hq_stories import stories
from tests.unit import test_console_acts

pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories((test_console_acts,), searching=False))
