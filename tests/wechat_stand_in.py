"""WeChat Pay on loopback, for tests: real HTTP, strict about our signatures, and able to misbehave.

It checks and signs with code of its own (and wechatpy's for v2), never with sync.wechat: what both would get wrong
alike would pass unseen. `mischief` makes it answer as WeChat must never be believed.
"""

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from defusedxml.ElementTree import fromstring
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac

from tests.wechat_signatures import WechatKeys, xml

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class WechatStandIn(WechatKeys):
    """One merchant's WeChat. Orders, code owners and bills are what tests put there."""

    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Payment code -> (openid, sub_openid)."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """transaction_id -> out_trade_no, total, state, openid, sub_openid, sub_mch_id."""
    bills: dict[str, bytes] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    """Card code -> balance shown."""
    requests_seen: dict[str, Any] = field(default_factory=dict)
    """out_request_no -> body: the same twice must be the same."""
    certificates: list[tuple[str, bytes]] = field(default_factory=list)
    """(serial, PEM) that GET /v3/certificates gives."""
    calls: list[str] = field(default_factory=list)
    """Method and path of every call that was signed rightly."""
    refused: list[str] = field(default_factory=list)
    """Why calls were refused."""

    hold: threading.Event = field(default_factory=threading.Event)
    """What slow answers wait for."""

    # --- life -------------------------------------------------------------------------------------------------------
    def __enter__(self) -> "WechatStandIn":
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Be quiet."""

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = stand_in.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the library's names

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A caller that gave up is no error of ours."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

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
            return self._v2(method, path, body)
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
    def _v2(self, method: str, path: str, body: bytes) -> Answer:
        fields = {one.tag: one.text or "" for one in fromstring(body)}
        hmac = fields.get("sign_type") == "HMAC-SHA256"
        sign = calculate_signature_hmac if hmac else calculate_signature
        known = {"appid", "mch_id", "sub_mch_id", "sub_appid", "auth_code", "transaction_id", "nonce_str", "sign"}
        wanted = sign({name: value for name, value in fields.items() if name != "sign"}, self.v2_key)
        faults = [
            *(["method"] if method != "POST" else []),
            *(["fields"] if set(fields) - known - {"sign_type"} else []),
            *(["nonce"] if not 1 <= len(fields.get("nonce_str", "")) <= 32 else []),
            *(["replay"] if fields.get("nonce_str") in self.nonces else []),
            *(["签名错误"] if fields.get("sign") != wanted else []),
        ]
        self.nonces.add(fields.get("nonce_str", ""))
        if faults:
            self.refused.append(faults[0])
            return 200, {}, xml({"return_code": "FAIL", "return_msg": faults[0]})
        self.calls.append(f"{method} {path}")
        said = {"return_code": "SUCCESS", "return_msg": "OK", "appid": self.appid, "mch_id": self.mch_id}
        said |= {"nonce_str": "H2UV9r7xzz0G16va"}
        if self.mischief.startswith("refuse:"):
            code = self.mischief.removeprefix("refuse:").split("/")[0]
            said |= {"result_code": "FAIL", "err_code": code, "err_code_des": "不行"}
        else:
            said |= self._v2_said(path, fields)
        return self._v2_signed(said, sign)

    def _v2_said(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        sub = {"sub_mch_id": fields["sub_mch_id"]} if "sub_mch_id" in fields else {}
        if path == "/tools/authcodetoopenid":
            if fields["auth_code"] not in self.codes:
                return {"result_code": "FAIL", "err_code": "AUTH_CODE_INVALID", "err_code_des": "付款码无效"}
            openid, sub_openid = self.codes[fields["auth_code"]]
            return {
                "result_code": "SUCCESS", "openid": openid, "sub_appid": self.sub_appid, "sub_openid": sub_openid, **sub
            }  # fmt: skip
        order = self.orders.get(fields.get("transaction_id", ""))
        if path != "/pay/orderquery" or order is None or order["sub_mch_id"] != fields.get("sub_mch_id", ""):
            return {"result_code": "FAIL", "err_code": "ORDERNOTEXIST", "err_code_des": "订单不存在"}
        total = order["total"] + (1 if self.mischief == "altered_amount" else 0)
        return {
            "result_code": "SUCCESS", "trade_state": order["state"], "trade_type": "MICROPAY",
            "openid": order["openid"], "sub_appid": self.sub_appid, "sub_openid": order["sub_openid"],
            "total_fee": str(total), "cash_fee": str(total), "transaction_id": fields["transaction_id"],
            "out_trade_no": order["out_trade_no"], "time_end": "20260921090043", "attach": "", **sub,
        }  # fmt: skip

    def _v2_signed(self, said: dict[str, str], sign: Callable[[dict[str, str], str], str]) -> Answer:
        if self.mischief == "other_merchant":
            said = said | {"mch_id": "1900000777"}
        signed = said | {"sign": sign({name: value for name, value in said.items() if value}, self.v2_key)}
        if self.mischief == "wrong_signature":
            signed["sign"] = signed["sign"][::-1]
        if self.mischief == "lower_case_signature":
            signed["sign"] = signed["sign"].lower()
        if self.mischief == "no_signature":
            del signed["sign"]
        content = xml(signed)
        if self.mischief == "xml_entity":
            content = b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + content.replace(b"OK", b"&a;")
        if self.mischief == "twice":
            content = content.replace(b"</xml>", b"<openid>oSomebodyElse</openid><openid>oTwo</openid></xml>")
        return 200, {"Content-Type": "text/xml"}, content

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
