"""What the command line asks of the running daemon, over the unix socket only (its file mode is the guard)."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from agent.api.access import Use
from agent.api.models import Request, Text
from agent.domain.digest import Json

router = APIRouter()


class Control(Protocol):
    """What the daemon does on request of its operator."""

    async def reconcile(self) -> dict[str, object]:
        """Run the hourly proof now."""
        ...

    async def explain(self, number: int, by: str, why: str) -> None:
        """Note a person's explanation of a discrepancy."""
        ...

    async def differences(self, *, everything: bool) -> list[dict[str, Json]]:
        """Discrepancies, newest first."""
        ...

    def progress(self) -> str:
        """What a running proof is doing; empty when none runs."""
        ...

    async def test_print(self, printer: str) -> dict[str, object]:
        """Queue a test page."""
        ...


@router.post("/pairing-codes")
async def pairing_code(use: Use) -> JSONResponse:
    """Open pairing and tell the code."""
    return JSONResponse({"code": use.pairing.new_code()})


@router.post("/reconcile")
async def reconcile(use: Use) -> JSONResponse:
    """Run the proof now and answer with its result."""
    return JSONResponse(await use.control.reconcile())


@router.get("/reconcile")
async def progress(use: Use) -> JSONResponse:
    """What the running proof is doing."""
    return JSONResponse({"step": use.control.progress()})


class Explanation(Request):
    """What a person says of a discrepancy."""

    number: Annotated[int, Field(ge=1)]
    by: Text
    why: Text


@router.post("/explanations")
async def explain(body: Explanation, use: Use) -> JSONResponse:
    """Note an explanation."""
    await use.control.explain(body.number, body.by, body.why)
    return JSONResponse({"number": body.number})


@router.get("/differences")
async def differences(use: Use, everything: Annotated[bool, Query()] = False) -> JSONResponse:
    """List discrepancies."""
    return JSONResponse({"differences": await use.control.differences(everything=everything)})


@router.post("/test-print")
async def print_test_page(use: Use, printer: Annotated[str, Query()] = "") -> JSONResponse:
    """Queue a test page."""
    return JSONResponse(await use.control.test_print(printer))
