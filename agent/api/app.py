"""The FastAPI application of the till: one factory for loopback TCP and the unix socket, and its error handling.

Called by the composition root. Routes are thin: edge model in, flow, plain JSON out. No route waits for the network.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from agent.aftersales import AfterSales
from agent.announce import Announcer
from agent.api import control, control_risk
from agent.api.document import TillApi, till_api
from agent.api.door import Door, DoorRules
from agent.api.hot import hot_routes
from agent.api.problems import problem
from agent.count_cards import CountCards
from agent.count_uses import CountUses
from agent.domain.errors import DiskLow, Refusal, StorageError
from agent.flow import Till
from agent.manager_desk import ManagerDesk
from agent.pairing import Pairing
from agent.people import People, Reckoner
from agent.ports import Clock
from agent.print_desk import PrintDesk
from agent.purses import Purses
from agent.risk_desk import RiskDesk
from agent.screen import Screen
from agent.sensitive import SensitiveReads
from agent.web.site import site
from agent.worker import WorkerClosed

_FAULTS = 20  # LIMIT: a caller learns from the first few; five hundred bad lines must not make a huge answer
_FIELD_NAME = re.compile(r"[A-Za-z0-9_\-]{1,40}")
_log = logging.getLogger("pos_agent.api")


@dataclass(frozen=True, slots=True)
class Services:
    """What routes call."""

    till: Till
    announcer: Announcer
    pairing: Pairing
    clock: Clock
    hello: Callable[[], dict[str, object]]
    status: Callable[[], Awaitable[dict[str, object]]]
    control: control.Control
    risk_desk: RiskDesk
    aftersales: AfterSales
    purses: Purses
    count_cards: CountCards
    count_uses: CountUses
    people: People
    paper: PrintDesk
    manager: ManagerDesk
    screen: Screen
    slow: Reckoner
    sensitive: SensitiveReads
    on_storage_error: Callable[[str], None]


def create_app(services: Services, rules: DoorRules) -> TillApi:
    """Build the application; the control routes exist only on the trusted unix socket."""
    app = till_api()
    app.state.services = services
    if rules.trusted:
        app.include_router(control.router, prefix="/control", include_in_schema=False)
        app.include_router(control_risk.router, prefix="/control", include_in_schema=False)
    else:
        app.include_router(site())
    app.router.routes[:0] = hot_routes(services)
    _handle_errors(app, services)
    app.add_middleware(Door, rules=rules)
    return app


def _handle_errors(app: FastAPI, services: Services) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return problem(error.status, error.code, error.message, hint=error.hint, field=error.field, said=error.said)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> Response:
        # Never the input itself: it may hold a payment code or an openid.
        faults = [
            {"field": ".".join(_field_name(part) for part in fault["loc"][1:]), "reason": str(fault["msg"])}
            for fault in error.errors()[:_FAULTS]
        ]
        return problem(
            422,
            "INVALID_REQUEST",
            "the request does not fit the API",
            hint="see errors, and /openapi.json",
            field=faults[0]["field"] if faults else None,
            errors=faults,
        )

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> Response:
        code = {404: "NO_SUCH_CALL", 405: "METHOD_REFUSED"}.get(error.status_code, "INVALID_REQUEST")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _methods(app, request.scope["path"]) or headers.get("Allow", "")
        return problem(error.status_code, code, str(error.detail), hint="see /openapi.json", headers=headers)

    @app.exception_handler(DiskLow)
    async def disk_low(_: Request, error: DiskLow) -> Response:
        return problem(507, "DISK_LOW", error.message, hint=error.hint)

    @app.exception_handler(StorageError)
    async def storage_gone(_: Request, error: StorageError) -> Response:
        services.on_storage_error(error.message)
        return problem(503, "STORAGE_FAILED", "durability is gone; the agent restarts", hint=error.hint)

    @app.exception_handler(WorkerClosed)
    async def stopping(_: Request, _error: WorkerClosed) -> Response:
        return problem(503, "STOPPING", "the agent is stopping", hint="send the very same again in a moment")

    @app.exception_handler(Exception)
    async def ours(_: Request, error: Exception) -> Response:
        _log.error("unexpected %s in a request", type(error).__name__, exc_info=error)
        return problem(500, "INTERNAL", "our mistake", hint="the log tells more; please report it")


def _methods(app: FastAPI, path: str) -> str:
    """Every documented method of this path (RFC 9110); the router names those of the first route it meets alone."""
    told = (methods for known, methods in app.openapi()["paths"].items() if compile_path(known)[0].match(path))
    return ", ".join(sorted({method.upper() for methods in told for method in methods}))


def _field_name(part: object) -> str:
    """A field's name as the caller wrote it; one that looks like no field of ours is not repeated."""
    text = str(part)
    return text if (_FIELD_NAME.fullmatch(text) and not text.isdigit()) or isinstance(part, int) else "?"
