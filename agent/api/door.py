"""The door of the local API: who may call, decided before the body is read (reliability.md, "Rules for the local API").

Pure ASGI, in front of every route. Exact Host, Origin allow-list, JSON only, token, bounded body, rate. It opens for
hello, pairing and the API document without a token; nothing else.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.problems import problem
from agent.limits import API_BODY_BYTES, API_REQUESTS_PER_S
from agent.ports import Clock

OPEN_PATHS = frozenset({"/v1/hello", "/v1/pair", "/openapi.json"})
ActiveTokens = Callable[[], Awaitable[dict[bytes, str]]]
HashToken = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What the door checks. `trusted` is the unix socket, guarded by its file mode instead of a token."""

    hosts: Collection[str]
    origins: Collection[str]
    tokens: ActiveTokens
    hash_token: HashToken
    clock: Clock
    trusted: bool = False


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


@dataclass(slots=True)
class Door:
    """ASGI middleware."""

    app: ASGIApp
    rules: DoorRules
    _rates: dict[bytes, _Bucket] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no web sockets here; closing without an answer refuses the handshake
        request = Request(scope)
        refusal = await self._refuse(request)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, _bounded(receive), _guarded(send))

    async def _refuse(self, request: Request) -> Response | None:
        headers = request.headers
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or host.lower() not in self.rules.hosts:
            return problem(403, "HOST_REFUSED", "this host name is not ours", hint="call 127.0.0.1 and the port")
        origin = headers.get("origin")
        if origin is not None and origin not in self.rules.origins:
            return problem(403, "ORIGIN_REFUSED", "this page may not call", hint="add it to api.allowed_origins")
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            refusal = _refuse_body(request)
            if refusal is not None:
                return refusal
        if self.rules.trusted or request.url.path in OPEN_PATHS:
            return None
        return await self._refuse_token(headers.get("authorization", ""))

    async def _refuse_token(self, authorization: str) -> Response | None:
        scheme, _, token = authorization.partition(" ")
        known: bytes | None = None
        if scheme.lower() == "bearer" and token:
            given = self.rules.hash_token(token)
            for stored in await self.rules.tokens():
                if hmac.compare_digest(stored, given):
                    known = stored
        if known is None:
            headers = {"WWW-Authenticate": "Bearer"}
            hint = "pair this program: `pos-agent pair` shows a code for POST /v1/pair"
            return problem(401, "TOKEN_REFUSED", "no valid token", hint=hint, headers=headers)
        if not self._within_rate(known):
            return problem(429, "TOO_MANY_REQUESTS", "too many requests", headers={"Retry-After": "1"})
        return None

    def _within_rate(self, token: bytes) -> bool:
        now_s = self.rules.clock.mono_s()
        bucket = self._rates.setdefault(token, _Bucket(2.0 * API_REQUESTS_PER_S, now_s))
        refill = (now_s - bucket.at_s) * API_REQUESTS_PER_S
        bucket.tokens = min(2.0 * API_REQUESTS_PER_S, bucket.tokens + refill)
        bucket.at_s = now_s
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


def _refuse_body(request: Request) -> Response | None:
    length = request.headers.get("content-length", "")
    has_body = bool(length and length != "0") or "transfer-encoding" in request.headers
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if (has_body or media) and media != "application/json":
        return problem(415, "JSON_ONLY", "only application/json", hint="set Content-Type: application/json")
    if length.isdigit() and int(length) > API_BODY_BYTES:
        return problem(413, "BODY_TOO_LARGE", f"at most {API_BODY_BYTES} bytes")
    return None


class BodyTooLarge(Exception):
    """A body without a length went past the bound while it was read."""


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > API_BODY_BYTES:
                raise BodyTooLarge
        return message

    return bounded


def _guarded(send: Send) -> Send:
    """Headers every answer carries: nothing here may be framed, sniffed or kept in a cache."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return guarded
