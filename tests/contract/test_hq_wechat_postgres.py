"""HQ's WeChat stories once more, on PostgreSQL: queue, notifications, bills and cards."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.unit import (
    hq_wechat_world,
    test_hq_wechat_bill,
    test_hq_wechat_cards,
    test_hq_wechat_confirm,
    test_hq_wechat_door,
)

pytestmark = [pytest.mark.usefixtures("on_postgres")]
wechat_server, wechat = hq_wechat_world.wechat_server, hq_wechat_world.wechat
_MODULES = (test_hq_wechat_bill, test_hq_wechat_cards, test_hq_wechat_confirm, test_hq_wechat_door)
_STORIES = frozenset(
    {
        "test_missing_on_either_side_amounts_merchants_and_reversals",
        "test_a_payment_of_the_next_days_bill_heals_the_day_of_the_sale",
        "test_a_lost_answer_is_repeated_under_the_same_id",
        "test_erasing_a_member_forgets_the_card",
        "test_join_links_by_generation",
        "test_no_such_order_is_believed_only_after_several_answers",
        "test_a_refusal_for_a_person_rests_the_account_and_is_shown",
        "test_a_member_whom_only_wechat_knew_is_credited_once",
        "test_a_notification_confirms_a_sale_that_comes_later_without_a_question",
        "test_a_notification_twice_counts_once",
        "test_a_members_payment_code_names_the_member_and_no_openid",
    }
)
"""Between them they run every statement of sync.hq.wechat_*."""


def _stories(module: ModuleType) -> Iterator[tuple[str, Any]]:
    short = module.__name__.rpartition("test_hq_wechat_")[2]
    for name, story in vars(module).items():
        if name in _STORIES and callable(story):
            yield f"test_{short}_{name.removeprefix('test_')}", story


globals().update(story for module in _MODULES for story in _stories(module))
