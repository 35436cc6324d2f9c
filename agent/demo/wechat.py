"""WeChat Pay as the demo's POS sees it: raw results in v2 XML and v3 JSON, with made-up ids. No network, no key.

Called by agent.demo.customers. The agent gets exactly such a text from a real POS and treats it the same.
"""

import json
from datetime import datetime
from xml.sax.saxutils import escape

from agent.demo.world import APPID, MCH_ID, SUB_APPID, SUB_MCH_ID


def v2_result(
    transaction_id: str, out_trade_no: str, total_fen: int, openid: str, sub_openid: str, at: datetime
) -> str:
    """A micropay answer (付款码支付, v2)."""
    fields = {
        "return_code": "SUCCESS",
        "return_msg": "OK",
        "appid": APPID,
        "mch_id": MCH_ID,
        "sub_mch_id": SUB_MCH_ID,
        "sub_appid": SUB_APPID,
        "nonce_str": "GOp3TRyMXzbMlkun",
        "result_code": "SUCCESS",
        "openid": openid,
        "is_subscribe": "N",
        "sub_openid": sub_openid,
        "sub_is_subscribe": "N",
        "trade_type": "MICROPAY",
        "bank_type": "CMB_DEBIT",
        "fee_type": "CNY",
        "total_fee": str(total_fen),
        "cash_fee": str(total_fen),
        "cash_fee_type": "CNY",
        "transaction_id": transaction_id,
        "out_trade_no": out_trade_no,
        "attach": "",
        "time_end": at.strftime("%Y%m%d%H%M%S"),
    }
    inner = "".join(f"<{name}><![CDATA[{escape(value)}]]></{name}>\n" for name, value in fields.items())
    return f"<xml>\n{inner}</xml>"


def v3_result(
    transaction_id: str, out_trade_no: str, total_fen: int, openid: str, sub_openid: str, at: datetime
) -> str:
    """A codepay answer (v3, service provider mode)."""
    answer = {
        "sp_appid": APPID,
        "sp_mchid": MCH_ID,
        "sub_appid": SUB_APPID,
        "sub_mchid": SUB_MCH_ID,
        "out_trade_no": out_trade_no,
        "transaction_id": transaction_id,
        "trade_type": "MICROPAY",
        "bank_type": "CMB_DEBIT",
        "success_time": at.strftime("%Y-%m-%dT%H:%M:%S+08:00"),
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "payer": {"sp_openid": openid, "sub_openid": sub_openid},
        "amount": {"total": total_fen, "payer_total": total_fen, "currency": "CNY", "payer_currency": "CNY"},
    }
    return json.dumps(answer, ensure_ascii=False)
