"""A simulated WeChat Pay on loopback: real HTTP, real signatures, as strict as WeChat itself; no money moves.

Started by agent.demo.run, so that headquarters really asks whose a payment code is and whether a sale was paid;
tests/wechat_stand_in.py adds v3, bills and misbehaviour. It checks and signs with code of its own, never with
sync.wechat: what both would get wrong alike would pass unseen. Source: facts/wechat.md A and B.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from defusedxml.ElementTree import fromstring

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
_ASKED: Final = frozenset({"appid", "mch_id", "sub_mch_id", "sub_appid", "nonce_str", "sign", "sign_type"})
_PATHS: Final = {"/tools/authcodetoopenid": "auth_code", "/pay/orderquery": "transaction_id"}
_CODE: Final = re.compile("1[0-5][0-9]{16}")
CODE_S: Final = 60
"""How long a payment code is good."""


@dataclass
class SimulatedWechat:
    """One service provider's WeChat with one sub-merchant: who pays by which code, and what was paid."""

    mch_id: str
    appid: str
    sub_mch_id: str
    sub_appid: str
    v2_key: str
    now_s: Callable[[], int]
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Payment code -> (openid, sub_openid)."""
    ends_s: dict[str, int] = field(default_factory=dict)
    """When a code ends; one that is not named here stays."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """transaction_id -> out_trade_no, total, state, openid, sub_openid, sub_mch_id."""
    calls: list[str] = field(default_factory=list)
    """Method and path of every call that was signed rightly."""
    refused: list[str] = field(default_factory=list)
    """Why calls were refused."""
    nonces: set[str] = field(default_factory=set)

    # --- life -------------------------------------------------------------------------------------------------------
    def __enter__(self) -> "SimulatedWechat":
        simulated = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Be quiet."""

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = simulated.answer(self.command, self.path, dict(self.headers.items()), body)
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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- the customer's phone, and the charge -----------------------------------------------------------------------
    def show(self, code: str, openid: str, sub_openid: str) -> str:
        """A customer's phone shows this payment code from now on, for a minute; the code."""
        self.codes[code] = (openid, sub_openid)
        self.ends_s[code] = self.now_s() + CODE_S
        return code

    def charge(self, code: str, transaction_id: str, out_trade_no: str, total_fen: int) -> tuple[str, str]:
        """A POS charges a code, which is used up by it: (openid, sub_openid) of who paid. KeyError: no such code."""
        openid, sub_openid = self.codes.pop(code)
        self.orders[transaction_id] = {
            "out_trade_no": out_trade_no, "total": total_fen, "state": "SUCCESS", "openid": openid,
            "sub_openid": sub_openid, "sub_mch_id": self.sub_mch_id,
        }  # fmt: skip
        return openid, sub_openid

    # --- answers ----------------------------------------------------------------------------------------------------
    def answer(self, method: str, target: str, _headers: dict[str, str], body: bytes) -> Answer:
        """Check one call strictly and answer it."""
        path = urlsplit(target).path
        if path not in _PATHS:
            return 404, {}, b""
        fields = {one.tag: one.text or "" for one in fromstring(body)}
        fault = self._fault(method, path, fields)
        self.nonces.add(fields.get("nonce_str", ""))
        if fault:
            self.refused.append(fault)
            return 200, {}, xml({"return_code": "FAIL", "return_msg": fault})
        self.calls.append(f"{method} {path}")
        said = {"return_code": "SUCCESS", "return_msg": "OK", "appid": self.appid, "mch_id": self.mch_id}
        said |= {"nonce_str": "H2UV9r7xzz0G16va"} | self.said(path, fields)
        return 200, {"Content-Type": "text/xml"}, self.signed(said, fields.get("sign_type", "MD5"))

    def _fault(self, method: str, path: str, fields: Mapping[str, str]) -> str:
        """What is wrong with a call; "" when nothing is."""
        if method != "POST":
            return "method"
        if set(fields) - _ASKED - {_PATHS[path]}:
            return "fields"
        if not 1 <= len(fields.get("nonce_str", "")) <= 32:
            return "nonce"
        if fields["nonce_str"] in self.nonces:
            return "replay"
        if (fields.get("appid"), fields.get("mch_id")) != (self.appid, self.mch_id):
            return "appid or mch_id"
        if fields.get("sign") != v2_sign(fields, self.v2_key, fields.get("sign_type")):
            return "签名错误"
        return ""

    def said(self, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        """What a rightly signed call is told."""
        sub = {"sub_mch_id": fields["sub_mch_id"]} if "sub_mch_id" in fields else {}
        if path == "/tools/authcodetoopenid":
            return self._owner(fields.get("auth_code", "")) | sub
        order = self.orders.get(fields.get("transaction_id", ""))
        if order is None or order["sub_mch_id"] != fields.get("sub_mch_id", ""):
            return _failed("ORDERNOTEXIST", "订单不存在")
        return {
            "result_code": "SUCCESS", "trade_state": order["state"], "trade_type": "MICROPAY",
            "openid": order["openid"], "sub_appid": self.sub_appid, "sub_openid": order["sub_openid"],
            "total_fee": str(order["total"]), "cash_fee": str(order["total"]), "attach": "",
            "transaction_id": fields["transaction_id"], "out_trade_no": order["out_trade_no"],
            "time_end": "20260921090043", **sub,
        }  # fmt: skip

    def _owner(self, code: str) -> dict[str, str]:
        if not _CODE.fullmatch(code) or code not in self.codes:
            return _failed("AUTH_CODE_INVALID", "付款码无效")
        if self.now_s() >= self.ends_s.get(code, self.now_s() + 1):
            return _failed("AUTHCODEEXPIRE", "二维码已过期，请用户在微信上刷新后再试")
        openid, sub_openid = self.codes[code]
        return {"result_code": "SUCCESS", "openid": openid, "sub_appid": self.sub_appid, "sub_openid": sub_openid}

    def signed(self, said: dict[str, str], sign_type: str) -> bytes:
        """An answer as it is sent."""
        return xml(said | {"sign": v2_sign(said, self.v2_key, sign_type)})


def v2_sign(fields: Mapping[str, str], key: str, sign_type: str | None = "MD5") -> str:
    """The signature of v2 over all fields that are not empty; the official vector (facts/wechat.md G.1):

    >>> asked = {"appid": "wxd930ea5d5a258f4f", "mch_id": "10000100", "device_info": "1000", "body": "test"}
    >>> v2_sign(asked | {"nonce_str": "ibuaiVcKdpRxkhJA", "attach": ""}, "192006250b4c09247ec02edce69f6a2d")
    '9A0A8659F005D6984697E2CA0A9CF3B7'
    """
    given = sorted((name, value) for name, value in fields.items() if value and name != "sign")
    text = "&".join(f"{name}={value}" for name, value in [*given, ("key", key)]).encode()
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), text, "sha256").hexdigest().upper()
    return hashlib.md5(text).hexdigest().upper()  # noqa: S324 - WeChat's choice


def xml(fields: Mapping[str, str]) -> bytes:
    """Write fields as WeChat does: texts in CDATA."""
    return f"<xml>{''.join(f'<{name}><![CDATA[{value}]]></{name}>' for name, value in fields.items())}</xml>".encode()


def _failed(code: str, why: str) -> dict[str, str]:
    return {"result_code": "FAIL", "err_code": code, "err_code_des": why}
