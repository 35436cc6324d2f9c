"""The brand's own provider of identity checks (S56): entered at HQ, and the one call that is made to it.

Used by sync.hq.identity_desk. One try within IDENTITY_CALL_S, no redirects, no retries of its own: what nobody knows is
asked again under the same `request_id`, which the provider answers alike. Both bodies are signed with HMAC-SHA256.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from agent.domain.errors import Refusal
from sync.hq.bounds import IDENTITY_ANSWER_BYTES, IDENTITY_CALL_S
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.keys import HqKeys
from sync.identity_protocol import ProviderAnswer, ProviderAsk

KEY_BYTES: Final = 32
SIGNATURE_HEADER: Final = "Pos-Agent-Signature"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LATER: Final = frozenset({408, 425, 429})
Outcome = ProviderAnswer | Literal["refused", "unsure"]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a brand's checks go, and the key that signs both ways."""

    url: str
    key: bytes = field(repr=False)


class IdentityProvider(Protocol):
    """Whoever checks. Never raises: what became of it is the answer."""

    async def check(self, provider: Provider, ask: ProviderAsk) -> Outcome:
        """Ask about one person."""
        ...

    async def close(self) -> None:
        """Let go of the providers."""
        ...


class HttpIdentity:
    """Over HTTP: a POST of JSON."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def check(self, provider: Provider, ask: ProviderAsk) -> Outcome:
        """2xx with a signed answer to this very request: that. 4xx: refused. Everything else: nobody knows."""
        if self._client is None:  # made at the first check: most HQs never make one
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=IDENTITY_CALL_S)
        body = ask.model_dump_json().encode()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(provider.key, body)}
        try:
            async with (
                asyncio.timeout(IDENTITY_CALL_S),
                self._client.stream("POST", provider.url, content=body, headers=headers) as response,
            ):
                if response.is_success:
                    said = response.headers.get(SIGNATURE_HEADER, "")
                    return _answer(provider, ask, await _read(response), said)
                return "refused" if response.is_client_error and response.status_code not in _LATER else "unsure"
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
            return "unsure"

    async def close(self) -> None:
        """Close the connection pool."""
        if self._client is not None:
            await self._client.aclose()


def signature(key: bytes, body: bytes) -> str:
    """HMAC-SHA256 of a body as sent, hex."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > IDENTITY_ANSWER_BYTES:
            return b""
    return body


def _answer(provider: Provider, ask: ProviderAsk, body: bytes, said: str) -> Outcome:
    """An answer that is not signed, is about another request, or leaves out or adds a face, says nothing."""
    if not hmac.compare_digest(signature(provider.key, body).encode(), said.encode()):
        return "unsure"
    try:
        answer = ProviderAnswer.model_validate_json(body)
    except ValidationError:
        return "unsure"
    whole = answer.request_id == ask.request_id and bool(answer.face) == bool(ask.face)
    return answer if whole else "unsure"


# --- what is entered ------------------------------------------------------------------------------------------------
def put(connection: Connection, keys: HqKeys, brand_id: str, url: str, key: bytes, now_ms: int) -> None:
    """Enter a brand's provider, or another address and key. Refusal BRAND_UNKNOWN, IDENTITY_PROVIDER_INVALID (422)."""
    brand_row(connection, brand_id)
    if not (_is_safe(url) and len(url) <= 200):
        hint = "it begins with https:// (http only on this machine) and has 200 characters at most"
        raise Refusal("IDENTITY_PROVIDER_INVALID", "that is no address of a provider", hint=hint, field="url")
    connection.execute(
        "INSERT INTO identity_providers (brand_id, url, key_sealed, at_ms) VALUES (:brand, :url, :key, :now)"
        " ON CONFLICT (brand_id) DO UPDATE SET url = excluded.url, key_sealed = excluded.key_sealed,"
        " at_ms = excluded.at_ms",
        {"brand": brand_id, "url": url, "key": keys.seal("identity_providers", "key", brand_id, key), "now": now_ms},
    )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def remove(connection: Connection, brand_id: str) -> None:
    """Check nobody of a brand any more."""
    connection.execute("DELETE FROM identity_providers WHERE brand_id = :brand", {"brand": brand_id})


def of_brand(connection: Connection, keys: HqKeys, brand_id: str) -> Provider:
    """A brand's provider. Refusal 409 IDENTITY_NOT_CONFIGURED where it has none."""
    row = connection.execute(
        "SELECT url, key_sealed FROM identity_providers WHERE brand_id = :brand", {"brand": brand_id}
    ).fetchone()
    if row is None:
        hint = "`pos-agent hq identity --url` enters the brand's own provider"
        raise Refusal("IDENTITY_NOT_CONFIGURED", "this brand checks no identities", hint=hint, status=409)
    return Provider(row["url"], keys.open("identity_providers", "key", brand_id, bytes(row["key_sealed"])))
