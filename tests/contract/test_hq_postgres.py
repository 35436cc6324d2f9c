"""HQ's own tests once more, on PostgreSQL: both engines tell the same stories, verdict by verdict.

What moves books, feeds, lots and seals; all the others are told by tests/long/test_hq_postgres.py.
"""

import pytest

from tests.contract import test_look_http, test_phone_http, test_verify_http
from tests.hq_stories import stories
from tests.unit import (
    test_hq_books,
    test_hq_feeds,
    test_hq_look,
    test_hq_lots,
    test_hq_prove,
    test_hq_seals,
    test_hq_set_aside,
)

TOLD = (
    test_hq_books, test_hq_feeds, test_hq_look, test_hq_lots, test_hq_prove, test_hq_seals, test_hq_set_aside,
    test_look_http, test_phone_http, test_verify_http,
)  # fmt: skip
pytestmark = [pytest.mark.usefixtures("on_postgres")]
globals().update(stories(TOLD, searching=False))
