"""Every way an event may be wrong has its own stable code, and none of them raises."""

from typing import Any

import pytest

from agent.domain.digest import canonical
from agent.domain.ids import EventName
from agent.domain.sale import Posting
from sync.hq import event_fields
from sync.hq.judge import judge
from tests.unit.test_hq_world import BRAND, STORE, Till, text_of

NAME = EventName("S1-1", "e1", 1)


def verdict(text: str) -> str:
    return judge(text, NAME, STORE, BRAND).code


def sale(**changes: Any) -> str:
    return canonical(Till().body(**changes)).decode()


def test_an_honest_sale_is_read() -> None:
    found = judge(sale(member="m_1", points=12, transaction_id="4200001"), NAME, STORE, BRAND)
    assert (found.code, found.business_day, found.payable_fen) == ("", "2026-09-21", 1280)
    assert (found.postings, found.transaction_ids) == ((Posting("points", "m_1", 12),), ("4200001",))
    assert found.points == 12


def test_unknown_fields_are_welcome() -> None:
    assert verdict(sale(weather="rain", totals={"payable_fen": 1, "new_fen": 2}, guests=[1, None])) == ""


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}extra",
        '{"a":1.0}',
        '{"a":NaN}',
        '{"a":1e2}',
        '{"a":-0}',
        '{"a":9007199254740992}',
        '{"a":' + "9" * 5000 + "}",
        '{"a":1,"a":2}',
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":"\\u6c34"}',
        '{"a":"\\ud800"}',
        '{"水":1}',
        "\x00" * 8,
        "[" * 60_000 + "]" * 60_000,
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        text_of(Till().body()),
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_not_canonical_is_malformed(text: str) -> None:
    assert verdict(text) == "MALFORMED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"seq": 2}, "NAME_MISMATCH"),
        ({"seq": True}, "NAME_MISMATCH"),
        ({"epoch": "e2"}, "NAME_MISMATCH"),
        ({"workstation_id": "S1-2"}, "NAME_MISMATCH"),
        ({"store_id": "S2"}, "STORE_MISMATCH"),
        ({"brand_id": "coffee"}, "STORE_MISMATCH"),
        ({"kind": "raid"}, "KIND_UNKNOWN"),
        ({"kind": ["sale"]}, "KIND_UNKNOWN"),
        ({"v": 2}, "KIND_UNKNOWN"),
        ({"v": True}, "KIND_UNKNOWN"),
        ({"business_day": "2026-02-30"}, "MALFORMED"),
        ({"business_day": "20260921"}, "MALFORMED"),
        ({"totals": []}, "MALFORMED"),
        ({"totals": {"payable_fen": "12"}}, "MALFORMED"),
        ({"totals": {"payable_fen": True}}, "MALFORMED"),
        ({"totals": {"payable_fen": 2**53 - 1}}, "MALFORMED"),
        ({"postings": None}, "MALFORMED"),
        ({"postings": [1]}, "MALFORMED"),
        ({"postings": [{"account": "points", "owner": "m_1"}]}, "MALFORMED"),
        ({"postings": [{"account": "points", "owner": "m_1", "amount": 10**9 + 1}]}, "MALFORMED"),
        ({"postings": [{"account": "points", "owner": "m" * 65, "amount": 1}]}, "MALFORMED"),
        ({"postings": [{"account": "gold", "owner": "m_1", "amount": 1}]}, "ACCOUNT_UNKNOWN"),
        ({"postings": [{"account": "points", "owner": "m_1", "amount": 1, "bucket": "a\0"}]}, "MALFORMED"),
        ({"postings": [{"account": "points", "owner": "m_1", "amount": 1, "lease": "\x1a"}]}, "MALFORMED"),
        ({"tenders": {}}, "MALFORMED"),
        ({"tenders": [{"type": "wechat", "transaction_id": "\0abc"}]}, "MALFORMED"),
        ({"tenders": [{"type": "wechat", "transaction_id": 7}]}, "MALFORMED"),
    ],
)
def test_each_fault_has_its_code(changes: dict[str, Any], code: str) -> None:
    assert verdict(sale(**changes)) == code


def test_nothing_of_a_day_that_is_none_is_remembered() -> None:
    """An event may say half a megabyte where a day belongs, and another such event may follow."""
    event_fields._is_known_day.cache_clear()
    for number in range(3):
        assert verdict(sale(business_day="水" * 90_000 + str(number), sale_day="水" * 90_000)) == "MALFORMED"
    assert event_fields._is_known_day.cache_info().currsize == 0
    assert verdict(sale()) == ""
    assert event_fields._is_known_day.cache_info().currsize == 1


def test_a_suspended_event_still_shows_its_money_in_totals() -> None:
    found = judge(sale(kind="raid", payable_fen=500), NAME, STORE, BRAND)
    assert (found.code, found.business_day, found.payable_fen, found.postings) == (
        "KIND_UNKNOWN",
        "2026-09-21",
        500,
        (),
    )
