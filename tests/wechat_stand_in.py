"""The simulated WeChat of agent.demo for tests: it also answers v3, bills, certificates and cards, and misbehaves.

Like its base it checks and signs with code of its own, never with sync.wechat. `mischief` makes it answer as WeChat
must never be believed.
"""

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.demo.simulated_wechat import Answer, SimulatedWechat
from tests.wechat_signatures import WechatKeys


@dataclass
class WechatStandIn(WechatKeys, SimulatedWechat):
    """One merchant's WeChat. Orders, code owners and bills are what tests put there."""

    bills: dict[str, bytes] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    """Card code -> balance shown."""
    requests_seen: dict[str, Any] = field(default_factory=dict)
    """out_request_no -> body: the same twice must be the same."""
    certificates: list[tuple[str, bytes]] = field(default_factory=list)
    """(serial, PEM) that GET /v3/certificates gives."""
    hold: threading.Event = field(default_factory=threading.Event)
    """What slow answers wait for."""

    def __enter__(self) -> "WechatStandIn":
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        super().__exit__()

    # --- answers ----------------------------------------------------------------------------------------------------
    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Check one call strictly and answer it, or misbehave."""
        if self.mischief == "slow":
            self.hold.wait(20)
        if self.mischief == "down":
            return 503, {}, b"busy"
        if self.mischief == "garbage":
            return 200, {"Content-Type": "text/html"}, b"<html><body>login please</body></html>"
        if self.mischief == "endless":
            return 200, {}, b"x" * 400_000
        path = urlsplit(target).path
        if not path.startswith("/v3/"):
            return super().answer(method, target, headers, body)
        fault = self.fault(method, target, headers, body)
        if fault:
            self.refused.append(fault)
            return self._signed(401, {"code": "SIGN_ERROR", "message": fault})
        self.calls.append(f"{method} {path}")
        if self.mischief.startswith("refuse:"):
            code, status = self.mischief.removeprefix("refuse:").split("/")
            return self._signed(int(status), {"code": code, "message": "不行"})
        return self._v3(method, target, body)

    # --- v2 ---------------------------------------------------------------------------------------------------------
    def said(self, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        """What v2 says, or a refusal, or another amount."""
        if self.mischief.startswith("refuse:"):
            code = self.mischief.removeprefix("refuse:").split("/")[0]
            return {"result_code": "FAIL", "err_code": code, "err_code_des": "不行"}
        found = super().said(path, fields)
        if self.mischief == "altered_amount" and "total_fee" in found:
            total = str(int(found["total_fee"]) + 1)
            found |= {"total_fee": total, "cash_fee": total}
        return found

    def signed(self, said: dict[str, str], sign_type: str) -> bytes:
        """A v2 answer that is not WeChat's, in one of many ways."""
        if self.mischief == "other_merchant":
            said = said | {"mch_id": "1900000777"}
        content = super().signed(said, sign_type)
        sign = content.partition(b"<sign><![CDATA[")[2].partition(b"]")[0]
        if self.mischief == "wrong_signature":
            content = content.replace(sign, sign[::-1])
        if self.mischief == "lower_case_signature":
            content = content.replace(sign, sign.lower())
        if self.mischief == "no_signature":
            content = content.replace(b"<sign><![CDATA[" + sign + b"]]></sign>", b"")
        if self.mischief == "xml_entity":
            content = b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + content.replace(b"OK", b"&a;")
        if self.mischief == "twice":
            content = content.replace(b"</xml>", b"<openid>oSomebodyElse</openid><openid>oTwo</openid></xml>")
        return content

    # --- v3 -----------------------------------------------------------------------------------------------------------
    def _v3(self, method: str, target: str, body: bytes) -> Answer:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path.startswith("/v3/pay/"):
            return self._order(path.rsplit("/", 1)[1], query)
        if path == "/v3/bill/tradebill":
            return self._bill(query["bill_date"][0])
        if path == "/v3/billdownload/file":
            content = self.bills[query["token"][0]]
            return 200, {"Content-Encoding": "gzip"}, gzip.compress(content)
        if path == "/v3/certificates":
            return self._signed(200, {"data": [self.certificate(*one) for one in self.certificates]})
        if "/membercard-open/" in path or "/card-member/" in path:
            return self._card(method, path, json.loads(body))
        return self._signed(404, {"code": "RESOURCE_NOT_EXISTS", "message": "没有"})

    def transaction(self, transaction_id: str) -> dict[str, Any]:
        """An order as v3 writes it, in partner mode."""
        order = self.orders[transaction_id]
        total = order["total"] + (1 if self.mischief == "altered_amount" else 0)
        return {
            "sp_appid": self.appid, "sp_mchid": self.mch_id, "sub_appid": self.sub_appid,
            "sub_mchid": order["sub_mch_id"], "out_trade_no": order["out_trade_no"], "transaction_id": transaction_id,
            "trade_type": "MICROPAY", "trade_state": order["state"], "trade_state_desc": "支付成功",
            "success_time": "2026-09-21T09:00:43+08:00",
            "payer": {"sp_openid": order["openid"], "sub_openid": order["sub_openid"]},
            "amount": {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"},
        }  # fmt: skip

    def _order(self, transaction_id: str, query: dict[str, list[str]]) -> Answer:
        order = self.orders.get(transaction_id)
        asked = (query.get("sp_mchid"), query.get("sub_mchid"))
        if order is None or asked != ([self.mch_id], [order["sub_mch_id"]]):
            return self._signed(404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})
        said = self.transaction(transaction_id)
        if self.mischief == "other_order":
            said |= {"transaction_id": "4200000000000000000000000001"}
        return self._signed(200, said)

    def _bill(self, day: str) -> Answer:
        if day not in self.bills:
            return self._signed(400, {"code": "NO_STATEMENT_EXIST", "message": "账单文件不存在"})
        digest = hashlib.sha1(self.bills[day]).hexdigest()  # noqa: S324 - WeChat's choice
        host = "https://evil.example.com" if self.mischief == "other_host" else self.url
        said = {"hash_type": "SHA1", "hash_value": digest, "download_url": f"{host}/v3/billdownload/file?token={day}"}
        if self.mischief == "wrong_hash":
            said["hash_value"] = "0" * 40
        return self._signed(200, said)

    def _card(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        if path.endswith("/qrcode"):
            return self._signed(200, {"url": f"https://qr.example.com/{path.split('/')[5]}?o={body['outer_str']}"})
        earlier = self.requests_seen.setdefault(body["out_request_no"], body)
        if earlier != body:
            return self._signed(400, {"code": "PARAM_ERROR", "message": "out_request_no was used otherwise"})
        if path.endswith("/user-points/sync"):
            self.points[body["user_card_code"]] = body["point_balance"]
            return self._signed(200, {"point_balance": body["point_balance"]})
        if method != "PATCH" or body["add_bonus_value"] != body["bonus_value"] - body["before_bonus_value"]:
            return self._signed(400, {"code": "PARAM_ERROR", "message": "bonus"})
        self.points[path.split("/")[7]] = body["bonus_value"]
        return self._signed(204, None)

    def _signed(self, status: int, said: dict[str, Any] | None) -> Answer:
        content = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        headers = self.headers(content)
        if self.mischief == "no_signature":
            headers = {}
        if self.mischief == "altered_body":
            content += b" "
        return status, {"Content-Type": "application/json", **headers}, content

    def notice(self, transaction_id: str, notice_id: str = "EV-1", **changes: Any) -> bytes:
        """A notification's body about an order; sign it with headers()."""
        plain = json.dumps({**self.transaction(transaction_id), **changes}, ensure_ascii=False).encode()
        sealed = AESGCM(self.v3_key.encode()).encrypt(b"wCq51qZv4Yfg", plain, b"transaction")
        resource = {"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "nonce": "wCq51qZv4Yfg"}
        resource |= {"associated_data": "transaction", "ciphertext": base64.b64encode(sealed).decode()}
        envelope = {"id": notice_id, "create_time": "2026-09-21T09:00:44+08:00", "resource_type": "encrypt-resource"}
        envelope |= {"event_type": "TRANSACTION.SUCCESS", "summary": "支付成功"}
        return json.dumps({**envelope, "resource": resource}, ensure_ascii=False).encode()
