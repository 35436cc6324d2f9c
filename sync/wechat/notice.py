"""A v3 notification as HQ takes it in: its envelope, and the transaction or other resource it carries, opened.

Pure; called by sync.hq.wechat_desk after the signature was checked. Source: facts/wechat.md C.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from agent.domain.errors import Refusal
from sync.wechat import results, strict_json, v3
from sync.wechat.results import WechatResult

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
PAID: Final = "TRANSACTION.SUCCESS"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification. `paid` is the transaction where it tells of a payment; other kinds are kept by name only."""

    notice_id: str
    event_type: str
    paid: WechatResult | None = field(default=None, repr=False)


def read(body: bytes, api_key: bytes) -> Notice:
    """Open a notification whose signature was checked. Refusal WECHAT_RESOURCE_UNREADABLE, _RESULT_UNREADABLE."""
    envelope = _object(body)
    notice_id, event_type, resource = envelope.get("id"), envelope.get("event_type"), envelope.get("resource")
    if not isinstance(resource, dict) or resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise _unreadable("it carries no AEAD_AES_256_GCM resource")
    names = [one for one in (notice_id, event_type) if isinstance(one, str) and _NAME.fullmatch(one)]
    if len(names) != 2:
        raise _unreadable("its id or event_type does not have its form")
    sealed = {name: resource.get(name, "") for name in ("nonce", "associated_data", "ciphertext")}
    if not all(isinstance(value, str) for value in sealed.values()):
        raise _unreadable("its resource does not have its form")
    plain = v3.decrypt(api_key, **sealed)
    paid = results.read(plain) if names[1] == PAID else None
    return Notice(names[0], names[1], paid)


def _object(body: bytes) -> dict[str, object]:
    fault = ""
    try:
        return strict_json.read(body.decode())
    except UnicodeDecodeError:
        fault = "it is not UTF-8"
    except strict_json.NotStrict as broken:
        fault = str(broken)
    raise _unreadable(fault)


def _unreadable(why: str) -> Refusal:
    return Refusal("WECHAT_RESOURCE_UNREADABLE", f"not a WeChat notification: {why}", hint="do not act on the message")
