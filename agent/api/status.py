"""Who answers and how it is: `hello`, `pair`, `status`."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.api.access import Use
from agent.api.answers import Hello, Paired, Problem, StatusView
from agent.api.models import PairRequest

router = APIRouter(tags=["status"])


@router.get("/hello", response_model=Hello)
async def hello(use: Use) -> JSONResponse:
    """Name, version, capabilities, and whether this till is ready to sell or why not. Needs no token."""
    return JSONResponse(use.hello())


@router.post("/pair", response_model=Paired, responses={403: {"model": Problem, "description": "PAIRING_REFUSED"}})
async def pair(body: PairRequest, use: Use) -> JSONResponse:
    """Exchange the code shown by `pos-agent pair` for a token. Needs no token; keep the one it gives."""
    token, grant = await use.pairing.redeem(body.code, body.app)
    return JSONResponse({"token": token, "app": grant.app, "scopes": sorted(grant.scopes)})


@router.get("/status", response_model=StatusView)
async def status(use: Use) -> JSONResponse:
    """What is up and since when, what waits for HQ, the latest proof."""
    return JSONResponse(await use.status())
