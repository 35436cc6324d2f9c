"""The console's stories once more, on PostgreSQL."""

import pytest

from tests.hq_stories import stories
from tests.unit import test_console_acts, test_console_members, test_console_wechat, test_hq_texts

pytestmark = [pytest.mark.usefixtures("on_postgres")]
TOLD = (test_console_acts, test_console_members, test_console_wechat, test_hq_texts)
globals().update(stories(TOLD, searching=False))
