"""WeChat's signatures against official and recomputed vectors (facts/wechat.md G.1, G.2) and their negatives (G.3)."""

import base64
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.domain.errors import Refusal
from sync.wechat import v2, v3

OURS = Path(__file__).parent.parent / "cases" / "wechat_vectors.json"
SHARED = Path(__file__).parents[3] / "shared" / "cases" / "wechat_vectors.json"
FILES = [path for path in (OURS, SHARED) if path.exists()]
KEY = "192006250b4c09247ec02edce69f6a2d"
TS, NONCE = 1554208460, "593BEC0C930BF1AFEB40B4A08C8FB242"
V3_KEY = b"0123456789abcdef0123456789abcdef"

DEMO_PEM = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptpm+qvIDCh/9wjU26SQ
CK26ogYkBhDrYxnAaw2JbbBsp1oDbHKk+1r381NeBUG2HEFAuU+Fr72u5ot3yKdz
oF/FajAzQNKnm569/D3upKoi8mYBaST15Uig8j8qoUW1U217LL0jEHlSnHV3lcaD
TXqDpTRR4Bfz9IqOgJgFZ8/oTfEomSrjrLYef81Eyxr7ZIMQXEKKEK7V4UXKS0+/
fDsiG/cXidhzt8UbTL9vqXqxM2+IDImyO+FAc/tkBG55LmzxPto1Nq0WbnZzRM/w
Tzrd0I/8NlevxtFbphg4evlHjFNI7+GrqR87ViEwuAJJ9Je5QQjct5YJfFRWiZ5C
MQIDAQAB
-----END PUBLIC KEY-----
"""
WECHAT_PEM = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwXNI6sdlknHBnK8Fu2U6
Cwor9qY747jP8KAfeBMeveEt1TqaHkLfaSD07trZLhGpfs8/AHqjhgSMO1O10YQW
OrrJ4hjIWPKqxbgrYMkBQc+mwdiWp4W3ByCqxBRagCveCXRWCmuJYovl9H/bsDI0
iGbpVtEOghJtfciisYSgxcLufUDTRkvwxjIBK1pCRjk33jJ5YTBWTHMRtMAOcFLN
F6hdEYdX8SPsgHHeLZ5Lv2T/686w1xtgCHef/sd4uSfWmyzsalQdHG/e4IyYmrhx
+O3VBoNDzE3nx23bFeV/RVNCG7cV6VhmYokJNHa/erIPkEmEFID6A5wQOXuxUkmJ
WwIDAQAB
-----END PUBLIC KEY-----
"""
OFFICIAL_SIGNATURE = (
    "mfI1CPqvBrgcXfgXMFjdNIhBf27ACE2YyeWsWV9ZI7T7RU0vHvbQpu9Z32ogzc+k8ZC5n3kz7h70eWKjgqNdKQF0eRp8mVKlmfzMLBVHbssB9jEZEDXT"
    "hOX1XFqX7s7ymia1hoHQxQagPGzkdWxtlZPZ4ZPvr1RiqkgAu6Is8MZgXXrRoBKqjmSdrP1N7uxzJ/cjfSiis9FiLjuADoqmQ1P7p2N876YPAol7Rn0+"
    "GswwAwxldbdLrmVSjfytfSBJFqTMHn4itojgxSWWN1byuckQt8hSTEv/Lg97QoeGniYP17T80pJeQyL3b+295FPHSO2AtvCgyIbKMZ0BALilAA=="
)
OFFICIAL_BODY = b'{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}'
OFFICIAL_TS = 1722850421


def public_key(pem: bytes) -> RSAPublicKey:
    key = load_pem_public_key(pem)
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.fixture(params=FILES, ids=lambda path: str(path.parent.parent.name))
def vectors(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(request.param).read_text())
    return loaded


# --- v2 -------------------------------------------------------------------------------------------------------------
OFFICIAL_V2 = {
    "appid": "wxd930ea5d5a258f4f",
    "body": "test",
    "device_info": "1000",
    "mch_id": "10000100",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}


def test_official_v2_vector() -> None:
    assert v2.sign(OFFICIAL_V2, KEY, "MD5") == "9A0A8659F005D6984697E2CA0A9CF3B7"
    assert (
        v2.sign(OFFICIAL_V2, KEY, "HMAC-SHA256") == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    )


def test_recomputed_v2_vectors(vectors: dict[str, Any]) -> None:
    hmac_request = vectors["req"] | {"sign_type": "HMAC-SHA256"}
    assert v2.sign(vectors["req"], KEY, "MD5") == vectors["reqmd5"]
    assert v2.sign(hmac_request, KEY, "HMAC-SHA256") == vectors["reqhm"]
    assert v2.sign(vectors["rs"], KEY, "MD5") == vectors["rsmd5"]
    assert v2.sign(vectors["rs"], KEY, "HMAC-SHA256") == vectors["rshm"]
    assert v2.sign(vectors["up"], KEY, "MD5") == vectors["upmd5"]
    assert v2.sign(vectors["ao"], KEY, "MD5") == vectors["aomd5"]


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
def test_v2_verification_and_its_negatives(sign_type: Literal["MD5", "HMAC-SHA256"]) -> None:
    other: Literal["MD5", "HMAC-SHA256"] = "HMAC-SHA256" if sign_type == "MD5" else "MD5"
    fields = OFFICIAL_V2 | {"attach": "", "a_field_of_tomorrow": "1"}
    sign = v2.sign(fields, KEY, sign_type)
    assert v2.verify(fields | {"sign": sign}, KEY, sign_type)
    assert not v2.verify(fields, KEY, sign_type)
    assert not v2.verify(fields | {"sign": ""}, KEY, sign_type)
    assert not v2.verify(fields | {"sign": sign.lower()}, KEY, sign_type)
    assert not v2.verify(fields | {"sign": v2.sign(fields, KEY, other)}, KEY, sign_type)
    assert not v2.verify(fields | {"sign": "签\ud800"}, KEY, sign_type)
    assert not v2.verify(fields | {"sign": sign, "body": "tesT"}, KEY, sign_type)
    assert not v2.verify(fields | {"sign": sign, "one_more": "1"}, KEY, sign_type)
    assert not v2.verify({"return_code": "FAIL", "return_msg": "x"}, KEY, sign_type)


def test_v2_never_signs_without_a_key() -> None:
    with pytest.raises(ValueError, match="API key"):
        v2.sign(OFFICIAL_V2, "", "MD5")


# --- v3 -------------------------------------------------------------------------------------------------------------
def accepts(key: RSAPublicKey, message: bytes, signature: str) -> None:
    key.verify(base64.b64decode(signature), message, PKCS1v15(), SHA256())


def test_v3_request_vectors(vectors: dict[str, Any]) -> None:
    demo = public_key(DEMO_PEM)
    accepts(demo, v3.request_message("GET", vectors["p"], TS, NONCE, b""), vectors["v3get"])
    codepay = "/v3/pay/partner/transactions/codepay"
    accepts(demo, v3.request_message("POST", codepay, TS, NONCE, vectors["body"].encode()), vectors["v3post"])


def test_v3_official_response_vector() -> None:
    keys = {"PUB_KEY_ID_1": public_key(WECHAT_PEM)}
    signed = v3.SignedBy("PUB_KEY_ID_1", str(OFFICIAL_TS), "d824f2e086d3c1df967785d13fcd22ef", OFFICIAL_SIGNATURE)
    v3.verify(keys, signed, OFFICIAL_BODY, now_s=OFFICIAL_TS)


def test_v3_notification_verifies_and_opens(vectors: dict[str, Any]) -> None:
    signed = v3.SignedBy("DEMO", str(TS), NONCE, vectors["nsig"])
    body = vectors["nb"].encode()
    v3.verify({"DEMO": public_key(DEMO_PEM)}, signed, body, now_s=TS)
    resource = json.loads(body)["resource"]
    plaintext = v3.decrypt(
        V3_KEY,
        nonce=resource["nonce"],
        associated_data=resource["associated_data"],
        ciphertext=resource["ciphertext"],
    )
    assert plaintext.decode() == vectors["pt"]


@pytest.mark.parametrize(("skew_s", "accepted"), [(0, True), (299, True), (-299, True), (300, False), (-300, False)])
def test_v3_window(skew_s: int, accepted: bool) -> None:
    key = generate_private_key(65537, 2048)
    body = b"{}"
    signed = v3.SignedBy("S", str(TS), NONCE, v3.sign(key, v3.response_message(str(TS), NONCE, body)))
    keys = {"S": key.public_key()}
    if accepted:
        v3.verify(keys, signed, body, now_s=TS + skew_s)
    else:
        with pytest.raises(Refusal, match="too far"):
            v3.verify(keys, signed, body, now_s=TS + skew_s)


@pytest.mark.parametrize(
    ("serial", "timestamp", "nonce", "signature", "body", "why"),
    [
        ("OTHER", None, None, None, None, "serial is unknown"),
        ("PUB_KEY_ID_OTHER", None, None, None, None, "serial is unknown"),
        (None, str(OFFICIAL_TS + 1), None, None, None, "does not match"),
        (None, "1722850421.0", None, None, None, "malformed"),
        (None, "１７２２８５０４２１", None, None, None, "malformed"),
        (None, None, "e824f2e086d3c1df967785d13fcd22ef", None, None, "does not match"),
        (None, None, "d824\n", None, None, "malformed"),
        (None, None, None, "WECHATPAY/SIGNTEST/" + OFFICIAL_SIGNATURE, None, "probe"),
        (None, None, None, "", None, "does not match"),
        (None, None, None, "签", None, "does not match"),
        (None, None, None, OFFICIAL_SIGNATURE[:-4], None, "does not match"),
        (None, None, None, None, OFFICIAL_BODY[:-1] + b"]", "does not match"),
        (None, None, None, None, OFFICIAL_BODY + b"\n", "does not match"),
    ],
)
def test_v3_negatives(
    serial: str | None, timestamp: str | None, nonce: str | None, signature: str | None, body: bytes | None, why: str
) -> None:
    signed = v3.SignedBy(
        serial or "K",
        timestamp or str(OFFICIAL_TS),
        nonce or "d824f2e086d3c1df967785d13fcd22ef",
        OFFICIAL_SIGNATURE if signature is None else signature,
    )
    with pytest.raises(Refusal, match=why) as refused:
        v3.verify({"K": public_key(WECHAT_PEM)}, signed, body or OFFICIAL_BODY, now_s=OFFICIAL_TS)
    assert refused.value.code == "WECHAT_SIGNATURE_REFUSED"
    assert refused.value.hint


def test_v3_decrypt_negatives(vectors: dict[str, Any]) -> None:
    good = {"nonce": "wCq51qZv4Yfg", "associated_data": "transaction", "ciphertext": vectors["ct"]}
    assert v3.decrypt(V3_KEY, **good).decode() == vectors["pt"]
    with pytest.raises(ValueError, match="32"):  # The SDK's own test vector has a 16-byte key: AES-128, never accepted.
        v3.decrypt(
            b"testAPIv3Key0000",
            nonce="wCq51qZv4Yfg",
            associated_data="Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8",
            ciphertext="FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC",
        )
    flipped = ("A" if vectors["ct"][0] != "A" else "B") + vectors["ct"][1:]
    for broken in ({"ciphertext": flipped}, {"ciphertext": "签"}, {"ciphertext": ""}, {"nonce": "short"},
                   {"nonce": "wCq51qZv4YfG"}, {"associated_data": "refund"}):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            v3.decrypt(V3_KEY, **(good | broken))
        assert refused.value.code == "WECHAT_RESOURCE_UNREADABLE"


def test_authorization_header() -> None:
    assert v3.authorization("1900007291", "408B", NONCE, TS, "c2ln") == (
        f'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="{NONCE}",signature="c2ln",'
        f'timestamp="{TS}",serial_no="408B"'
    )
