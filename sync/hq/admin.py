"""What an operator asks of a running HQ, over a unix socket in its data directory (mode 0600 is the guard).

Served by sync.hq.server, called by `pos-agent hq ...`: the database has one opener, so while HQ serves, it does the
work. Where none serves, the command opens the database and calls the same application in its own process.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from agent.domain.errors import AgentError
from sync.hq import door, enrol, members_admin, roll_out, stores_admin, wechat_admin
from sync.hq.admin_door import Ask, Hq, Told
from sync.hq.bounds import ENROL_CODE_BYTES
from sync.hq.db.seam import Connection
from sync.hq.service import HqService
from sync.hq.stores_admin import known_station


class BrandAsk(Ask):
    """Create or rename a brand."""

    brand_id: str
    name: str
    join_url: str


class StationAsk(Ask):
    """Create a workstation, and its store where `store_name` is given."""

    brand_id: str
    store_id: str
    store_name: str
    workstation_id: str


class ImportAsk(Ask):
    """Import a file that HQ's own user can read."""

    what: str
    brand_id: str
    path: str
    skip_bad: bool


class CouponAsk(Ask):
    """Issue a coupon of `batch_id` to a member (`coupon_id` may be empty), or without a batch withdraw one."""

    brand_id: str
    batch_id: str
    member_number: str
    coupon_id: str


class FreezeAsk(Ask):
    """Freeze or release a member, saying why."""

    brand_id: str
    member_number: str
    frozen: bool
    reason: str


class TokenAsk(Ask):
    """Give a system of HQ's a token: for seals, or (`brand_id`) for joining members of a brand."""

    name: str
    brand_id: str = ""


class SealsAsk(Ask):
    """Read seals behind a cursor."""

    after: int


class LeasesAsk(Ask):
    """What workstations hold, of one (`workstation_id`) or of all (empty)."""

    workstation_id: str


class RestoredAsk(Ask):
    """Declare that HQ was restored from a copy (`declare`), or only ask who has not told yet what it holds."""

    declare: bool


class SnapshotAsk(Ask):
    """Make a snapshot of a brand."""

    brand_id: str


class DifferencesAsk(Ask):
    """Events that HQ reckons otherwise, of one workstation or of all (empty)."""

    workstation_id: str


router = APIRouter()


@router.post("/brands")
async def brand(ask: BrandAsk, hq: Hq) -> JSONResponse:
    """Create or rename a brand."""
    await hq.init_brand(ask.brand_id, ask.name, ask.join_url)
    return JSONResponse({})


@router.post("/workstations")
async def workstation(ask: StationAsk, hq: Hq) -> JSONResponse:
    """Give a one-time enrolment code."""
    return JSONResponse({"code": await add_station(hq, ask)})


@router.post("/imports")
async def imports(ask: ImportAsk, hq: Hq, told: Told) -> JSONResponse:
    """Import a file."""
    return JSONResponse(await import_file(hq, ask, told))


@router.post("/coupons")
async def coupons(ask: CouponAsk, hq: Hq) -> JSONResponse:
    """Issue or withdraw one coupon."""
    return JSONResponse(await one_coupon(hq, ask))


@router.post("/freezes")
async def freezes(ask: FreezeAsk, hq: Hq) -> JSONResponse:
    """Freeze or release a member."""
    await hq.freeze_member(ask.brand_id, ask.member_number, frozen=ask.frozen, reason=ask.reason)
    return JSONResponse({})


@router.post("/tokens")
async def token(ask: TokenAsk, hq: Hq) -> JSONResponse:
    """Give a token for GET /v1/seals, or for POST /v1/claims of one brand."""
    return JSONResponse({"token": await add_token(hq, ask)})


@router.post("/seals")
async def seals(ask: SealsAsk, hq: Hq) -> JSONResponse:
    """One page of seals."""
    found, cursor = await hq.seals(ask.after)
    return JSONResponse({"seals": [seal.model_dump() for seal in found], "cursor": cursor})


@router.post("/leases")
async def held_leases(ask: LeasesAsk, hq: Hq) -> JSONResponse:
    """Say what workstations could still spend of the leases they hold."""
    await known_station(hq, ask.workstation_id)
    return JSONResponse({"at_risk": [asdict(one) for one in await hq.leases.at_risk(ask.workstation_id)]})


@router.post("/write-offs")
async def write_off(ask: LeasesAsk, hq: Hq) -> JSONResponse:
    """Write off the leases of a workstation."""
    return JSONResponse({"at_risk": [asdict(one) for one in await hq.leases.write_off(ask.workstation_id)]})


@router.post("/restored")
async def restored(ask: RestoredAsk, hq: Hq) -> JSONResponse:
    """Declare a restoration, or say how far it has come."""
    return JSONResponse(await after_restore(hq, ask))


@router.post("/snapshots")
async def snapshots(ask: SnapshotAsk, hq: Hq, told: Told) -> JSONResponse:
    """Make a snapshot."""
    return JSONResponse(await make_snapshot(hq, ask, told))


@router.post("/differences")
async def recomputed(ask: DifferencesAsk, hq: Hq) -> JSONResponse:
    """List events that say something else than HQ reckons."""
    await known_station(hq, ask.workstation_id)
    return JSONResponse({"differences": [asdict(one) for one in await hq.differences(ask.workstation_id)]})


async def add_station(hq: HqService, ask: StationAsk) -> str:
    """Create the store if it is named and the workstation, both or neither; its one-time code."""
    secret, now = hq.parts.entropy.token(ENROL_CODE_BYTES), hq.now_ms()

    def work(connection: Connection) -> str:
        if ask.store_name:
            enrol.add_store(connection, ask.brand_id, ask.store_id, ask.store_name)
        return enrol.add_workstation(connection, ask.store_id, ask.workstation_id, secret, now)

    return await hq.parts.books.write(work)


async def add_token(hq: HqService, ask: TokenAsk) -> str:
    """Make the token that is asked for."""
    return await (hq.add_joiner(ask.brand_id, ask.name) if ask.brand_id else hq.add_reader(ask.name))


async def one_coupon(hq: HqService, ask: CouponAsk) -> dict[str, Any]:
    """Issue a coupon of a batch to a member, or withdraw one by its id."""
    if ask.batch_id:
        return {"coupon_id": await hq.issue_coupon(ask.brand_id, ask.batch_id, ask.member_number, ask.coupon_id)}
    return {"withdrawn": await hq.withdraw_coupon(ask.brand_id, ask.coupon_id)}


async def after_restore(hq: HqService, ask: RestoredAsk) -> dict[str, Any]:
    """Whom a restored HQ waits for, each with what HQ knows that it holds."""
    if ask.declare:
        await hq.declare_restored("an operator said so")
    return {
        "awaited": [
            {**asdict(one), "at_risk": [asdict(risk) for risk in await hq.leases.at_risk(one.workstation_id)]}
            for one in await hq.awaited()
        ]
    }


async def make_snapshot(hq: HqService, ask: SnapshotAsk, progress: Any) -> dict[str, Any]:
    """Make a snapshot of a brand: its id, rows by table, and its size plain and packed."""
    made = await hq.build_snapshot(ask.brand_id, progress)
    return {"snapshot_id": made.snapshot_id, "rows": made.rows, "size": made.size, "packed": made.packed}


async def import_file(hq: HqService, ask: ImportAsk, progress: Any) -> dict[str, Any]:
    """Import by kind: `report`, or for rules `rules_new` and `warnings`. Raises AgentError for an unknown kind."""
    path = Path(ask.path)
    if ask.what == "rules":
        new = await hq.import_rules(ask.brand_id, path)
        return {"rules_new": new, "warnings": await hq.lint_rules(ask.brand_id, path)}
    steps = {
        "members": hq.import_members, "items": hq.import_items, "merchants": hq.import_merchants,
        "batches": hq.import_batches, "coupons": hq.import_coupons, "cards": hq.import_cards,
        "gifts": hq.import_gifts, "slots": hq.import_slots,
    }  # fmt: skip
    if ask.what not in steps:
        raise AgentError(f"cannot import {ask.what!r}", hint=f"{', '.join(steps)} or rules")
    return {"report": asdict(await steps[ask.what](ask.brand_id, path, skip_bad=ask.skip_bad, progress=progress))}


def create_admin_app(hq: HqService, progress: Callable[..., None] = lambda *_: None) -> FastAPI:
    """Make the application of the unix socket; `progress` is told of long work: (stage, done), (stage, done, total)."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.hq, app.state.progress = hq, progress
    app.include_router(router, prefix="/admin")
    app.include_router(wechat_admin.router, prefix="/admin")
    app.include_router(members_admin.router, prefix="/admin")
    app.include_router(roll_out.router, prefix="/admin")
    app.include_router(stores_admin.router, prefix="/admin")

    @app.exception_handler(AgentError)
    async def refused(_: Request, error: AgentError) -> Any:
        return door.problem(error)

    return app
