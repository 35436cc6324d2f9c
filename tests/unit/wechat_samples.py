"""Synthetic WeChat answers for tests, after the vectors in facts/wechat.md G.2. The ids are nobody's."""

import json
from typing import Any

import pytest

from agent.domain.errors import Refusal
from agent.wording import SENTENCES
from sync.wechat.results import read

OPENID = "oUpF8uN95-Ptaags6E_roPHg7AG0"
SUB_OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
APPID, SUB_APPID = "wx8888888888888888", "wxd678efh567hg6999"
MCH, SUB_MCH = "1900000109", "1900000100"
CANARY = "oCANARY_openid_that_must_never_show"
TRANSACTION = "1008450740201411110005820873"

MICROPAY: dict[str, str] = {
    "return_code": "SUCCESS", "return_msg": "OK", "appid": APPID, "mch_id": MCH, "sub_mch_id": SUB_MCH,
    "sub_appid": SUB_APPID, "device_info": "SZTX001-02", "nonce_str": "GOp3TRyMXzbMlkun", "result_code": "SUCCESS",
    "openid": OPENID, "is_subscribe": "N", "sub_openid": SUB_OPENID, "sub_is_subscribe": "N",
    "trade_type": "MICROPAY", "bank_type": "CCB_DEBIT", "fee_type": "CNY", "total_fee": "888",
    "settlement_total_fee": "788", "coupon_fee": "100", "cash_fee": "788", "cash_fee_type": "CNY",
    "transaction_id": TRANSACTION, "out_trade_no": "1217752501201407033233368018", "attach": "",
    "time_end": "20141111170043",
}  # fmt: skip

PARTNER: dict[str, Any] = {
    "sp_appid": APPID, "sp_mchid": MCH, "sub_appid": SUB_APPID, "sub_mchid": SUB_MCH,
    "out_trade_no": "1217752501201407033233368018", "transaction_id": TRANSACTION, "trade_type": "MICROPAY",
    "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "CMC", "attach": "自定义数据",
    "success_time": "2018-06-08T10:34:56+08:00", "payer": {"sp_openid": OPENID, "sub_openid": SUB_OPENID},
    "amount": {"total": 888, "payer_total": 788, "currency": "CNY", "payer_currency": "CNY"},
    "scene_info": {"device_id": "013467007045764", "store_info": {"out_id": "A1111"}},
}  # fmt: skip


def xml(fields: dict[str, str]) -> str:
    """Write fields as WeChat does: texts in CDATA."""
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>"


def micropay(**changes: str | None) -> str:
    """A v2 micropay answer; None drops a field."""
    return xml({name: value for name, value in (MICROPAY | changes).items() if value is not None})


def partner(**changes: Any) -> str:
    """A v3 partner answer; None drops a field."""
    return json.dumps({name: value for name, value in (PARTNER | changes).items() if value is not None})


def refused(raw: str | bytes, code: str = "WECHAT_RESULT_UNREADABLE") -> Refusal:
    """Read what must be refused; the refusal has a hint, and a sentence for the cashier."""
    with pytest.raises(Refusal) as caught:
        read(raw)
    assert caught.value.code == code
    assert caught.value.hint
    assert code in SENTENCES
    return caught.value
