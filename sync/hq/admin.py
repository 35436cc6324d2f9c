"""What an operator asks of a running HQ, over a unix socket in its data directory (mode 0600 is the guard).

Served by sync.hq.main, called by `pos-agent hq ...`: the database has one opener, so while HQ serves, it does the work.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from agent.domain.errors import AgentError
from sync.hq import door
from sync.hq.importer import ImportReport
from sync.hq.service import HqService

SOCKET: Final = "hq.sock"


class _Ask(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class BrandAsk(_Ask):
    """Create or rename a brand."""

    brand_id: str
    name: str
    join_url: str


class StationAsk(_Ask):
    """Create a workstation, and its store where `store_name` is given."""

    brand_id: str
    store_id: str
    store_name: str
    workstation_id: str


class ImportAsk(_Ask):
    """Import a file that HQ's own user can read."""

    what: str
    brand_id: str
    path: str
    skip_bad: bool


class TokenAsk(_Ask):
    """Give a system of HQ's a token."""

    name: str


class SealsAsk(_Ask):
    """Read seals behind a cursor."""

    after: int


router = APIRouter()


async def _service(request: Request) -> HqService:
    hq: HqService = request.app.state.hq
    return hq


_Hq = Annotated[HqService, Depends(_service)]


@router.post("/brands")
async def brand(ask: BrandAsk, hq: _Hq) -> JSONResponse:
    """Create or rename a brand."""
    await hq.init_brand(ask.brand_id, ask.name, ask.join_url)
    return JSONResponse({})


@router.post("/workstations")
async def workstation(ask: StationAsk, hq: _Hq) -> JSONResponse:
    """Give a one-time enrolment code."""
    return JSONResponse({"code": await add_station(hq, ask)})


@router.post("/imports")
async def imports(ask: ImportAsk, hq: _Hq) -> JSONResponse:
    """Import a file."""
    done = await import_file(hq, ask)
    return JSONResponse({"rules_new": done} if isinstance(done, bool) else {"report": asdict(done)})


@router.post("/tokens")
async def token(ask: TokenAsk, hq: _Hq) -> JSONResponse:
    """Give a token for GET /v1/seals."""
    return JSONResponse({"token": await hq.add_reader(ask.name)})


@router.post("/seals")
async def seals(ask: SealsAsk, hq: _Hq) -> JSONResponse:
    """One page of seals."""
    found, cursor = await hq.seals(ask.after)
    return JSONResponse({"seals": [seal.model_dump() for seal in found], "cursor": cursor})


async def add_station(hq: HqService, ask: StationAsk) -> str:
    """Create the store if it is named, then the workstation; its one-time code."""
    if ask.store_name:
        await hq.add_store(ask.brand_id, ask.store_id, ask.store_name)
    return await hq.add_workstation(ask.store_id, ask.workstation_id)


async def import_file(hq: HqService, ask: ImportAsk, progress: Any = None) -> ImportReport | bool:
    """Import by kind; for rules: whether they are new. Raises AgentError for an unknown kind."""
    path = Path(ask.path)
    if ask.what == "rules":
        return await hq.import_rules(ask.brand_id, path)
    steps = {"members": hq.import_members, "items": hq.import_items, "merchants": hq.import_merchants}
    if ask.what not in steps:
        raise AgentError(f"cannot import {ask.what!r}", hint="members, items, merchants or rules")
    return await steps[ask.what](ask.brand_id, path, skip_bad=ask.skip_bad, progress=progress)


def create_admin_app(hq: HqService) -> FastAPI:
    """Make the application of the unix socket."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.hq = hq
    app.include_router(router, prefix="/admin")

    @app.exception_handler(AgentError)
    async def refused(_: Request, error: AgentError) -> Any:
        return door.problem(error)

    return app
