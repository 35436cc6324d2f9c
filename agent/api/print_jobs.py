"""Paper and the drawer: `print-jobs`, `drawer/open`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from agent import limits
from agent.api.access import Use, Who
from agent.api.answers import Problem
from agent.api.models import CallerId
from agent.api.paper_models import DrawerRequest, PrintJobsView, PrintJobView, PrintRequest, job_view

router = APIRouter(tags=["paper"])


@router.post(
    "/print-jobs",
    status_code=201,
    response_model=PrintJobView,
    responses={
        200: {"model": PrintJobView, "description": "Queued before by the very same call; as it is now"},
        404: {"model": Problem, "description": "PRINTER_UNKNOWN"},
        409: {"model": Problem, "description": "PRINT_ID_CONFLICT, IN_FLIGHT"},
    },
)
async def queue(body: PrintRequest, use: Use) -> JSONResponse:
    """Have a page printed; the answer comes when it is queued on disk, `print.state` tells the rest."""
    job, new = await use.paper.queue(body.print_id, body.printer or "", body.document())
    return JSONResponse(job_view(job), status_code=201 if new else 200)


@router.get("/print-jobs", response_model=PrintJobsView)
async def jobs(use: Use, limit: Annotated[int, Query(ge=1, le=limits.LISTED)] = 50) -> JSONResponse:
    """List the latest print jobs, those of sales included, newest first."""
    return JSONResponse({"jobs": [job_view(job) for job in await use.paper.jobs(limit)]})


@router.get(
    "/print-jobs/{job_id}",
    response_model=PrintJobView,
    responses={404: {"model": Problem, "description": "PRINT_JOB_UNKNOWN"}},
)
async def job(job_id: CallerId, use: Use) -> JSONResponse:
    """Tell how one print job stands."""
    return JSONResponse(job_view(await use.paper.job(job_id)))


@router.post(
    "/print-jobs/{job_id}/reprint",
    status_code=201,
    response_model=PrintJobView,
    responses={
        404: {"model": Problem, "description": "PRINT_JOB_UNKNOWN, PRINTER_UNKNOWN"},
        409: {"model": Problem, "description": "PRINT_JOB_PENDING, DRAWER_NOT_REPRINTABLE"},
    },
)
async def reprint(job_id: CallerId, use: Use) -> JSONResponse:
    """Print a copy, marked 补打; each call makes one."""
    return JSONResponse(job_view(await use.paper.reprint(job_id)), status_code=201)


@router.post(
    "/drawer/open",
    response_model=PrintJobView,
    responses={
        404: {"model": Problem, "description": "PRINTER_UNKNOWN"},
        409: {"model": Problem, "description": "PRINT_ID_CONFLICT, IN_FLIGHT"},
    },
)
async def open_drawer(body: DrawerRequest, use: Use, who: Who) -> JSONResponse:
    """Open the cash drawer, once; who asked and why are kept."""
    app = who.app if who is not None else ""
    return JSONResponse(
        job_view(await use.paper.open_drawer(body.drawer_id, body.printer or "", body.operator, body.reason, app))
    )
