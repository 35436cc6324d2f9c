"""The console's door: exact Host and Origin, JSON only, a session, a role; decided before the body is read.

Called by sync.hq.console.calls for every request under /console. The token travels in the Authorization header, never
in a cookie, so that no other page of the browser can act with it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from agent.domain.errors import ConfigError, Refusal
from sync.hq.bounds import CONSOLE_UPLOAD_BYTES, CONSOLE_UPLOAD_S
from sync.hq.console.people import People, Person, Role


@dataclass(frozen=True, slots=True)
class DoorRules:
    """Origins under which the console is reached, as a browser writes them: `https://hq.example.com:8788`."""

    origins: frozenset[str]

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser writes as Host then."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    def check(self, request: Request) -> None:
        """Refuse other names and other pages: 403 HOST_REFUSED, ORIGIN_REFUSED."""
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise Refusal(
                "HOST_REFUSED", "the console is not reached by this name", hint="see `hq serve --console`", status=403
            )
        if len(origins) > 1 or not set(origins) <= self.origins:
            raise Refusal("ORIGIN_REFUSED", "this page may not call", status=403)


def origins_of(named: list[str], url: str) -> frozenset[str]:
    """The origins that are named, else those of this machine under which `url` is reached.

    >>> sorted(origins_of([], "http://127.0.0.1:8788"))
    ['http://127.0.0.1:8788', 'http://localhost:8788']
    >>> sorted(origins_of([], "https://0.0.0.0:8788"))
    []
    """
    found = set()
    for one in named:
        parts = urlsplit(one)
        secure = parts.scheme == "https" or parts.hostname in _LOOPBACK
        if parts.scheme not in ("http", "https") or one != f"{parts.scheme}://{parts.netloc}" or not secure:
            raise ConfigError([f"--console {one}: name it as a browser does, such as https://hq.example.com:8788"])
        found.add(one.lower())
    parts = urlsplit(url)
    if not named and parts.hostname in _LOOPBACK:
        found = {f"{parts.scheme}://{name}:{parts.port}" for name in (_bracketed(parts.hostname or ""), "localhost")}
    return frozenset(found)


_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def enter(people: People, request: Request, needed: Role) -> Person:
    """Who calls; Refusal 401 TOKEN_REFUSED, 403 ROLE_REFUSED."""
    person = await people.holder(token_of(request))
    if person is None:
        raise Refusal("TOKEN_REFUSED", "sign in", status=401)
    if not person.role.covers(needed):
        raise Refusal("ROLE_REFUSED", f"this needs the role {needed}", status=403)
    return person


def token_of(request: Request) -> str:
    """The bearer token, "" for none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip()[:200] if scheme.lower() == "bearer" else ""


def need_type(request: Request, wanted: str) -> None:
    """Refuse a body that a foreign page could send without being asked (415 CONTENT_TYPE)."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != wanted:
        raise Refusal("CONTENT_TYPE", f"send {wanted}", status=415)


async def parts_of(request: Request, most_bytes: int = CONSOLE_UPLOAD_BYTES) -> AsyncIterator[bytes]:
    """An uploaded file as it comes, bounded; Refusal 413 BODY_TOO_LARGE, 408 BODY_TOO_SLOW."""
    size = 0
    try:
        async with asyncio.timeout(CONSOLE_UPLOAD_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    hint = "give it to `pos-agent hq`"
                    raise Refusal("BODY_TOO_LARGE", f"at most {most_bytes} bytes", hint=hint, status=413)
                yield part
    except TimeoutError as error:
        raise Refusal("BODY_TOO_SLOW", f"the file did not arrive within {CONSOLE_UPLOAD_S} s", status=408) from error
