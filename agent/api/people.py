"""Sign-in of people at the pages: operator and PIN for a token in memory, and its end."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from agent.api.access import Use, Who
from agent.api.answers import Answer, Problem
from agent.api.models import Request

router = APIRouter(tags=["people"])

OperatorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-\u4e00-\u9fff]{1,32}$", examples=["101"])]


class SignInRequest(Request):
    """Who, and the PIN; set by `pos-agent operator` or a manager."""

    operator: OperatorName
    pin: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]


class SessionView(Answer):
    """Whose session it is. `expires_in_s` is null for a POS program, whose token lasts until it is revoked."""

    operator: str
    name: str
    role: Literal["cashier", "manager"] | None
    scopes: list[Literal["sell", "print", "drawer", "manage"]]
    expires_in_s: int | None


class SignedIn(SessionView):
    """The token, shown once: keep it in memory only."""

    token: str


@router.post(
    "/sign-in",
    response_model=SignedIn,
    responses={
        403: {"model": Problem, "description": "SIGN_IN_REFUSED"},
        429: {"model": Problem, "description": "SIGN_IN_LOCKED"},
    },
)
async def sign_in(body: SignInRequest, use: Use) -> JSONResponse:
    """Exchange operator and PIN for a token that lasts a shift. Needs no token."""
    token, grant, operator = await use.people.sign_in(body.operator, body.pin)
    session = use.people.session(grant)
    return JSONResponse({**session, "token": token, "name": operator.name, "role": operator.role})


@router.get("/session", response_model=SessionView)
async def session(use: Use, who: Who) -> JSONResponse:
    """Tell whose token this is."""
    return JSONResponse(await use.people.described(who))


@router.delete("/session", status_code=204)
async def sign_out(use: Use, who: Who) -> Response:
    """End this token, now; a POS program that calls it has to pair again."""
    if who is not None:
        await use.pairing.revoke(who.token_id)
    return Response(status_code=204)
