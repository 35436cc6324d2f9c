"""The console's calls under /console/api: each with the role it needs, its body's shape, and what of the desk it does.

Registered by sync.hq.console.join on HQ's own application, whose error answers they share.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import Refusal
from agent.wording import console_words
from sync.hq import console_log as log
from sync.hq import standings
from sync.hq.bounds import CONSOLE_SIGN_INS, SMALL_REQUEST_BYTES
from sync.hq.console import asks, door, erasing, members, plain, store, uploads
from sync.hq.console import calls_office as office
from sync.hq.console import calls_wechat as wechat
from sync.hq.console.answers import Handler, answer, read, whole
from sync.hq.console.desk import Desk
from sync.hq.console.people import Person, Role
from sync.hq.service import HqService

ROOT: Final = "/console/api"


@dataclass(slots=True)
class Calls:
    """One headquarters' console over HTTP."""

    hq: HqService
    desk: Desk
    rules: door.DoorRules
    scratch: Path
    _signing_in: int = 0

    def register(self, app: FastAPI) -> None:
        """Add every call."""
        viewer, operator, admin = Role.VIEWER, Role.OPERATOR, Role.ADMIN
        self._open(app, "GET", "/words", self._words)
        self._open(app, "POST", "/sign-in", self._sign_in)
        for method, path, needed, handler in (
            ("GET", "/session", viewer, self._session),
            ("DELETE", "/session", viewer, self._sign_out),
            ("GET", "/overview", viewer, self._overview),
            ("GET", "/stores/{store_id}", viewer, self._store),
            ("GET", "/events/{workstation_id}/{epoch}/{seq}", viewer, self._event),
            ("POST", "/discrepancies/explain", operator, self._explain),
            ("POST", "/differences/explain", operator, self._difference),
            ("POST", "/suspended/decide", operator, self._suspended),
            ("POST", "/forks/decide", operator, self._fork),
            ("POST", "/write-offs", operator, self._write_off),
            ("GET", "/frozen", viewer, self._frozen),
            ("POST", "/freezes", operator, self._freeze),
            ("POST", "/members/find", operator, self._member),
            ("POST", "/members/plain", operator, self._plain),
            ("GET", "/joins", viewer, self._joins),
            ("POST", "/imports/{what}", admin, self._import),
            ("GET", "/erasures", viewer, self._erasures),
            ("POST", "/erasures", admin, self._ask_erasure),
            ("POST", "/erasures/{request_id}", admin, self._decide_erasure),
            *office.OfficeCalls(self.desk).table(),
            *wechat.WechatCalls(self.hq, self.desk, self.scratch).table(),
        ):
            self._guarded(app, method, path, needed, handler)

    def _open(self, app: FastAPI, method: str, path: str, handler: Callable[[Request], Awaitable[Response]]) -> None:
        async def call(request: Request) -> Response:
            self.rules.check(request)
            return await handler(request)

        app.add_api_route(ROOT + path, call, methods=[method], include_in_schema=False)

    def _guarded(self, app: FastAPI, method: str, path: str, needed: Role, handler: Handler) -> None:
        async def call(request: Request) -> Response:
            self.rules.check(request)
            # ORDER: strangers are turned away before a byte of their body is read.
            who = await door.enter(self.desk.people, request, needed)
            done = await handler(who, request)
            return done if isinstance(done, Response) else answer(done)

        app.add_api_route(ROOT + path, call, methods=[method], include_in_schema=False)

    # --- signing in -------------------------------------------------------------------------------------------------
    async def _words(self, request: Request) -> Response:
        return answer(console_words(request.query_params.get("language", "zh")))

    async def _sign_in(self, request: Request) -> Response:
        if self._signing_in >= CONSOLE_SIGN_INS:
            raise Refusal("SIGN_IN_BUSY", "too many people sign in at once", hint="try again", status=429)
        self._signing_in += 1
        try:
            ask = await read(request, asks.SignInAsk, SMALL_REQUEST_BYTES)
            token, who = await self.desk.people.sign_in(ask.name, ask.password)
        finally:
            self._signing_in -= 1
        return answer({"token": token, "name": who.name, "role": who.role})

    async def _session(self, who: Person, _request: Request) -> dict[str, Any]:
        return {"name": who.name, "role": who.role}

    async def _sign_out(self, _who: Person, request: Request) -> dict[str, Any]:
        await self.desk.people.sign_out(door.token_of(request))
        return {}

    # --- stores -----------------------------------------------------------------------------------------------------
    async def _overview(self, _who: Person, request: Request) -> dict[str, Any]:
        asked = request.query_params
        look = standings.Look(
            asked.get("brand", ""), asked.get("find", "")[:100].strip(), min(3, whole(asked.get("least")))
        )
        if asked.get("after"):
            trouble, _, store_id = asked["after"].partition(":")
            look = standings.Look(look.brand_id, look.find, look.least, whole(trouble), store_id)
        return await self.desk.overview(look)

    async def _store(self, _who: Person, request: Request) -> dict[str, Any]:
        return await self.desk.store(request.path_params["store_id"])

    async def _event(self, _who: Person, request: Request) -> dict[str, Any]:
        place = request.path_params
        return await self.desk.body(place["workstation_id"], place["epoch"], whole(place["seq"]))

    async def _explain(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.ExplainAsk)
        named = (ask.side, ask.place, ask.key, ask.code)
        await self.desk.explain(who, ask.workstation_id, ask.epoch, named, ask.why)
        return {}

    async def _difference(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.DifferenceAsk)
        await self.desk.explain_difference(who, ask.workstation_id, ask.epoch, ask.seq, ask.code, ask.why)
        return {}

    async def _suspended(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.SuspendedAsk)
        release = ask.decision == "release"
        await self.desk.suspended(who, ask.workstation_id, ask.epoch, ask.seq, release=release, why=ask.why)
        return {}

    async def _fork(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.ForkAsk)
        digest, other = bytes.fromhex(ask.digest), ask.decision == "other"
        await self.desk.fork(who, ask.workstation_id, ask.epoch, ask.seq, digest, other=other, why=ask.why)
        return {}

    async def _write_off(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.WriteOffAsk)
        if ask.typed != ask.workstation_id:
            raise Refusal("NOT_CONFIRMED", "type the workstation's id as it stands there", field="typed")
        seen = [one.model_dump() for one in ask.seen]
        return {"written_off": await self.desk.write_off(who, ask.workstation_id, seen, ask.why)}

    # --- members ----------------------------------------------------------------------------------------------------
    async def _frozen(self, _who: Person, request: Request) -> dict[str, Any]:
        brand, after = request.query_params.get("brand", ""), request.query_params.get("after", "")
        return {"frozen": await self.desk.read(lambda c: store.frozen(c, brand, after))}

    async def _freeze(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.FreezeAsk)
        await self.desk.freeze(who, ask.brand_id, ask.member_id, frozen=ask.frozen, why=ask.why)
        return {}

    async def _member(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.FindAsk)
        return await self.desk.member(who, ask.brand_id, ask.code)

    async def _plain(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.PlainAsk)
        return {"values": await self.desk.read_plain(who, plain.Read(**ask.model_dump()))}

    async def _joins(self, _who: Person, request: Request) -> dict[str, Any]:
        brand = request.query_params.get("brand", "")
        return {"joins": await self.desk.read(lambda c: members.joins(c, brand))}

    async def _import(self, who: Person, request: Request) -> dict[str, Any]:
        door.need_type(request, "text/csv")
        what, brand = request.path_params["what"], request.query_params.get("brand", "")
        skip_bad = request.query_params.get("skip_bad") == "true"
        entry = log.Entry(who.name, uploads.act_of(what), brand, "", "")
        given = uploads.Given(what, brand, door.parts_of(request), skip_bad)
        doing = uploads.run(self.hq, self.desk.people.reckoner, self.scratch, given)
        report = await self.desk.noted(entry, doing, uploads.summed)
        return {"report": asdict(report)}

    async def _erasures(self, _who: Person, _request: Request) -> dict[str, Any]:
        return {"erasures": await self.desk.read(erasing.listed)}

    async def _ask_erasure(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.ErasureAsk)
        await self.desk.ask_erasure(who, ask.brand_id, ask.member_id, ask.why)
        return {}

    async def _decide_erasure(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.ErasureDecision)
        await self.desk.decide_erasure(who, request.path_params["request_id"], erase=ask.erase, why=ask.why)
        return {}
