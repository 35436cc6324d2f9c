"""How every store stands, and what proofs found, for an operator at a terminal; the console shows the same.

Included by sync.hq.admin; called by `pos-agent hq stores` and `pos-agent hq discrepancies`.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.domain.errors import Refusal
from sync.hq import standings
from sync.hq.admin_door import Ask, Hq
from sync.hq.bounds import CONSOLE_CELLS, DIFFERENCES_LISTED
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row, station
from sync.hq.service import HqService


class StoresAsk(Ask):
    """Stores of a brand ("" all) from a level of trouble up, behind a place (`trouble` -1: the first page)."""

    brand_id: str
    least: int
    trouble: int
    store_id: str


class DiscrepanciesAsk(Ask):
    """What proofs and audits found, of one workstation or of all (empty); `explained` too, or open ones only."""

    workstation_id: str
    explained: bool


router = APIRouter()


@router.post("/stores")
async def stores(ask: StoresAsk, hq: Hq) -> JSONResponse:
    """Say how stores stand, most trouble first."""
    return JSONResponse(await standing_stores(hq, ask))


@router.post("/discrepancies")
async def found(ask: DiscrepanciesAsk, hq: Hq) -> JSONResponse:
    """List what differs between stores and HQ."""
    await known_station(hq, ask.workstation_id)
    return JSONResponse({"discrepancies": await hq.parts.books.read(lambda c: discrepancies(c, ask))})


async def known_station(hq: HqService, workstation_id: str) -> None:
    """Refuse a name that is nobody's: its empty list would say that all is well. Refusal 404 WORKSTATION_UNKNOWN."""
    if workstation_id and await hq.parts.books.read(lambda c: station(c, workstation_id)) is None:
        raise Refusal("WORKSTATION_UNKNOWN", f"there is no workstation {workstation_id}", status=404)


async def standing_stores(hq: HqService, ask: StoresAsk) -> dict[str, Any]:
    """One page of stores; the first page reckons all anew. Refusal 404 BRAND_UNKNOWN."""
    now = hq.now_ms()
    if ask.brand_id:
        await hq.parts.books.read(lambda c: brand_row(c, ask.brand_id))
    after: str | None = "" if ask.trouble < 0 else None
    while after is not None:
        place = after
        after = await hq.parts.books.write(lambda c: standings.step(c, place, now))  # noqa: B023
    look = standings.Look(ask.brand_id, "", ask.least)
    if ask.trouble >= 0:
        look = standings.Look(ask.brand_id, "", ask.least, ask.trouble, ask.store_id)
    rows = await hq.parts.books.read(lambda c: standings.page(c, look))
    return {"stores": rows, "more": len(rows) == CONSOLE_CELLS}


def discrepancies(connection: Connection, ask: DiscrepanciesAsk) -> list[dict[str, Any]]:
    """The newest first, of one workstation or of all."""
    rows = connection.execute(
        "SELECT workstation_id, side, place, epoch, key, code, detail, first_seen_ms, last_seen_ms, state"
        " FROM discrepancies WHERE (workstation_id = :id OR :id = '') AND (state = 'open' OR :all = 1)"
        " ORDER BY last_seen_ms DESC, workstation_id, place, key, code LIMIT :limit",
        {"id": ask.workstation_id, "all": int(ask.explained), "limit": DIFFERENCES_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]
