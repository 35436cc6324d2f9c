"""What a manager asks of the running daemon about clock and freezes, over the unix socket only."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.api.access import Use
from agent.api.models import Request, Text

router = APIRouter()


class Confirmation(Request):
    """Who says that day and time of this machine are right."""

    by: Text


class Lifting(Request):
    """Whose freeze is lifted, by whom and why."""

    member_id: Text
    by: Text
    why: Text


@router.post("/clock")
async def confirm_clock(body: Confirmation, use: Use) -> JSONResponse:
    """Trust this machine's clock until HQ is reached or the machine starts anew."""
    return JSONResponse(await use.risk_desk.confirm_clock(body.by))


@router.post("/unfreeze")
async def unfreeze(body: Lifting, use: Use) -> JSONResponse:
    """Lift the freezes of a member made at this till."""
    return JSONResponse(await use.risk_desk.unfreeze(body.member_id, body.by, body.why))


@router.get("/budget")
async def budget(use: Use) -> JSONResponse:
    """What this till risked today beyond its leases, and of whom; null where the brand has no risk budget."""
    return JSONResponse({"offline_budget": await use.risk_desk.budget()})


@router.get("/freezes")
async def freezes(use: Use) -> JSONResponse:
    """List the freezes of this till that stand."""
    return JSONResponse({"freezes": await use.risk_desk.freezes()})
