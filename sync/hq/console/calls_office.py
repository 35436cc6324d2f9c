"""The console's calls about rules, seals, the log and users. Registered by sync.hq.console.calls."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sync.hq import console_log as log
from sync.hq.bounds import CONSOLE_BODY_BYTES
from sync.hq.console import asks, rules, sealed
from sync.hq.console.answers import SAFE, Row, read, whole
from sync.hq.console.desk import Desk
from sync.hq.console.people import Person, Role


@dataclass(frozen=True, slots=True)
class OfficeCalls:
    """What is written down at headquarters."""

    desk: Desk

    def table(self) -> tuple[Row, ...]:
        """Every call."""
        viewer, admin = Role.VIEWER, Role.ADMIN
        return (
            ("GET", "/rules", viewer, self._versions),
            ("POST", "/rules/check", viewer, self._check),
            ("POST", "/rules/publish", admin, self._publish),
            ("GET", "/seals", viewer, self._seals),
            ("GET", "/seals/file", viewer, self._seal_file),
            ("GET", "/log", viewer, self._log),
            ("GET", "/users", admin, self._users),
            ("POST", "/users", admin, self._put_user),
            ("DELETE", "/users/{name}", admin, self._remove_user),
        )

    # --- rules and seals --------------------------------------------------------------------------------------------
    async def _versions(self, _who: Person, request: Request) -> dict[str, Any]:
        brand, version = request.query_params.get("brand", ""), whole(request.query_params.get("version"))
        return {
            "versions": await self.desk.read(lambda c: rules.versions(c, brand)),
            "text": await self.desk.read(lambda c: rules.text_of(c, brand, version)),
        }

    async def _check(self, _who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.RulesAsk, CONSOLE_BODY_BYTES)
        return await self.desk.read(lambda c: rules.check(c, ask.brand_id, ask.text))

    async def _publish(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.RulesAsk, CONSOLE_BODY_BYTES)
        return {"version": await self.desk.publish(who, ask.brand_id, ask.text, ask.why)}

    async def _seals(self, _who: Person, request: Request) -> dict[str, Any]:
        station = request.query_params.get("workstation", "")
        return {"seals": await self.desk.read(lambda c: sealed.newest(c, station))}

    async def _seal_file(self, who: Person, request: Request) -> Response:
        as_csv, after = request.query_params.get("format") == "csv", whole(request.query_params.get("after"))
        name = "seals.csv" if as_csv else "seals.jsonl"
        entry = log.Entry(who.name, log.Act.SEALS_DOWNLOAD, name, "", str(after))
        now = self.desk.parts.clock.now_ms()
        await self.desk.parts.books.write(lambda c: log.note(c, entry, now))
        headers = {**SAFE, "Content-Disposition": f'attachment; filename="{name}"'}
        media = "text/csv; charset=utf-8" if as_csv else "application/jsonl"
        return StreamingResponse(
            sealed.lines(self.desk.parts.books, after, as_csv=as_csv), media_type=media, headers=headers
        )

    # --- log and users ----------------------------------------------------------------------------------------------
    async def _log(self, _who: Person, request: Request) -> dict[str, Any]:
        before, name = whole(request.query_params.get("before")), request.query_params.get("name", "")
        return {"log": await self.desk.read(lambda c: log.page(c, before, name))}

    async def _users(self, _who: Person, _request: Request) -> dict[str, Any]:
        return {"users": await self.desk.people.listed()}

    async def _put_user(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.UserAsk)
        await self.desk.people.put(ask.name, Role(ask.role), ask.password, who.name)
        return {}

    async def _remove_user(self, who: Person, request: Request) -> dict[str, Any]:
        await self.desk.people.remove(request.path_params["name"], who.name)
        return {}
