"""Joins the console to HQ: its calls and page on HQ's TCP application, its users on the unix socket.

Called by sync.hq.server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from agent.worker import Worker
from sync.hq.console import uploads
from sync.hq.console.asks import Ask, UserAsk
from sync.hq.console.calls import Calls
from sync.hq.console.desk import Desk
from sync.hq.console.door import DoorRules
from sync.hq.console.people import People, Role
from sync.hq.console.site import add_site
from sync.hq.service import HqService

OPERATOR = "command line"
"""Who acts through the unix socket."""


@dataclass(frozen=True, slots=True)
class Console:
    """The console of a running HQ."""

    desk: Desk
    worker: Worker

    async def close(self) -> None:
        """Stop what is under way."""
        await self.desk.close()
        self.worker.close(timeout_s=1)


def people_of(hq: HqService, worker: Worker) -> People:
    """Sign-in of a headquarters; `worker` reckons passwords."""
    return People(hq.parts.books, hq.parts.clock, hq.parts.entropy, worker)


def open_console(
    app: FastAPI, hq: HqService, origins: frozenset[str], scratch: Path, make_worker: Callable[[str], Worker] = Worker
) -> Console:
    """Add the console to HQ's application, reached under `origins`; files that people give lie in `scratch`."""
    worker = make_worker("hq-console")
    uploads.clear(scratch)

    async def erase(row: dict[str, Any], by: str) -> None:
        await hq.members.erase(row["brand_id"], row["member_id"], f"{row['asked_by']}, {by}", row["why"])

    desk = Desk(hq.parts, people_of(hq, worker), erase)
    rules = DoorRules(origins)
    Calls(hq, desk, rules, scratch).register(app)
    add_site(app, rules)
    return Console(desk, worker)


class NameAsk(Ask):
    """Somebody who signs in."""

    name: str


class NoAsk(Ask):
    """Nothing."""


async def _people(request: Request) -> People:
    people: People = request.app.state.console_people
    return people


_People = Annotated[People, Depends(_people)]


async def put_user(people: People, ask: UserAsk) -> dict[str, Any]:
    """Add somebody, or replace role and password."""
    await people.put(ask.name, Role(ask.role), ask.password, OPERATOR)
    return {}


async def remove_user(people: People, ask: NameAsk) -> dict[str, Any]:
    """Forget somebody."""
    await people.remove(ask.name, OPERATOR)
    return {}


async def list_users(people: People, _ask: NoAsk) -> dict[str, Any]:
    """Who may sign in."""
    return {"users": await people.listed()}


def add_users(admin: FastAPI, people: People) -> None:
    """Add to the application of the unix socket what `pos-agent hq user` asks."""
    admin.state.console_people = people

    @admin.post("/admin/users/put")
    async def put(ask: UserAsk, found: _People) -> JSONResponse:
        return JSONResponse(await put_user(found, ask))

    @admin.post("/admin/users/remove")
    async def remove(ask: NameAsk, found: _People) -> JSONResponse:
        return JSONResponse(await remove_user(found, ask))

    @admin.post("/admin/users/list")
    async def listed(ask: NoAsk, found: _People) -> JSONResponse:
        return JSONResponse(await list_users(found, ask))
