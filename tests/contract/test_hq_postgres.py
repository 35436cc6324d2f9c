"""HQ's own tests once more, on PostgreSQL: both engines tell the same stories, verdict by verdict.

What moves books, feeds, lots and seals; all the others are told by tests/long/test_hq_postgres.py.
"""

import pytest

from tests.contract import test_look_http
from tests.hq_stories import stories
from tests.unit import test_hq_books, test_hq_feeds, test_hq_look, test_hq_lots, test_hq_prove, test_hq_seals

TOLD = (test_hq_books, test_hq_feeds, test_hq_look, test_hq_lots, test_hq_prove, test_hq_seals, test_look_http)
pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories(TOLD, searching=False))
