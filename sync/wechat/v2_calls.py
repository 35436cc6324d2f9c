"""The two v2 calls HQ makes: whose payment code is this, and what became of an order (facts/wechat.md A.3, B).

Called by sync.hq.wechat_desk. Neither needs a client certificate (reverse and refund do; those belong to the POS).
An answer counts only when it is signed with the merchant's own API key and speaks of the merchant that asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.domain.errors import Refusal
from sync.wechat import flat_xml, results, v2
from sync.wechat.account import Account, V2Keys
from sync.wechat.failures import NEEDS_KEY, WechatRefused, WechatUnreachable, WechatUntrusted
from sync.wechat.fields import ID, OPENID, WORD, text
from sync.wechat.results import WechatResult
from sync.wechat.states import refused
from sync.wechat.transport import Transport

_SIGNATURE_SAID: Final = "签名"  # WIRE: a wrong signature comes as return_code FAIL with words only, no err_code


@dataclass(frozen=True, slots=True)
class CodeOwner:
    """Whose payment code it is: (appid, openid) pairs, the brand's own before the provider's."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)


class V2Calls:
    """Asks v2; one try each. `nonce` gives 32 unpredictable hex digits.

    Raises WechatRefused, WechatUnreachable, WechatUntrusted; Refusal NO_V2_KEY (409) before anybody is asked.
    """

    def __init__(self, transport: Transport, nonce: Callable[[], str]) -> None:
        self._transport = transport
        self._nonce = nonce

    async def owner_of(self, account: Account, auth_code: str, sub_mch_id: str, *, deadline_s: float) -> CodeOwner:
        """Ask authcodetoopenid. WeChat then takes this code from this merchant alone until it refreshes (B)."""
        fields = self._who(account, sub_mch_id) | {"auth_code": auth_code}
        answer = await self._ask(account, "/tools/authcodetoopenid", fields, sub_mch_id, deadline_s)
        try:
            pairs = (
                (text(answer.get("sub_appid"), "sub_appid", ID), text(answer.get("sub_openid"), "sub_openid", OPENID)),
                (text(answer.get("appid"), "appid", ID), text(answer.get("openid"), "openid", OPENID)),
            )
        except Refusal as error:
            raise WechatUnreachable(error.message) from None
        found = tuple((appid, openid) for appid, openid in pairs if appid is not None and openid is not None)
        if not found:
            raise WechatUnreachable("the answer names nobody")
        return CodeOwner(found)

    async def order(self, account: Account, transaction_id: str, sub_mch_id: str, *, deadline_s: float) -> WechatResult:
        """Query an order by WeChat's own number."""
        fields = self._who(account, sub_mch_id) | {"transaction_id": transaction_id}
        answer = await self._ask(account, "/pay/orderquery", fields, sub_mch_id, deadline_s)
        fault = ""
        try:
            result = results.read(flat_xml.write(answer))
        except Refusal as error:
            fault = error.message
        if fault:
            raise WechatUnreachable(fault)
        if result.transaction_id not in (None, transaction_id):
            raise WechatUntrusted("it speaks of another order")
        return result

    def _who(self, account: Account, sub_mch_id: str) -> dict[str, str]:
        fields = {"appid": account.appid, "mch_id": account.mch_id}
        if sub_mch_id:
            fields["sub_mch_id"] = sub_mch_id
        if sub_mch_id in account.sub_appids:
            fields["sub_appid"] = account.sub_appids[sub_mch_id]
        return fields

    async def _ask(
        self, account: Account, path: str, fields: Mapping[str, str], sub_mch_id: str, deadline_s: float
    ) -> dict[str, str]:
        keys = account.v2
        if keys is None:
            raise Refusal("NO_V2_KEY", "no v2 key is entered for this merchant", hint=NEEDS_KEY, status=409)
        asked = {**fields, "nonce_str": self._nonce()}
        if keys.sign_type != "MD5":
            asked["sign_type"] = keys.sign_type
        asked["sign"] = v2.sign(asked, keys.api_key, keys.sign_type)
        answer = await self._transport.send(
            "POST",
            account.base_url + path,
            body=flat_xml.write(asked),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            deadline_s=deadline_s,
        )
        if answer.status >= 500:
            raise WechatUnreachable(f"WeChat answered {answer.status}")
        return _checked(_read(answer.body), keys, account, sub_mch_id)


def _read(body: bytes) -> dict[str, str]:
    fault = ""
    try:
        return flat_xml.read(body.decode())
    except UnicodeDecodeError:
        fault = "it is not UTF-8"
    except flat_xml.NotFlat as broken:
        fault = str(broken)
    raise WechatUnreachable(f"what answered is not WeChat: {fault}", hint="is there a proxy or portal in between?")


def _checked(answer: dict[str, str], keys: V2Keys, account: Account, sub_mch_id: str) -> dict[str, str]:
    """Transport level, signature, whose it is, business level: in this order."""
    if answer.get("return_code") != "SUCCESS":  # has no signature, so it may refuse and nothing more
        code = _word(answer.get("err_code"))
        if _SIGNATURE_SAID in answer.get("return_msg", ""):
            code = code or "SIGNERROR"
        raise _no(code or "FAIL")
    if not v2.verify(answer, keys.api_key, keys.sign_type):
        raise WechatUntrusted("v2 signature")
    for name, wanted in (("mch_id", account.mch_id), ("appid", account.appid), ("sub_mch_id", sub_mch_id)):
        if answer.get(name, "") not in ("", wanted):  # sub_mch_id is not always echoed (B)
            raise WechatUntrusted(f"{name} is not the one that was asked for")
    if answer.get("result_code") != "SUCCESS":
        raise _no(_word(answer.get("err_code")) or "FAIL")
    return answer


def _word(value: str | None) -> str:
    return value if value is not None and WORD.fullmatch(value) else ""


def _no(code: str) -> WechatRefused | WechatUnreachable:
    kind = refused(code)
    return WechatUnreachable(f"WeChat could not do it now: {code}") if kind is None else WechatRefused(code, kind)
