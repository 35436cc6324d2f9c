"""HQ's own tests once more, on PostgreSQL: both engines tell the same stories, verdict by verdict.

What moves books, feeds, lots and seals; all the others are told by tests/long/test_hq_postgres.py.
"""

import pytest

from tests.hq_stories import stories
from tests.unit import test_hq_books, test_hq_feeds, test_hq_lots, test_hq_prove, test_hq_seals

pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories((test_hq_books, test_hq_feeds, test_hq_lots, test_hq_prove, test_hq_seals), searching=False))
