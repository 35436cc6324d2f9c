"""Calls of v3: every request signed, every answer verified by the serial it names, errors sorted.

Called by sync.hq.wechat_desk and sync.wechat.cards. An answer of 200 counts only with WeChat's signature; an error
that carries signature headers must carry right ones. Source: facts/wechat.md A.3, C.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from agent.domain.errors import Refusal
from sync.wechat import results, strict_json, v3
from sync.wechat.account import WECHAT_URL, Account, V3Keys
from sync.wechat.failures import NEEDS_KEY, WechatRefused, WechatUnreachable, WechatUntrusted
from sync.wechat.fields import WORD
from sync.wechat.results import WechatResult
from sync.wechat.states import refused
from sync.wechat.transport import BILL_BYTES, Answer, Transport

_BILL_HOSTS: Final = frozenset({urlsplit(WECHAT_URL).netloc, "api2.mch.weixin.qq.com"})


@dataclass(frozen=True, slots=True)
class Certificate:
    """One platform certificate as `GET /v3/certificates` gives it, opened."""

    serial: str
    pem: bytes


class V3Calls:
    """Asks v3; one try each. `now_s` is HQ's clock, `nonce` gives 32 unpredictable hex digits.

    Raises WechatRefused, WechatUnreachable, WechatUntrusted.
    """

    def __init__(self, transport: Transport, now_s: Callable[[], int], nonce: Callable[[], str]) -> None:
        self._transport = transport
        self._now_s = now_s
        self._nonce = nonce

    async def order(self, account: Account, transaction_id: str, sub_mch_id: str, *, deadline_s: float) -> WechatResult:
        """Query an order by WeChat's own number."""
        kind = "/v3/pay/partner/transactions/id/" if account.is_partner else "/v3/pay/transactions/id/"
        asked = (
            {"sp_mchid": account.mch_id, "sub_mchid": sub_mch_id} if account.is_partner else {"mchid": account.mch_id}
        )
        body = await self.call(account, "GET", f"{kind}{quote(transaction_id, safe='')}?{urlencode(asked)}", deadline_s)
        fault = ""
        try:
            result = results.read(body)
        except Refusal as error:
            fault = error.message
        if fault:
            raise WechatUnreachable(fault)
        if result.transaction_id not in (None, transaction_id) or result.mch_id not in (None, account.mch_id):
            raise WechatUntrusted("it speaks of another order or merchant")
        return result

    async def certificates(self, account: Account, *, deadline_s: float) -> list[Certificate]:
        """Fetch the platform certificates; signed by one we trust already, or by the public key."""
        keys = _keys(account)
        body = await self.call(account, "GET", "/v3/certificates", deadline_s)
        found: list[Certificate] = []
        data = _object(body).get("data")
        for one in data if isinstance(data, list) else []:
            sealed = one.get("encrypt_certificate") if isinstance(one, dict) else None
            if not isinstance(sealed, dict):
                raise WechatUnreachable("a certificate does not have its form")
            serial = str(one.get("serial_no", ""))
            if len(serial) > 64 or not serial.isalnum():
                raise WechatUnreachable("a certificate's serial does not have its form")
            texts = {name: str(sealed.get(name, "")) for name in ("nonce", "associated_data", "ciphertext")}
            found.append(Certificate(serial, v3.decrypt(keys.api_key, **texts)))
        return found

    async def bill(self, account: Account, date: str, *, deadline_s: float) -> bytes:
        """Fetch the trade bill of a day (YYYY-MM-DD, Beijing), checked against the hash WeChat signed."""
        target = f"/v3/bill/tradebill?{urlencode({'bill_date': date, 'bill_type': 'ALL'})}"
        said = _object(await self.call(account, "GET", target, deadline_s))
        if said.get("hash_type") != "SHA1":
            raise WechatUnreachable("the bill's hash is of an unknown kind")
        url = urlsplit(str(said.get("download_url", "")))
        # Our signature goes along, so it goes to WeChat's own host, whatever the answer says.
        if url.netloc not in _BILL_HOSTS | {urlsplit(account.base_url).netloc}:
            raise WechatUntrusted("the bill's address is not WeChat's")
        path = url.path + (f"?{url.query}" if url.query else "")
        answer = await self._send(account, "GET", path, b"", deadline_s, most_bytes=BILL_BYTES)
        if answer.status != 200:
            raise _no(answer)
        if hashlib.sha1(answer.body, usedforsecurity=False).hexdigest() != str(said.get("hash_value", "")).lower():
            raise WechatUntrusted("the bill's hash differs")
        return answer.body

    async def call(
        self, account: Account, method: str, target: str, deadline_s: float, body: Mapping[str, object] | None = None
    ) -> bytes:
        """Make one signed call and give the verified body; empty for 204."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self._send(account, method, target, content, deadline_s)
        signed = signed_by(answer.headers)
        if signed is not None:
            try:
                v3.verify(_keys(account).trusted, signed, answer.body, now_s=self._now_s())
            except Refusal as refusal:
                raise WechatUntrusted(refusal.message) from None
        if not 200 <= answer.status < 300:
            raise _no(answer)
        if signed is None:
            raise WechatUntrusted("it carries no signature")
        return answer.body

    async def _send(
        self, account: Account, method: str, target: str, body: bytes, deadline_s: float, *, most_bytes: int = 0
    ) -> Answer:
        keys = _keys(account)
        at_s, nonce = self._now_s(), self._nonce()
        signature = v3.sign(keys.private_key, v3.request_message(method, target, at_s, nonce, body))
        headers = {
            "Accept": "application/json",
            "Authorization": v3.authorization(account.mch_id, keys.serial, nonce, at_s, signature),
            "User-Agent": "pos-agent",  # WeChat refuses calls without one
        }
        if body:
            headers["Content-Type"] = "application/json"
        if keys.asks_for is not None:
            headers["Wechatpay-Serial"] = keys.asks_for
        more = {"most_bytes": most_bytes} if most_bytes else {}
        return await self._transport.send(
            method, account.base_url + target, body=body, headers=headers, deadline_s=deadline_s, **more
        )


def signed_by(headers: Mapping[str, str]) -> v3.SignedBy | None:
    """The Wechatpay-* headers of an answer or notification; None where none of them is there.

    `headers` must look names up without regard to case (httpx's and Starlette's do).
    """
    names = ("Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature")
    values = [headers.get(name, "") for name in names]
    return v3.SignedBy(*values) if any(values) else None


def _keys(account: Account) -> V3Keys:
    if account.v3 is None:
        raise Refusal("NO_V3_KEY", "no v3 keys are entered for this merchant", hint=NEEDS_KEY, status=409)
    return account.v3


def _object(body: bytes) -> dict[str, object]:
    fault = ""
    try:
        return strict_json.read(body.decode())
    except UnicodeDecodeError:
        fault = "it is not UTF-8"
    except strict_json.NotStrict as broken:
        fault = str(broken)
    raise WechatUnreachable(f"WeChat's answer cannot be read: {fault}")


def _no(answer: Answer) -> WechatRefused | WechatUnreachable:
    """Sort an error by its `code`, which is WeChat's word and no text of anybody's."""
    code = ""
    try:
        said = strict_json.read(answer.body.decode()).get("code")
        code = said if isinstance(said, str) and WORD.fullmatch(said) else ""
    except (UnicodeDecodeError, strict_json.NotStrict):
        code = ""
    kind = refused(code, answer.status)
    if kind is None:
        return WechatUnreachable(f"WeChat could not do it now: {answer.status} {code}".strip())
    return WechatRefused(code or f"HTTP_{answer.status}", kind)
