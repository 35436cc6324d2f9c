"""Opening a notification: the official-form vector, and any bytes at all (G.2, G.3; hypothesis)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from sync.wechat import flat_xml, notice, strict_json
from sync.wechat.states import State

KEY = b"0123456789abcdef0123456789abcdef"
VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "cases" / "wechat_vectors.json").read_text())
BODY = VECTORS["nb"].encode()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def sealed(plain: bytes, **changes: Any) -> bytes:
    """A notification whose resource holds `plain`."""
    secret = AESGCM(KEY).encrypt(b"wCq51qZv4Yfg", plain, b"transaction")
    resource = {
        "algorithm": "AEAD_AES_256_GCM", "nonce": "wCq51qZv4Yfg", "associated_data": "transaction",
        "ciphertext": base64.b64encode(secret).decode(),
    }  # fmt: skip
    return json.dumps({"id": "EV-1", "event_type": notice.PAID, "resource": resource} | changes).encode()


def outcome(body: bytes) -> str:
    """The code a body is refused with; "" when it is read."""
    try:
        notice.read(body, KEY)
    except Refusal as refusal:
        return refusal.code
    return ""


def test_the_vector_is_opened() -> None:
    found = notice.read(BODY, KEY)
    assert (found.notice_id, found.event_type) == ("EV-2018022511223320873", "TRANSACTION.SUCCESS")
    assert found.paid is not None
    assert (found.paid.state, found.paid.total_fen, found.paid.sub_mch_id) == (State.SUCCESS, 100, "1900000109")
    assert "oUpF8u" not in repr(found), "who paid shows in no log"


def test_a_notification_of_another_kind_is_known_by_name_only() -> None:
    found = notice.read(sealed(b'{"openid":"oA"}', event_type="MEMBERCARD.ACCEPT_CARD"), KEY)
    assert (found.event_type, found.paid) == ("MEMBERCARD.ACCEPT_CARD", None)


@pytest.mark.parametrize("key", [b"1123456789abcdef0123456789abcdef"])
def test_another_key_opens_nothing(key: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        notice.read(BODY, key)
    assert caught.value.code == "WECHAT_RESOURCE_UNREADABLE"


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(body: bytes) -> None:
    assert outcome(body) == "WECHAT_RESOURCE_UNREADABLE"


@given(_JSON)
def test_any_json_sealed_rightly_is_a_transaction_or_refused(value: object) -> None:
    plain = json.dumps(value).encode()
    assert outcome(sealed(plain)) in ("WECHAT_RESULT_UNREADABLE", "WECHAT_RESULT_ENCRYPTED")


@given(st.sampled_from(["id", "event_type", "resource"]), _JSON)
def test_any_field_may_be_anything(name: str, value: object) -> None:
    body = sealed(VECTORS["pt"].encode(), **{name: value})
    assert outcome(body) in ("", "WECHAT_RESOURCE_UNREADABLE")


@given(st.text(max_size=120) | st.text("<>xml/&;![]CDATA\"'a=", max_size=60).map(lambda inner: f"<xml>{inner}</xml>"))
def test_any_text_is_flat_xml_or_not(text: str) -> None:
    try:
        fields = flat_xml.read(text)
    except flat_xml.NotFlat:
        return
    again = flat_xml.read(flat_xml.write(fields).decode())
    assert {name: value.replace("\r", "\n") for name, value in again.items()} == {
        name: value.replace("\r", "\n") for name, value in fields.items()
    }


@given(st.text(max_size=120) | st.text('{}[]":,0123456789.eE-+ntf', max_size=60))
def test_any_text_is_strict_json_or_not(text: str) -> None:
    try:
        value = strict_json.read(text)
    except strict_json.NotStrict:
        return
    assert json.loads(text) == value
