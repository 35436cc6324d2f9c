"""Training switched on and off by a manager, and who did it when. Needs scope `manage`."""

from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent import limits
from agent.api.access import Use, Who
from agent.api.answers import Answer, ModeView, Problem
from agent.api.manage import by_whom
from agent.api.models import Request, Text

router = APIRouter(prefix="/manage", tags=["manage"])
_APP = "command line"


class TrainingRequest(Request):
    """Which mode is wanted; `by` where nobody signed in."""

    on: bool
    by: Text | None = None


class Turning(Answer):
    """`training` as asked. `changing`: the till closes its books now and is back within seconds in that mode."""

    training: bool
    changing: bool


class ModeChangeView(Answer):
    """Who asked for a mode; `begun_at_ms` is null where the till never opened those books."""

    number: int
    at_ms: int
    training: bool
    operator: str
    app: str
    begun_at_ms: int | None


class ModeHistory(ModeView):
    """The mode, and its changes, newest first."""

    changes: list[ModeChangeView]


@router.get("/training", response_model=ModeHistory)
async def training(use: Use) -> JSONResponse:
    """Tell the mode, what decides it, what waits for HQ meanwhile, and who switched it."""
    changes = [asdict(one) for one in await use.manager.mode.changes(limits.MODE_CHANGES)]
    return JSONResponse({**await use.manager.mode.status(), "changes": changes})


@router.post(
    "/training",
    response_model=Turning,
    responses={
        409: {"model": Problem, "description": "MODE_FIXED, MODE_CHANGING, MODE_BUSY"},
        422: {"model": Problem, "description": "INVALID_REQUEST, NAME_NEEDED"},
    },
)
async def turn(body: TrainingRequest, use: Use, who: Who) -> JSONResponse:
    """Begin or end a training; repeated, it does nothing more. Calls that run are finished, then the line breaks.

    In a training everything works and nothing reaches HQ: its sales stand in books of their own, which its end deletes.
    Tokens, operators and PINs are the same in both modes.
    """
    by = by_whom(who, body.by)
    return JSONResponse(await use.manager.mode.switch(body.on, by, who.app if who is not None else _APP))
