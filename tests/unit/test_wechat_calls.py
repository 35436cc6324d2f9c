"""Calls to WeChat over real HTTP against a stand-in that checks our signatures strictly and misbehaves (G.3)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.domain.errors import Refusal
from sync.wechat.account import Account, V3Keys, api_v3_key, base_url, private_key, public_key
from sync.wechat.failures import WechatRefused, WechatUnreachable, WechatUntrusted
from sync.wechat.results import WechatResult
from sync.wechat.states import Refused, State
from sync.wechat.v2_calls import CodeOwner
from tests.unit.wechat_world import CODE, OPENID, PAID, SUB_OPENID, account_of, ask, order
from tests.wechat_stand_in import WechatStandIn

SECRETS = (CODE, OPENID, SUB_OPENID)


@pytest.fixture(scope="module")
def one() -> Iterator[WechatStandIn]:
    with WechatStandIn() as wechat:
        yield wechat


@pytest.fixture
def wechat(one: WechatStandIn) -> WechatStandIn:
    one.mischief = ""
    one.calls.clear()
    one.refused.clear()
    one.hold.clear()
    one.certificates.clear()
    one.bills.clear()
    one.codes = {CODE: (OPENID, SUB_OPENID)}
    one.orders.clear()
    order(one)
    return one


def owner(wechat: WechatStandIn, account: Account | None = None, deadline_s: float = 5) -> CodeOwner:
    held = account or account_of(wechat)
    return ask(wechat, lambda v2, _: v2.owner_of(held, CODE, wechat.sub_mch_id, deadline_s=deadline_s))


def queried(wechat: WechatStandIn, version: int, account: Account | None = None, paid: str = PAID) -> WechatResult:
    held = account or account_of(wechat)
    return ask(
        wechat,
        lambda v2, v3: (v3 if version == 3 else v2).order(held, paid, wechat.sub_mch_id, deadline_s=5),
    )


# --- what goes well -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hmac", [False, True])
def test_a_payment_code_names_its_owner_the_brands_own_pair_first(wechat: WechatStandIn, hmac: bool) -> None:
    found = owner(wechat, account_of(wechat, hmac=hmac))
    assert found.pairs == ((wechat.sub_appid, SUB_OPENID), (wechat.appid, OPENID))
    assert wechat.calls == ["POST /tools/authcodetoopenid"]
    assert not any(secret in repr(found) for secret in SECRETS)


@pytest.mark.parametrize("version", [2, 3])
def test_an_order_is_queried_under_the_sub_merchant(wechat: WechatStandIn, version: int) -> None:
    result = queried(wechat, version)
    assert (result.state, result.total_fen, result.sub_mch_id) == (State.SUCCESS, 1280, wechat.sub_mch_id)
    assert result.pairs[0] == (wechat.sub_appid, SUB_OPENID)
    assert not wechat.refused


@pytest.mark.parametrize("version", [2, 3])
def test_an_order_wechat_does_not_know(wechat: WechatStandIn, version: int) -> None:
    with pytest.raises(WechatRefused) as caught:
        queried(wechat, version, paid="4200001234202609219999999999")
    assert caught.value.kind is Refused.ABSENT


# --- misbehaviour ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "mischief",
    ["wrong_signature", "lower_case_signature", "no_signature", "other_merchant"],
)
def test_v2_answers_that_are_not_wechats_name_nobody(wechat: WechatStandIn, mischief: str) -> None:
    wechat.mischief = mischief
    with pytest.raises(WechatUntrusted) as caught:
        owner(wechat)
    assert caught.value.hint


@pytest.mark.parametrize("mischief", ["xml_entity", "twice", "garbage", "down", "endless"])
def test_v2_answers_that_cannot_be_read_decide_nothing(wechat: WechatStandIn, mischief: str) -> None:
    wechat.mischief = mischief
    with pytest.raises(WechatUnreachable):
        owner(wechat)


@pytest.mark.parametrize(
    "mischief",
    ["wrong_signature", "stale", "wrong_serial", "signtest", "no_signature", "altered_body", "other_order"],
)
def test_v3_answers_that_are_not_wechats_are_not_used(wechat: WechatStandIn, mischief: str) -> None:
    wechat.mischief = mischief
    with pytest.raises(WechatUntrusted):
        queried(wechat, 3)


@pytest.mark.parametrize("mischief", ["garbage", "down", "endless"])
def test_v3_answers_that_decide_nothing(wechat: WechatStandIn, mischief: str) -> None:
    wechat.mischief = mischief
    with pytest.raises((WechatUnreachable, WechatUntrusted)):
        queried(wechat, 3)


def test_a_slow_wechat_is_left_at_the_deadline(wechat: WechatStandIn) -> None:
    wechat.mischief = "slow"
    with pytest.raises(WechatUnreachable, match=r"0\.05 s") as caught:
        owner(wechat, deadline_s=0.05)
    wechat.hold.set()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "httpx's errors hold the request, and with it the payment code"


def test_nobody_listens(wechat: WechatStandIn) -> None:
    away = account_of(wechat)
    gone = Account(away.mch_id, away.appid, True, "http://127.0.0.1:9", away.v2, away.v3)
    with pytest.raises(WechatUnreachable, match="ConnectError"):
        owner(wechat, gone)


# --- refusals by who must act (S62) ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "kind", "tells"),
    [
        ("SIGNERROR/401", Refused.SIGNATURE, "generate the key anew"),
        ("NOAUTH/403", Refused.PERMISSION, "escalate"),
        ("APPID_MCHID_NOT_MATCH/400", Refused.PERMISSION, "escalate"),
        ("AUTHCODEEXPIRE/400", Refused.CODE, "refresh"),
        ("FREQUENCY_LIMITED/429", Refused.RATE, "wait"),
        ("SOMETHING_NEW/400", Refused.REQUEST, "mistake of the program"),
    ],
)
def test_a_refusal_says_who_must_act(wechat: WechatStandIn, said: str, kind: Refused, tells: str) -> None:
    wechat.mischief = f"refuse:{said}"
    for call in (lambda: owner(wechat), lambda: queried(wechat, 3)):
        with pytest.raises(WechatRefused) as caught:
            call()
        assert (caught.value.kind, caught.value.code) == (kind, said.split("/")[0])
        assert tells in caught.value.hint


def test_a_refusal_that_only_means_later_is_no_refusal(wechat: WechatStandIn) -> None:
    wechat.mischief = "refuse:SYSTEMERROR/500"
    for call in (lambda: owner(wechat), lambda: queried(wechat, 3)):
        with pytest.raises(WechatUnreachable):
            call()


def test_a_wrong_key_of_ours_is_said_as_such(wechat: WechatStandIn) -> None:
    held = account_of(wechat)
    assert held.v2 is not None
    assert held.v3 is not None
    other = rsa.generate_private_key(65537, 2048)
    wrong = Account(
        held.mch_id, held.appid, True, held.base_url, type(held.v2)("x" * 32),
        V3Keys(held.v3.serial, other, held.v3.api_key, held.v3.trusted),
    )  # fmt: skip
    for call in (lambda: owner(wechat, wrong), lambda: queried(wechat, 3, wrong)):
        with pytest.raises(WechatRefused) as caught:
            call()
        assert caught.value.kind is Refused.SIGNATURE
    assert wechat.refused == ["签名错误", "signature"]


def test_an_account_without_the_keys_says_so(wechat: WechatStandIn) -> None:
    bare = Account(wechat.mch_id, wechat.appid, True, wechat.url)
    for call in (lambda: owner(wechat, bare), lambda: queried(wechat, 3, bare)):
        with pytest.raises(Refusal, match="entered for this merchant"):
            call()
    assert wechat.calls == wechat.refused == []


# --- certificates and public key ------------------------------------------------------------------------------------
def certificate(key: rsa.RSAPrivateKey, serial: int) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(serial).not_valid_before(day).not_valid_after(day + timedelta(days=1800))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def test_certificate_mode_and_public_key_mode_are_told_by_the_serial(wechat: WechatStandIn) -> None:
    other = rsa.generate_private_key(65537, 2048)
    serial = "5157F09EFDC096DE15EBE81A47057A72"
    pem = certificate(other, int(serial, 16))
    both = {wechat.wechat_serial: wechat.wechat_pem, serial: pem.decode()}
    account = account_of(wechat, trusted=both)
    assert account.v3 is not None
    assert account.v3.asks_for == wechat.wechat_serial
    assert queried(wechat, 3, account).state is State.SUCCESS
    own, own_serial = wechat.wechat, wechat.wechat_serial
    try:
        wechat.wechat, wechat.wechat_serial = other, serial
        assert queried(wechat, 3, account).state is State.SUCCESS
        with pytest.raises(WechatUntrusted, match="unknown"):
            queried(wechat, 3, account_of(wechat, trusted={own_serial: both[own_serial]}))
    finally:
        wechat.wechat, wechat.wechat_serial = own, own_serial


def test_certificates_are_fetched_opened_and_readable(wechat: WechatStandIn) -> None:
    pem = certificate(wechat.wechat, 0x5157F0)
    wechat.certificates.append(("5157F0", pem))
    account = account_of(wechat)
    found = ask(wechat, lambda _, v3: v3.certificates(account, deadline_s=5))
    assert [(one.serial, one.pem) for one in found] == [("5157F0", pem)]
    read = public_key(found[0].pem).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert read.decode() == wechat.wechat_pem


# --- bills ----------------------------------------------------------------------------------------------------------
def test_a_bill_is_fetched_and_its_hash_checked(wechat: WechatStandIn) -> None:
    wechat.bills["2026-09-21"] = "交易时间,…\n".encode() * 1000
    account = account_of(wechat)
    fetched = ask(wechat, lambda _, v3: v3.bill(account, "2026-09-21", deadline_s=5))
    assert fetched == wechat.bills["2026-09-21"]


@pytest.mark.parametrize("mischief", ["wrong_hash", "other_host", "wrong_signature"])
def test_a_bill_that_is_not_wechats(wechat: WechatStandIn, mischief: str) -> None:
    wechat.bills["2026-09-21"] = b"x"
    wechat.mischief = mischief
    account = account_of(wechat)
    with pytest.raises(WechatUntrusted):
        ask(wechat, lambda _, v3: v3.bill(account, "2026-09-21", deadline_s=5))
    assert "GET /v3/billdownload/file" not in wechat.calls or mischief == "wrong_hash"


def test_a_day_without_a_bill(wechat: WechatStandIn) -> None:
    account = account_of(wechat)
    with pytest.raises(WechatRefused) as caught:
        ask(wechat, lambda _, v3: v3.bill(account, "2026-09-20", deadline_s=5))
    assert caught.value.kind is Refused.ABSENT


# --- what operators enter -------------------------------------------------------------------------------------------
def test_keys_that_are_none_are_refused_without_being_repeated() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    short = small.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for read in (
        lambda: private_key(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"),
        lambda: public_key(b"c2VjcmV0"),
        lambda: public_key(short),
        lambda: api_v3_key("c2VjcmV0"),
    ):
        with pytest.raises(Refusal) as caught:
            read()
        assert caught.value.code == "WECHAT_KEY_INVALID"
        assert "c2VjcmV0" not in f"{caught.value}{caught.value.__context__}"


@pytest.mark.parametrize("url", ["http://api.mch.weixin.qq.com", "ftp://x", "https://", "https://x/y", "x"])
def test_wechats_address_is_https_or_this_machine(url: str) -> None:
    with pytest.raises(Refusal):
        base_url(url)
    assert base_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
