"""What the command line asks of the running daemon, over the unix socket only (its file mode is the guard)."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from agent.api.access import Use

router = APIRouter()


class Control(Protocol):
    """What the daemon does on request of its operator."""

    async def reconcile(self) -> dict[str, object]:
        """Run the hourly proof now."""
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


@router.post("/test-print")
async def print_test_page(use: Use, printer: Annotated[str, Query()] = "") -> JSONResponse:
    """Queue a test page."""
    return JSONResponse(await use.control.test_print(printer))
