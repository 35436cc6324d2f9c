"""What the manager page asks: figures, proofs, differences, devices, pairing, people, freezes. Needs scope `manage`.

Whoever acts is the operator who signed in; on the unix socket the command line names them.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from agent import limits
from agent.api.access import Use, Who
from agent.api.answers import Problem
from agent.api.manage_answers import (
    DeviceList,
    DifferenceList,
    DrawerList,
    Explained,
    FreezeList,
    LeaseHoldings,
    OperatorList,
    PairingCode,
    ProofList,
    Reconciled,
    TestPrinted,
    Today,
    TokenList,
)
from agent.api.models import CallerId, Request, Text
from agent.api.people import OperatorName
from agent.domain.errors import Refusal
from agent.grants import ApiScope, Grant
from agent.people import Role

router = APIRouter(prefix="/manage", tags=["manage"])
_UNNAMED = {"model": Problem, "description": "INVALID_REQUEST, NAME_NEEDED"}


class ExplainRequest(Request):
    """What a person says of a discrepancy; `by` where nobody signed in."""

    why: Text
    by: Text | None = None


class PairingRequest(Request):
    """What the program that pairs may do."""

    scopes: Annotated[list[Literal["sell", "print", "drawer", "manage"]], Field(min_length=1, max_length=4)] = Field(
        default=["sell", "print", "drawer"]
    )


class OperatorRequest(Request):
    """Somebody who may sign in; given again, it replaces name, role and PIN."""

    operator: OperatorName
    name: Text
    role: Literal["cashier", "manager"]
    pin: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]
    by: Text | None = None


class UnfreezeRequest(Request):
    """Why the freezes of a member made here are lifted; `by` where nobody signed in."""

    why: Text
    by: Text | None = None


class ByRequest(Request):
    """Who does it; only needed where nobody signed in."""

    by: Text | None = None


def by_whom(who: Grant | None, named: str | None) -> str:
    """Whoever signed in, else who is named; a signed-in operator cannot act in another's name."""
    by = who.operator if who is not None and who.operator else named
    if not by:
        raise Refusal("NAME_NEEDED", "say who does this", hint="by", field="by")
    return by


_Limit = Annotated[int, Query(ge=1, le=limits.LISTED)]


@router.get("/today", response_model=Today)
async def today(use: Use) -> JSONResponse:
    """Sum up the business day that is now, from these books."""
    return JSONResponse(await use.manager.today())


@router.get("/proofs", response_model=ProofList)
async def proofs(use: Use, limit: _Limit = 72) -> JSONResponse:
    """List the latest hourly proofs, newest first."""
    return JSONResponse({"proofs": await use.manager.proofs(limit)})


@router.post("/reconcile", response_model=Reconciled, responses={409: {"model": Problem, "description": "IN_FLIGHT"}})
async def reconcile(use: Use) -> JSONResponse:
    """Prove the books against HQ now, and answer with the result."""
    return JSONResponse(await use.manager.reconcile())


@router.get("/differences", response_model=DifferenceList)
async def differences(use: Use, everything: bool = False) -> JSONResponse:
    """List discrepancies with both sides: the open ones, or all of them."""
    return JSONResponse({"differences": await use.manager.differences(everything=everything)})


@router.post(
    "/differences/{number}/explain",
    response_model=Explained,
    responses={404: {"model": Problem, "description": "DISCREPANCY_UNKNOWN"}, 422: _UNNAMED},
)
async def explain(
    number: Annotated[int, Field(ge=1, le=2**53)], body: ExplainRequest, use: Use, who: Who
) -> JSONResponse:
    """Note what a person found out about a discrepancy; it covers exactly these contents."""
    by = by_whom(who, body.by)
    await use.manager.explain(number, by, body.why)
    return JSONResponse({"number": number, "by": by})


@router.get("/leases", response_model=LeaseHoldings)
async def leases(use: Use) -> JSONResponse:
    """List the rights to spend offline that this till holds."""
    return JSONResponse(await use.manager.leases())


@router.get("/devices", response_model=DeviceList)
async def devices(use: Use) -> JSONResponse:
    """List scanners and printers, and how they are."""
    return JSONResponse({"devices": await use.manager.devices()})


@router.post(
    "/printers/{name}/test",
    response_model=TestPrinted,
    responses={404: {"model": Problem, "description": "PRINTER_UNKNOWN"}},
)
async def test_print(name: Annotated[str, Field(min_length=1, max_length=64)], use: Use) -> JSONResponse:
    """Print a test page."""
    return JSONResponse(await use.manager.test_print(name))


@router.get("/drawer-openings", response_model=DrawerList)
async def drawer_openings(use: Use, limit: _Limit = 50) -> JSONResponse:
    """List who had the drawer opened without a sale, and why."""
    return JSONResponse({"openings": await use.manager.drawer_openings(limit)})


@router.post("/pairing-codes", response_model=PairingCode)
async def pairing_code(body: PairingRequest, use: Use) -> JSONResponse:
    """Open pairing for one program, for five minutes."""
    scopes = frozenset(ApiScope(one) for one in body.scopes)
    code = use.manager.pairing_code(scopes)
    return JSONResponse({"code": code, "scopes": sorted(scopes), "expires_in_s": limits.PAIRING_CODE_TTL_S})


@router.get("/tokens", response_model=TokenList)
async def tokens(use: Use) -> JSONResponse:
    """List the programs and sessions that may call."""
    found = [
        {
            "token_id": one.token_id,
            "app": one.app,
            "operator": one.operator,
            "scopes": sorted(one.scopes),
            "created_at_ms": one.created_at_ms,
        }
        for one in await use.manager.tokens()
    ]
    return JSONResponse({"tokens": found})


@router.delete(
    "/tokens/{token_id}", status_code=204, responses={404: {"model": Problem, "description": "TOKEN_UNKNOWN"}}
)
async def revoke(token_id: CallerId, use: Use, who: Who) -> Response:
    """Refuse a program or session from now on."""
    await use.manager.revoke(token_id, who.operator if who is not None else "")
    return Response(status_code=204)


@router.get("/operators", response_model=OperatorList)
async def operators(use: Use) -> JSONResponse:
    """List who may sign in."""
    return JSONResponse({"operators": await use.manager.operators()})


@router.post(
    "/operators",
    status_code=204,
    responses={422: {"model": Problem, "description": f"{_UNNAMED['description']}, PIN_WEAK"}},
)
async def put_operator(body: OperatorRequest, use: Use, who: Who) -> Response:
    """Let somebody sign in, or give them a new PIN; their sessions end."""
    await use.manager.put_operator(body.operator, body.name, Role(body.role), body.pin, by_whom(who, body.by))
    return Response(status_code=204)


@router.delete(
    "/operators/{operator}",
    status_code=204,
    responses={404: {"model": Problem, "description": "OPERATOR_UNKNOWN"}},
)
async def remove_operator(operator: OperatorName, use: Use, who: Who) -> Response:
    """Let somebody sign in no longer; their sessions end."""
    await use.manager.remove_operator(operator, who.operator if who is not None else "")
    return Response(status_code=204)


@router.get("/freezes", response_model=FreezeList)
async def freezes(use: Use) -> JSONResponse:
    """List members whom this till froze."""
    return JSONResponse({"freezes": await use.manager.risk.freezes()})


@router.post(
    "/freezes/{member_id}/lift",
    status_code=204,
    responses={404: {"model": Problem, "description": "NOT_FROZEN"}, 422: _UNNAMED},
)
async def unfreeze(member_id: CallerId, body: UnfreezeRequest, use: Use, who: Who) -> Response:
    """Lift the freezes of a member made at this till."""
    await use.manager.risk.unfreeze(member_id, by_whom(who, body.by), body.why)
    return Response(status_code=204)


@router.post(
    "/clock/confirm",
    status_code=204,
    responses={409: {"model": Problem, "description": "CLOCK_OFF_BY_HQ"}, 422: _UNNAMED},
)
async def confirm_clock(body: ByRequest, use: Use, who: Who) -> Response:
    """Trust this machine's clock until HQ is reached or the machine starts anew."""
    await use.manager.risk.confirm_clock(by_whom(who, body.by))
    return Response(status_code=204)
