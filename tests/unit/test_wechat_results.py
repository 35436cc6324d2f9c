"""WeChat's answers in one form (facts/wechat.md A.1-A.4, G.2)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sync.wechat.results import Source, WechatResult, read
from sync.wechat.states import State
from tests.unit.wechat_samples import (
    APPID,
    MCH,
    OPENID,
    SUB_APPID,
    SUB_MCH,
    SUB_OPENID,
    TRANSACTION,
    micropay,
    partner,
    refused,
    xml,
)

VECTORS = Path(__file__).parent.parent / "cases" / "wechat_vectors.json"


def test_micropay() -> None:
    assert read(micropay()) == WechatResult(
        source=Source.V2_MICROPAY,
        state=State.SUCCESS,
        trade_type="MICROPAY",
        appid=APPID,
        sub_appid=SUB_APPID,
        mch_id=MCH,
        sub_mch_id=SUB_MCH,
        openid=OPENID,
        sub_openid=SUB_OPENID,
        transaction_id=TRANSACTION,
        out_trade_no="1217752501201407033233368018",
        total_fen=888,
        cash_fen=788,
        settlement_fen=788,
        paid_at_ms=1415696443000,
        store_hint="SZTX001-02",
    )


def test_v2_vectors_of_the_facts() -> None:
    vectors: dict[str, Any] = json.loads(VECTORS.read_text())
    assert read(xml(vectors["rs"])).total_fen == 888
    assert read(xml(vectors["up"])).state is State.USERPAYING
    refused(xml(vectors["ao"]))  # an openid look-up is no payment
    refused(xml(vectors["req"]))  # nor is our own request
    assert read(vectors["pt"]).pairs == ((SUB_APPID, OPENID), (APPID, SUB_OPENID))
    refused(vectors["nb"], "WECHAT_RESULT_ENCRYPTED")


def test_v3_partner_and_direct_speak_one_spelling() -> None:
    result = read(partner())
    assert (result.mch_id, result.sub_mch_id) == (MCH, SUB_MCH)
    assert (result.total_fen, result.cash_fen, result.settlement_fen) == (888, 788, None)
    assert result.pairs == ((SUB_APPID, SUB_OPENID), (APPID, OPENID))
    assert result.paid_at_ms == 1528425296000
    assert result.store_hint == "A1111"
    direct = read(
        partner(
            sp_appid=None, sp_mchid=None, sub_appid=None, sub_mchid=None, appid=APPID, mchid=MCH,
            payer={"openid": OPENID}, scene_info={"device_id": "D1"},
        )
    )  # fmt: skip
    assert (direct.mch_id, direct.sub_mch_id, direct.store_hint) == (MCH, None, "D1")
    assert direct.pairs == ((APPID, OPENID),)


def test_one_payment_by_micropay_by_query_and_by_v3_is_one_transaction() -> None:
    query = read(micropay(trade_state="SUCCESS", trade_state_desc="ok"))
    assert query.source is Source.V2_QUERY
    assert len({result.transaction_id for result in (query, read(micropay()), read(partner()))}) == 1


@pytest.mark.parametrize(
    "state", ["REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "ACCEPT", "SUCCESS"]
)
def test_trade_states(state: str) -> None:
    assert read(micropay(trade_state=state)).state is State(state)
    assert read(partner(trade_state=state)).state is State(state)


@pytest.mark.parametrize("state", ["FAILED", "UNKNOWN", "SETTLING"])
def test_a_state_that_is_not_wechats_is_unknown(state: str) -> None:
    assert read(micropay(trade_state=state)).state is State.UNKNOWN
    assert read(partner(trade_state=state)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("err_code", "state"),
    [
        ("USERPAYING", State.USERPAYING),
        ("SYSTEMERROR", State.UNKNOWN),
        ("BANKERROR", State.UNKNOWN),
        ("ORDERPAID", State.UNKNOWN),
        ("A_CODE_OF_TOMORROW", State.UNKNOWN),
        (None, State.UNKNOWN),
        ("NOTENOUGH", State.FAILED),
        ("NOTSUPORTCARD", State.FAILED),
        ("AUTH_CODE_INVALID", State.FAILED),
        ("TRADE_ERROR", State.FAILED),
    ],
)
def test_v2_failures_never_call_an_open_payment_failed(err_code: str | None, state: State) -> None:
    fields = {"return_code": "SUCCESS", "result_code": "FAIL", "mch_id": MCH} | (
        {"err_code": err_code} if err_code else {}
    )
    result = read(xml(fields))
    assert (result.state, result.err_code, result.source) == (state, err_code, Source.V2_FAILURE)


def test_return_code_fail_says_nothing_about_the_payment() -> None:
    assert read(xml({"return_code": "FAIL", "return_msg": "签名错误"})).state is State.UNKNOWN


@pytest.mark.parametrize(
    "body",
    ['{"code":"USERPAYING","message":"需要用户输入支付密码"}', partner(trade_state="USERPAYING", transaction_id=None)],
)
def test_v3_userpaying_in_both_shapes(body: str) -> None:
    assert read(body).state is State.USERPAYING


def test_sub_mch_id_and_sub_openid_need_not_be_there() -> None:
    result = read(micropay(sub_mch_id=None, sub_openid=None, sub_appid=None))
    assert result.sub_mch_id is None
    assert result.pairs == ((APPID, OPENID),)
    assert read(micropay(sub_appid=None)).pairs == ((APPID, OPENID),)  # an openid without its appid names nobody
    assert read(micropay(openid="", sub_openid="")).pairs == ()


def test_whitespace_mark_and_declaration_around_are_fine() -> None:
    assert read("\ufeff \r\n" + '<?xml version="1.0" encoding="GBK"?>' + micropay() + "\r\n") == read(micropay())
    assert read(micropay().encode()) == read(micropay())
    assert read(re.sub(r"(</\w+>)<", "\\1\n  <", micropay())) == read(micropay())


def test_a_store_hint_is_only_a_hint() -> None:
    assert read(micropay(device_info="x" * 65)).store_hint is None
    assert read(partner(scene_info="odd")).store_hint is None
    assert read(partner(scene_info={"store_info": [1]})).store_hint is None
