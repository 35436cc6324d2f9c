"""Whatever a caller sends as a quote or a sale, the short way answers it as FastAPI would."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest.mock import MagicMock

import httpx
import pytest

from agent.api import app as api
from agent.api.door import DoorRules
from agent.domain.errors import Refusal
from agent.grants import Grant

QUOTE: Final = b'{"lines":[{"code":"1","qty":1}]}'
SALE: Final = {"sale_id": "s1", "quote_id": "q1", "tenders": [{"type": "cash", "amount_fen": 100}]}
JSON: Final = {"content-type": "application/json"}


def line(fields: bytes) -> bytes:
    """A quote of one line."""
    return b'{"lines":[{"code":' + fields + b"}]}"


def beside(fields: bytes) -> bytes:
    """A quote, and something beside its lines."""
    return b'{"lines":[{"code":"1"}],' + fields + b"}"


SHAPES: Final = [
    QUOTE, b"", b"null", b"[]", b"1", b'"a"', b"{", b"{}", b'{"lines":[]}', b'{"lines":{"0":{"code":"1"}}}',
    b'{"lines":[["1"]]}', QUOTE + b" x", QUOTE + b"\0", b" \n\t" + QUOTE + b"\r\n", b"\x0c" + QUOTE, b"{'lines':[]}",
    line(b'"1",'), b'{"lines":[{"code":"1"}],"lines":[]}', b'{"lines":[],"lines":[{"code":"1"}]}',
    line(b'"1","code":"2"'), b"[" * 3_000 + b"]" * 3_000, b"[" * 100_000,
    b'{"lines":' + b"[" * 250 + b"]" * 250 + b"}",
]  # fmt: skip
NUMBERS: Final = [
    line(b'"1","qty":' + number)
    for number in (
        b"1.0", b"1e0", b"NaN", b"Infinity", b"-0", b"true", b'"1"', b"01", b"+1", b"1" + b"0" * 30,
        b"1" + b"0" * 5_000,
    )
]  # fmt: skip
TEXTS: Final = [
    line(text)
    for text in (
        b'"\\ud800"', b'"\\ud83d\\ude00"', b'"a\\u0000b"', b'"\xff"', b'"\xed\xa0\x80"', b'"a\tb"', b'"a\x7fb"', b'""',
        b'" 1 "', b'"' + b"a" * 70_000 + b'"',
    )
]  # fmt: skip
ENCODINGS: Final = [
    b"\xff\xfe", b"\xef\xbb\xbf" + QUOTE, *(QUOTE.decode().encode(name) for name in ("utf-16", "utf-16-le", "utf-32")),
]  # fmt: skip
BESIDE: Final = [
    beside(fields)
    for fields in (
        b'"x":1', b'"x":NaN', b'"x":1' + b"0" * 5_000, b'"x":' + b"[" * 3_000 + b"]" * 3_000, b'"points":"max"',
        b'"points":"min"', b'"points":null', b'"cash":1', b'"cash":"true"', b'"coupons":"a"',
        b'"points":18446744073709551616', b'"points":-9223372036854775809', b'"\\u0000x":1', b'"\\ud800":1',
        b'"override":{"operator":"\\udc00","reason":"a"}',
    )
]  # fmt: skip
SALES: Final = [
    json.dumps(sale).encode()
    for sale in (
        SALE,
        {**SALE, "tenders": [{"type": "CASH", "amount_fen": 1}]},
        {**SALE, "tenders": []},
        {**SALE, "lines": [{"code": "1"}]},
        {"sale_id": "s1"},
        {"sale_id": 1},
        {"sale_id": "s", "lines": [{"code": "1", "charged_fen": 5.0}], "tenders": []},
        {
            "sale_id": "s",
            "lines": [{"code": "1", "charged_fen": 5}],
            "tenders": [{"type": "wechat", "amount_fen": 5, "transaction_id": "4200"}],
        },
    )
] + [b'{"sale_id":"s1","sale_id":"s2","quote_id":"q","tenders":[]}']
BODIES: Final = [*SHAPES, *NUMBERS, *TEXTS, *ENCODINGS, *BESIDE, *SALES]


class TellingTill:
    """A till that answers every call by what it was asked."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def told(*asked: object, **more: object) -> None:
            raise Refusal("CONFLICT", f"{name} {asked!r} {more!r}", status=409)

        return told


@dataclass(frozen=True, slots=True)
class TwoWays:
    """The application as it is, and one that knows the long way alone."""

    short: httpx.AsyncClient
    long: httpx.AsyncClient

    async def same(self, method: str, target: str, headers: dict[str, str], content: Callable[[], Any]) -> int:
        """Ask both; the status both answered."""
        found = []
        for client in (self.long, self.short):
            got = await client.request(method, target, content=content(), headers=headers)
            found.append((got.status_code, got.text, sorted(got.headers.items())))
        assert found[1] == found[0], (method, target, content())
        return found[0][0]


def two_ways(monkeypatch: pytest.MonkeyPatch) -> TwoWays:
    services = MagicMock()
    services.till = TellingTill()
    short = api.create_app(services, _rules())
    monkeypatch.setattr(api, "hot_routes", lambda _: [])
    return TwoWays(*(_client(app) for app in (short, api.create_app(services, _rules()))))


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://t")


def _rules() -> DoorRules:
    async def tokens() -> dict[bytes, Grant]:
        return {}

    return DoorRules({"t"}, set(), tokens, str.encode, MagicMock(), trusted=True)


@pytest.mark.parametrize("path", ["/v1/quotes", "/v1/sales"])
def test_every_body_is_answered_as_the_long_way_answers_it(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        ways = two_ways(monkeypatch)
        statuses = [await ways.same("POST", path, JSON, partial(bytes, body)) for body in BODIES]
        assert {400, 409, 422} <= set(statuses), "no JSON, asked of the till, and refused by the model"

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/v1/quotes", "/v1/sales"])
def test_every_other_way_of_asking_is_answered_as_the_long_way_answers_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield QUOTE[:9]
        yield QUOTE[9:]

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 65_536

    async def story() -> None:
        ways = two_ways(monkeypatch)
        for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE"):
            await ways.same(method, path, {}, lambda: None)
        for target in (f"{path}/", f"{path}?a=1"):
            await ways.same("POST", target, JSON, lambda: b"{}")
        for headers in ({"content-type": "application/json; charset=latin-1"}, JSON, {}):
            await ways.same("POST", path, headers, parts)
            await ways.same("POST", path, headers, endless)

    asyncio.run(story())
