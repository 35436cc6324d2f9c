"""The console's stories once more, on PostgreSQL."""

import pytest

from tests.hq_stories import stories
from tests.unit import test_console_acts, test_console_members, test_console_wechat

pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories((test_console_acts, test_console_members, test_console_wechat), searching=False))
