"""wechatpy (v2) and wechatpayv3 (v3), which others wrote, agree with sync.wechat.

They are asked for signatures, encryption and canonical texts only: elsewhere they are weak (facts/wechat.md F).
"""

import json

from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from wechatpayv3.utils import aes_decrypt, build_authorization, rsa_verify
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac, dict_to_xml

from agent.demo.simulated_wechat import v2_sign
from sync.wechat import flat_xml, v2, v3
from sync.wechat.account import private_key
from tests.wechat_stand_in import WechatStandIn

KEY = "192006250b4c09247ec02edce69f6a2d"
_NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12).filter(
    lambda name: name[0] != "_" and name not in ("sign", "key", "xml")
)
_VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), min_size=1, max_size=30)
_FIELDS = st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=8)


@given(_FIELDS)
def test_wechatpy_signs_alike(fields: dict[str, str]) -> None:
    assert calculate_signature(fields, KEY) == v2.sign(fields, KEY, "MD5")
    assert calculate_signature_hmac(fields, KEY) == v2.sign(fields, KEY, "HMAC-SHA256")
    assert calculate_signature(fields, KEY) == v2_sign(fields, KEY), "the simulated WeChat's own code"
    assert calculate_signature_hmac(fields, KEY) == v2_sign(fields, KEY, "HMAC-SHA256")


@given(_FIELDS)
def test_what_wechatpy_writes_is_read_and_what_we_write_comes_back(fields: dict[str, str]) -> None:
    sign = v2.sign(fields, KEY, "MD5")
    plain = {name: value for name, value in fields.items() if "]]>" not in value}
    written = dict_to_xml(plain, sign)
    read = flat_xml.read(written)
    assert read == {**plain, "sign": sign}
    assert flat_xml.read(flat_xml.write(fields).decode()) == fields


def test_wechatpayv3_accepts_our_signature_and_writes_the_same_header() -> None:
    wechat = WechatStandIn()
    key = private_key(wechat.merchant_pem.encode())
    body = json.dumps({"out_request_no": "1", "说": "茶"}, ensure_ascii=False)
    theirs = build_authorization(
        "/v3/x?a=1", "POST", wechat.mch_id, wechat.serial, wechat.merchant, data=body, nonce_str="N" * 32
    )
    parts = dict(part.split("=", 1) for part in theirs.split(" ", 1)[1].split(","))
    at_s = int(parts["timestamp"].strip('"'))
    message = v3.request_message("POST", "/v3/x?a=1", at_s, "N" * 32, body.encode())
    ours = v3.authorization(wechat.mch_id, wechat.serial, "N" * 32, at_s, v3.sign(key, message))
    assert theirs.split(" ", 1)[0] == ours.split(" ", 1)[0]
    assert parts == dict(part.split("=", 1) for part in ours.split(" ", 1)[1].split(","))


def test_wechatpayv3_verifies_what_we_verify() -> None:
    wechat = WechatStandIn()
    body = '{"a":"茶"}'
    headers = wechat.headers(body.encode())
    signed = [headers[f"Wechatpay-{name}"] for name in ("Timestamp", "Nonce", "Signature")]
    assert rsa_verify(signed[0], signed[1], body, signed[2], wechat.wechat.public_key())
    v3.verify(
        {wechat.wechat_serial: wechat.wechat.public_key()},
        v3.SignedBy(wechat.wechat_serial, *signed),
        body.encode(),
        now_s=int(signed[0]),
    )
    other = rsa.generate_private_key(65537, 2048).public_key()
    assert not rsa_verify(signed[0], signed[1], body, signed[2], other)


def test_wechatpayv3_opens_what_we_open() -> None:
    wechat = WechatStandIn()
    wechat.orders["42"] = {
        "out_trade_no": "o1", "total": 5, "state": "SUCCESS", "openid": "oA", "sub_openid": "oB", "sub_mch_id": "19",
    }  # fmt: skip
    resource = json.loads(wechat.notice("42"))["resource"]
    parts = {name: resource[name] for name in ("nonce", "ciphertext", "associated_data")}
    assert aes_decrypt(apiv3_key=wechat.v3_key, **parts).encode() == v3.decrypt(wechat.v3_key.encode(), **parts)
