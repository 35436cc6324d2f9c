"""A running till and its paired POS, driven from plain tests: every answer is held against the published models.

`with running(folder) as till:` owns one event loop; `till.run(...)` is asyncio.run on it, so that one world can serve
many tests of a file.
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from agent.api.answers import Answer, Problem
from agent.api.answers_member import IdentificationView
from agent.api.answers_sale import QuoteView, SaleView
from agent.demo import wechat
from agent.demo.world import DemoMember, member
from agent.domain.business_day import local_time
from agent.domain.errors import Refusal, SyncError
from agent.system import SystemClock
from sync.hq.cooldown import REDEEMED_TOO_SOON
from sync.hq.limits_audit import OVERRIDE, POINTS_OVER_HOUR, RECHARGE_OVER_DAY, REDEEMED_OFTEN
from sync.verdict import Reconciliation
from tests.till_world import MEMBERS, TillWorld

T = TypeVar("T")
FOR_A_PERSON = {OVERRIDE, POINTS_OVER_HOUR, RECHARGE_OVER_DAY, REDEEMED_OFTEN, REDEEMED_TOO_SOON}
CART: list[dict[str, Any]] = [
    {"code": "10001", "qty": 2},
    {"code": "6901028000031"},
    {"code": "10008", "grams": 1536},
    {"code": "10007"},
]
LIST_FEN = [3960, 3990, 1782, 2300]  # 赣南脐橙: 11.60 a kilogram
GOLD_FEN = [3484, 3500, 1568, 2300]  # 88 %, fixed member price, 88 % of 11.60 is 10.21 a kilogram, tobacco
SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def checked(response: httpx.Response, model: type[Answer]) -> dict[str, Any]:
    """Hold an answer against its published model, strictly, and against the headers that every answer carries."""
    assert {name: response.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS
    assert response.headers.get("access-control-allow-origin") != "*"
    model.model_validate_json(response.content, strict=True)
    found: dict[str, Any] = response.json()
    return found


def codes(sale: dict[str, Any]) -> list[str]:
    """The codes of a sale's discrepancies."""
    return [one["code"] for one in sale["discrepancies"]]


def problem(response: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Hold a refusal against RFC 9457's form, its code and the field it names."""
    body = checked(response, Problem)
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body["detail"] != code, f"the cashier must read a sentence, not {code}"
    if field is not None:
        assert body["field"] == field
    return body


class MovedClock(SystemClock):
    """The system's clock, which a test may set forward, or whose monotonic side it may stop."""

    ahead_s = 0.0
    stopped_at_s: float | None = None

    def now_ms(self) -> int:
        return super().now_ms() + int(self.ahead_s * 1000)

    def mono_s(self) -> float:
        return super().mono_s() + self.ahead_s if self.stopped_at_s is None else self.stopped_at_s


class ApiTill:
    """What a test of the API needs."""

    def __init__(self, world: TillWorld, runner: asyncio.Runner, clock: MovedClock) -> None:
        self.world, self.clock = world, clock
        self._runner = runner
        self._number = 0
        self.client: httpx.AsyncClient

    def run(self, work: Coroutine[Any, Any, T], deadline_s: float = 60) -> T:
        """Run one piece of the story; whatever waits has a deadline."""
        return self._runner.run(asyncio.wait_for(work, deadline_s))

    def prove(self) -> Reconciliation:
        """Push and prove now; after the hourly proof, where the moved clock has made that due just then."""

        async def after_the_hourly() -> Reconciliation:
            while True:
                try:
                    return await self.world.agent.daemon.prove()
                except Refusal as error:
                    if error.code != "IN_FLIGHT":
                        raise
                    await asyncio.sleep(0.05)

        return self.run(after_the_hourly())

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything here runs on."""
        return self._runner.get_loop()

    def fresh(self, prefix: str = "sale") -> str:
        """A name nobody used before."""
        self._number += 1
        return f"{prefix}-{self._number:04d}"

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One call of the paired POS."""
        return self.run(self.client.request(method, path, json=body))

    def resolve(self, code: str) -> dict[str, Any]:
        """Identify by code."""
        return checked(self.call("POST", "/v1/members/resolve", {"code": code}), IdentificationView)

    def paid(self, raw: str) -> dict[str, Any]:
        """Hand over WeChat's answer."""
        return checked(self.call("POST", "/v1/payments/wechat", {"raw": raw}), IdentificationView)

    def quote(self, lines: Sequence[dict[str, Any]], who: str | None = None, **asks: Any) -> dict[str, Any]:
        """Price a cart, with what is asked of the member's rights."""
        response = self.call("POST", "/v1/quotes", {"lines": list(lines), "identification_id": who, **asks})
        assert response.status_code == 200, response.text
        return checked(response, QuoteView)

    def sell(self, tenders: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Book a sale that must be created."""
        response = self.call("POST", "/v1/sales", {"sale_id": self.fresh(), "tenders": list(tenders), **more})
        assert response.status_code == 201, response.text
        return checked(response, SaleView)

    def event(self, sale: dict[str, Any]) -> dict[str, Any]:
        """The event behind a sale, as the books hold it."""
        where = (sale["event"]["epoch"], sale["event"]["seq"])
        sql = "SELECT body FROM events WHERE epoch = ? AND seq = ?"
        store = self.world.agent.books._store
        row = self.run(store.read(lambda connection: connection.execute(sql, where).fetchone()))
        body: dict[str, Any] = json.loads(row["body"])
        return body

    def events(self) -> int:
        """How many events there are."""
        store = self.world.agent.books._store
        row = self.run(store.read(lambda connection: connection.execute("SELECT count(*) FROM events").fetchone()))
        return int(row[0])

    def reopen(self) -> None:
        """Restart the daemon on the same books."""
        self.run(self._reopen())

    async def _reopen(self) -> None:
        await self.client.aclose()
        await self.world.reopen()
        self.client = await self.world.start()

    def wechat(self, total_fen: int, payer: DemoMember | None = None, *, v3: bool = False) -> tuple[str, str]:
        """WeChat's answer for a payment by a member, or by a stranger; gives (transaction id, text)."""
        transaction_id = f"4200001234{self.fresh('t').removeprefix('t-'):0>18}"
        names = (payer.openid, payer.sub_openid) if payer else (f"oStranger{transaction_id}", f"oSub{transaction_id}")
        made = wechat.v3_result if v3 else wechat.v2_result
        at = local_time(self.clock.now_ms())
        return transaction_id, made(transaction_id, self.fresh("order"), total_fen, *names, at)


@contextmanager
def running(folder: Path, *, devices: bool = False, extra: str = "") -> Iterator[ApiTill]:
    """A till whose daemon runs, with a paired client."""
    with asyncio.Runner() as runner:
        world, clock = TillWorld(folder, devices=devices, extra=extra), MovedClock()
        world.clock = clock
        till = ApiTill(world, runner, clock)
        till.run(world.__aenter__())
        try:
            till.client = till.run(world.start())
            yield till
            till.run(_reckoned_alike(world))
        finally:
            till.run(till.client.aclose())
            till.run(world.__aexit__(None, None, None))


async def _reckoned_alike(world: TillWorld) -> None:
    """Whatever a test sold: HQ, from the events' own inputs, reckons every figure as the till did (R13).

    What a person should look at although the figures are right does not count.
    """
    with contextlib.suppress(SyncError):
        await world.agent.pusher.push_all()
    assert [one for one in await world.server.hq.differences() if one.code not in FOR_A_PERSON] == []


def someone(tier_id: str, skip: int = 0) -> DemoMember:
    """The first member of a tier, or a later one."""
    return [one for one in map(member, range(MEMBERS)) if one.tier_id == tier_id][skip]
