"""The door of the local API: who may call, decided before the body is read (reliability.md, "Rules for the local API").

Pure ASGI, in front of every route. Exact Host, Origin allow-list, JSON only, token, bounded body, rate. It opens for
hello, pairing and the API document without a token; nothing else.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.access import GRANT
from agent.api.problems import SAFE, problem
from agent.grants import Grant, needed
from agent.limits import API_BODY_BYTES, API_REQUESTS_PER_S
from agent.ports import Clock

OPEN_PATHS = frozenset({"/v1/hello", "/v1/pair", "/v1/sign-in", "/v1/screen", "/openapi.json"})
OPEN_PAGES = frozenset({"/", "/manage"})
ASSETS = "/assets/"
BOOKS = "pos-agent-books"
"""The header in which answers say which books are open, and calls for which they are meant: `real` or `training`."""
ActiveTokens = Callable[[], Awaitable[dict[bytes, Grant]]]
HashToken = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What the door checks. `trusted` is the unix socket, guarded by its file mode instead of a token."""

    hosts: Collection[str]
    origins: Collection[str]
    tokens: ActiveTokens
    hash_token: HashToken
    clock: Clock
    has_ended: Callable[[Grant], bool] = lambda _: False
    trusted: bool = False
    training: bool = False
    """Which books are open; every answer says it, and a call that means the others is refused."""


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
        body = _Body(receive)
        answer = _Answer(send, body, scope, _books(self.rules.training))
        refusal = self._refuse_caller(request)
        if refusal is None:
            answer.origin = request.headers.get("origin")  # allowed, or absent
            refusal = _preflight(request) or await self._refuse(request)
        await (refusal or self.app)(scope, body, answer)

    def _refuse_caller(self, request: Request) -> Response | None:
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.rules.hosts:
            return problem(403, "HOST_REFUSED", "this host name is not ours", hint="call 127.0.0.1 and the port")
        if len(origins) > 1 or not set(origins) <= set(self.rules.origins):
            return problem(403, "ORIGIN_REFUSED", "this page may not call", hint="add it to api.allowed_origins")
        return None

    async def _refuse(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            refusal = _refuse_body(request) or self._refuse_books(request)
            if refusal is not None:
                return refusal
        if self.rules.trusted or _is_open(request):
            return None
        return await self._refuse_token(request, request.headers.get("authorization", ""))

    def _refuse_books(self, request: Request) -> Response | None:
        """A caller may say for which books its call is meant: what it repeats must not end in the others."""
        meant, open_now = request.headers.get(BOOKS), _books(self.rules.training)
        if meant is None or meant == open_now:
            return None
        hint = "the mode was switched: what was not answered before may be booked in the other books"
        return problem(409, "MODE_DIFFERS", f"open are the {open_now} books", hint=hint)

    async def _refuse_token(self, request: Request, authorization: str) -> Response | None:
        scheme, _, token = authorization.partition(" ")
        known: bytes | None = None
        if scheme.lower() == "bearer" and token:
            given = self.rules.hash_token(token)
            for stored, grant in (await self.rules.tokens()).items():
                if hmac.compare_digest(stored, given) and not self.rules.has_ended(grant):
                    known = stored
                    request.scope[GRANT] = grant
        if known is None:
            headers = {"WWW-Authenticate": "Bearer"}
            hint = "pair this program: `pos-agent pair` shows a code for POST /v1/pair"
            return problem(401, "TOKEN_REFUSED", "no valid token", hint=hint, headers=headers)
        if not self._within_rate(known):
            return problem(429, "TOO_MANY_REQUESTS", "too many requests", headers={"Retry-After": "1"})
        scope = needed(request.scope["path"])
        if scope is not None and scope not in request.scope[GRANT].scopes:
            hint = f"this token was not given {scope}; a manager can pair again with it"
            return problem(403, "SCOPE_REFUSED", f"this call needs {scope}", hint=hint)
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


def _books(training: bool) -> str:
    return "training" if training else "real"


def _is_open(request: Request) -> bool:
    path = request.scope["path"]
    if path in OPEN_PATHS:
        return True
    return request.method in ("GET", "HEAD") and (path in OPEN_PAGES or path.startswith(ASSETS))


def _refuse_body(request: Request) -> Response | None:
    length = request.headers.get("content-length", "")
    has_body = bool(length and length != "0") or "transfer-encoding" in request.headers
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if (has_body or media) and media != "application/json":
        return problem(415, "JSON_ONLY", "only application/json", hint="set Content-Type: application/json")
    if length.isdigit() and int(length) > API_BODY_BYTES:
        return _too_large()
    return None


def _preflight(request: Request) -> Response | None:
    """Answer an allowed page's preflight; a browser sends it without the token. Origins were checked before."""
    asked = request.headers
    if request.method != "OPTIONS" or "origin" not in asked or "access-control-request-method" not in asked:
        return None
    headers = {
        "Access-Control-Allow-Methods": "GET, POST, DELETE",
        "Access-Control-Allow-Headers": f"authorization, content-type, last-event-id, {BOOKS}",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


class BodyTooLarge(Exception):
    """A body without a length went past the bound while it was read; the answer becomes a 413, whoever catches this."""


class _Body:
    """The request's body, no further than the bound."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = 0
        self.is_too_large = False

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > API_BODY_BYTES:
                self.is_too_large = True
                raise BodyTooLarge
        return message


class _Answer:
    """What goes out: never sniffed, never cached, readable by the one allowed origin that asked, never by all."""

    def __init__(self, send: Send, body: _Body, scope: Scope, books: str) -> None:
        self._send = send
        self._books = books.encode()
        self._body = body
        self._scope = scope
        self._replaced = False
        self.origin: str | None = None

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            if self._body.is_too_large:
                self._replaced = True
                await _too_large()(self._scope, self._body, self._send)
                return
            message = {**message, "headers": [*self._headers(message.get("headers", []))]}
        await self._send(message)

    def _headers(self, own: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        extra = {name.lower().encode(): value.encode() for name, value in SAFE.items()}
        yield from ((name, value) for name, value in own if name.lower() not in extra)
        yield from extra.items()
        yield BOOKS.encode(), self._books
        if self.origin is not None:
            yield b"access-control-allow-origin", self.origin.encode("latin-1")
            yield b"access-control-expose-headers", BOOKS.encode()
            yield b"vary", b"Origin"


def _too_large() -> Response:
    return problem(413, "BODY_TOO_LARGE", f"at most {API_BODY_BYTES} bytes")
