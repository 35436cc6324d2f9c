"""The one kind of call HQ makes to addresses a brand enters: online channels, SMS gateway, identity provider.

Used by sync.hq.channel_worker, sms_gateways and identity_provider. A POST of JSON, signed with HMAC-SHA256 over what is
sent; one try within a deadline, no redirects, no retries of its own: what nobody knows is asked again under the same
request id.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

KEY_BYTES: Final = 32
SIGNATURE_HEADER: Final = "Pos-Agent-Signature"
ADDRESS_HINT: Final = "it begins with https:// (http only on this machine) and has 200 characters at most"
_URL_CHARS: Final = 200
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LATER: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Address:
    """Where calls go, and the key that signs them."""

    url: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a call. `fault` is empty where a 2xx came back: then `body` and its signature are what it said."""

    fault: str = ""
    """HTTP_503, TIMEOUT, or the name of what broke."""
    refused: bool = False
    """A 4xx that does not say `later`; of every other fault nobody knows what it left."""
    body: bytes = b""
    signature: str = ""


class SignedPosts:
    """Calls over one pool of connections, made at the first of them: most HQs never make one. Never raises."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def post(self, to: Address, body: bytes, deadline_s: float, *, answer_bytes: int = 0) -> Posted:
        """Make one call. Of an answer `answer_bytes` are read; a longer one is taken for an empty one."""
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self._transport, trust_env=False, follow_redirects=False)
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(to.key, body)}
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._client.stream("POST", to.url, content=body, headers=headers, timeout=deadline_s) as response,
            ):
                if not response.is_success:
                    refused = response.is_client_error and response.status_code not in _LATER
                    return Posted(f"HTTP_{response.status_code}", refused=refused)
                said = await _read(response, answer_bytes) if answer_bytes else b""
                return Posted(body=said, signature=response.headers.get(SIGNATURE_HEADER, ""))
        except TimeoutError:
            return Posted("TIMEOUT")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Posted(type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


def signature(key: bytes, body: bytes) -> str:
    """HMAC-SHA256 of a body as sent, hex."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def is_address(url: str) -> bool:
    """Whether calls may go there: over TLS, or to this machine.

    >>> is_address("https://sms.example.com/send"), is_address("http://127.0.0.1:8080/"), is_address("https://[x")
    (True, True, False)
    >>> is_address("http://sms.example.com/"), is_address("https://"), is_address("https://x/" + "y" * 200)
    (False, False, False)
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return False
    on_this_machine = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or on_this_machine) and len(url) <= _URL_CHARS


async def _read(response: httpx.Response, most: int) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > most:
            return b""
    return body
