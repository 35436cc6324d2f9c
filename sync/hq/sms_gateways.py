"""The way to a member's phone: each brand's own SMS gateway, entered at HQ, and the one call that is made to it.

Used by sync.hq.sms. One try within SMS_SEND_S, no redirects, no retries of its own: what is not known to have arrived
is asked for again under the same `request_id`, which the gateway sends once (docs/hq-members.md).
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import httpx

from agent.domain.errors import Refusal
from sync.hq.bounds import SMS_SEND_S
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.keys import HqKeys
from sync.message import Count, Message

KEY_BYTES: Final = 32
SIGNATURE_HEADER: Final = "Pos-Agent-Signature"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LATER: Final = frozenset({408, 425, 429})
Outcome = Literal["sent", "refused", "unsure"]


class SmsOrder(Message):
    """HQ -> gateway: send this code to this number. The same `request_id` may come again, with the same body."""

    request_id: str
    brand_id: str
    phone: str
    code: str
    expires_s: Count
    at_ms: Count


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a brand's messages go, and the key that signs the call."""

    url: str
    key: bytes = field(repr=False)


class SmsSender(Protocol):
    """Whatever sends. Never raises: what became of it is the answer."""

    async def send(self, gateway: Gateway, order: SmsOrder) -> Outcome:
        """Hand a message over."""
        ...

    async def close(self) -> None:
        """Let go of the gateways."""
        ...


class HttpSms:
    """Over HTTP: a POST of JSON, signed with HMAC-SHA256 over the body as sent."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def send(self, gateway: Gateway, order: SmsOrder) -> Outcome:
        """2xx: sent. 4xx: refused, but for those that say `later`. Everything else: nobody knows."""
        if self._client is None:  # made at the first message: most HQs never send one
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=SMS_SEND_S)
        body = order.model_dump_json().encode()
        signature = hmac.new(gateway.key, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            async with (
                asyncio.timeout(SMS_SEND_S),
                self._client.stream("POST", gateway.url, content=body, headers=headers) as response,
            ):
                if response.is_success:
                    return "sent"
                return "refused" if response.is_client_error and response.status_code not in _LATER else "unsure"
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
            return "unsure"

    async def close(self) -> None:
        """Close the connection pool."""
        if self._client is not None:
            await self._client.aclose()


# --- what is entered ------------------------------------------------------------------------------------------------
def put(connection: Connection, keys: HqKeys, brand_id: str, url: str, key: bytes, now_ms: int) -> None:
    """Enter a brand's gateway, or another address and key. Refusal BRAND_UNKNOWN, SMS_GATEWAY_INVALID (422)."""
    brand_row(connection, brand_id)
    if not (_is_safe(url) and len(url) <= 200):
        hint = "it begins with https:// (http only on this machine) and has 200 characters at most"
        raise Refusal("SMS_GATEWAY_INVALID", "that is no address of a gateway", hint=hint, field="url")
    connection.execute(
        "INSERT INTO sms_gateways (brand_id, url, key_sealed, at_ms) VALUES (:brand, :url, :key, :now)"
        " ON CONFLICT (brand_id) DO UPDATE SET url = excluded.url, key_sealed = excluded.key_sealed,"
        " at_ms = excluded.at_ms",
        {"brand": brand_id, "url": url, "key": keys.seal("sms_gateways", "key", brand_id, key), "now": now_ms},
    )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return False
    on_this_machine = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or on_this_machine)


def remove(connection: Connection, brand_id: str) -> None:
    """Send no more messages for a brand."""
    connection.execute("DELETE FROM sms_gateways WHERE brand_id = :brand", {"brand": brand_id})


def of_brand(connection: Connection, keys: HqKeys, brand_id: str) -> Gateway | None:
    """A brand's gateway, None where it has none."""
    row = connection.execute(
        "SELECT url, key_sealed FROM sms_gateways WHERE brand_id = :brand", {"brand": brand_id}
    ).fetchone()
    if row is None:
        return None
    return Gateway(row["url"], keys.open("sms_gateways", "key", brand_id, bytes(row["key_sealed"])))
