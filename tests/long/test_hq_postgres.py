"""Every test of HQ once more, on PostgreSQL, with those that search for a counterexample."""

import pytest

from tests.contract import test_sms_http
from tests.contract.conftest import on_postgres, postgres
from tests.hq_stories import stories
from tests.unit import (
    test_hq_books,
    test_hq_cancels,
    test_hq_claims,
    test_hq_clocks,
    test_hq_coupons,
    test_hq_expiry,
    test_hq_feeds,
    test_hq_importer,
    test_hq_limits,
    test_hq_lots,
    test_hq_member_facts,
    test_hq_prove,
    test_hq_recompute,
    test_hq_seals,
    test_leases,
    test_replica,
)
from tests.unit.test_hq_expiry import in_books

__all__ = ["in_books", "on_postgres", "postgres"]
pytestmark = [pytest.mark.usefixtures("on_postgres")]
_MODULES = (
    test_hq_books,
    test_hq_claims,
    test_hq_clocks,
    test_hq_coupons,
    test_hq_feeds,
    test_hq_cancels,
    test_hq_expiry,
    test_hq_limits,
    test_hq_importer,
    test_hq_lots,
    test_hq_member_facts,
    test_hq_prove,
    test_hq_recompute,
    test_hq_seals,
    test_leases,
    test_replica,
    test_sms_http,
)
globals().update(stories(_MODULES, searching=True))
